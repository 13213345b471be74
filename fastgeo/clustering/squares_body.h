/* Sums of squares of `count` rows from number `first` on, at most SIDE_BY_SIDE, which is also how many `sum` has memory
   for. Each is one chain in index order, as in the reference; they run side by side. */
static inline void FG_NAME(row_squares)(const fg_points *points, int64_t first, int64_t count, double *sum)
{
    const int64_t d = points->d;
    const real *row[SIDE_BY_SIDE];
    for (int p = 0; p < SIDE_BY_SIDE; p++) {
        row[p] = (const real *)points->x + (first + (p < count ? p : 0)) * d;
        sum[p] = 0;
    }
    for (int64_t l = 0; l < d; l++)
        for (int p = 0; p < SIDE_BY_SIDE; p++)
            sum[p] += (double)row[p][l] * (double)row[p][l];
}
