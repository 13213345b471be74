/* Values and distances in float64, shared by the bodies that are compiled for it alone; the points may be float32, which
   widens exactly. No operation is contracted. */
static inline double FG_NAME(value)(const fg_points *points, int64_t i, int64_t l)
{
    const int64_t at = i * points->d + l;
    const double x = points->is_f64 ? ((const double *)points->x)[at] : (double)((const float *)points->x)[at];
    return points->scale ? x * points->scale[i] : x;
}

/* 1 - IoU of two sizes. */
static inline double FG_NAME(size_loss)(double w, double h, double w2, double h2)
{
    const double common = (w < w2 ? w : w2) * (h < h2 ? h : h2);
    const double total = w * h + w2 * h2 - common;
    return 1 - (total > 0 ? common / total : 0);
}
