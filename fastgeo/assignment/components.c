#include "assignment/components.h"

#include <math.h>
#include <stdlib.h>

#include "assignment/shortest_path.h"

/* Rows are nodes 0 … n - 1, columns n … n + m - 1. */
typedef struct {
    int64_t *parent;   /* union-find */
    int64_t *place;    /* number of a node among the rows, or columns, of its component */
    int64_t *n_rows;   /* of the component whose root this is */
    int64_t *n_columns;
    int64_t *end;      /* of its pairs in `order` */
    int64_t *order;    /* pairs by component, each in row-major order */
    double *table;     /* costs of one component */
    int64_t *column_of;
    void *scratch;
} component_arrays;

typedef struct {
    const fg_team *team;
    const fg_match_call *call;
    component_arrays arrays;
    int status;
} match_job;

static int64_t root_of(int64_t *parent, int64_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]]; /* halves the path */
        node = parent[node];
    }
    return node;
}

/* Links the overlapping rows and columns, the higher root below the lower. */
static void link_pairs(const fg_match_call *call, int64_t *parent)
{
    for (int64_t i = 0; i < call->n + call->m; i++)
        parent[i] = i;
    for (int64_t p = 0; p < call->n_pairs; p++) {
        const int64_t a = root_of(parent, call->rows[p]), b = root_of(parent, call->n + call->columns[p]);
        parent[a < b ? b : a] = a < b ? a : b;
    }
}

/* Numbers the rows and columns of each component in ascending order. */
static void number_nodes(const fg_match_call *call, const component_arrays *arrays)
{
    for (int64_t i = 0; i < call->n + call->m; i++) {
        const int64_t root = root_of(arrays->parent, i);
        arrays->place[i] = i < call->n ? arrays->n_rows[root]++ : arrays->n_columns[root]++;
    }
}

/* A counting sort of the pairs by component; afterwards `end` of a root is where its pairs end. */
static void order_pairs(const fg_match_call *call, const component_arrays *arrays)
{
    int64_t begin = 0;
    for (int64_t p = 0; p < call->n_pairs; p++)
        arrays->end[root_of(arrays->parent, call->rows[p])]++;
    for (int64_t i = 0; i < call->n; i++) {
        const int64_t count = arrays->end[i];
        arrays->end[i] = begin;
        begin += count;
    }
    for (int64_t p = 0; p < call->n_pairs; p++)
        arrays->order[arrays->end[root_of(arrays->parent, call->rows[p])]++] = p;
}

static int match_component(const match_job *job, int64_t root, const int64_t *pairs, int64_t count)
{
    const fg_match_call *call = job->call;
    const component_arrays *arrays = &job->arrays;
    const int64_t rows = arrays->n_rows[root], columns = arrays->n_columns[root];
    if (count == 1) {
        call->pair_of[call->rows[pairs[0]]] = pairs[0];
        return FG_OK;
    }
    for (int64_t i = 0; i < rows * columns; i++)
        arrays->table[i] = INFINITY;
    for (int64_t p = 0; p < count; p++) {
        const int64_t row = arrays->place[call->rows[pairs[p]]], column = arrays->place[call->n + call->columns[pairs[p]]];
        arrays->table[row * columns + column] = -call->gains[pairs[p]];
    }
    const fg_assignment_call problem = {arrays->table, rows, columns, 0, arrays->column_of};
    const int status = fg_assign_here(job->team, &problem, arrays->scratch);
    for (int64_t p = 0; status == FG_OK && p < count; p++)
        if (arrays->column_of[arrays->place[call->rows[pairs[p]]]] == arrays->place[call->n + call->columns[pairs[p]]])
            call->pair_of[call->rows[pairs[p]]] = pairs[p];
    return status;
}

static void match_chunk(void *argument, int64_t chunk, int slot)
{
    match_job *job = argument;
    const component_arrays *arrays = &job->arrays;
    int64_t begin = 0;
    (void)chunk;
    (void)slot;
    job->status = FG_OK;
    /* The root of a component with pairs is its lowest row. */
    for (int64_t i = 0; i < job->call->n && job->status == FG_OK; i++) {
        if (arrays->end[i] > begin) {
            job->status = match_component(job, i, arrays->order + begin, arrays->end[i] - begin);
            begin = arrays->end[i];
        }
        if (i % 4096 == 0 && job->team->stopped(0))
            job->status = FG_INTERRUPTED;
    }
}

/* Memory for the largest component. Returns whether it was to be had. */
static int allocate_largest(const fg_match_call *call, component_arrays *arrays)
{
    int64_t rows = 0, columns = 0, cells = 0;
    size_t scratch = 0;
    for (int64_t i = 0; i < call->n; i++) {
        if (arrays->n_columns[i] == 0)
            continue;
        const int64_t r = arrays->n_rows[i], c = arrays->n_columns[i];
        if (r > INT64_MAX / 16 / c)
            return 0;
        const size_t bytes = fg_assignment_scratch(r, c);
        rows = r > rows ? r : rows;
        columns = c > columns ? c : columns;
        cells = r * c > cells ? r * c : cells;
        scratch = bytes > scratch ? bytes : scratch;
    }
    arrays->table = malloc((size_t)(cells + 1) * sizeof(double));
    arrays->column_of = malloc((size_t)(rows + 1) * sizeof(int64_t));
    arrays->scratch = malloc(scratch + 1);
    return arrays->table && arrays->column_of && arrays->scratch;
}

static int match_all(match_job *job)
{
    const fg_match_call *call = job->call;
    link_pairs(call, job->arrays.parent);
    number_nodes(call, &job->arrays);
    order_pairs(call, &job->arrays);
    if (!allocate_largest(call, &job->arrays))
        return FG_NO_MEMORY;
    const int status = job->team->parallel(1, 1, match_chunk, job);
    return status == FG_OK ? job->status : status;
}

int fg_match_pairs(const fg_team *team, const fg_match_call *call)
{
    const size_t nodes = (size_t)(call->n + call->m) + 1;
    int64_t *memory = calloc(5 * nodes + (size_t)call->n_pairs, sizeof *memory);
    match_job job = {.team = team, .call = call, .arrays = {.parent = memory}};
    int status = FG_NO_MEMORY;
    for (int64_t i = 0; i < call->n; i++)
        call->pair_of[i] = -1;
    if (memory) {
        job.arrays.place = memory + nodes;
        job.arrays.n_rows = memory + 2 * nodes;
        job.arrays.n_columns = memory + 3 * nodes;
        job.arrays.end = memory + 4 * nodes;
        job.arrays.order = memory + 5 * nodes;
        status = match_all(&job);
    }
    free(job.arrays.table);
    free(job.arrays.column_of);
    free(job.arrays.scratch);
    free(memory);
    return status;
}
