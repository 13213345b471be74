/* Which points Hamerly's bounds settle. See hamerly.h. */

/* Ages the bounds of points [begin, end) and lists those whose label they leave open. */
static int64_t FG_NAME(list_open)(const fg_nearest_call *call, int64_t begin, int64_t end, int64_t *numbers)
{
    fg_bounds *bounds = call->bounds;
    int64_t count = 0;
    for (int64_t i = begin; i < end; i++) {
        const int32_t label = call->labels[i];
        const float upper = (bounds->upper[i] + bounds->moved[label]) * (1 + FG_BOUND_ROUNDING);
        const float most = label == bounds->farthest_mover ? bounds->second_move : bounds->largest_move;
        const float lower = (bounds->lower[i] - most) * (1 - FG_BOUND_ROUNDING);
        const float safe = lower > bounds->half_gap[label] ? lower : bounds->half_gap[label];
        bounds->upper[i] = upper;
        bounds->lower[i] = lower;
        numbers[count] = i;
        count += !(upper * bounds->slack + bounds->least < safe);
    }
    return count;
}
