"""Finding round objects with the five kernels.

The picture is reduced so that the smallest object keeps a few cells across, then a bank of filters measures every
cell at every scale: the sums of grey levels and of their squares over a disc, and over the disc with the ring around
it. From these sums follows how well "disc brighter than ring" describes the window: the share of its variance that
lies between the two parts, from 0 to 1. It does not change with the contrast or brightness of an object, and it is
highest at the scale that fits. Cells above a low share are candidate boxes; non-maximum suppression leaves one box an
object, and what explains at least half of its window is found.

Grey levels are integers below 64, so that every sum is an integer below 2**24 and exact in float32: kernels and
references then agree to the last bit even here, and the two runs of the pipeline can never part at a threshold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgeo.cli.demo.picture import Array, Picture

LEVELS = 64
CELLS_ACROSS = 9  # of the smallest object, in the reduced picture
SCALES = 8
RING = 1.3  # outer radius of the ring, in radii of the disc
CANDIDATE, FOUND = 0.1, 0.5  # shares of variance explained
OVERLAP = 0.2  # at which two boxes are one object
MATCH = 0.5  # IoU with a segmented object that counts as a hit


@dataclass(frozen=True)
class Stage:
    name: str
    size: str
    seconds: float
    answer: Any


@dataclass(frozen=True)
class Result:
    stages: list[Stage]
    boxes: Array  # (n, 4) float32, what was found, in pixels of the picture
    shares: Array  # (n,)
    tones: Array  # (n,) mean brightness of each, from 0 to 1
    clusters: Array  # (n,) groups by size and tone, the smallest objects first
    candidate_shares: Array  # of every candidate, with
    candidate_hits: Array  # whether it matches a segmented object
    matched: int  # segmented objects with a found box
    false: int  # found boxes without an object
    auc: float


class Bank:
    """Discs and discs with ring, from the smallest scale to the largest, as one convolution kernel."""

    def __init__(self, picture: Picture) -> None:
        self.factor = max(1, round(picture.smallest / CELLS_ACROSS))
        self.radii = np.geomspace(picture.smallest, picture.largest, SCALES) / 2 / self.factor
        self.reach = int(np.ceil(self.radii[-1] * RING))
        distance = np.hypot(*np.mgrid[-self.reach : self.reach + 1, -self.reach : self.reach + 1])[..., None]
        masks = np.concatenate([distance <= self.radii, distance <= self.radii * RING], axis=2)
        self.kernel = np.ascontiguousarray(masks[:, :, None, :], np.float32)  # (K, K, 1, 2 · SCALES)
        cells = masks.sum(axis=(0, 1)).astype(np.float64)
        self.disc_cells, self.window_cells = cells[:SCALES], cells[SCALES:]

    def padded(self, sums: Array) -> Array:
        """Grey levels of the reduced picture and their squares, as a batch of two with a border to reach into."""
        low, high = sums.min(), sums.max()
        levels = np.floor((sums.astype(np.float64) - low) * ((LEVELS - 1) / max(high - low, 1)) + 0.5)
        levels = np.pad(levels, self.reach, mode="edge").astype(np.float32)
        return np.stack([levels, levels * levels])[..., None]

    def shares(self, sums: Array) -> Array:
        """Share of the variance of each window that lies between disc and ring; 0 where the disc is the darker."""
        sums = sums.astype(np.float64)
        disc, window, squares = sums[0, ..., :SCALES], sums[0, ..., SCALES:], sums[1, ..., SCALES:]
        ring_cells = self.window_cells - self.disc_cells
        difference = disc / self.disc_cells - (window - disc) / ring_cells
        between = self.disc_cells * ring_cells / self.window_cells**2 * difference**2
        variance = squares / self.window_cells - (window / self.window_cells) ** 2
        # One squared grey level of noise is always assumed: an even patch then explains nothing.
        share: Array = np.where(difference > 0, between / (variance + 1), 0)
        return share

    def candidates(self, shares: Array) -> tuple[Array, Array, Array]:
        """Boxes in pixels of the picture, their shares, and where in the bank each was measured."""
        where = np.argwhere(shares > CANDIDATE)
        y, x, scale = where.T
        radius = self.radii[scale]
        centre_x, centre_y = x + 0.5, y + 0.5
        corners = [centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius]
        boxes = (np.stack(corners, axis=1) * self.factor).astype(np.float32)
        return boxes, shares[y, x, scale].astype(np.float32), where


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and the least time of as many calls as fit into a tenth of a second, at least one."""
    best, spent = np.inf, 0.0
    while spent < 0.1:
        start = time.perf_counter()
        answer = call()
        seconds = time.perf_counter() - start
        best, spent = min(best, seconds), spent + seconds
    return answer, best


