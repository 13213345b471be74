/* The tiles of one instruction set. A function, since a target region without one is an error to Clang. */
static const fg_conv_shape *FG_NAME(conv_shape)(void)
{
    static const fg_conv_shape shape = {LANES, FG_TILE(LANES * FG_REAL_BITS), FG_NARROW_TILE(LANES * FG_REAL_BITS),
                                        FG_LANE_TILE(LANES * FG_REAL_BITS)};
    return &shape;
}
