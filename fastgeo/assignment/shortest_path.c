#include "assignment/shortest_path.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

enum { MOST_LANES = 8 };

static const double lane_values[MOST_LANES] = {0, 1, 2, 3, 4, 5, 6, 7};
static const int64_t lane_numbers[MOST_LANES] = {0, 1, 2, 3, 4, 5, 6, 7};

/* A column that the search has reached: how far it is, and its dual variable, which is put away meanwhile. */
typedef struct {
    int64_t column;
    double at, v;
} reached_column;

typedef struct {
    int64_t row;
    double at;
} passed_row;

typedef struct {
    int64_t m;
    double *u, *v;        /* dual variables: cost - u - v is never negative, and zero where matched */
    double *distance;     /* to each open column */
    int64_t *before;      /* the row ahead of it on the way */
    int64_t *row_of;      /* of each column, or -1 */
    int64_t *waiting;     /* rows without a column, the next one last */
    int64_t *left;        /* rows that have to search for one */
    reached_column *reached;
    passed_row *passed;
    int64_t n_reached, n_passed, n_waiting, n_left;
    const fg_team *team;
    double work; /* values read since the team was asked whether to stop */
} path_search;

#define FG_REAL_BITS 64
#define FG_BODY "assignment/shortest_path_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef double cheapest_function(const double *costs, int64_t m, int64_t *column);
typedef void two_least_function(const path_search *search, const double *costs, double least[2], int64_t *column);
typedef double relax_function(path_search *search, const double *costs, int64_t row, double at, int64_t *nearest);
#define ROW_OF_CHEAPEST(isa, code, dot, unused) [FG_ISA_##isa] = cheapest_##code##_f64,
static cheapest_function *const cheapest_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_CHEAPEST, )};
#define ROW_OF_TWO_LEAST(isa, code, dot, unused) [FG_ISA_##isa] = two_least_##code##_f64,
static two_least_function *const two_least_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_TWO_LEAST, )};
#define ROW_OF_RELAX(isa, code, dot, unused) [FG_ISA_##isa] = relax_##code##_f64,
static relax_function *const relax_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_RELAX, )};

/* Arrays over columns are read by whole vectors. */
static int64_t padded(int64_t m) { return (m + MOST_LANES - 1) / MOST_LANES * MOST_LANES; }

size_t fg_assignment_scratch(int64_t n, int64_t m)
{
    if (n > (int64_t)1 << 56 || m > (int64_t)1 << 56)
        return 0;
    const int64_t fewer = n < m ? n : m, wide = padded(m);
    return (size_t)(8 * (3 * wide + m + 3 * n) + (fewer + 1) * (int64_t)sizeof(reached_column) +
                    (n + 1) * (int64_t)sizeof(passed_row));
}

static path_search open_search(const fg_assignment_call *call, void *scratch)
{
    const int64_t n = call->n, m = call->m, wide = padded(m), fewer = n < m ? n : m;
    path_search search = {.m = m, .distance = scratch};
    search.v = search.distance + wide;
    search.before = (int64_t *)(search.v + wide);
    search.row_of = search.before + wide;
    search.u = (double *)(search.row_of + m);
    search.waiting = (int64_t *)(search.u + n);
    search.left = search.waiting + n;
    search.reached = (reached_column *)(search.left + n);
    search.passed = (passed_row *)(search.reached + fewer + 1);
    for (int64_t j = 0; j < wide; j++) {
        search.v[j] = j < m ? 0 : -INFINITY; /* no path leads to the columns of the padding */
        search.before[j] = -1;
    }
    for (int64_t j = 0; j < m; j++)
        search.row_of[j] = -1;
    return search;
}

/* Each row takes its cheapest column while that is free. */
static int match_cheapest(path_search *search, const fg_assignment_call *call, cheapest_function *cheapest)
{
    int infeasible = 0;
    for (int64_t row = 0; row < call->n; row++) {
        int64_t column = 0;
        const double least = cheapest(call->cost + row * call->m, call->m, &column);
        if (least != least)
            return FG_BAD_VALUE;
        search->u[row] = least < call->limit ? least : call->limit;
        infeasible |= search->u[row] == INFINITY;
        call->column_of[row] = -1;
        if (call->limit <= least)
            continue;
        if (search->row_of[column] < 0) {
            search->row_of[column] = row;
            call->column_of[row] = column;
        } else {
            search->waiting[search->n_waiting++] = row;
        }
    }
    /* The first of them is the next. */
    for (int64_t i = 0, j = search->n_waiting - 1; i < j; i++, j--) {
        const int64_t row = search->waiting[i];
        search->waiting[i] = search->waiting[j];
        search->waiting[j] = row;
    }
    return infeasible ? FG_INFEASIBLE : FG_OK;
}

/* Whether a caller's signal handler wants an end; asked every few milliseconds at most. */
static int is_stopped(path_search *search)
{
    search->work += (double)search->m + 64;
    if (search->work < 1 << 20)
        return 0;
    search->work = 0;
    return search->team->stopped(0);
}

