/* What all ways of pooling share: which cells of a window count, and how values join a maximum or a sum. */
#include <math.h>
#include <string.h>

#ifndef FG_POOLING_HELPERS
#define FG_POOLING_HELPERS
#define FG_INLINE static inline __attribute__((always_inline))
enum { POOL_VECTORS = 4 }; /* of channels that pass through registers together */

static int64_t fg_smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* The taps k of a window beginning at `start` whose cells start + k * dilation lie in [low, high). */
static void fg_tap_range(int64_t start, int64_t size, int64_t dilation, int64_t low, int64_t high, int64_t *begin,
                         int64_t *end)
{
    *begin = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    if (start + (size - 1) * dilation < high) { /* the usual case, without a division */
        *end = size;
    } else {
        *end = start >= high ? 0 : (high - start + dilation - 1) / dilation;
        if (*end > size)
            *end = size;
    }
    if (*begin > *end)
        *begin = *end;
}

/* Counts the cells of a chunk and polls for Ctrl-C now and then. */
typedef struct {
    const fg_team *team;
    int slot;
    int64_t left;
} fg_pool_meter;

/* Whether to leave the rest of the chunk undone. */
static inline int fg_spend_cells(fg_pool_meter *meter, int64_t cells)
{
    meter->left -= cells;
    if (meter->left >= 0)
        return 0;
    meter->left = FG_POOL_CHUNK_CELLS;
    return meter->team->stopped(meter->slot);
}

/* The taps of a window that lie inside the image, and a piece of them: whole rows, or part of one. */
typedef struct {
    int64_t row_begin, row_end, column_begin, column_end;
} fg_taps;

typedef struct {
    fg_taps taps;
    int first, last; /* of its window */
} fg_piece;

/* The first piece of a window, of at most so many cells; a window without cells has one piece, an empty one. */
static fg_piece fg_first_piece(fg_taps *window, int64_t cells)
{
    if (window->row_begin == window->row_end || window->column_begin == window->column_end)
        *window = (fg_taps){0, 0, 0, 0};
    if ((window->row_end - window->row_begin) * (window->column_end - window->column_begin) <= cells)
        return (fg_piece){*window, 1, 1};
    const int64_t columns = fg_smaller(window->column_end - window->column_begin, cells);
    const int64_t rows = columns ? fg_smaller(window->row_end - window->row_begin, cells / columns) : 0;
    const fg_taps taps = {window->row_begin, window->row_begin + rows, window->column_begin,
                          window->column_begin + columns};
    return (fg_piece){taps, 1, taps.row_end == window->row_end && taps.column_end == window->column_end};
}

/* The piece after one that is not the last. */
static void fg_next_piece(const fg_taps *window, int64_t cells, fg_piece *piece)
{
    fg_taps *taps = &piece->taps;
    if (taps->column_end < window->column_end) {
        taps->column_begin = taps->column_end;
        taps->column_end = fg_smaller(taps->column_begin + cells, window->column_end);
    } else {
        const int64_t rows = taps->row_end - taps->row_begin;
        taps->row_begin = taps->row_end;
        taps->row_end = fg_smaller(taps->row_begin + rows, window->row_end);
        taps->column_begin = window->column_begin;
        taps->column_end = fg_smaller(taps->column_begin + cells, window->column_end);
    }
    piece->first = 0;
    piece->last = taps->row_end == window->row_end && taps->column_end == window->column_end;
}
#endif

#include "convolution/powers_body.h"

FG_INLINE vreal FG_NAME(v_larger)(vreal best, vreal value)
{
    return v_select(v_eq(value, value), v_max(value, best), value);
}

FG_INLINE real FG_NAME(larger)(real best, real value) { return value > best || value != value ? value : best; }

/* Takes n values side by side into a maximum or a sum. */
FG_INLINE void FG_NAME(take_run)(real *to, const real *from, int64_t n, const int kind)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vreal old = v_load(to + i), value = v_load(from + i);
        v_store(to + i, kind == FG_MAX_POOL ? FG_NAME(v_larger)(old, value) : v_add(old, value));
    }
    for (; i < n; i++)
        to[i] = kind == FG_MAX_POOL ? FG_NAME(larger)(to[i], from[i]) : to[i] + from[i];
}

/* The same with where each was found: at `index`, and `step` further for each after the first. */
static void FG_NAME(take_indexed)(real *to, int64_t *indices, const real *from, int64_t n, int64_t index, int64_t step)
{
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || from[i] > to[i] || (from[i] != from[i] && to[i] == to[i])) {
            to[i] = from[i];
            indices[i] = index + i * step;
        }
}

/* A mean of no cells is 0. */
static void FG_NAME(divide_run)(real *to, int64_t n, real count)
{
    if (count > 0)
        for (int64_t i = 0; i < n; i++)
            to[i] /= count;
}

/* The cells of a window that count in a mean are these rows times these columns. */
static int64_t FG_NAME(count_rows)(const fg_pool_call *call, int64_t y)
{
    const int64_t top = y * call->stride_y - call->pad_top, padded = call->count_include_pad;
    int64_t begin, end;
    fg_tap_range(top, call->size_y, call->dilation_y, padded ? -call->pad_top : 0,
                 call->height + (padded ? call->pad_bottom : 0), &begin, &end);
    return end - begin;
}

static int64_t FG_NAME(count_columns)(const fg_pool_call *call, int64_t x)
{
    const int64_t left = x * call->stride_x - call->pad_left, padded = call->count_include_pad;
    int64_t begin, end;
    fg_tap_range(left, call->size_x, call->dilation_x, padded ? -call->pad_left : 0,
                 call->width + (padded ? call->pad_right : 0), &begin, &end);
    return end - begin;
}

#include "convolution/pooling_rows_body.h"

#include "convolution/pooling_pixels_body.h"

#include "convolution/pooling_planes_body.h"
