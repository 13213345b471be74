# The fast check: is this already a plain array? Anything else goes to runtime/checks.py.
cimport numpy as cnp


cdef inline bint is_plain(object array, int ndim) noexcept:
    """An exact ndarray, native, aligned and C-contiguous, with `ndim` axes."""
    return cnp.PyArray_CheckExact(array) and cnp.PyArray_NDIM(array) == ndim and cnp.PyArray_ISCARRAY_RO(array)


cdef inline bint is_plain_float(object array, int ndim) noexcept:
    """Plain, and of type float32 or float64."""
    return is_plain(array, ndim) and cnp.PyArray_TYPE(array) in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)


cdef inline bint is_plain_boxes(object array) noexcept:
    """Plain floats of shape (N, 4)."""
    return is_plain_float(array, 2) and cnp.PyArray_DIM(array, 1) == 4


cdef inline bint is_f64(object array) noexcept:
    return cnp.PyArray_TYPE(array) == cnp.NPY_DOUBLE


cdef enum:
    # Values up to which an array is copied here in one piece, within microseconds; checks.py polls while it copies more.
    FEW_VALUES = 1 << 16


cdef inline bint is_small(object array) noexcept:
    """An exact, native ndarray of few values, of any strides."""
    return (cnp.PyArray_CheckExact(array) and cnp.PyArray_ISNOTSWAPPED(array)
            and cnp.PyArray_SIZE(array) <= FEW_VALUES)


cdef inline object laid_out(object array):
    """Small float arrays side by side: slices of tables, transposes, Fortran order. Anything else as it is."""
    if (is_small(array) and not cnp.PyArray_ISCARRAY_RO(array)
            and cnp.PyArray_TYPE(array) in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)):
        return cnp.PyArray_NewCopy(array, cnp.NPY_CORDER)
    return array


cdef inline object as_int64(object array):
    """Small arrays of integers that int64 holds, as int64; anything else as it is."""
    if is_small(array) and cnp.PyArray_TYPE(array) in (cnp.NPY_BYTE, cnp.NPY_UBYTE, cnp.NPY_SHORT, cnp.NPY_USHORT,
                                                       cnp.NPY_INT, cnp.NPY_INT64):
        return cnp.PyArray_Cast(array, cnp.NPY_INT64)
    return array


cdef inline bint is_plain_output(object out, int ndim, cnp.npy_intp *shape, int typenum) noexcept:
    """Plain, writeable, and of this shape and type. That it shares no memory with an input is a question of its own."""
    return (cnp.PyArray_CheckExact(out) and cnp.PyArray_NDIM(out) == ndim and cnp.PyArray_TYPE(out) == typenum
            and cnp.PyArray_ISCARRAY(out) and cnp.PyArray_DIM(out, 0) == shape[0]
            and (ndim < 2 or cnp.PyArray_DIM(out, 1) == shape[1]))


cdef inline bint are_apart(object a, object b) noexcept:
    """Two plain arrays that share no memory."""
    cdef char *start = <char *>cnp.PyArray_DATA(a)
    cdef char *other = <char *>cnp.PyArray_DATA(b)
    return start + cnp.PyArray_NBYTES(a) <= other or other + cnp.PyArray_NBYTES(b) <= start


cdef enum:
    # The size of a result from which on it pays to ask the system for large pages.
    LARGE_VALUES = 1 << 23


cdef inline object new_array(int ndim, cnp.npy_intp *shape, int typenum):
    """Of anything; from LARGE_VALUES on of zeros."""
    cdef double size = 1
    for i in range(ndim):
        size *= <double>shape[i]
    if size >= LARGE_VALUES:
        from fastgeo.runtime.large_arrays import large_array
        return large_array(tuple([shape[i] for i in range(ndim)]), cnp.PyArray_DescrFromType(typenum))
    return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