/* Jonker and Volgenant's augmenting row reduction: a row takes its best column, dear enough that another stays away; who
   loses it goes next. Rows whose two best are equal, and those whose turn has not come in time, have to search. */
static int displace(path_search *search, const fg_assignment_call *call, two_least_function *two_least)
{
    int64_t turns = 2 * search->n_waiting, column;
    while (search->n_waiting > 0) {
        const int64_t row = search->waiting[--search->n_waiting];
        double least[2];
        two_least(search, call->cost + row * search->m, least, &column);
        const double second = least[1] < call->limit ? least[1] : call->limit;
        turns--;
        if (call->limit <= least[0]) {
            search->u[row] = call->limit;
        } else if (turns < 0 || second == INFINITY || second == least[0]) {
            search->u[row] = least[0];
            search->left[search->n_left++] = row;
        } else {
            const int64_t loser = search->row_of[column];
            search->u[row] = second;
            search->v[column] -= second - least[0];
            search->row_of[column] = row;
            call->column_of[row] = column;
            if (loser >= 0) {
                call->column_of[loser] = -1;
                search->waiting[search->n_waiting++] = loser;
            }
        }
        if (is_stopped(search))
            return FG_INTERRUPTED;
    }
    return FG_OK;
}

/* Moves the dual variables so that the path's pairs cost nothing, and opens the reached columns again. */
static void move_duals(path_search *search, double end)
{
    for (int64_t i = 0; i < search->n_passed; i++)
        search->u[search->passed[i].row] += end - search->passed[i].at;
    for (int64_t i = 0; i < search->n_reached; i++)
        search->v[search->reached[i].column] = search->reached[i].v - (end - search->reached[i].at);
}

/* Back along the path, each row takes the column behind it. */
static void take_columns(path_search *search, int64_t *column_of, int64_t column, int64_t start)
{
    for (int64_t row = -1; row != start;) {
        row = search->before[column];
        search->row_of[column] = row;
        const int64_t left = column_of[row];
        column_of[row] = column;
        column = left;
    }
}

/* Matches the row `start`, along a shortest path of reduced costs on which others may change their columns. */
static int augment(path_search *search, const fg_assignment_call *call, int64_t start, relax_function *relax)
{
    double at = 0, give_up = INFINITY, nearest_at;
    int64_t row = start, last_row = -1, nearest;
    search->n_reached = search->n_passed = 0;
    for (int64_t j = 0; j < padded(search->m); j++)
        search->distance[j] = INFINITY;
    for (;;) {
        search->passed[search->n_passed++] = (passed_row){row, at};
        const double unmatched = at + (call->limit - search->u[row]);
        if (unmatched < give_up) {
            give_up = unmatched;
            last_row = row;
        }
        nearest_at = relax(search, call->cost + row * search->m, row, at, &nearest);
        if (give_up <= nearest_at || search->row_of[nearest] < 0)
            break;
        at = nearest_at;
        search->reached[search->n_reached++] = (reached_column){nearest, at, search->v[nearest]};
        search->v[nearest] = -INFINITY;
        search->distance[nearest] = INFINITY;
        row = search->row_of[nearest];
        if (is_stopped(search))
            return FG_INTERRUPTED;
    }
    const double end = give_up <= nearest_at ? give_up : nearest_at;
    if (end == INFINITY)
        return FG_INFEASIBLE;
    move_duals(search, end);
    if (give_up <= nearest_at) {
        nearest = call->column_of[last_row];
        call->column_of[last_row] = -1;
    }
    if (nearest >= 0)
        take_columns(search, call->column_of, nearest, start);
    return FG_OK;
}

int fg_assign_here(const fg_team *team, const fg_assignment_call *call, void *scratch)
{
    const fg_fenv saved = fg_fenv_enter();
    path_search search = open_search(call, scratch);
    search.team = team;
    int status = match_cheapest(&search, call, cheapest_table[team->isa]);
    if (status == FG_OK)
        status = displace(&search, call, two_least_table[team->isa]);
    for (int64_t i = 0; status == FG_OK && i < search.n_left; i++)
        status = augment(&search, call, search.left[i], relax_table[team->isa]);
    fg_fenv_leave(saved);
    return status;
}

typedef struct {
    const fg_team *team;
    const fg_assignment_call *call;
    void *scratch;
    int status;
} assign_job;

static void assign_chunk(void *argument, int64_t chunk, int slot)
{
    assign_job *job = argument;
    (void)chunk;
    (void)slot;
    job->status = fg_assign_here(job->team, job->call, job->scratch);
}

int fg_assign(const fg_team *team, const fg_assignment_call *call)
{
    const size_t bytes = fg_assignment_scratch(call->n, call->m);
    assign_job job = {team, call, bytes ? malloc(bytes) : NULL, FG_NO_MEMORY};
    int status = FG_NO_MEMORY;
    if (job.scratch)
        status = team->parallel(1, 1, assign_chunk, &job);
    free(job.scratch);
    return status == FG_OK ? job.status : status;
}