def features(boxes: Array, tones: Array) -> Array:
    """Size and tone of each object, both brought to mean 0 and spread 1, float32."""
    columns = np.stack([boxes[:, 2] - boxes[:, 0], tones], axis=1).astype(np.float64)
    spread = columns.std(axis=0)
    scaled: Array = ((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    return scaled


def run_pipeline(impl: Any, picture: Picture, truth: Array, n_clusters: int, on_stage: Callable[[str], None]) -> Result:
    """Run every stage with the functions of `impl`: ``fastgeo``, or ``fastgeo.reference``."""
    stages: list[Stage] = []

    def stage(name: str, size: str, function: str, *args: Any, **kwargs: Any) -> Any:
        on_stage(name)
        answer, seconds = timed(lambda: getattr(impl, function)(*args, **kwargs))
        stages.append(Stage(name, size, seconds, answer))
        return answer

    bank = Bank(picture)
    height, width = picture.grey.shape
    f, k = bank.factor, len(bank.kernel)

    pixels = picture.grey.astype(np.float32)[None, :, :, None]
    sums = stage("conv2d, reduce", f"{width}×{height} by {f}", "conv2d", pixels, np.ones((f, f, 1, 1), "f4"), stride=f)
    inputs = bank.padded(sums[0, :, :, 0])
    size = f"{sums.shape[2]}×{sums.shape[1]}×2, {k}×{k}×{2 * SCALES}"
    responses = stage("conv2d, filter bank", size, "conv2d", inputs, bank.kernel)

    boxes, shares, where = bank.candidates(bank.shares(responses))
    n = len(boxes)
    keep = stage("nms", f"{n} boxes", "nms", boxes, shares, OVERLAP)
    keep = keep[shares[keep] >= FOUND]

    overlaps = stage("box_iou", f"{n}×{len(truth)} boxes", "box_iou", boxes, truth)
    hits = (overlaps >= MATCH).any(axis=1)
    nan = {"on_undefined": "nan"}
    stage("histogram_auc", f"{n} scores, 100 bins", "histogram_auc", hits, shares, **nan)
    auc = stage("roc_auc", f"{n} scores", "roc_auc", hits, shares, **nan)

    found = boxes[keep]
    y, x, scale = where[keep].T
    tones = responses[0, y, x, scale].astype(np.float64) / bank.disc_cells[scale] / (LEVELS - 1)
    clusters = np.empty(0, np.int32)
    if len(keep):
        k = min(n_clusters, len(keep))
        result = stage("kmeans", f"{len(keep)}×2, k = {k}", "kmeans", features(found, tones), k, n_init=10, seed=0)
        clusters = by_size(result.labels, found)
    matched = int((overlaps[keep] >= MATCH).any(axis=0).sum())
    return Result(stages, found, shares[keep], tones, clusters, shares, hits, matched, int((~hits[keep]).sum()), auc)


def by_size(labels: Array, boxes: Array) -> Array:
    """Number the clusters from the smallest objects to the largest."""
    widths = boxes[:, 2] - boxes[:, 0]
    names = np.unique(labels)
    order = np.argsort([widths[labels == name].mean() for name in names])
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names))
    ranked: Array = rank[np.searchsorted(names, labels)]
    return ranked
