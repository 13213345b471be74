/* Classes against a running maximum, many anchors or many classes at a time. */

/* Anchors side by side: eight rows of classes at once. Most vectors hold no score above their running maximum, and take
   the short way: eight loads, eight maxima, one comparison. v_max(row, best) passes over a NaN. */
static int FG_NAME(raise_maxima)(const head_rows *rows, int64_t n, float *best, int32_t *best_class)
{
    int found = 0;
    for (int64_t j = 0; j < n; j += LANES) {
        const vreal before = v_load(best + j);
        vreal most = before;
        for (int r = 0; r < rows->count; r++)
            most = v_max(v_load(rows->row[r] + j), most);
        if (m_bits(v_lt(before, most)) == 0)
            continue;
        vreal running = before;
        vint class_index = i_load(best_class + j);
        for (int r = 0; r < rows->count; r++) {
            const vreal score = v_load(rows->row[r] + j);
            const vmask higher = v_lt(running, score);
            running = v_select(higher, score, running);
            class_index = i_select(higher, i_set1((int32_t)(rows->first + r)), class_index);
        }
        v_store(best + j, running);
        i_store(best_class + j, class_index);
        found = 1;
    }
    return found;
}

/* Whether one of the rows has a score above the threshold at the anchors j … j + LANES - 1: in bit r for row r. */
static unsigned FG_NAME(rows_above)(const head_rows *rows, int64_t j, float threshold)
{
    const vreal least = v_set1(threshold);
    unsigned above = 0;
    for (int r = 0; r < rows->count; r++)
        above |= (unsigned)(m_bits(v_lt(least, v_load(rows->row[r] + j))) != 0) << r;
    return above;
}

/* Whether one of n scores side by side is above the threshold. */
static int FG_NAME(any_above)(const float *scores, int64_t n, float threshold)
{
    const vreal least = v_set1(threshold);
    vreal most = least;
    int64_t c = 0;
    for (; c + LANES <= n; c += LANES)
        most = v_max(v_load(scores + c), most);
    int above = m_bits(v_lt(least, most)) != 0;
    for (; c < n; c++)
        above |= scores[c] > threshold;
    return above;
}

/* Stored values as numbers. The loops are written for the compiler to make vectors of. */
static void FG_NAME(widen)(const fg_select_call *call, const void *stored, int64_t n, float scale, float *out)
{
    const float zero = (float)call->zero_point;
    if (call->kind == FG_HEAD_U8)
        for (int64_t i = 0; i < n; i++)
            out[i] = ((float)((const uint8_t *)stored)[i] - zero) * scale;
    else if (call->kind == FG_HEAD_I8)
        for (int64_t i = 0; i < n; i++)
            out[i] = ((float)((const int8_t *)stored)[i] - zero) * scale;
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = from_half(((const uint16_t *)stored)[i]);
}

static void FG_NAME(multiply)(float *values, const float *factors, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        values[i] *= factors[i];
}
