"""The picture of the demo, and the objects in it as a segmentation sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgeo.cli.common import CommandError, optional, reading

Array = np.ndarray[Any, Any]

# Diameters looked for unless the user says otherwise, as shares of the picture's shorter side.
SMALLEST, LARGEST = 0.09, 0.26


@dataclass(frozen=True)
class Picture:
    grey: Array  # (height, width) uint8; objects are brighter than what surrounds them
    smallest: float  # diameters of the objects looked for, in pixels
    largest: float


def load(path: str | None, diameters: tuple[float, float] | None, dark: bool) -> Picture:
    """The coins that ship with scikit-image, or a picture of the user's own, as grey levels."""
    grey = optional("skimage.data").coins() if path is None else _read_grey(path)
    side = min(grey.shape)
    if side < 32:
        raise CommandError(f"the picture is {grey.shape[1]}×{grey.shape[0]} pixels; expected at least 32×32")
    smallest, largest = diameters or (SMALLEST * side, LARGEST * side)
    if not 4 <= smallest <= largest <= side:
        raise CommandError(f"--diameter: expected 4 <= MIN <= MAX <= {side} pixels, got {smallest:g} and {largest:g}")
    if largest > 4 * smallest:
        raise CommandError(f"--diameter: expected MAX at most 4 × MIN, got {smallest:g} and {largest:g}")
    return Picture(255 - grey if dark else grey, smallest, largest)


def _read_grey(path: str) -> Array:
    io, color, util = (optional(f"skimage.{name}") for name in ("io", "color", "util"))
    with reading(path, "rb") as stream:
        try:
            image = np.asarray(io.imread(stream))
        except Exception as error:  # every reader behind imread has exceptions of its own
            raise CommandError(f"{path}: cannot read this picture ({type(error).__name__})") from None
    if image.ndim == 3 and image.shape[2] == 4:
        image = color.rgba2rgb(image)
    if image.ndim == 3 and image.shape[2] == 3:
        image = color.rgb2gray(image)
    elif image.ndim == 3 and image.shape[2] <= 2:
        image = image[:, :, 0]
    if image.ndim != 2:
        raise CommandError(f"{path}: expected a grey or colour picture, got an array of shape {image.shape}")
    grey: Array = util.img_as_ubyte(image)
    return grey


def segmented_boxes(picture: Picture) -> Array:
    """Boxes (x1, y1, x2, y2) of the objects found by segmentation, float32: the truth that detections are held to.

    It shares nothing with the detector: the picture less its background (a wide blur), Otsu's threshold, holes filled,
    thin bridges between neighbours opened, pieces cut by the border or smaller than the smallest object dropped.
    """
    filters, measure, morphology, segmentation = (
        optional(f"skimage.{name}") for name in ("filters", "measure", "morphology", "segmentation")
    )
    fill_holes = optional("scipy.ndimage").binary_fill_holes
    image = picture.grey / 255.0
    background = filters.gaussian(image, picture.largest / 2, mode="nearest")
    flat = filters.gaussian(image, picture.smallest / 24, mode="nearest") - background
    if not np.ptp(flat) > 0:
        return np.empty((0, 4), np.float32)
    mask = fill_holes(flat > filters.threshold_otsu(flat))
    mask = morphology.opening(mask, morphology.disk(max(1, int(picture.smallest / 6))))
    regions = measure.regionprops(measure.label(segmentation.clear_border(mask)))
    least = np.pi / 4 * picture.smallest**2
    rows = [region.bbox for region in regions if region.area >= least]
    y1, x1, y2, x2 = np.array(rows, np.float32).reshape(-1, 4).T
    return np.stack([x1, y1, x2, y2], axis=1)
