"""What an evaluation answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime.checks import Array

# The figures of COCO: precision or recall, its threshold of overlap, range of areas, which limit of detections.
FIGURES = (
    ("precision", None, "all", -1),
    ("precision", 0.5, "all", -1),
    ("precision", 0.75, "all", -1),
    ("precision", None, "small", -1),
    ("precision", None, "medium", -1),
    ("precision", None, "large", -1),
    ("recall", None, "all", 0),
    ("recall", None, "all", 1),
    ("recall", None, "all", 2),
    ("recall", None, "small", -1),
    ("recall", None, "medium", -1),
    ("recall", None, "large", -1),
)


class Curve(NamedTuple):
    """A curve of precision over recall."""

    recall: Array
    precision: Array
    scores: Array  # the lowest score of a detection that takes part


class DetectionScores(NamedTuple):
    """Precision and recall of detections, and the figures made of them.

    Attributes
    ----------
    precision : ndarray of float64, shape (T, R, K, A, M)
        Highest precision at each recall or beyond, by threshold of overlap, recall, class, range of areas and limit of
        detections; -1 for a class without truths.
    recall : ndarray of float64, shape (T, K, A, M)
        Recall of all detections; -1 for a class without truths.
    scores : ndarray of float64, shape (T, R, K, A, M)
        Score at which each recall is reached; 0 where it is not.
    areas : ndarray of float64, shape (T, K, A, M), or None
        Whole area under each curve, which is the average precision of convention "voc2012"; None with the others, which
        take the mean of `precision`.
    classes : ndarray, shape (K,)
        Ids of the classes; [-1] for all of them as one.
    images : ndarray
        Ids of the images.
    iou_thresholds, recall_thresholds, area_ranges, max_detections, convention
        As in the call.
    """

    precision: Array
    recall: Array
    scores: Array
    areas: Array | None
    classes: Array
    images: Array
    iou_thresholds: Array
    recall_thresholds: Array
    area_ranges: dict[str, tuple[float, float]]
    max_detections: Array
    convention: str

    def mean(
        self, kind: str = "precision", *, iou_threshold: float | None = None, area: str = "all", limit: int = -1
    ) -> float:
        """One figure: the mean over classes, and over all thresholds of overlap unless one is named.

        Parameters
        ----------
        kind : {"precision", "recall"}
            Average precision, or average recall.
        iou_threshold : float, optional
            One of `iou_thresholds`.
        area : str, default "all"
            One of the names of `area_ranges`.
        limit : int, default -1
            Which entry of `max_detections`.

        Returns
        -------
        float
            -1 where there is nothing to take the mean of.
        """
        names = list(self.area_ranges)
        if area not in names or not -len(self.max_detections) <= limit < len(self.max_detections):
            return -1.0
        values = {"precision": self._precisions, "recall": self.recall}[kind][..., names.index(area), limit]
        if iou_threshold is not None:
            values = values[self.iou_thresholds == iou_threshold]
        return _mean(values)

    @property
    def stats(self) -> Array:
        """The 12 figures of COCO, in its order."""
        return np.array([self.mean(kind, iou_threshold=t, area=area, limit=limit) for kind, t, area, limit in FIGURES])

    @property
    def ap(self) -> float:
        """Average precision: the mean over classes and thresholds of overlap."""
        return self.mean()

    @property
    def ap50(self) -> float:
        """Average precision at an overlap of 0.5."""
        return self.mean(iou_threshold=0.5)

    @property
    def ap75(self) -> float:
        """Average precision at an overlap of 0.75."""
        return self.mean(iou_threshold=0.75)

    @property
    def ar(self) -> float:
        """Average recall: the mean over classes and thresholds of overlap."""
        return self.mean("recall")

    @property
    def per_class(self) -> dict[str, Array]:
        """Columns, one row for each class: `class_id`, `ap`, `ap50`, `ap75` and `ar`; -1 where there are no truths."""
        values = self._precisions[..., 0, -1]
        precision = np.moveaxis(values, values.ndim - 1, 0)
        columns = {"class_id": self.classes, "ap": np.array([_mean(rows) for rows in precision])}
        for name, threshold in (("ap50", 0.5), ("ap75", 0.75)):
            columns[name] = np.array([_mean(rows[self.iou_thresholds == threshold]) for rows in precision])
        columns["ar"] = np.array([_mean(rows) for rows in np.moveaxis(self.recall[..., 0, -1], 1, 0)])
        return columns

    def pr_curve(
        self, class_id: Any = None, *, iou_threshold: float | None = None, area: str = "all", limit: int = -1
    ) -> Curve:
        """Precision over recall of one class, or the mean over all that have truths.

        Parameters
        ----------
        class_id : optional
            One of `classes`; by default the mean over them.
        iou_threshold : float, optional
            One of `iou_thresholds`; by default the first.
        area : str, default "all"
            One of the names of `area_ranges`.
        limit : int, default -1
            Which entry of `max_detections`.

        Returns
        -------
        recall, precision, scores : ndarray, shape (R,)

        Raises
        ------
        ValueError
            If it was not evaluated, or has no truths.
        """
        t, a = self._curve_places(iou_threshold, area)
        precision, scores = self.precision[t, :, :, a, limit], self.scores[t, :, :, a, limit]
        known = self.recall[t, :, a, limit] >= 0
        if class_id is not None:
            known &= np.arange(len(self.classes)) == _place("class_id", self.classes, class_id)
        if not known.any():
            raise ValueError(f"class_id: expected a class with truths, got {class_id!r}")
        return Curve(self.recall_thresholds, precision[:, known].mean(axis=1), scores[:, known].mean(axis=1))

    def f1(self, *, iou_threshold: float | None = None, area: str = "all", limit: int = -1) -> dict[str, Array]:
        """The best F1 of each class over the points of its curve, and the score to cut at.

        Parameters
        ----------
        iou_threshold, area, limit
            As in :meth:`pr_curve`.

        Returns
        -------
        dict of ndarray, shape (K,)
            Columns, one row for each class: `class_id`; `f1`, ``2 p r / (p + r)`` at its highest; `precision`,
            `recall` and `score` of that point, the first of equals. -1 where there are no truths.

        Raises
        ------
        ValueError
            If it was not evaluated.
        """
        t, a = self._curve_places(iou_threshold, area)
        precision = self.precision[t, :, :, a, limit]
        known = self.recall[t, :, a, limit] >= 0
        recall = np.where(precision > 0, self.recall_thresholds[:, None], 0.0)
        both = precision + recall
        f1 = np.divide(2 * precision * recall, both, out=np.zeros(both.shape), where=both > 0)
        best = f1.argmax(axis=0), np.arange(len(self.classes))
        columns = {"f1": f1, "precision": precision, "recall": recall, "score": self.scores[t, :, :, a, limit]}
        of_best = {name: np.where(known, values[best], -1.0) for name, values in columns.items()}
        return {"class_id": self.classes, **of_best}

    def _curve_places(self, iou_threshold: float | None, area: str) -> tuple[int, int]:
        t = 0 if iou_threshold is None else _place("iou_threshold", self.iou_thresholds, iou_threshold)
        return t, _place("area", np.array(list(self.area_ranges)), area)

    def __str__(self) -> str:
        """The 12 lines that COCOeval prints; of VOC's conventions one for each threshold of overlap."""
        if self.convention != "coco":
            pairs = [(t, self.mean(iou_threshold=t)) for t in self.iou_thresholds]
            return "\n".join(
                f" mean average precision ({self.convention}) @[ IoU={t:0.2f} ] = {ap:0.3f}" for t, ap in pairs
            )
        return "\n".join(
            line(kind, threshold, area, self._limit(limit), value, self.iou_thresholds)
            for (kind, threshold, area, limit), value in zip(FIGURES, self.stats, strict=True)
        )

    def __repr__(self) -> str:
        return f"<DetectionScores: AP {self.ap:.3f}, {len(self.images)} images, {len(self.classes)} classes>"

    @property
    def _precisions(self) -> Array:
        """What average precision is the mean of."""
        return self.precision if self.areas is None else self.areas

    def _limit(self, place: int) -> int:
        inside = -len(self.max_detections) <= place < len(self.max_detections)
        return int(self.max_detections[place]) if inside else -1


def line(kind: str, threshold: float | None, area: str, limit: int, value: float, thresholds: Array) -> str:
    """One figure, as COCOeval prints it."""
    title, short = ("Average Precision", "(AP)") if kind == "precision" else ("Average Recall", "(AR)")
    overlap = f"{thresholds[0]:0.2f}:{thresholds[-1]:0.2f}" if threshold is None else f"{threshold:0.2f}"
    return f" {title:<18} {short} @[ IoU={overlap:<9} | area={area:>6s} | maxDets={limit:>3d} ] = {value:0.3f}"


def _mean(values: Array) -> float:
    """The mean of what is known, pairwise as NumPy sums it; -1 of nothing."""
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0


def _place(name: str, values: Array, value: Any) -> int:
    places = np.flatnonzero(values == value)
    if not len(places):
        raise ValueError(f"{name}: expected one of {values.tolist()}, got {value!r}")
    return int(places[0])
