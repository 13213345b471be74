/* COCO's text form of run lengths: each count as its difference from the one two before, five bits a character. */
#ifndef FG_MASKS_STRINGS_H
#define FG_MASKS_STRINGS_H

#include "masks/runs.h"

enum { FG_MOST_CHARACTERS = 7 }; /* of one count */

/* Writes the strings one behind another into `text`, which has room for FG_MOST_CHARACTERS for each count, and where
   each ends into `ends`. */
int fg_write_strings(const fg_team *team, const fg_masks *masks, char *text, int64_t *ends);

typedef struct {
    const char *const *strings;
    const int64_t *lengths;
    const int64_t *pixels; /* height times width of each mask, at most 2^31 - 1 */
    int64_t n;
} fg_read_call;

/* Reads strings into `counts`, which has room for one for each character, and their numbers into `ends`. FG_BAD_VALUE:
   string *bad is none. */
int fg_read_strings(const fg_team *team, const fg_read_call *call, uint32_t *counts, int64_t *ends, int64_t *bad);

#endif
