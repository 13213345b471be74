"""The assignment family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain_float
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.assignment import reference
from fastgeo.assignment.reference import __all__
from fastgeo.boxes import sparse_box_iou
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "assignment/shortest_path.h" nogil:
    enum:
        FG_BAD_VALUE
        FG_INFEASIBLE
    ctypedef struct fg_assignment_call:
        const double *cost
        int64_t n
        int64_t m
        double limit
        int64_t *column_of
    int fg_assign(const fg_team *team, const fg_assignment_call *call)

cdef extern from "assignment/components.h" nogil:
    ctypedef struct fg_match_call:
        const int64_t *rows
        const int64_t *columns
        const double *gains
        int64_t n_pairs
        int64_t n
        int64_t m
        int64_t *pair_of
    int fg_match_pairs(const fg_team *team, const fg_match_call *call)


def linear_assignment(cost, *, max_cost=None, maximize=False):
    cdef fg_team team
    cdef fg_assignment_call call
    cdef int status
    cdef cnp.npy_intp n
    open_team(&team, 1)
    if (max_cost is None and maximize is False and is_plain_float(cost, 2) and is_f64(cost)
            and cnp.PyArray_DIM(cost, 0) <= cnp.PyArray_DIM(cost, 1)):
        matrix, limit, swapped = cost, INFINITY, False
    else:
        matrix, limit, swapped = reference.checked_problem(cost, max_cost, maximize)
    n = cnp.PyArray_DIM(matrix, 0)
    column_of = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    call.cost = <const double *>cnp.PyArray_DATA(matrix)
    call.n, call.m = n, cnp.PyArray_DIM(matrix, 1)
    call.limit = limit
    call.column_of = <int64_t *>cnp.PyArray_DATA(column_of)
    with nogil:
        status = fg_assign(&team, &call)
    if status == FG_BAD_VALUE:
        reference.check_costs(cost, maximize)
    if status == FG_INFEASIBLE:
        raise ValueError(reference.INFEASIBLE)
    raise_status(status)
    if max_cost is None and not swapped:  # every row has its column
        return cnp.PyArray_Arange(0, n, 1, cnp.NPY_INT64), column_of
    return reference.pairs_of(column_of, swapped)


def match_boxes(boxes1, boxes2, iou_threshold=0.3, *, fmt="xyxy", n_threads=None):
    cdef fg_team team
    cdef fg_match_call call
    cdef int status
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    rows, columns, values = sparse_box_iou(boxes1, boxes2, threshold, fmt=fmt, n_threads=n_threads)
    gains = values.astype(np.float64, copy=False)
    open_team(&team, 1)
    cdef cnp.npy_intp n = cnp.PyArray_DIM(boxes1, 0)
    pair_of = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    call.rows = <const int64_t *>cnp.PyArray_DATA(rows)
    call.columns = <const int64_t *>cnp.PyArray_DATA(columns)
    call.gains = <const double *>cnp.PyArray_DATA(gains)
    call.n_pairs = cnp.PyArray_DIM(rows, 0)
    call.n, call.m = n, cnp.PyArray_DIM(boxes2, 0)
    call.pair_of = <int64_t *>cnp.PyArray_DATA(pair_of)
    with nogil:
        status = fg_match_pairs(&team, &call)
    raise_status(status)
    pairs = pair_of[pair_of >= 0]
    return rows[pairs], columns[pairs], values[pairs]
