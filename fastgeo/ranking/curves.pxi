# Curves of ranked samples, and what is read off them. Part of kernels.pyx.
cdef extern from "ranking/curves.h" nogil:
    ctypedef struct fg_rows:
        const int64_t *counts
        const double *sums
        const void *distinct
        int64_t n
        int score_kind
    int fg_row_totals(const fg_team *team, const fg_rows *rows, double *totals)
    int fg_weighted_auc(const fg_team *team, const fg_rows *rows, const double *totals, double *auc)
    enum:
        FG_ROC
        FG_PRECISION_RECALL
    ctypedef struct fg_curve_call:
        fg_rows rows
        int kind
        int drop_intermediate
        int64_t n_points
        double *x
        double *y
        void *thresholds
    int fg_curve_size(const fg_team *team, fg_curve_call *call)
    int fg_curve_points(const fg_team *team, fg_curve_call *call)
    int fg_average_precision(const fg_team *team, const fg_rows *rows, double *precision)
    int fg_area_up_to(const fg_team *team, const fg_curve_call *sized, double max_fpr, double *area)
    int fg_placement_squares(const fg_team *team, const fg_rows *rows, const double *totals, double area,
                             double *squares)


cdef class Rows:
    """Counts or weights at each distinct score, ascending: (N, 2) cells. With groups, one after another: at which row
    each begins, and where its first sample stands."""
    cdef object cells, distinct, starts, first
    cdef fg_rows rows
    cdef double totals[2]

    def __cinit__(self, cells, distinct, starts=None, first=None):
        self.cells, self.distinct, self.starts, self.first = cells, distinct, starts, first
        self.rows = rows_of(cells)
        self.rows.distinct = cnp.PyArray_DATA(distinct)
        self.rows.score_kind = score_kind(distinct)

    cdef int ask_for_both_classes(self) except -1:
        row_totals(&self.rows, self.totals)
        if not (self.totals[0] > 0 and self.totals[1] > 0):
            inputs.undefined("raise", self.totals[1], self.totals[0])
        return 0

    cdef int ask_for_positives(self) except -1:
        row_totals(&self.rows, self.totals)
        if not self.totals[1] > 0:
            curves.no_positive(self.totals[1], self.totals[0])
        return 0

    cdef tuple curve(self, int kind, bint drop_intermediate):
        cdef fg_team team
        open_team(&team, 1)
        cdef fg_curve_call call
        cdef cnp.npy_intp shape[1]
        cdef int status, typenum = cnp.PyArray_TYPE(self.distinct)
        call.rows = self.rows
        call.kind = kind
        call.drop_intermediate = drop_intermediate
        with nogil:
            status = fg_curve_size(&team, &call)
        raise_status(status)
        shape[0] = call.n_points + 1
        x = new_array(1, shape, cnp.NPY_DOUBLE)
        y = new_array(1, shape, cnp.NPY_DOUBLE)
        if kind == FG_PRECISION_RECALL:
            shape[0] = call.n_points
        elif typenum != cnp.NPY_FLOAT:
            typenum = cnp.NPY_DOUBLE
        thresholds = new_array(1, shape, typenum)
        call.x = <double *>cnp.PyArray_DATA(x)
        call.y = <double *>cnp.PyArray_DATA(y)
        call.thresholds = cnp.PyArray_DATA(thresholds)
        with nogil:
            status = fg_curve_points(&team, &call)
        raise_status(status)
        return x, y, thresholds


cdef fg_rows rows_of(cells):
    cdef fg_rows rows
    cdef void *data = cnp.PyArray_DATA(cells)
    cdef bint weighted = cnp.PyArray_TYPE(cells) == cnp.NPY_DOUBLE
    rows.counts = NULL
    rows.sums = NULL
    if weighted:
        rows.sums = <const double *>data
    else:
        rows.counts = <const int64_t *>data
    rows.distinct = NULL
    rows.n = cnp.PyArray_DIM(cells, 0)
    rows.score_kind = FG_SCORE_F64
    return rows


cdef int row_totals(const fg_rows *rows, double *totals) except -1:
    cdef fg_team team
    open_team(&team, 1)
    cdef int status
    with nogil:
        status = fg_row_totals(&team, rows, totals)
    raise_status(status)
    inputs.finite_total(totals[0] + totals[1])
    return 0


def roc_curve(labels, scores, *, sample_weight=None, drop_intermediate=True, n_threads=None):
    return roc_points(checked_rank(labels, scores, sample_weight, n_threads), drop_intermediate)


def precision_recall_curve(labels, scores, *, sample_weight=None, drop_intermediate=False, n_threads=None):
    return precision_recall_points(checked_rank(labels, scores, sample_weight, n_threads), drop_intermediate)


def average_precision(labels, scores, *, sample_weight=None, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    cdef Rows ranked = checked_rank(labels, scores, sample_weight, n_threads)
    cdef int status
    cdef double precision
    ranked.ask_for_positives()
    with nogil:
        status = fg_average_precision(&team, &ranked.rows, &precision)
    raise_status(status)
    return precision


def roc_auc_interval(labels, scores, *, level=0.95, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    cdef Rows ranked = checked_rank(labels, scores, None, n_threads, level)
    cdef int status
    cdef double squares[2]
    cdef double auc = area_of_rows(&ranked.rows, 1)
    ranked.ask_for_both_classes()
    curves.two_of_each(int(ranked.totals[0]), int(ranked.totals[1]))
    with nogil:
        status = fg_placement_squares(&team, &ranked.rows, ranked.totals, auc, squares)
    raise_status(status)
    with DefaultEnvironment():
        return curves.normal_interval(auc, squares[0], squares[1], ranked.totals[0], ranked.totals[1],
                                      inputs.confidence(level))


cdef tuple roc_points(Rows ranked, bint drop_intermediate):
    ranked.ask_for_both_classes()
    return ranked.curve(FG_ROC, drop_intermediate)


cdef tuple precision_recall_points(Rows ranked, bint drop_intermediate):
    ranked.ask_for_positives()
    return ranked.curve(FG_PRECISION_RECALL, drop_intermediate)
