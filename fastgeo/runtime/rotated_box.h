/* Rotated boxes (cx, cy, w, h, degrees), in float64 and scalar code alone: the same bits on every instruction set.

   The intersection is found in the frame of the first box, where that box is [-w/2, w/2] × [-h/2, h/2] and clipping
   the other one needs comparisons and interpolation along the axes only. Coordinates far from zero cost no accuracy:
   only the difference of the centres enters. */
#ifndef FG_ROTATED_BOX_H
#define FG_ROTATED_BOX_H

#include <math.h>

typedef struct {
    double cx, cy;
    double half_w, half_h; /* never negative */
    double cosine, sine;
    double area;
    double radius; /* of the circle around it */
} fg_rotated_box;

/* Sine and cosine of r in [-π/4, π/4]: the polynomials of fdlibm, within one ulp. */
static inline double fg_sine_kernel(double r)
{
    const double z = r * r;
    const double p = 8.33333333332248946124e-03 +
                     z * (-1.98412698298579493134e-04 +
                          z * (2.75573137070700676789e-06 +
                               z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
    return r + z * r * (-1.66666666666666324348e-01 + z * p);
}

static inline double fg_cosine_kernel(double r)
{
    const double z = r * r, half = 0.5 * z;
    const double p = z * (4.16666666666666019037e-02 +
                          z * (-1.38888888888741095749e-03 +
                               z * (2.48015872894767294178e-05 +
                                    z * (-2.75573143513906633035e-07 +
                                         z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
    const double w = 1 - half;
    return w + ((1 - w) - half + z * p);
}

/* Reduced in degrees, which is exact: multiples of 90 give 0 and ±1. */
static inline void fg_sine_cosine_degrees(double degrees, double *sine, double *cosine)
{
    const double turn = fmod(degrees, 360.0);
    const double quarters = floor(turn / 90.0 + 0.5);
    const double r = (turn - 90.0 * quarters) * 0.017453292519943295;
    const double s = fg_sine_kernel(r), c = fg_cosine_kernel(r);
    const int quadrant = (int)quarters & 3;
    const double sines[4] = {s, c, -s, -c}, cosines[4] = {c, -s, -c, s};
    *sine = sines[quadrant];
    *cosine = cosines[quadrant];
}

static inline fg_rotated_box fg_rotated_box_of(double cx, double cy, double w, double h, double degrees)
{
    fg_rotated_box box = {.cx = cx, .cy = cy, .half_w = w > 0 ? w / 2 : 0, .half_h = h > 0 ? h / 2 : 0};
    fg_sine_cosine_degrees(degrees, &box.sine, &box.cosine);
    box.area = (w > 0 ? w : 0) * (h > 0 ? h : 0);
    box.radius = sqrt(box.half_w * box.half_w + box.half_h * box.half_h);
    return box;
}

/* Clips the polygon (p, q) of n vertices to p <= limit (`side` 1) or p >= -limit (`side` -1). Returns how many vertices
   are left. */
static inline int fg_clip_polygon(const double *p, const double *q, int n, double side, double limit, double *p_out,
                                  double *q_out)
{
    int count = 0;
    for (int i = 0, before = n - 1; i < n; before = i++) {
        const double here = limit - side * p[i], there = limit - side * p[before];
        if ((here >= 0) != (there >= 0)) {
            const double t = there / (there - here);
            p_out[count] = side * limit;
            q_out[count++] = q[before] + t * (q[i] - q[before]);
        }
        if (here >= 0) {
            p_out[count] = p[i];
            q_out[count++] = q[i];
        }
    }
    return count;
}

/* The first vertex as origin keeps the products small, wherever the polygon lies. */
static inline double fg_polygon_area(const double *x, const double *y, int n)
{
    double twice = 0;
    for (int i = 2; i < n; i++)
        twice += (x[i - 1] - x[0]) * (y[i] - y[0]) - (x[i] - x[0]) * (y[i - 1] - y[0]);
    return fabs(twice) / 2;
}

static inline double fg_rotated_intersection(const fg_rotated_box *a, const fg_rotated_box *b)
{
    const double dx = b->cx - a->cx, dy = b->cy - a->cy, reach = a->radius + b->radius;
    if (!(dx * dx + dy * dy <= reach * reach))
        return 0;
    /* The centre of b and its half sides (ux, uy), (vx, vy), all in the frame of a: width along (cos, -sin), height
       along (sin, cos), as y points down. */
    const double cosine = a->cosine * b->cosine + a->sine * b->sine, sine = b->sine * a->cosine - b->cosine * a->sine;
    const double px = dx * a->cosine - dy * a->sine, py = dx * a->sine + dy * a->cosine;
    const double ux = b->half_w * cosine, uy = -b->half_w * sine;
    const double vx = b->half_h * sine, vy = b->half_h * cosine;
    /* Eight vertices at most, but rounding may bend an edge: n vertices never become more than 3n/2 in one clip. */
    double x[20], y[20], x2[20], y2[20];
    x[0] = px + ux + vx, y[0] = py + uy + vy;
    x[1] = px - ux + vx, y[1] = py - uy + vy;
    x[2] = px - ux - vx, y[2] = py - uy - vy;
    x[3] = px + ux - vx, y[3] = py + uy - vy;
    int n = fg_clip_polygon(x, y, 4, 1, a->half_w, x2, y2);
    n = fg_clip_polygon(x2, y2, n, -1, a->half_w, x, y);
    n = fg_clip_polygon(y, x, n, 1, a->half_h, y2, x2);
    n = fg_clip_polygon(y2, x2, n, -1, a->half_h, y, x);
    const double area = fg_polygon_area(x, y, n), least = a->area < b->area ? a->area : b->area;
    return area < least ? area : least;
}

/* Whether two boxes may intersect by `least`: two strips of widths a and b that cross at an angle share a·b over its sine at
   most. Of long thin boxes it rules out nearly all pairs, without clipping. The margin covers rounding to float32. */
static inline int fg_rotated_may_share(const fg_rotated_box *a, const fg_rotated_box *b, double least)
{
    const double need = least * (0.25 * (1 - 0x1p-20));
    const double cosine = fabs(a->cosine * b->cosine + a->sine * b->sine);
    const double sine = fabs(b->sine * a->cosine - b->cosine * a->sine);
    return a->half_h * b->half_h >= need * sine && a->half_w * b->half_w >= need * sine &&
           a->half_w * b->half_h >= need * cosine && a->half_h * b->half_w >= need * cosine;
}

/* Intersection over union, from 0 to 1; 0 where the union is empty. */
static inline double fg_rotated_iou(const fg_rotated_box *a, const fg_rotated_box *b)
{
    const double intersection = fg_rotated_intersection(a, b), both = a->area + b->area - intersection;
    return both > 0 ? intersection / both : 0;
}

#endif
