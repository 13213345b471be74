/* Every tuned constant of the evaluation family. */
#ifndef FG_EVALUATION_TUNING_H
#define FG_EVALUATION_TUNING_H

enum {
    /* Entries: a table over the range of the ids is always used up to this size, in which it takes about a millisecond to
       pass. COCO's image ids range over 580 000. */
    SMALL_TABLE = 1 << 20,
    /* Entries a row: beyond this a sort of the ids costs less than clearing the table. */
    TABLE_ENTRIES_A_ROW = 16
};

#endif
