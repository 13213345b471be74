static double FG_NAME(total)(const vreal *chains)
{
    real lanes[CHAINS * LANES];
    double sum = 0;
    for (int i = 0; i < CHAINS; i++)
        v_store(lanes + i * LANES, chains[i]);
    for (int i = 0; i < CHAINS * LANES; i++)
        sum += (double)lanes[i];
    return sum;
}

static int64_t FG_NAME(fma_round)(void) { return 2 * CHAINS * LANES; }

static double FG_NAME(spin_fma)(int64_t rounds)
{
    const vreal factor = v_set1((real)0.999), term = v_set1((real)0.001);
    vreal chains[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        chains[i] = v_set1((real)i);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++)
            chains[i] = v_fma(chains[i], factor, term);
    return FG_NAME(total)(chains);
}

static double FG_NAME(read_floats)(const float *values, int64_t n)
{
    vreal chains[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        chains[i] = v_set1(0);
    for (int64_t begin = 0; begin + CHAINS * LANES <= n; begin += CHAINS * LANES)
        for (int i = 0; i < CHAINS; i++)
            chains[i] = v_add(chains[i], v_load(values + begin + i * LANES));
    return FG_NAME(total)(chains);
}
