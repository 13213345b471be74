/* Passes over the columns: the cheapest of a row, and one step of the search for a shortest path. */

/* Costs from column j on; infinite beyond the last. */
static inline vreal FG_NAME(costs_at)(const double *costs, int64_t j, int64_t m)
{
    if (j + LANES <= m)
        return v_load(costs + j);
    const int64_t left = m - j;
    return v_select(v_lt(v_load(lane_values), v_set1((double)left)), v_load_part(costs + j, left), v_set1(INFINITY));
}

/* The least of all lanes, and its column: of equals the lowest. */
static inline double FG_NAME(first_least)(vreal least, vint columns, int64_t *column)
{
    double values[LANES];
    int64_t at[LANES];
    v_store(values, least);
    i_store(at, columns);
    int best = 0;
    for (int l = 1; l < LANES; l++)
        if (values[l] < values[best] || (values[l] == values[best] && at[l] < at[best]))
            best = l;
    *column = at[best];
    return values[best];
}

/* The least cost of a row and the first column that has it. A NaN or minus infinity makes it a NaN. */
static double FG_NAME(cheapest)(const double *costs, int64_t m, int64_t *column)
{
    const vreal infinity = v_set1(INFINITY);
    const vmask all = v_le(infinity, infinity);
    vreal least = infinity;
    vint at = i_set1(0), here = i_load(lane_numbers);
    vmask fine = all;
    for (int64_t j = 0; j < m; j += LANES) {
        const vreal cost = FG_NAME(costs_at)(costs, j, m);
        const vmask less = v_lt(cost, least);
        fine = m_and(fine, v_lt(v_set1(-INFINITY), cost));
        least = v_select(less, cost, least);
        at = i_select(less, here, at);
        here = i_add(here, i_set1(LANES));
    }
    const double found = FG_NAME(first_least)(least, at, column);
    return m_bits(fine) == m_bits(all) ? found : NAN;
}

/* The two least reduced costs of a row, cost - v, and the column of the first. */
static void FG_NAME(two_least)(const path_search *search, const double *costs, double least[2], int64_t *column)
{
    vreal first = v_set1(INFINITY), second = v_set1(INFINITY);
    vint columns = i_set1(0), here = i_load(lane_numbers);
    for (int64_t j = 0; j < search->m; j += LANES) {
        const vreal reduced = v_sub(FG_NAME(costs_at)(costs, j, search->m), v_load(search->v + j));
        const vmask less = v_lt(reduced, first);
        second = v_select(less, first, v_min(reduced, second));
        first = v_select(less, reduced, first);
        columns = i_select(less, here, columns);
        here = i_add(here, i_set1(LANES));
    }
    double firsts[LANES], seconds[LANES];
    v_store(firsts, first);
    v_store(seconds, second);
    least[0] = FG_NAME(first_least)(first, columns, column);
    least[1] = INFINITY;
    for (int l = 0; l < LANES; l++) {
        const int is_first = *column % LANES == l;
        const double other = is_first ? seconds[l] : firsts[l];
        least[1] = other < least[1] ? other : least[1];
    }
}

/* Shortens the distances of the open columns by way of `row`, which is `at` away. Returns how far the nearest of them is.
   A reached column has v = -infinity, which keeps it infinitely far. */
static double FG_NAME(relax)(path_search *search, const double *costs, int64_t row, double at, int64_t *nearest)
{
    const vreal u = v_set1(search->u[row]), start = v_set1(at);
    vreal least = v_set1(INFINITY);
    vint columns = i_set1(0), here = i_load(lane_numbers);
    for (int64_t j = 0; j < search->m; j += LANES) {
        const vreal reduced = v_sub(v_sub(FG_NAME(costs_at)(costs, j, search->m), u), v_load(search->v + j));
        const vreal through = v_add(start, reduced), known = v_load(search->distance + j);
        const vmask nearer = v_lt(through, known);
        const vreal distance = v_select(nearer, through, known);
        v_store(search->distance + j, distance);
        i_store(search->before + j, i_select(nearer, i_set1(row), i_load(search->before + j)));
        const vmask less = v_lt(distance, least);
        least = v_select(less, distance, least);
        columns = i_select(less, here, columns);
        here = i_add(here, i_set1(LANES));
    }
    return FG_NAME(first_least)(least, columns, nearest);
}
