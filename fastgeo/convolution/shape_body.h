/* The tiles of one instruction set. */
static const fg_conv_shape FG_NAME(conv_shape)[1] = {
    {LANES, FG_TILE(LANES * FG_REAL_BITS), FG_NARROW_TILE(LANES * FG_REAL_BITS), FG_LANE_TILE(LANES * FG_REAL_BITS)}};
