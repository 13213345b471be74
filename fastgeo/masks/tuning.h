/* Tuned constants of the masks family: unit, reason, and the rows of bench/algorithms.py that show them. Only plan.c reads
   them. */
#ifndef FG_MASKS_TUNING_H
#define FG_MASKS_TUNING_H

/* Pairs for each outline that is made, from which on outlines pay for themselves ("mask_iou, discs, 16x16",
   "mask_iou, bars, 32x32"). */
enum { MIN_PAIRS_AN_OUTLINE = 12 };

/* Columns of all layers together, for each run and for each mask, up to which a mask has an outline: more of them would be
   compared than runs, mostly empty ones ("mask_iou, specks"). */
enum { COLUMNS_A_RUN = 4, COLUMNS_A_MASK = 32 };

/* Work from which on waking a second thread pays: counts that are measured, merged, or looked at for boundaries; corners of
   polygons; pixels that are encoded, decoded, or pasted into; pairs of masks. */
enum {
    MIN_MEASURED_COUNTS = 1 << 17,
    MIN_MERGED_COUNTS = 1 << 15,
    MIN_BOUNDARY_COUNTS = 1 << 13,
    MIN_CORNERS = 1 << 12,
    MIN_ENCODED_PIXELS = 1 << 18,
    MIN_DECODED_PIXELS = 1 << 20,
    MIN_PASTED_PIXELS = 1 << 15,
    MIN_PAIRS = 1 << 8
};

#endif
