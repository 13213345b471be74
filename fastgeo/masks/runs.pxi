# Making run lengths, and what can be read off them.

cdef extern from "masks/encode.h" nogil:
    ctypedef struct fg_encode_call:
        const uint8_t *pixels
        int64_t n
        int64_t height
        int64_t width
        int64_t mask_stride
        int64_t row_stride
        int64_t column_stride
    int fg_encode(const fg_team *team, const fg_encode_call *call, fg_runs *runs)

cdef extern from "masks/decode.h" nogil:
    int fg_decode(const fg_team *team, const fg_masks *masks, int by_column, uint8_t *pixels)

cdef extern from "masks/geometry.h" nogil:
    ctypedef struct fg_mask_box:
        int32_t left
        int32_t top
        int32_t right
        int32_t bottom
    ctypedef struct fg_geometry:
        uint32_t *borders
        fg_mask_box *boxes
        int64_t *areas
    int fg_geometry_of(const fg_team *team, const fg_masks *masks, fg_geometry *geometry)
    void fg_geometry_free(fg_geometry *geometry)

cdef extern from "masks/merge.h" nogil:
    ctypedef struct fg_merge_call:
        fg_masks masks
        const int64_t *members
        const int64_t *offsets
        int64_t n
        int intersect
    int fg_merge(const fg_team *team, const fg_merge_call *call, fg_runs *runs)

cdef extern from "masks/strings.h" nogil:
    enum:
        FG_MOST_CHARACTERS
    ctypedef struct fg_read_call:
        const char *const *strings
        const int64_t *lengths
        const int64_t *pixels
        int64_t n
    int fg_write_strings(const fg_team *team, const fg_masks *masks, char *text, int64_t *ends)
    int fg_read_strings(const fg_team *team, const fg_read_call *call, uint32_t *counts, int64_t *ends, int64_t *bad)

cdef extern from "masks/polygon.h" nogil:
    ctypedef struct fg_polygon_call:
        const double *corners
        const int64_t *offsets
        int64_t n
        int64_t height
        int64_t width
    int fg_draw_polygons(const fg_team *team, const fg_polygon_call *call, fg_runs *runs)


cdef object new_vector(cnp.npy_intp n, int typenum):
    return cnp.PyArray_EMPTY(1, &n, typenum, 0)


cdef fg_masks columns_of(masks) except *:
    """The columns, which the object keeps alive."""
    cdef fg_masks found
    found.counts = <const uint32_t *>cnp.PyArray_DATA(masks.counts)
    found.offsets = <const int64_t *>cnp.PyArray_DATA(masks.offsets)
    found.sizes = <const int64_t *>cnp.PyArray_DATA(masks.sizes)
    found.n = cnp.PyArray_DIM(masks.sizes, 0)
    return found


cdef fg_runs *new_runs(int64_t n) except NULL:
    cdef fg_runs *runs = <fg_runs *>calloc(n + 1, sizeof(fg_runs))
    if runs == NULL:
        raise MemoryError("fastgeo: not enough memory for this call")
    return runs


cdef void free_runs(fg_runs *runs, int64_t n) noexcept:
    cdef int64_t i
    for i in range(n):
        free(runs[i].counts)
    free(runs)


cdef int copy_counts(uint32_t *out, const uint32_t *counts, int64_t n) except -1:
    """Piece by piece, between which signal handlers run."""
    cdef int64_t piece = 1 << 22, at = 0
    while n - at > piece:
        memcpy(out + at, counts + at, piece * sizeof(uint32_t))
        at += piece
        PyErr_CheckSignals()
    memcpy(out + at, counts + at, (n - at) * sizeof(uint32_t))
    return 0


cdef object in_columns(const fg_runs *runs, int64_t n):
    """Counts of all masks, and where each begins."""
    cdef int64_t i
    offsets = new_vector(n + 1, cnp.NPY_INT64)
    cdef int64_t *place = <int64_t *>cnp.PyArray_DATA(offsets)
    place[0] = 0
    for i in range(n):
        place[i + 1] = place[i] + runs[i].count
    counts = new_vector(place[n], cnp.NPY_UINT32)
    cdef uint32_t *out = <uint32_t *>cnp.PyArray_DATA(counts)
    for i in range(n):
        copy_counts(out + place[i], runs[i].counts, runs[i].count)
    return counts, offsets


