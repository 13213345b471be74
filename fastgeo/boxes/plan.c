#include "boxes/plan.h"

#include "boxes/parts.h"
#include "boxes/tuning.h"

const char *const fg_iou_algorithms[] = {[FG_TILES] = "tiles", [FG_COLUMN_CELLS] = "column_cells"};
const char *const fg_sparse_algorithms[] = {[FG_ALL_PAIRS] = "all_pairs", [FG_BOX_TREE] = "box_tree"};

/* The other measures have one algorithm. */
static int has_choice(const fg_iou_call *call)
{
    return call->kind == FG_IOU || call->kind == FG_IOU_CROWD || call->kind == FG_IOA;
}

/* Why sorted columns cannot serve a call; NULL: they can. */
static const char *no_column_cells(const fg_iou_call *call)
{
    if (!has_choice(call))
        return "boxes that are apart have a value other than 0";
    if (call->offset != 0)
        return "with an offset, boxes that are apart may overlap";
    return call->m > LONGEST_ROW ? "a row is too long for one chunk" : NULL;
}

int fg_plan_iou(const fg_team *team, const fg_iou_call *call, fg_iou_plan *plan)
{
    const double pairs = (double)call->n * (double)call->m;
    const char *const objection = no_column_cells(call);
    const int forced = has_choice(call) ? fg_forced(team, "box_iou", fg_iou_algorithms, FG_IOU_ALGORITHMS) : -1;
    if (forced == FG_COLUMN_CELLS && objection)
        return fg_refuse(team, "box_iou", fg_iou_algorithms[forced], objection);
    if (forced >= 0) {
        plan->algorithm = forced;
        plan->reason = "it was asked for";
    } else if (objection) {
        plan->algorithm = FG_TILES;
        plan->reason = objection;
    } else if (call->n < ROWS || pairs < LEAST_MOSTLY_EMPTY) {
        plan->algorithm = FG_TILES;
        plan->reason = "sorting the columns costs more than it saves in a table this small";
    } else {
        plan->algorithm = FG_COLUMN_CELLS;
        plan->reason = "in a large table most pairs are usually apart: only columns in cells near a row are compared";
    }
    plan->threads = pairs < MIN_PAIRS_FOR_THREADS ? 1 : team->size;
    plan->bands = fg_pieces(call->n, APART_BANDS * ROWS);
    plan->column_chunks = plan->algorithm == FG_COLUMN_CELLS ? 1 : fg_pieces(call->m, CHUNK_COLUMNS);
    plan->chunks = (call->n <= ROWS ? 1 : APART_BANDS * plan->bands) * plan->column_chunks;
    return FG_OK;
}

static void choose_sparse(const fg_sparse_call *call, fg_share_ruled_out *sample, const void *boxes, fg_sparse_plan *plan)
{
    const double n = (double)call->n, m = (double)call->m, costs = BUILDING * m, most = n * (m - SEARCHING);
    plan->algorithm = FG_ALL_PAIRS;
    if (most <= costs) {
        plan->reason = "so few boxes are compared before a tree of them is built";
    } else if (call->n >= MANY_ROWS) {
        plan->algorithm = FG_BOX_TREE;
        plan->reason = "with so many rows a tree of boxes2 costs little beside the searches";
    } else if (most * sample(boxes) <= costs) {
        plan->reason = "a sample of the rows overlaps so many columns that a tree would rule out too few";
    } else {
        plan->algorithm = FG_BOX_TREE;
        plan->reason = "a sample of the rows overlaps few columns: a tree of boxes2 rules out the others";
    }
}

/* Rows that are searched in one chunk. However many there are in all, what is kept for each chunk stays small. */
static int64_t rows_of_chunk(const fg_sparse_call *call, int algorithm)
{
    const int64_t compared = PAIRS_PER_CHUNK / (call->m + 1), least = fg_pieces(call->n, MOST_CHUNKS);
    const int64_t rows = algorithm == FG_BOX_TREE ? SEARCHED_ROWS : compared < MOST_ROWS ? compared : MOST_ROWS;
    return rows > least ? rows : least > 1 ? least : 1;
}

void fg_plan_sparse(const fg_team *team, const fg_sparse_call *call, fg_share_ruled_out *sample, const void *boxes,
                    fg_sparse_plan *plan)
{
    const int forced = fg_forced(team, "sparse_box_iou", fg_sparse_algorithms, FG_SPARSE_ALGORITHMS);
    if (forced >= 0) {
        plan->algorithm = forced;
        plan->reason = "it was asked for";
    } else {
        choose_sparse(call, sample, boxes, plan);
    }
    plan->rows = rows_of_chunk(call, plan->algorithm);
    plan->chunks = fg_pieces(call->n, plan->rows);
    const int few = (double)call->n * (double)call->m < MIN_PAIRS_FOR_THREADS;
    plan->threads = few ? 1 : plan->chunks < team->size ? (int)plan->chunks : team->size;
}

int fg_plan_loading(const fg_team *team, int64_t parts) { return parts < MIN_LOADS_FOR_THREADS ? 1 : team->size; }

int fg_plan_taking(const fg_sparse_plan *plan, int64_t count) { return count < MIN_PAIRS_FOR_THREADS ? 1 : plan->threads; }

int fg_plan_paired(const fg_team *team, int64_t n) { return n < MIN_PAIRED_FOR_THREADS ? 1 : team->size; }

int fg_plan_rotated(const fg_team *team, int64_t n) { return n < MIN_ROTATED_FOR_THREADS ? 1 : team->size; }
