# Pairwise distances. Part of kernels.pyx.


def pairwise_distance(X, Y, *, kind="euclidean", out=None, n_threads=None):
    cdef fg_team team
    cdef cnp.npy_intp shape[2]
    cdef fg_points rows, columns
    cdef int c_kind, status
    cdef void *target
    cdef fg_fenv saved = fg_fenv_enter()
    try:
        open_checking_team(&team, n_threads)
        if not (is_plain_float(X, 2) and is_plain_float(Y, 2) and is_f64(X) == is_f64(Y)
                and cnp.PyArray_DIM(X, 1) == cnp.PyArray_DIM(Y, 1) and cnp.PyArray_DIM(X, 1) > 0):
            X, Y = arguments.row_pair("X", X, "Y", Y)
        largest = checked(&team, X, "X")
        largest = max(largest, checked(&team, Y, "Y"))
        if kind is not "euclidean":
            checks.choice("kind", kind, arguments.KINDS)
        shape[0], shape[1] = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(Y, 0)
        if out is None:
            out = new_array(2, shape, cnp.PyArray_TYPE(X))
        else:
            checks.output_array(out, (shape[0], shape[1]), X.dtype, X, Y)
        open_team(&team, n_threads)
        exponent = fg_lift_exponent(is_f64(X), largest)
        metric = "cosine" if kind == "cosine" else "euclidean"
        kept = bind(&team, &rows, X, metric, exponent), bind(&team, &columns, Y, metric, exponent)
        c_kind = arguments.KINDS.index(kind)
        target = cnp.PyArray_DATA(out)
        with nogil:
            status = fg_pairwise_distance(&team, &rows, &columns, c_kind, target)
        raise_status(status)
        if exponent and kind != "cosine":
            scale_rows(&team, out, -exponent if kind == "euclidean" else -2 * exponent, out)
        return out
    finally:
        fg_fenv_leave(saved)