def take(masks, chosen):
    cdef fg_masks found = columns_of(masks)
    cdef const int64_t *c_chosen = <const int64_t *>cnp.PyArray_DATA(chosen)
    cdef int64_t i, n = cnp.PyArray_DIM(chosen, 0)
    offsets = new_vector(n + 1, cnp.NPY_INT64)
    cdef int64_t *place = <int64_t *>cnp.PyArray_DATA(offsets)
    place[0] = 0
    for i in range(n):
        place[i + 1] = place[i] + found.offsets[c_chosen[i] + 1] - found.offsets[c_chosen[i]]
    counts = new_vector(place[n], cnp.NPY_UINT32)
    cdef uint32_t *out = <uint32_t *>cnp.PyArray_DATA(counts)
    for i in range(n):
        copy_counts(out + place[i], found.counts + found.offsets[c_chosen[i]], place[i + 1] - place[i])
    return counts, offsets


def encode_stack(stack, n_threads):
    cdef fg_team team
    cdef fg_encode_call call
    cdef int status
    open_team(&team, n_threads)
    call.pixels = <const uint8_t *>cnp.PyArray_DATA(stack)
    call.n, call.height, call.width = stack.shape
    call.mask_stride, call.row_stride, call.column_stride = stack.strides
    cdef fg_runs *runs = new_runs(call.n)
    try:
        with nogil:
            status = fg_encode(&team, &call, runs) if call.n else 0
        raise_status(status)
        return in_columns(runs, call.n)
    finally:
        free_runs(runs, call.n)


def decode_stack(masks, out, bint by_column, n_threads):
    cdef fg_team team
    cdef int status
    cdef fg_masks found = columns_of(masks)
    open_team(&team, n_threads)
    cdef uint8_t *pixels = <uint8_t *>cnp.PyArray_DATA(out)
    with nogil:
        status = fg_decode(&team, &found, by_column, pixels) if found.n else 0
    raise_status(status)


def areas_and_boxes(masks):
    cdef fg_team team
    cdef fg_geometry geometry
    cdef fg_masks found = columns_of(masks)
    cdef int status
    cdef int64_t i
    cdef cnp.npy_intp shape[2]
    open_team(&team, None)
    shape[0], shape[1] = found.n, 4
    areas, boxes = new_vector(found.n, cnp.NPY_INT64), cnp.PyArray_EMPTY(2, shape, cnp.NPY_INT64, 0)
    cdef int64_t *c_areas = <int64_t *>cnp.PyArray_DATA(areas)
    cdef int64_t *c_boxes = <int64_t *>cnp.PyArray_DATA(boxes)
    try:
        with nogil:
            status = fg_geometry_of(&team, &found, &geometry)
            for i in range(found.n if status == 0 else 0):
                c_areas[i] = geometry.areas[i]
                c_boxes[4 * i], c_boxes[4 * i + 1] = geometry.boxes[i].left, geometry.boxes[i].top
                c_boxes[4 * i + 2], c_boxes[4 * i + 3] = geometry.boxes[i].right, geometry.boxes[i].bottom
        raise_status(status)
    finally:
        fg_geometry_free(&geometry)
    return areas, boxes


def merge_groups(masks, members, offsets, bint intersect):
    cdef fg_team team
    cdef fg_merge_call call
    cdef int status
    open_team(&team, None)
    call.masks = columns_of(masks)
    call.members = <const int64_t *>cnp.PyArray_DATA(members)
    call.offsets = <const int64_t *>cnp.PyArray_DATA(offsets)
    call.n, call.intersect = cnp.PyArray_DIM(offsets, 0) - 1, intersect
    cdef fg_runs *runs = new_runs(call.n)
    try:
        with nogil:
            status = fg_merge(&team, &call, runs)
        raise_status(status)
        return in_columns(runs, call.n)
    finally:
        free_runs(runs, call.n)


def write_strings(masks):
    cdef fg_team team
    cdef fg_masks found = columns_of(masks)
    cdef int status
    cdef int64_t i, begin = 0, n = found.n
    open_team(&team, 1)
    cdef char *text = <char *>malloc(cnp.PyArray_DIM(masks.counts, 0) * <size_t>FG_MOST_CHARACTERS + 1)
    cdef int64_t *ends = <int64_t *>malloc((n + 1) * sizeof(int64_t))
    cdef list strings = []
    try:
        if text == NULL or ends == NULL:
            raise MemoryError("fastgeo: not enough memory for this call")
        with nogil:
            status = fg_write_strings(&team, &found, text, ends)
        raise_status(status)
        for i in range(n):
            strings.append(PyBytes_FromStringAndSize(text + begin, ends[i] - begin))
            begin = ends[i]
    finally:
        free(text)
        free(ends)
    return strings


