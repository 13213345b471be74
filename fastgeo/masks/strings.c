#include "masks/strings.h"

enum { FIRST = 48, BITS = 5, MORE = 1 << BITS, SIGN = 1 << (BITS - 1), POLL_COUNTS = 1 << 20 };

typedef struct {
    const fg_team *team;
    const fg_masks *masks;
    const fg_read_call *call;
    char *text;
    uint32_t *counts;
    int64_t *ends;
    int64_t *bad;
    int status;
} string_job;

static char *write_count(char *text, int64_t value)
{
    for (int more = 1; more;) {
        int bits = (int)(value & (MORE - 1));
        value >>= BITS; /* arithmetic */
        more = bits & SIGN ? value != -1 : value != 0;
        if (more)
            bits |= MORE;
        *text++ = (char)(bits + FIRST);
    }
    return text;
}

static void write_chunk(void *argument, int64_t chunk, int slot)
{
    string_job *job = argument;
    const fg_masks *masks = job->masks;
    char *text = job->text;
    int64_t written = 0;
    (void)chunk;
    for (int64_t i = 0; i < masks->n; i++) {
        const uint32_t *counts = masks->counts + masks->offsets[i];
        const int64_t n = masks->offsets[i + 1] - masks->offsets[i];
        for (int64_t k = 0; k < n; k++) {
            text = write_count(text, k > 2 ? (int64_t)counts[k] - (int64_t)counts[k - 2] : (int64_t)counts[k]);
            if (++written % POLL_COUNTS == 0 && job->team->stopped(slot))
                return;
        }
        job->ends[i] = text - job->text;
    }
}

int fg_write_strings(const fg_team *team, const fg_masks *masks, char *text, int64_t *ends)
{
    string_job job = {.team = team, .masks = masks, .text = text, .ends = ends};
    return team->parallel(1, 1, write_chunk, &job);
}

/* Reads one string. Returns how many counts it has, or -1: foreign or missing characters, a count below 0 or beyond the
   mask, or a sum that is not its size. */
static int64_t read_string(const string_job *job, int64_t i, uint32_t *counts, int slot)
{
    const char *text = job->call->strings[i];
    const int64_t length = job->call->lengths[i], pixels = job->call->pixels[i];
    int64_t n = 0, sum = 0;
    for (int64_t at = 0; at < length;) {
        int64_t value = 0;
        int shift = 0, bits = MORE;
        while (bits & MORE) {
            if (at == length || shift == BITS * FG_MOST_CHARACTERS)
                return -1;
            bits = (unsigned char)text[at++] - FIRST;
            if (bits < 0 || bits >= 2 * MORE)
                return -1;
            value |= (int64_t)(bits & (MORE - 1)) << shift;
            shift += BITS;
        }
        if (bits & SIGN)
            value -= (int64_t)1 << shift;
        if (n > 2)
            value += counts[n - 2];
        sum += value;
        if (value < 0 || sum > pixels)
            return -1;
        counts[n++] = (uint32_t)value;
        if (n % POLL_COUNTS == 0 && job->team->stopped(slot))
            return -1;
    }
    return sum == pixels ? n : -1;
}

static void read_chunk(void *argument, int64_t chunk, int slot)
{
    string_job *job = argument;
    const fg_read_call *call = job->call;
    int64_t total = 0, polled = 0;
    (void)chunk;
    for (int64_t i = 0; i < call->n; i++) {
        const int64_t n = read_string(job, i, job->counts + total, slot);
        if (n < 0) {
            *job->bad = i;
            job->status = FG_BAD_VALUE;
            return;
        }
        total += n;
        job->ends[i] = total;
        if (total - polled > POLL_COUNTS) {
            polled = total;
            if (job->team->stopped(slot))
                return;
        }
    }
}

int fg_read_strings(const fg_team *team, const fg_read_call *call, uint32_t *counts, int64_t *ends, int64_t *bad)
{
    string_job job = {.team = team, .call = call, .counts = counts, .ends = ends, .bad = bad, .status = FG_OK};
    const int status = team->parallel(1, 1, read_chunk, &job);
    return status == FG_OK ? job.status : status;
}
