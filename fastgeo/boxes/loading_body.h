/* Boxes on their way into a measure: from rows of four values to the runs that measures_body.h reads, and from these into
   vectors. Part of iou_body.h. */

/* atan(width / height), and 0 for 0/0; within 2 ulp. The range reduction and the rational function are Cephes'. */
static inline double FG_NAME(aspect_angle)(double width, double height)
{
    const int steep = width > 2.41421356237309504880 * height, middle = 3 * width > 2 * height;
    const double above = steep ? -height : middle ? width - height : width;
    const double below = steep ? width : middle ? width + height : height;
    const double low = steep ? 6.123233995736765886130e-17 : middle ? 3.061616997868382943065e-17 : 0;
    const double high = steep ? 1.57079632679489661923 : middle ? 0.78539816339744830962 : 0;
    const double t = above / (below > 0 ? below : 1), z = t * t;
    const double p = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z -
                      1.228866684490136173410e2) * z - 6.485021904942025371773e1;
    const double q = ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z +
                       4.328810604912902668951e2) * z + 4.853903996359136964868e2) * z + 1.945506571482613964425e2;
    return high + (t * (z * p / q) + t + low);
}

/* The runs behind the area: what DIoU, CIoU, SIoU and IoU with crowds read besides corners and area. */
static void FG_NAME(load_extra)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t begin, int64_t end,
                                int64_t n, real *soa)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    const real offset = (real)call->offset;
    const int kind = call->kind, runs = runs_of_kind[kind], corners = call->fmt == FG_XYXY;
    for (int run = 5; run < runs && end == n; run++)
        for (int64_t i = n; i < stride; i++)
            soa[run * stride + i] = 0;
    for (int64_t i = begin; i < end; i++) {
        if (kind == FG_IOU_CROWD) {
            soa[i + 5 * stride] = crowd ? crowd[i] : 0;
            continue;
        }
        soa[i + 5 * stride] = (soa[i] + soa[i + 2 * stride]) / 2;
        soa[i + 6 * stride] = (soa[i + stride] + soa[i + 3 * stride]) / 2;
    }
    if (kind != FG_CIOU && kind != FG_SIOU)
        return;
    for (int64_t i = begin; i < end; i++) {
        const real *box = boxes + 4 * i;
        const real width = FG_NAME(extent)(corners ? box[0] : 0, box[2], offset);
        const real height = FG_NAME(extent)(corners ? box[1] : 0, box[3], offset);
        soa[i + 7 * stride] = kind == FG_SIOU ? width : (real)FG_NAME(aspect_angle)(width, height);
        if (kind == FG_SIOU)
            soa[i + 8 * stride] = height;
    }
}

/* Boxes begin … end - 1 of n into soa[runs_of_kind[kind] * soa_stride(n)]; FG_BAD_VALUE where a value is NaN or beyond the
   limit. */
static int FG_NAME(load_runs)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t begin, int64_t end,
                              int64_t n, real *soa)
{
    int status = FG_NAME(load_part)(boxes, begin, end, n, call->fmt, (real)call->offset, soa);
    if (runs_of_kind[call->kind] > 5)
        FG_NAME(load_extra)(call, boxes, crowd, begin, end, n, soa);
    return status;
}

/* A part of boxes1 or, behind those, of boxes2. */
static void FG_NAME(load_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    iou_job *job = job_;
    const fg_iou_call *call = job->call;
    const fg_part part = fg_part_of(call->n, call->m, LOADED, chunk);
    if (FG_NAME(load_runs)(call, part.second ? call->boxes2 : call->boxes1, part.second ? call->iscrowd : 0, part.begin,
                           part.end, part.n, part.second ? job->soa2 : job->soa1))
        atomic_store_explicit(&job->bad, 1, memory_order_relaxed);
}

static inline __attribute__((always_inline)) void FG_NAME(load_row)(const real *soa, int64_t stride, int64_t i, int kind,
                                                                    vreal *row)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        row[run] = v_broadcast(soa + run * stride + i);
}

static inline __attribute__((always_inline)) void FG_NAME(load_columns)(const real *soa, int64_t stride, int64_t j,
                                                                        int kind, vreal *columns)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        columns[run] = v_load(soa + run * stride + j);
}