def read_strings(list strings, sizes):
    cdef fg_team team
    cdef fg_read_call call
    cdef int status
    cdef int64_t i, n = len(strings), room = 0, bad = 0
    open_team(&team, 1)
    cdef const char **texts = <const char **>malloc((n + 1) * sizeof(char *))
    lengths, pixels = new_vector(n, cnp.NPY_INT64), new_vector(n, cnp.NPY_INT64)
    offsets = new_vector(n + 1, cnp.NPY_INT64)
    cdef int64_t *c_lengths = <int64_t *>cnp.PyArray_DATA(lengths)
    cdef int64_t *c_pixels = <int64_t *>cnp.PyArray_DATA(pixels)
    cdef int64_t *c_offsets = <int64_t *>cnp.PyArray_DATA(offsets)
    cdef const int64_t *c_sizes = <const int64_t *>cnp.PyArray_DATA(sizes)
    cdef uint32_t *counts
    try:
        if texts == NULL:
            raise MemoryError("fastgeo: not enough memory for this call")
        for i in range(n):
            text = strings[i]
            texts[i], c_lengths[i] = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            c_pixels[i] = c_sizes[2 * i] * c_sizes[2 * i + 1] if c_lengths[i] else 0
            room += c_lengths[i]
        found = new_vector(room, cnp.NPY_UINT32)
        counts = <uint32_t *>cnp.PyArray_DATA(found)
        call.strings, call.lengths, call.pixels, call.n = <const char *const *>texts, c_lengths, c_pixels, n
        c_offsets[0] = 0
        with nogil:
            status = fg_read_strings(&team, &call, counts, c_offsets + 1, &bad)
        if status == FG_BAD_VALUE:
            reference_runs.read_string(strings[bad], bad, c_sizes[2 * bad], c_sizes[2 * bad + 1])
        raise_status(status)
    finally:
        free(texts)
    return (found if c_offsets[n] == room else found[:c_offsets[n]].copy()), offsets


def polygon_corners(polygons):
    """Lists of floats are read as they are; whatever else there is goes to the reference."""
    cdef int64_t i, k, total = 0, at = 0
    cdef bint plain = type(polygons) is list
    cdef list polygon
    cdef double value
    if plain:
        for i in range(len(polygons)):
            if type(polygons[i]) is not list or len(polygons[i]) == 0 or len(polygons[i]) % 2:
                plain = False
                break
            total += len(polygons[i])
    if not plain:
        return arguments.polygon_corners(polygons)
    corners, offsets = new_vector(total, cnp.NPY_DOUBLE), new_vector(len(polygons) + 1, cnp.NPY_INT64)
    cdef double *c_corners = <double *>cnp.PyArray_DATA(corners)
    cdef int64_t *c_offsets = <int64_t *>cnp.PyArray_DATA(offsets)
    c_offsets[0] = 0
    for i in range(len(polygons)):
        polygon = polygons[i]
        if at + len(polygon) > total:
            return arguments.polygon_corners(polygons)
        for k in range(len(polygon)):
            number = polygon[k]
            if type(number) is not float and type(number) is not int:
                return arguments.polygon_corners(polygons)
            try:
                value = number
            except OverflowError:
                return arguments.polygon_corners(polygons)
            if not -134217728.0 <= value <= 134217728.0:
                return arguments.polygon_corners(polygons)
            c_corners[at] = value
            at += 1
        c_offsets[i + 1] = at // 2
    return corners.reshape(-1, 2), offsets


def draw_polygons(corners, offsets, height, width, n_threads):
    cdef fg_team team
    cdef fg_polygon_call call
    cdef int status
    open_team(&team, n_threads)
    corners, offsets = checks.plain(corners, np.float64), checks.plain(offsets, np.int64)
    call.corners = <const double *>cnp.PyArray_DATA(corners)
    call.offsets = <const int64_t *>cnp.PyArray_DATA(offsets)
    call.n, call.height, call.width = cnp.PyArray_DIM(offsets, 0) - 1, height, width
    cdef fg_runs *runs = new_runs(call.n)
    try:
        with nogil:
            status = fg_draw_polygons(&team, &call, runs)
        raise_status(status)
        return in_columns(runs, call.n)
    finally:
        free_runs(runs, call.n)
