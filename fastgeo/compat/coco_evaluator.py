"""``COCOeval`` and ``Params`` of pycocotools, without pycocotools."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import Any

import numpy as np

from fastgeo.compat import coco_evaluation
from fastgeo.evaluation.scores import line
from fastgeo.runtime.checks import Array

Annotation = dict[str, Any]


class Params:
    """What is evaluated, and where, as ``pycocotools.cocoeval.Params``.

    Parameters
    ----------
    iouType : {"segm", "bbox", "keypoints"}

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import Params
    >>> Params("bbox").maxDets
    [1, 10, 100]
    """

    def __init__(self, iouType: str = "segm") -> None:
        if iouType not in ("segm", "bbox", "keypoints"):
            raise Exception("iouType not supported")
        self.imgIds: list[Any] = []
        self.catIds: list[Any] = []
        self.iouThrs = np.linspace(0.5, 0.95, 10)
        self.recThrs = np.linspace(0.0, 1.0, 101)
        self.maxDets = [1, 10, 100]
        self.areaRng = [[0**2, 1e5**2], [0**2, 32**2], [32**2, 96**2], [96**2, 1e5**2]]
        self.areaRngLbl = ["all", "small", "medium", "large"]
        self.useCats = 1
        if iouType == "keypoints":
            self.maxDets = [20]
            del self.areaRng[1], self.areaRngLbl[1]
            sigmas = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
            self.kpt_oks_sigmas = np.array([sigma / 100 for sigma in sigmas]) / 10.0
        self.iouType = iouType
        self.useSegm = None


class COCOeval:
    """An evaluation, as ``pycocotools.cocoeval.COCOeval``.

    Parameters
    ----------
    cocoGt, cocoDt : COCO
        Truths and detections: those of pycocotools, or whatever has its ``anns``, ``imgToAnns``, ``getImgIds`` and
        ``getCatIds``.
    iouType : {"segm", "bbox", "keypoints"}

    Notes
    -----
    ``evaluate``, ``accumulate`` and ``summarize`` print and leave what pycocotools does: ``eval``, ``stats``, and,
    made when they are looked at, ``evalImgs`` and ``ious``. Masks need a ``cocoGt`` and a ``cocoDt`` that convert them
    (``annToRLE``).

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import COCOeval
    >>> evaluation = COCOeval(ground_truth, detections, "bbox")  # doctest: +SKIP
    >>> evaluation.evaluate()  # doctest: +SKIP
    >>> evaluation.accumulate()  # doctest: +SKIP
    >>> evaluation.summarize()  # doctest: +SKIP
    """

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None, iouType: str = "segm") -> None:
        if not iouType:
            print("iouType not specified. use default iouType segm")
        self.cocoGt, self.cocoDt = cocoGt, cocoDt
        self.evalImgs: Any = defaultdict(list)
        self.eval: dict[str, Any] = {}
        self._gts: dict[Any, list[Annotation]] = defaultdict(list)
        self._dts: dict[Any, list[Annotation]] = defaultdict(list)
        self.params = Params(iouType=iouType)
        self._paramsEval: Any = {}
        self.stats: Any = []
        self.ious: Any = {}
        if cocoGt is not None:
            self.params.imgIds = sorted(cocoGt.getImgIds())
            self.params.catIds = sorted(cocoGt.getCatIds())

    def evaluate(self) -> None:
        """Match the detections of every image and category."""
        coco_evaluation.evaluate(self)

    def accumulate(self, p: Any = None) -> None:
        """Fill `eval` with precision, recall and scores."""
        coco_evaluation.accumulate(self, p)

    def summarize(self) -> None:
        """Fill `stats`, and print it."""
        if not self.eval:
            raise Exception("Please run accumulate() first")
        limits = self.params.maxDets
        if self.params.iouType == "keypoints":
            figures = [(kind, t, "all", 20) for kind in ("precision", "recall") for t in (None, 0.5, 0.75)]
            sized = [[(kind, None, area, 20) for area in ("medium", "large")] for kind in ("precision", "recall")]
            figures = [*figures[:3], *sized[0], *figures[3:], *sized[1]]
        else:
            figures = [("precision", None, "all", 100)]
            figures += [("precision", t, "all", limits[2]) for t in (0.5, 0.75)]
            figures += [("precision", None, area, limits[2]) for area in ("small", "medium", "large")]
            figures += [("recall", None, "all", limit) for limit in limits[:3]]
            figures += [("recall", None, area, limits[2]) for area in ("small", "medium", "large")]
        self.stats = np.array([self._figure(*figure) for figure in figures], np.float64)

    def __str__(self) -> str:
        self.summarize()
        return ""

    def _figure(self, kind: str, threshold: float | None, area: str, limit: int) -> Any:
        p, values = self.params, self.eval[kind]
        if threshold is not None:
            values = values[np.asarray(p.iouThrs) == threshold]
        areas = [i for i, label in enumerate(p.areaRngLbl) if label == area]
        limits = [i for i, most in enumerate(p.maxDets) if most == limit]
        values = values[..., areas, limits]
        known = values[values > -1]
        mean = np.mean(known) if len(known) else -1
        print(line(kind, threshold, area, limit, mean, p.iouThrs))
        return mean

    def _prepare(self) -> None:
        """Sort the annotations by image and category."""
        p = self.params
        categories = set(p.catIds) if p.useCats else None
        for coco, of in ((self.cocoGt, self._gts), (self.cocoDt, self._dts)):
            of.clear()
            for listed in chain.from_iterable(coco.imgToAnns.get(image, ()) for image in p.imgIds):
                annotation = coco.anns[listed["id"]]  # of several with one id, the last
                if categories is None or annotation["category_id"] in categories:
                    if p.iouType == "segm":
                        annotation["segmentation"] = coco.annToRLE(annotation)
                    if of is self._gts:
                        annotation["ignore"] = annotation.get("iscrowd", False)
                        if p.iouType == "keypoints":
                            annotation["ignore"] = annotation["num_keypoints"] == 0 or annotation["ignore"]
                    of[annotation["image_id"], annotation["category_id"]].append(annotation)
        self.evalImgs, self.eval = defaultdict(list), {}

    def _pair(self, image: Any, category: Any) -> tuple[list[Annotation], list[Annotation]]:
        """Truths and detections of an image and category, the latter by descending score."""
        p = self.params
        categories = [category] if p.useCats else p.catIds
        gt, dt = ([a for c in categories for a in of.get((image, c), [])] for of in (self._gts, self._dts))
        order = np.argsort([-d["score"] for d in dt], kind="mergesort")
        return gt, [dt[i] for i in order[: p.maxDets[-1]]]

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """Overlap of each detection with each truth of an image and category."""
        from fastgeo.compat.pycocotools import iou

        gt, dt = self._pair(imgId, catId)
        if not gt and not dt:
            return []
        kind = {"segm": "segmentation", "bbox": "bbox"}[self.params.iouType]
        return iou([d[kind] for d in dt], [g[kind] for g in gt], [int(g["iscrowd"]) for g in gt])

    def computeOks(self, imgId: Any, catId: Any) -> Any:
        """Similarity of the keypoints of each detection to those of each truth."""
        gt, dt = self._gts.get((imgId, catId), []), self._dts.get((imgId, catId), [])
        if not gt or not dt:
            return []
        order = np.argsort([-d["score"] for d in dt], kind="mergesort")[: self.params.maxDets[-1]]
        return np.array([[self._similarity(dt[i], g) for g in gt] for i in order])

    def _similarity(self, d: Annotation, g: Annotation) -> float:
        found, true = (np.array(a["keypoints"]).reshape(-1, 3).T for a in (d, g))
        visible = true[2] > 0
        if visible.any():
            dx, dy = found[0] - true[0], found[1] - true[1]
        else:  # how far outside twice the truth's box
            x, y, w, h = g["bbox"]
            dx = np.maximum(0, (x - w) - found[0]) + np.maximum(0, found[0] - (x + w * 2))
            dy = np.maximum(0, (y - h) - found[1]) + np.maximum(0, found[1] - (y + h * 2))
            visible = np.ones(len(dx), bool)
        variances = (self.params.kpt_oks_sigmas * 2) ** 2
        e = (dx**2 + dy**2) / variances / (g["area"] + np.spacing(1)) / 2
        return float(np.sum(np.exp(-e[visible])) / np.count_nonzero(visible))

    def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> dict[str, Any] | None:
        """The record of an image and category in one range of areas."""
        gt, dt = self._pair(imgId, catId)
        dt = dt[:maxDet]
        if not gt and not dt:
            return None
        for g in gt:
            g["_ignore"] = int(bool(g["ignore"] or g["area"] < aRng[0] or g["area"] > aRng[1]))
        order = np.argsort([g["_ignore"] for g in gt], kind="mergesort")
        gt = [gt[i] for i in order]
        ious = self.ious[imgId, catId]
        ious = ious[:, order] if len(ious) else np.zeros((0, len(gt)))
        ignored = np.array([g["_ignore"] for g in gt])
        shape = len(self.params.iouThrs)
        dtm, gtm, dt_ignored = np.zeros((shape, len(dt))), np.zeros((shape, len(gt))), np.zeros((shape, len(dt)))
        for t, threshold in enumerate(self.params.iouThrs):
            for d, row in enumerate(ious):
                m = _partner(row, gt, gtm[t], min(threshold, 1 - 1e-10))
                if m >= 0:
                    dt_ignored[t, d], dtm[t, d], gtm[t, m] = ignored[m], gt[m]["id"], dt[d]["id"]
        outside = np.array([d["area"] < aRng[0] or d["area"] > aRng[1] for d in dt], bool)
        return {
            "image_id": imgId,
            "category_id": catId,
            "aRng": aRng,
            "maxDet": maxDet,
            "dtIds": [d["id"] for d in dt],
            "gtIds": [g["id"] for g in gt],
            "dtMatches": dtm,
            "gtMatches": gtm,
            "dtScores": [d["score"] for d in dt],
            "gtIgnore": ignored,
            "dtIgnore": np.logical_or(dt_ignored, (dtm == 0) & outside),
        }


def _partner(overlaps: Array, gt: list[Annotation], taken: Array, threshold: float) -> int:
    """The truth that a detection takes, or -1. Those that are ignored stand last."""
    best, partner = threshold, -1
    for g, truth in enumerate(gt):
        if taken[g] > 0 and not int(truth["iscrowd"]):
            continue
        if partner >= 0 and truth["_ignore"] and not gt[partner]["_ignore"]:
            break
        if not overlaps[g] < best:
            best, partner = overlaps[g], g
    return partner
