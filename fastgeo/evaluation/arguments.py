"""The arguments of an evaluation, checked: columns of objects, with small numbers in the place of their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

# np.arange would go past the last step by one bit.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)
AREA_RANGES = {"all": (0.0, 1e5**2), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e5**2)}

CONVENTIONS = ("coco", "voc2007", "voc2012")
VOC_RECALL_THRESHOLDS = {"voc2007": np.arange(0.0, 1.1, 0.1), "voc2012": RECALL_THRESHOLDS}

MOST_ROWS = 2**31 - 1

# Takes (name, ids of detections, ids of truths, the ids that are evaluated or None); returns the ids that are
# evaluated and the place of each row's among them.
Coder = Callable[[str, Array, Array, Array | None], tuple[Array, Array, Array]]


class Objects(NamedTuple):
    """Boxes in images: detections or truths."""

    images: Array  # int32, places in `Problem.images`
    classes: Array  # int32, places in `Problem.classes`
    boxes: Array  # float64
    areas: Array | None  # float64; None: those of the boxes


class Grid(NamedTuple):
    """At what the figures are taken."""

    iou_thresholds: Array
    recall_thresholds: Array
    area_ranges: dict[str, tuple[float, float]]
    max_detections: Array  # int64, ascending
    convention: str

    @property
    def ranges(self) -> Array:
        return np.array(list(self.area_ranges.values()), np.float64).reshape(-1, 2)

    def shape(self, n_classes: int) -> tuple[int, int, int, int, int]:
        return (
            len(self.iou_thresholds),
            len(self.recall_thresholds),
            n_classes,
            len(self.area_ranges),
            len(self.max_detections),
        )


class Problem(NamedTuple):
    """One evaluation. Rows are in the order that decides between equals."""

    grid: Grid
    fmt: str
    images: Array  # ids
    classes: Array  # ids; [-1] for all classes as one
    detections: Objects
    scores: Array  # float64
    truth: Objects
    crowd: Array  # bool
    ignored: Array  # bool, crowds among them


def grid(convention: Any, iou_thresholds: Any, recall_thresholds: Any, area_ranges: Any, max_detections: Any) -> Grid:
    """The grid of an evaluation; None stands for that of the convention."""
    checks.choice("convention", convention, CONVENTIONS)
    usual: tuple[Array, Array, dict[str, tuple[float, float]], tuple[int, ...]]
    if convention == "coco":
        usual = IOU_THRESHOLDS, RECALL_THRESHOLDS, AREA_RANGES, (1, 10, 100)
    else:
        everything = {"all": (-np.inf, np.inf)}
        usual = np.array([0.5]), VOC_RECALL_THRESHOLDS[convention], everything, (MOST_ROWS,)
    overlaps = _thresholds("iou_thresholds", usual[0] if iou_thresholds is None else iou_thresholds)
    recalls = _thresholds("recall_thresholds", usual[1] if recall_thresholds is None else recall_thresholds)
    if convention != "coco" and area_ranges is not None:
        raise ValueError(f"area_ranges: expected None with convention {convention!r}, got {area_ranges!r}")
    ranges = _area_ranges(usual[2] if area_ranges is None else area_ranges)
    return Grid(overlaps, recalls, ranges, _limits(usual[3] if max_detections is None else max_detections), convention)


def grid_of_call(detections: Mapping[str, Any], truth: Mapping[str, Any], *parameters: Any) -> Grid:
    """The grid of a call; where it is wrong, what is wrong with the tables comes first."""
    try:
        return grid(*parameters)
    except (TypeError, ValueError):
        check_tables(detections, truth)
        raise


def check_tables(detections: Mapping[str, Any], truth: Mapping[str, Any]) -> None:
    """Raise what is wrong with the tables alone."""
    usual = grid("coco", None, None, None, None)
    values(problem(detections, truth, usual, "xywh", False, None, None, code_ids))


def margin(convention: str) -> float:
    """What is added to the denominator of precision."""
    return float(np.spacing(1)) if convention == "coco" else 0.0


def problem(
    detections: Mapping[str, Any],
    truth: Mapping[str, Any],
    grid: Grid,
    fmt: str,
    class_agnostic: Any,
    images: Any,
    classes: Any,
    code: Coder,
) -> Problem:
    """What is evaluated."""
    try:
        checks.choice("fmt", fmt, checks.FORMATS)
        class_agnostic = flag("class_agnostic", class_agnostic)
    except (TypeError, ValueError):
        check_tables(detections, truth)
        raise
    image_ids, found_images, true_images = code("image_id", *_both(detections, truth, "image_id", images))
    class_ids, found_classes, true_classes = code("class_id", *_both(detections, truth, "class_id", classes))
    found = _objects("detections", detections, found_images, found_classes)
    scores = checks.plain(_floats("detections", detections, "scores", len(found_images)), np.float64)
    real = _objects("truth", truth, true_images, true_classes)
    crowd, ignored = (_flags(truth, name, len(true_images)) for name in ("iscrowd", "ignore"))
    whole = Problem(grid, fmt, image_ids, class_ids, found, scores, real, crowd, crowd | ignored)
    return _as_one_class(whole) if class_agnostic else whole


def code_ids(name: str, found: Array, true: Array, given: Array | None) -> tuple[Array, Array, Array]:
    """The `Coder` in NumPy."""
    both = np.concatenate([found, true])
    if given is None:
        ids, codes = np.unique(both, return_inverse=True)
    else:
        ids, order = given, np.argsort(given, kind="stable")
        place = np.minimum(np.searchsorted(given[order], both), max(len(given) - 1, 0))
        codes = order[place] if len(given) else np.zeros(len(both), np.int64)
        missing = given[codes] != both if len(given) else np.ones(len(both), bool)
        checks.reject(f"detections['{name}']", found, missing[: len(found)], _one_of(name))
        checks.reject(f"truth['{name}']", true, missing[len(found) :], _one_of(name))
    codes = codes.reshape(-1).astype(np.int32)
    return ids, codes[: len(found)], codes[len(found) :]


def dict_columns(rows: list[dict[str, Any]], names: tuple[str, ...], box_name: str) -> tuple[Array, Array]:
    """Numbers (n, len(names)) and boxes (n, 4) out of dictionaries, as float64."""
    table = np.array([[row[name] for name in names] for row in rows], np.float64).reshape(len(rows), len(names))
    return table, np.array([row[box_name] for row in rows], np.float64).reshape(len(rows), 4)


def _one_of(name: str) -> str:
    return f"one of `{'images' if name == 'image_id' else 'classes'}`"


def _thresholds(name: str, value: Any) -> Array:
    array = checks.plain(checks.float_array(name, value, ("N",)), np.float64)
    checks.reject(name, array, np.isnan(array), "a number")
    if not len(array):
        raise ValueError(f"{name}: expected at least one, got none")
    return array


def _area_ranges(value: Any) -> dict[str, tuple[float, float]]:
    if not isinstance(value, Mapping) or not value:
        raise TypeError(f"area_ranges: expected a mapping of names to (low, high), got {value!r}")
    ranges = {}
    for name, limits in value.items():
        pair = checks.plain(checks.float_array(f"area_ranges[{name!r}]", limits, (2,)), np.float64)
        checks.reject(f"area_ranges[{name!r}]", pair, np.isnan(pair), "a number")
        ranges[str(name)] = (float(pair[0]), float(pair[1]))
    return ranges


def _limits(value: Any) -> Array:
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)) or len(value) == 0:
        raise TypeError(f"max_detections: expected a sequence of integers, got {value!r}")
    return np.array(sorted(checks.integer("max_detections", limit, 1, MOST_ROWS) for limit in value), np.int64)


def _column(side: str, columns: Mapping[str, Any], name: str) -> Any:
    if not isinstance(columns, Mapping):
        raise TypeError(f"{side}: expected a mapping of columns, got {type(columns).__name__}")
    if name not in columns:
        raise ValueError(f"{side}: expected a column {name!r}, got {sorted(map(str, columns))}")
    return columns[name]


def _floats(side: str, columns: Mapping[str, Any], name: str, length: int) -> Array:
    """A column of numbers. NaN is found where it would be used."""
    array = checks.float_array(f"{side}['{name}']", _column(side, columns, name), ("N",))
    _same_length(side, name, array, length)
    return array


def _same_length(side: str, name: str, array: Array, length: int) -> None:
    if len(array) != length:
        raise ValueError(f"{side}['{name}']: expected length {length}, as {side}['image_id'], got {len(array)}")


def _objects(side: str, columns: Mapping[str, Any], images: Array, classes: Array) -> Objects:
    _same_length(side, "class_id", classes, len(images))
    boxes = checks.float_array(f"{side}['boxes']", _column(side, columns, "boxes"), ("N", 4))
    _same_length(side, "boxes", boxes, len(images))
    if boxes.dtype == np.float32:
        checks.box_values(f"{side}['boxes']", boxes)
    areas = None
    if columns.get("areas") is not None:
        areas = checks.plain(_floats(side, columns, "areas", len(images)), np.float64)
    return Objects(images, classes, checks.plain(boxes, np.float64), areas)


def values(whole: Problem) -> None:
    """Reject what no figure can be made of: NaN, and boxes whose areas overflow."""
    checks.reject("detections['scores']", whole.scores, np.isnan(whole.scores), "a number")
    for side, objects in (("detections", whole.detections), ("truth", whole.truth)):
        checks.box_values(f"{side}['boxes']", objects.boxes)
        if objects.areas is not None:
            checks.reject(f"{side}['areas']", objects.areas, np.isnan(objects.areas), "a number")


def _flags(columns: Mapping[str, Any], name: str, length: int) -> Array:
    if columns.get(name) is None:
        return np.zeros(length, bool)
    return checks.flags_array(f"truth['{name}']", columns[name], length)


def _both(
    detections: Mapping[str, Any], truth: Mapping[str, Any], name: str, given: Any
) -> tuple[Array, Array, Array | None]:
    """The ids of both sides, and those that are evaluated, in one type."""
    sides = [("detections", detections), ("truth", truth)]
    arrays = [_ids(f"{side}['{name}']", _column(side, columns, name)) for side, columns in sides]
    if len(arrays[0]) + len(arrays[1]) > MOST_ROWS:
        raise ValueError(f"detections: expected fewer than 2**31 rows in all, got {len(arrays[0]) + len(arrays[1])}")
    names = [f"{side}['{name}']" for side, _ in sides]
    if given is not None:
        names.append("images" if name == "image_id" else "classes")
        arrays.append(distinct_ids(names[2], given))
    arrays = same_kind(names, arrays)
    return arrays[0], arrays[1], arrays[2] if given is not None else None


def same_kind(names: list[str], arrays: list[Array]) -> list[Array]:
    """Arrays of ids in one type."""
    filled = [array for array in arrays if len(array)]
    text = [array for array in filled if array.dtype.kind == "U"]
    if len(text) not in (0, len(filled)):
        odd = next(i for i, array in enumerate(arrays) if array.dtype.kind == "U" and len(array))
        raise TypeError(f"{names[odd]}: expected ids of the same kind as the others, numbers, got text")
    if text:
        return [array if len(array) else array.astype(text[0].dtype) for array in arrays]
    if any(array.dtype == np.uint64 for array in filled):
        if min(int(array.min()) for array in filled) < 0:
            raise ValueError(f"{names[0]}: expected ids that fit one integer type, got some below 0 and beyond 2**63")
        return [array.astype(np.uint64) for array in arrays]
    return [array.astype(np.int64, copy=False) if len(array) == 0 else array for array in arrays]


def distinct_ids(name: str, value: Any) -> Array:
    """The ids that are evaluated."""
    ids = _ids(name, value)
    ordered = np.sort(ids)
    checks.reject(name, ordered[1:], ordered[1:] == ordered[:-1], "ids that differ")
    return ids


def flag(name: str, value: Any) -> bool:
    if value not in (True, False):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def _ids(name: str, value: Any) -> Array:
    """int64; uint64 where only that holds them; or text."""
    text = _text(value)
    if text is not None:
        return checks.shaped(name, text, ("N",))
    array = checks.shaped(name, checks.numeric_array(name, value), ("N",))
    if array.dtype.kind == "f":
        numbers = array.astype(np.float64)
        checks.reject(name, array, ~((np.abs(numbers) < 2.0**63) & (numbers == np.floor(numbers))), "a whole number")
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        return array
    return checks.plain(array, np.int64)


def _text(value: Any) -> Array | None:
    """The array of texts that a value is, or None."""
    if isinstance(value, np.ndarray) and value.dtype.kind not in "UO":
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, BufferError):
        return None
    if array.dtype.kind == "O" and array.size and all(isinstance(entry, str) for entry in array.flat):
        array = array.astype(str)
    return array if array.dtype.kind == "U" and array.ndim else None


def _as_one_class(whole: Problem) -> Problem:
    """All classes as one. Rows of equal score keep the order of their classes."""
    found = np.argsort(whole.detections.classes, kind="stable")
    true = np.argsort(whole.truth.classes, kind="stable")
    return whole._replace(
        classes=np.array([-1]),
        detections=_rows(whole.detections, found),
        scores=whole.scores[found],
        truth=_rows(whole.truth, true),
        crowd=whole.crowd[true],
        ignored=whole.ignored[true],
    )


def _rows(objects: Objects, order: Array) -> Objects:
    areas = None if objects.areas is None else objects.areas[order]
    return Objects(objects.images[order], np.zeros(len(order), np.int32), objects.boxes[order], areas)
