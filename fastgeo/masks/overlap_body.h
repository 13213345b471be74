/* Rows that the runs of two layers share, over n columns. */
static int64_t FG_NAME(shared_rows)(const int32_t *restrict top1, const int32_t *restrict bottom1,
                                    const int32_t *restrict top2, const int32_t *restrict bottom2, int64_t n)
{
    int32_t shared = 0; /* of the pixels of one mask, so it does not overflow */
    for (int64_t x = 0; x < n; x++) {
        const int32_t top = top1[x] > top2[x] ? top1[x] : top2[x];
        const int32_t bottom = bottom1[x] < bottom2[x] ? bottom1[x] : bottom2[x];
        shared += bottom > top ? bottom - top : 0;
    }
    return shared;
}
