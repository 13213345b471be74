"""The evaluation family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from cpython.dict cimport PyDict_GetItemWithError
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AsDouble
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastgeo.runtime.arrays cimport is_plain
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.evaluation import arguments, evaluator
from fastgeo.evaluation.evaluator import Block
from fastgeo.evaluation.reference import __all__
from fastgeo.evaluation.scores import DetectionScores
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "evaluation/plan.h" nogil:
    int fg_plan_id_table(int64_t n, int64_t low, int64_t high)

cdef extern from "evaluation/ids.h" nogil:
    void fg_widen_range(const int64_t *ids, int64_t n, int64_t *low, int64_t *high)
    void fg_mark_ids(const int64_t *ids, int64_t n, int64_t low, int32_t *table)
    int64_t fg_number_ids(int32_t *table, int64_t span, int64_t low, int64_t *ids)
    int64_t fg_look_up_ids(const int64_t *ids, int64_t n, int64_t low, const int32_t *table, int32_t *numbers)

cdef extern from "evaluation/records.h" nogil:
    ctypedef struct fg_ranked:
        uint64_t key
        uint32_t detection
        uint32_t image
    int64_t fg_words_of(int64_t lanes)

cdef extern from "evaluation/order.h" nogil:
    enum:
        FG_BAD_VALUE
    ctypedef struct fg_order_call:
        int64_t n
        int64_t n_images
        int64_t n_classes
        const int32_t *image
        const int32_t *class_id
        const double *scores
        int64_t limit
        fg_ranked *ranked
        uint32_t *rank
        int64_t *starts
        int64_t *counts
    int fg_order_detections(const fg_team *team, const fg_order_call *call)

cdef extern from "evaluation/match.h" nogil:
    enum:
        FG_COCO
        FG_VOC
    ctypedef struct fg_objects:
        int64_t n
        const int32_t *image
        const int32_t *class_id
        const double *boxes
        const double *areas
    ctypedef struct fg_match_call:
        fg_objects detections
        fg_objects truths
        const uint8_t *crowd
        const uint8_t *ignored
        int rules
        int format
        int64_t n_images
        int64_t n_classes
        int64_t n_thresholds
        int64_t n_ranges
        const double *thresholds
        const double *ranges
        const fg_ranked *ranked
        const int64_t *starts
        const int64_t *counts
        uint64_t *hits
        uint64_t *counted
        int64_t *positives
    int fg_match_detections(const fg_team *team, const fg_match_call *call)

cdef extern from "evaluation/accumulate.h" nogil:
    ctypedef struct fg_accumulate_call:
        int64_t n_detections
        int64_t n_classes
        int64_t n_thresholds
        int64_t n_ranges
        int64_t n_limits
        int64_t n_recalls
        const fg_ranked *ranked
        const uint32_t *rank
        const int64_t *starts
        const int64_t *counts
        const double *found_scores
        const uint64_t *hits
        const uint64_t *counted
        const int64_t *positives
        const int64_t *limits
        const double *recalls
        const int64_t *place
        double *precision
        double *scores
        double *recall
        double *areas
        double margin
    int fg_accumulate(const fg_team *team, const fg_accumulate_call *call)

cdef enum:
    PART = 1 << 22  # rows between two looks for Ctrl-C
    PART_OF_DICTS = 1 << 16
    ROWS_PUT_OFF = 1 << 16  # that updates of few rows collect, some megabytes, before they are matched

RANKED = np.dtype([("key", np.uint64), ("detection", np.uint32), ("image", np.uint32)])


def mean_average_precision(detections, truth, *, convention="coco", fmt="xywh", iou_thresholds=None,
                           recall_thresholds=None, area_ranges=None, max_detections=None, class_agnostic=False,
                           images=None, classes=None, n_threads=None):
    cdef fg_team team
    cdef fg_order_call order
    grid = arguments.grid_of_call(detections, truth, convention, iou_thresholds, recall_thresholds, area_ranges,
                                  max_detections)
    whole = arguments.problem(detections, truth, grid, fmt, class_agnostic, images, classes, code_ids)
    try:
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        arguments.values(whole)
        raise
    buffers = order_detections(&team, whole, &order)  # owns what `order` points to
    matches = match_detections(&team, whole, &order)
    arrays = accumulate(&team, grid, &order, matches)
    return DetectionScores(*arrays, whole.classes, whole.images, *grid)


# The columns of plain tables: arrays of these types, which small updates collect until there are enough to match.
FOUND = {"image_id": np.dtype(np.int64), "class_id": np.dtype(np.int64), "boxes": np.dtype(np.float64),
         "scores": np.dtype(np.float64), "areas": np.dtype(np.float64)}
TRUE = {"image_id": np.dtype(np.int64), "class_id": np.dtype(np.int64), "boxes": np.dtype(np.float64),
        "areas": np.dtype(np.float64), "iscrowd": None, "ignore": None}
MUST = ("image_id", "class_id", "boxes")


class DetectionEvaluator(evaluator.DetectionEvaluator):
    __doc__ = evaluator.DetectionEvaluator.__doc__
    _put_off = ()  # plain tables, all with the same columns
    _rows_put_off = 0

    def update(self, detections, truth):
        plain = self._images is None and self._classes is None and all([_has_plain_ids(b) for b in self._blocks])
        found = plain_columns(detections, FOUND) if plain else None
        true = plain_columns(truth, TRUE) if found is not None else None
        if true is None or "scores" not in found:
            return super().update(detections, truth)
        images = set()
        for table in (found, true):
            collect_ids(table["image_id"], images)
        if not self._seen.isdisjoint(images):
            return super().update(detections, truth)  # says which
        if self._put_off and any([a.keys() != b.keys() for a, b in zip(self._put_off[0], (found, true))]):
            self._settle()
        self._put_off = self._put_off or []
        self._put_off.append((found, true))
        self._seen |= images
        self._rows_put_off += len(found["image_id"]) + len(true["image_id"])
        if self._rows_put_off > ROWS_PUT_OFF:
            self._settle()
        return self

    def _settle(self):
        if not self._put_off:
            return
        sides = [{name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
                 for tables in zip(*self._put_off)]
        self._push(self._block(*sides))
        self._put_off, self._rows_put_off = (), 0

    @staticmethod
    def _coder():
        return code_ids

    @staticmethod
    def _matched(whole):
        cdef fg_team team
        cdef fg_order_call order
        open_team(&team, None)
        buffers = order_detections(&team, whole, &order)  # owns what `order` points to
        ranked, _, starts, counts = buffers[:4]
        hits, counted, positives = match_detections(&team, whole, &order)
        place = np.arange(len(ranked)) - np.repeat(starts[:len(counts)], np.diff(starts))
        kept = np.flatnonzero(place < np.repeat(counts, np.diff(starts)))
        rows = ranked["detection"][kept]
        return Block(whole.images, whole.images[whole.detections.images[rows]],
                     whole.classes[whole.detections.classes[rows]], whole.scores[rows], hits[:, kept],
                     counted[:, kept], whole.classes, positives)

    def _accumulated(self, images, classes, n_images, block, positives):
        cdef fg_team team
        cdef fg_order_call order
        open_team(&team, None)
        whole = evaluator.as_problem(self._grid, images, classes, n_images, block, len(positives))
        buffers = order_detections(&team, whole, &order)  # owns what `order` points to
        rows = buffers[0]["detection"]
        matches = [np.ascontiguousarray(lanes[:, rows]) for lanes in (block.hits, block.counted)]
        return accumulate(&team, self._grid, &order, (*matches, positives))


cdef object order_detections(const fg_team *team, whole, fg_order_call *call):
    """Fills `call`; what is returned owns the memory behind it."""
    cdef int status
    images, class_ids = whole.detections.images, whole.detections.classes
    scores, n_classes = whole.scores, len(whole.classes)
    ranked, rank = np.empty(len(images), RANKED), np.empty(len(images), np.uint32)
    starts, counts = np.zeros(n_classes + 1, np.int64), np.zeros(n_classes, np.int64)
    call.n, call.n_images, call.n_classes = len(images), len(whole.images), n_classes
    call.image, call.class_id = <const int32_t *>data(images), <const int32_t *>data(class_ids)
    call.scores = <const double *>data(scores)
    call.limit = whole.grid.max_detections.max()
    call.ranked, call.rank = <fg_ranked *>data(ranked), <uint32_t *>data(rank)
    call.starts, call.counts = <int64_t *>data(starts), <int64_t *>data(counts)
    with nogil:
        status = fg_order_detections(team, call)
    raise_or_find(status, whole)
    return ranked, rank, starts, counts, images, class_ids, scores


cdef object match_detections(const fg_team *team, whole, const fg_order_call *order):
    """Hits and counted lanes of the ranked detections, and positives."""
    cdef fg_match_call call
    cdef int status
    thresholds, ranges = whole.grid.iou_thresholds, whole.grid.ranges
    words = fg_words_of(len(thresholds) * len(ranges))
    hits, counted = np.empty((words, order.n), np.uint64), np.empty((words, order.n), np.uint64)
    positives = np.zeros((order.n_classes, len(ranges)), np.int64)
    fill_objects(&call.detections, whole.detections)
    fill_objects(&call.truths, whole.truth)
    call.crowd, call.ignored = <const uint8_t *>data(whole.crowd), <const uint8_t *>data(whole.ignored)
    call.rules = FG_COCO if whole.grid.convention == "coco" else FG_VOC
    call.format = checks.FORMATS.index(whole.fmt)
    call.n_images, call.n_classes = order.n_images, order.n_classes
    call.n_thresholds, call.n_ranges = len(thresholds), len(ranges)
    call.thresholds, call.ranges = <const double *>data(thresholds), <const double *>data(ranges)
    call.ranked, call.starts, call.counts = order.ranked, order.starts, order.counts
    call.hits, call.counted = <uint64_t *>data(hits), <uint64_t *>data(counted)
    call.positives = <int64_t *>data(positives)
    with nogil:
        status = fg_match_detections(team, &call)
    raise_or_find(status, whole)
    return hits, counted, positives


cdef object accumulate(const fg_team *team, grid, const fg_order_call *order, matches):
    """Precision, recall, scores, and the areas under the curves where the convention takes them."""
    cdef fg_accumulate_call call
    cdef int status
    hits, counted, positives = matches
    shape = grid.shape(order.n_classes)
    precision, scores, recall = np.empty(shape), np.empty(shape), np.empty((shape[0], *shape[2:]))
    ascending = np.sort(grid.recall_thresholds)
    place = np.searchsorted(ascending, grid.recall_thresholds).astype(np.int64, copy=False)
    limits = grid.max_detections
    call.n_thresholds, call.n_recalls, call.n_classes, call.n_ranges, call.n_limits = shape
    call.n_detections = order.n
    call.ranked, call.rank, call.starts, call.counts = order.ranked, order.rank, order.starts, order.counts
    call.found_scores = order.scores
    call.hits, call.counted = <const uint64_t *>data(hits), <const uint64_t *>data(counted)
    call.positives, call.limits = <const int64_t *>data(positives), <const int64_t *>data(limits)
    call.recalls, call.place = <const double *>data(ascending), <const int64_t *>data(place)
    call.precision, call.scores = <double *>data(precision), <double *>data(scores)
    call.recall, call.areas = <double *>data(recall), NULL
    call.margin = arguments.margin(grid.convention)
    areas = np.empty(recall.shape) if grid.convention == "voc2012" else None
    if areas is not None:
        call.areas = <double *>data(areas)
    with nogil:
        status = fg_accumulate(team, &call)
    raise_status(status)
    return precision, recall, scores, areas


cdef int fill_objects(fg_objects *out, objects) except -1:
    out.n = len(objects.images)
    out.image, out.class_id = <const int32_t *>data(objects.images), <const int32_t *>data(objects.classes)
    out.boxes = <const double *>data(objects.boxes)
    out.areas = NULL
    if objects.areas is not None:
        out.areas = <const double *>data(objects.areas)
    return 0


cdef inline void *data(array) noexcept:
    return cnp.PyArray_DATA(array)


cdef int raise_or_find(int status, whole) except -1:
    if status == FG_BAD_VALUE:
        arguments.values(whole)
    raise_status(status)
    return 0


def code_ids(name, found, true, given):
    """`arguments.code_ids` by a table, where the ids are numbers that lie close enough."""
    cdef int64_t low = INT64_MAX, high = INT64_MIN, count
    columns = [found, true] if given is None else [found, true, given]
    if any(column.dtype != np.int64 for column in columns):
        return arguments.code_ids(name, found, true, given)
    for part in parts(columns):
        fg_widen_range(<const int64_t *>data(part), len(part), &low, &high)
    if not fg_plan_id_table(sum(map(len, columns)), low, high):
        return arguments.code_ids(name, found, true, given)
    table = np.zeros(high - low + 1, np.int32)
    cdef int32_t *entries = <int32_t *>data(table)
    for part in parts(columns[2:] or columns):
        fg_mark_ids(<const int64_t *>data(part), len(part), low, entries)
    ids = np.empty(min(len(table), sum(map(len, columns))), np.int64)
    count = fg_number_ids(entries, len(table), low, <int64_t *>data(ids))
    ids = ids[:count].copy()
    if given is not None:
        table[given - low] = np.arange(len(given), dtype=np.int32)
        ids = given
    numbers = [np.empty(len(column), np.int32) for column in (found, true)]
    for column, codes in zip((found, true), numbers):
        for part, part_codes in zip(parts([column]), parts([codes])):
            if fg_look_up_ids(<const int64_t *>data(part), len(part), low, entries, <int32_t *>data(part_codes)) >= 0:
                return arguments.code_ids(name, found, true, given)  # says which is missing
    return ids, *numbers


def parts(columns):
    """The columns, some rows at a time: Ctrl-C is answered in between."""
    for column in columns:
        for first in range(0, len(column), PART):
            PyErr_CheckSignals()
            yield column[first:first + PART]


def dict_columns(list rows, tuple names, box_name):
    """`arguments.dict_columns`, without an object for each number."""
    cdef int64_t n = len(rows), k = len(names), i, j
    table, boxes = np.empty((n, k)), np.empty((n, 4))
    cdef double *numbers = <double *>data(table)
    cdef double *corners = <double *>data(boxes)
    cdef dict row
    cdef object box
    for i in range(n):
        if i % PART_OF_DICTS == 0:
            PyErr_CheckSignals()
        row = rows[i]
        for j in range(k):
            numbers[k * i + j] = PyFloat_AsDouble(entry(row, names[j]))
        box = entry(row, box_name)
        if len(box) != 4:
            raise ValueError(f"{box_name}: expected 4 numbers, got {len(box)}")
        for j in range(4):
            corners[4 * i + j] = PyFloat_AsDouble(box[j])
    return table, boxes


def _has_plain_ids(block):
    return block.images.dtype == np.int64 and block.classes.dtype == np.int64


cdef object plain_columns(table, dict types):
    """Copies of the columns of a table if all are plain and right, else None: then the way of the reference says why."""
    cdef cnp.npy_intp n = -1
    columns = {}
    if type(table) is not dict:
        return None
    for name, dtype in types.items():
        column = table.get(name)
        if column is None and name in MUST:
            return None
        if column is None:
            continue
        if not is_plain(column, 2 if name == "boxes" else 1):
            return None
        if dtype is None and column.dtype != bool:
            if column.dtype != np.int64 or ((column != 0) & (column != 1)).any():
                return None
        elif dtype is not None and column.dtype != dtype:
            return None
        if n < 0:
            n = cnp.PyArray_DIM(column, 0)
        if cnp.PyArray_DIM(column, 0) != n or (name == "boxes" and cnp.PyArray_DIM(column, 1) != 4):
            return None
        if dtype == np.float64 and not are_small(<const double *>data(column), cnp.PyArray_SIZE(column)):
            return None
        columns[name] = column.astype(bool) if dtype is None else column.copy()
    return columns


cdef bint are_small(const double *values, int64_t n) noexcept nogil:
    """No NaN, nothing infinite, and nothing whose square times four overflows."""
    cdef bint good = True
    cdef int64_t i
    for i in range(n):
        good &= -1e150 <= values[i] <= 1e150
    return good


cdef int collect_ids(ids, set found) except -1:
    cdef const int64_t *values = <const int64_t *>data(ids)
    cdef int64_t i
    for i in range(cnp.PyArray_DIM(ids, 0)):
        if i == 0 or values[i] != values[i - 1]:
            found.add(values[i])
    return 0


cdef inline object entry(dict row, name):
    cdef PyObject *found = <PyObject *>PyDict_GetItemWithError(row, name)
    if found == NULL:
        raise KeyError(name)
    return <object>found
