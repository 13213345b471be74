"""Proves that the test suite can fail: breaks one kernel at a time and expects its tests to notice.

    python tools/mutate.py [--only PATTERN] [--jobs N] [--tests-have-passed]

Each mutant replaces one piece of C in a temporary copy of the project, rebuilds what changed and runs the tests named.
The exit code is 1 if a mutant survives or no longer applies: a mutant whose code has moved must be written anew.
Needs a project that was built in place (``pip install -e .``) and Cython.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutant:
    what: str
    file: str
    old: str  # occurs exactly once
    new: str
    tests: str
    seconds: int = 240  # in which the tests end, however busy the machine; afterwards they hang


MUTANTS = [
    Mutant(
        "box_iou: the last column of a table is left out",
        "fastgeo/boxes/tiles_body.h",
        "tile.last = narrow ? 0 : width - LANES;",
        "tile.last = narrow ? 0 : width - LANES - 1;",
        "tests/test_boxes.py",
    ),
    Mutant(
        "box_iou: what a column reaches beyond its own cell is not looked for",
        "fastgeo/boxes/column_cells_body.h",
        "box[0] - cells->longest[0]",
        "box[0]",
        "tests/test_boxes.py",
    ),
    Mutant(
        "box_iou: boxes whose corners share a cell are taken to be apart",
        "fastgeo/boxes/screening_body.h",
        "s_sub(a[r][2], b[0])",
        "s_sub(a[r][2], s_sub(b[0], s_set1(-1)))",
        "tests/test_boxes.py",
    ),
    Mutant(
        "generalized_box_iou: operands swapped",
        "fastgeo/boxes/measures_body.h",
        "v_sub(hull, area_union)",
        "v_sub(area_union, hull)",
        "tests/test_boxes.py",
    ),
    Mutant(
        "sparse_box_iou: the vectors of columns behind the last whole group are left out",
        "fastgeo/boxes/sparse_body.h",
        "for (; j < stride; j += LANES)",
        "for (; j < 0; j += LANES)",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "sparse_box_iou: the room of a kept row is not rounded up alike when it is read",
        "fastgeo/boxes/sparse_body.h",
        "kept += row_size(pairs, count);",
        "kept += (size_t)count * (sizeof(real) + sizeof(int32_t));",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "sparse_box_iou: a row just too full to be kept is taken for a kept one",
        "fastgeo/boxes/sparse_body.h",
        "        if (is_kept(pairs, count)) {",
        "        if (is_kept(pairs, count - 1)) {",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "sparse_box_iou: marks stay for the next row",
        "fastgeo/boxes/sparse_body.h",
        "            scratch->marks[w] = 0;\n",
        "",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "sparse_box_iou: a node whose union comes out negative is taken to hold nothing",
        "fastgeo/runtime/box_overlap.h",
        "m_or(v_le(joint, zero), v_lt(threshold, v_div(common, joint)))",
        "v_lt(threshold, v_div(common, joint))",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "sparse_box_iou: a node of the tree counts with the greatest of its areas",
        "fastgeo/boxes/box_tree_body.h",
        "if (run == 2 || run == 3 ?",
        "if (run >= 2 ?",
        "tests/test_boxes_sparse.py",
    ),
    Mutant(
        "box_iou: sorted columns are used where an offset lets boxes apart overlap",
        "fastgeo/boxes/plan.c",
        "if (call->offset != 0)",
        "if (call->offset < 0)",
        "tests/test_every_algorithm.py",
    ),
    Mutant(
        "sparse_box_iou: the plan leaves out the rows behind the last whole chunk",
        "fastgeo/boxes/plan.c",
        "plan->chunks = fg_pieces(call->n, plan->rows);",
        "plan->chunks = call->n / plan->rows;",
        "tests/test_every_algorithm.py",
    ),
    Mutant(
        "histogram_auc: weights are counted by private counters",
        "fastgeo/ranking/plan.c",
        "    if (call->weights)\n",
        "    if (call->weights && call->n < 0)\n",
        "tests/test_every_algorithm.py",
    ),
    Mutant(
        "histogram_auc: private counters for quotients beyond the number of bins",
        "fastgeo/ranking/plan.c",
        "if (!fg_is_safe_width(call->width))",
        "if (call->width < 0)",
        "tests/test_ranking.py",
    ),
    Mutant(
        "roc_auc with weights: sorted as words, which do not lead back to the sample",
        "fastgeo/ranking/plan.c",
        "} else if (!(wants & FG_WANTS_WORDS)) {",
        "} else if (!(wants & FG_WANTS_RECORDS)) {",
        "tests/test_ranking.py",
    ),
    Mutant(
        "AUCHistogram: thresholds are the edges of the bins up to rounding",
        "fastgeo/ranking/auc_histogram.py",
        "        edges[part][own > 0] = _in_order(least).view(np.float64)[own > 0]",
        "        edges[part] = low + own * width",
        "tests/test_auc_histogram.py",
    ),
    Mutant(
        "roc_auc with weights: the last division in the caller's rounding mode",
        "fastgeo/ranking/curves.c",
        "    const double ratio = job.twice_wins / (2 * job.all * job.below);",
        "    fg_fenv_leave(saved);\n    const double ratio = job.twice_wins / (2 * job.all * job.below);",
        "tests/test_rounding_mode.py",
    ),
    Mutant(
        "nms: a box at the threshold is suppressed (> becomes >=)",
        "fastgeo/suppression/nms_pair_body.h",
        "v_lt(limits->threshold, value)",
        "v_le(limits->threshold, value)",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: the tail of the kept boxes is not looked at",
        "fastgeo/suppression/nms_scan_body.h",
        "    if (j == n)\n        return -1;",
        "    if (j <= n)\n        return -1;",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: a hull holds the greatest area of its boxes, not the least",
        "fastgeo/suppression/nms_tree_body.h",
        "run == 0 || run == 1 || run == 4",
        "run == 0 || run == 1",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: a hull is entered only where its least area is above what the overlap leaves",
        "fastgeo/runtime/box_overlap.h",
        "m_or(v_le(joint, zero), v_lt(threshold, v_div(common, joint)))",
        "v_lt(threshold, v_div(common, joint))",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: a box does not look into the last column of its window",
        "fastgeo/suppression/nms_grid_body.h",
        "end = cells[window[1] + 1];",
        "end = cells[window[1]];",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: the kept ones of a scan do not suppress in the index",
        "fastgeo/suppression/nms_adaptive.c",
        "group.n_scanned = group.n_kept;",
        "group.n_scanned = 0;",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: an index takes boxes in that have left the one before",
        "fastgeo/suppression/nms_leaves_body.h",
        "!(before && is_out(before, p));",
        "1;",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: the best that are kept drop themselves",
        "fastgeo/suppression/nms_best_first.c",
        "        job->is_dropped[fg_ranked_index(crowd->scratch[job->kept[k]])] = 0;",
        "        ;",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: the plan begins with the best where owners are asked for",
        "fastgeo/suppression/plan.c",
        "!size.is_grouped && !size.has_owners",
        "!size.is_grouped",
        "tests/test_suppression.py",
    ),
    Mutant(
        "nms: the plan gives a second thread to groups for which scratch is there once",
        "fastgeo/suppression/plan.c",
        "size.sets * size.n >= MIN_SCORES_FOR_THREADS",
        "size.sets * size.n <= MIN_SCORES_FOR_THREADS",
        "tests/test_multiclass.py",
    ),
    Mutant(
        "nms: a score at score_threshold takes part (> becomes >=)",
        "fastgeo/suppression/nms.c",
        "score > call->score_threshold",
        "score >= call->score_threshold",
        "tests/test_suppression.py",
    ),
    Mutant(
        "histogram_auc: the upper edge falls past the last bin",
        "fastgeo/ranking/histogram_body.h",
        "bin = v_min(bin, by->last);",
        "",
        "tests/test_ranking.py",
    ),
    Mutant(
        "histogram_auc: the product with the reciprocal is taken for the quotient",
        "fastgeo/ranking/histogram_body.h",
        "v_fma(v_fnma(nearly, by->width, above), by->inverse, nearly)",
        "nearly",
        "tests/test_ranking.py",
    ),
    Mutant(
        "histogram_auc: subnormal distances keep what raised them",
        "fastgeo/ranking/histogram_body.h",
        "v_select(raised, v_mul(by->tiny, by->scale), v_set1(0))",
        "v_set1(0)",
        "tests/test_ranking.py -k subnormal",
    ),
    Mutant(
        "histogram_auc: a score outside the range is not noticed in a large call",
        "fastgeo/ranking/histogram_body.h",
        "return (one[outside] | one[outside + 1] | other[outside] | other[outside + 1]) == 0;",
        "return outside > 0;",
        "tests/test_ranking.py",
    ),
    Mutant(
        "histogram_auc: the tail forgets its last sample",
        "fastgeo/ranking/histogram_body.h",
        "for (; j < n; j++)\n            counts[",
        "for (; j < n - 1; j++)\n            counts[",
        "tests/test_auc_histogram.py",
    ),
    Mutant(
        "AUCHistogram: positives among samples of one bin count as negatives too",
        "fastgeo/ranking/histogram.c",
        "(FG_GROUP - positives) * one",
        "FG_GROUP * one",
        "tests/test_auc_histogram.py",
    ),
    Mutant(
        "roc_auc: a part of many scores takes in keys of both halves",
        "fastgeo/ranking/sort.c",
        "digit < job->n_digits && job->first + (uint64_t)digit != middle",
        "digit < job->n_digits && middle",
        "tests/test_ranking.py",
    ),
    Mutant(
        "partition: the last key of a bin belongs to the next (< becomes <=)",
        "fastgeo/ranking/key_finder.h",
        "finder->ends[middle] < key",
        "finder->ends[middle] <= key",
        "tests/test_partition.py",
    ),
    Mutant(
        "partition: rows between two intervals go with the second",
        "fastgeo/ranking/key_finder.h",
        "interval < finder->by_high.n && key >= finder->lows[interval]",
        "interval < finder->by_high.n",
        "tests/test_partition.py",
    ),
    Mutant(
        "partition: a slot in which an interval ends belongs to it as a whole",
        "fastgeo/ranking/key_finder.h",
        "if (~highs[i] & within && last < n_slots)",
        "if (0 && last < n_slots)",
        "tests/test_partition.py",
    ),
    Mutant(
        "partition: a part begins to count its negatives anew",
        "fastgeo/ranking/auc.c",
        "gather_part(call, part, job->sorted.words);",
        "gather_part(call, part, job->sorted.words), job->negatives = 0;",
        "tests/test_partition.py",
    ),
    Mutant(
        "conv2d: the last vector of output channels is cut short",
        "fastgeo/convolution/register_tiles_body.h",
        "(V - 1) * LANES, sum[p][V - 1], last);",
        "(V - 1) * LANES, sum[p][V - 1], last - 1);",
        "tests/test_convolution.py",
    ),
    Mutant(
        "conv2d: the last pixel of a tile is stored with what lies beyond its channels",
        "fastgeo/convolution/pixel_vectors_body.h",
        "(LANES - 1) * n, (size_t)outs * sizeof(real)",
        "(LANES - 1) * n, (size_t)n * sizeof(real)",
        "tests/test_convolution.py",
    ),
    Mutant(
        "conv2d: the pass over the first output channels comes before the others",
        "fastgeo/convolution/pixel_vectors_body.h",
        "for (int64_t first = (call->out_channels - 1) / MOST * MOST; first >= 0; first -= MOST) {",
        "for (int64_t first = 0; first < call->out_channels; first += MOST) {",
        "tests/test_convolution.py",
    ),
    Mutant(
        "pooling: the last channels of a mean are not divided",
        "fastgeo/convolution/pooling_pixels_body.h",
        "if (kind == FG_AVG_POOL && pixel->piece.last && count > 0)",
        "if (kind == FG_AVG_POOL && pixel->piece.last && count > 0 && !part)",
        "tests/test_pooling.py",
    ),
    Mutant(
        "conv2d: the tenth pixel of a tile reads the first one's cells",
        "fastgeo/convolution/register_tiles_body.h",
        "(i < 9 ? near : far)",
        "(i < 10 ? near : far)",
        "tests/test_convolution.py",
    ),
    Mutant(
        "conv2d: the second vector of output channels takes the first one's weights",
        "fastgeo/convolution/register_tiles_body.h",
        "cell[p][c]);\n            sum[p][0] = v_fma(x, w0, sum[p][0]);\n"
        "            if (V > 1)\n                sum[p][1] = v_fma(x, w1,",
        "cell[p][c]);\n            sum[p][0] = v_fma(x, w0, sum[p][0]);\n"
        "            if (V > 1)\n                sum[p][1] = v_fma(x, w0,",
        "tests/test_convolution.py",
    ),
    Mutant(
        "conv2d: cells of rows that are read in one run are moved apart",
        "fastgeo/convolution/plan_blocks.c",
        "const int crowded = !tiles->merged && step",
        "const int crowded = step",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "conv2d: scratch memory for one thread too few",
        "fastgeo/convolution/conv2d.c",
        "(size_t)plan->threads * plan->slot_bytes + 64",
        "(size_t)(plan->threads - 1) * plan->slot_bytes + 64",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "conv2d: rows of depthwise layers with a stride of 3 go by code for 2",
        "fastgeo/convolution/plan_rows.c",
        "call->stride_x > 2",
        "call->stride_x > 3",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "conv2d: a strip of separate windows is read as a dense one",
        "fastgeo/convolution/plan_blocks.c",
        "windows = {size, stride, dilation, 0, size, 1}",
        "windows = {size, stride, dilation, 0, size + 1, 1}",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "conv2d: weights packed for another order are taken for these",
        "fastgeo/convolution/conv2d.c",
        " && a->lanewise == b->lanewise",
        "",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "conv2d: the last rows of weights read in place are left out",
        "fastgeo/convolution/matrix_vector_body.h",
        "for (; k < depth; k++)\n        for",
        "for (; k < depth - 1; k++)\n        for",
        "tests/test_convolution_shapes.py",
    ),
    Mutant(
        "pooling: a window in pieces forgets all but the last",
        "fastgeo/convolution/pooling_pixels_body.h",
        "if (!pixel->piece.first)\n            pooled",
        "if (0)\n            pooled",
        "tests/test_pooling.py",
    ),
    Mutant(
        "assign: of two nearest centroids the higher index wins (< becomes <=)",
        "fastgeo/clustering/exhaustive_body.h",
        "v_lt(distance, winners->best[v])",
        "v_le(distance, winners->best[v])",
        "tests/test_clustering_kernels.py",
    ),
    Mutant(
        "kmeans: copied centroids are read as if they stood side by side",
        "fastgeo/clustering/exhaustive_body.h",
        "group = state->job->plan->group, stride = state->job->plan->stride;",
        "group = state->job->plan->group, stride = d;",
        "tests/test_clustering_kernels.py -k 4096",
    ),
    Mutant(
        "kmeans: centroids beyond the first group do not compete",
        "fastgeo/clustering/exhaustive_body.h",
        "while (end < k && ",
        "while (0 && ",
        "tests/test_clustering_kernels.py -k groups",
    ),
    Mutant(
        "pairwise_distance: near pairs keep what cancelled in their products",
        "fastgeo/clustering/pairwise.c",
        "#define NEAR 0.125",
        "#define NEAR 0x1p-40",
        "tests/test_pairwise.py",
    ),
    Mutant(
        "pairwise_distance: columns crossed with a row are not known of the row",
        "fastgeo/clustering/pairwise_body.h",
        "(real)(half + crossed[p])",
        "(real)half",
        "tests/test_pairwise.py",
    ),
    Mutant(
        "kmeans: the tail of a row is measured without its last value",
        "fastgeo/clustering/inertia_body.h",
        "l, d - l, is_f64, scaled, sum) : sum",
        "l, d - l - 1, is_f64, scaled, sum) : sum",
        "tests/test_clustering_kernels.py",
    ),
    Mutant(
        "kmeans_plusplus: a piece of a chunk forgets what the pieces before it would leave",
        "fastgeo/clustering/seeding_body.h",
        "job->piece > 0 ? job->left",
        "job->piece < 0 ? job->left",
        "tests/test_clustering_kernels.py",
    ),
    Mutant(
        "assign: the plan quantizes float64 points",
        "fastgeo/clustering/plan.c",
        "if (algorithm == FG_QUANTIZED && points->is_f64)",
        "if (algorithm == FG_QUANTIZED && points->is_f64 && 0)",
        "tests/test_clustering_algorithms.py",
    ),
    Mutant(
        "assign: the plan screens sizes by squared distances",
        "fastgeo/clustering/plan.c",
        '    if (points->metric == FG_BOX_IOU)\n        return "candidates',
        '    if (0)\n        return "candidates',
        "tests/test_clustering_algorithms.py",
    ),
    Mutant(
        "assign: the plan takes the wrong threshold of centroids",
        "fastgeo/clustering/plan.c",
        "call->k >= least &&",
        "call->k >= least + 100 &&",
        "tests/test_clustering_algorithms.py -k plans",
    ),
    Mutant(
        "kmeans: bounds are kept of IoU",
        "fastgeo/clustering/plan.c",
        "const int pays = !bounds_refusal(points) &&",
        "const int pays =",
        "tests/test_clustering_algorithms.py -k plans",
    ),
    Mutant(
        "kmeans: bounds forget how far the second farthest centroid moved",
        "fastgeo/clustering/hamerly_body.h",
        "label == bounds->farthest_mover ? bounds->second_move : bounds->largest_move",
        "bounds->second_move",
        "tests/test_clustering_skipping.py tests/test_clustering_algorithms.py",
    ),
    Mutant(
        "kmeans: a chunk keeps its farthest point after that is taken",
        "fastgeo/clustering/inertia.c",
        "        farthest_chunk(job, i / FG_SUM_CHUNK, 0);\n        if",
        "        if",
        "tests/test_clustering_extremes.py -k refilling",
    ),
    Mutant(
        "kmeans: rows of zeros count as half in the inertia",
        "fastgeo/clustering/inertia_body.h",
        "    if (points->scale)\n        FG_NAME(set_undirected)",
        "    if (0)\n        FG_NAME(set_undirected)",
        "tests/test_clustering_extremes.py -k zero",
    ),
    Mutant(
        "clustering: tiny values are not multiplied",
        "fastgeo/clustering/points.h",
        "if (!(largest > 0 &&",
        "if (1 || !(largest > 0 &&",
        "tests/test_clustering_extremes.py -k scale",
    ),
    Mutant(
        "multiclass_nms: a class sinks past one of the two that follow it",
        "fastgeo/suppression/multiclass.c",
        "child <= 2 * place + 2 &&",
        "child <= 2 * place + 1 &&",
        "tests/test_multiclass.py",
    ),
    Mutant(
        "mean_average_precision: of equal overlaps the earlier truth is taken (>= becomes >)",
        "fastgeo/evaluation/match.c",
        "next->overlap >= best->overlap",
        "next->overlap > best->overlap",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: a crowd is taken once, as an ordinary truth",
        "fastgeo/evaluation/match.c",
        "free = truth->crowd ? reached : reached & ~truth->taken",
        "free = reached & ~truth->taken",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: an overlap at the threshold does not reach it (<= becomes <)",
        "fastgeo/evaluation/match.c",
        "limits[k] <= overlap",
        "limits[k] < overlap",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: the highest threshold is not lowered by 1e-10",
        "fastgeo/evaluation/match.c",
        "fg_smaller(call->thresholds[threshold], 1 - 1e-10)",
        "call->thresholds[threshold]",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: one detection of an image more than the limit",
        "fastgeo/evaluation/order.c",
        "if (rank < call->limit)",
        "if (rank <= call->limit)",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: a byte of the counters is emptied after it has overflowed",
        "fastgeo/evaluation/accumulate.c",
        "MOST_IN_A_BYTE = 255",
        "MOST_IN_A_BYTE = 256",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mean_average_precision: a table over ids however far apart they are",
        "fastgeo/evaluation/plan.c",
        "span / TABLE_ENTRIES_A_ROW < (uint64_t)n",
        "n >= 0",
        "tests/test_evaluation.py",
    ),
    Mutant(
        "mask_iou: the union with a crowd is the area of the crowd",
        "fastgeo/masks/overlap.c",
        "call->iscrowd[j] ? a.area :",
        "call->iscrowd[j] ? b.area :",
        "tests/test_masks.py tests/test_compat_coco_mask.py",
    ),
    Mutant(
        "mask_iou: the plan makes outlines of masks that meet few others",
        "fastgeo/masks/plan.c",
        "(double)m < MIN_PAIRS_AN_OUTLINE *",
        "(double)m > MIN_PAIRS_AN_OUTLINE *",
        "tests/test_masks.py -k plan",
    ),
    Mutant(
        "mask_iou: outlines have room for the tops of their columns alone",
        "fastgeo/masks/profile.c",
        "total += 2 * profiles",
        "total += profiles",
        "tests/test_masks.py",
    ),
    Mutant(
        "mask_iou: of several runs in a column the last is compared",
        "fastgeo/masks/profile.c",
        "layer = x == column ? layer + 1 : 0;",
        "layer = x == column ? layer : 0;",
        "tests/test_masks.py",
    ),
    Mutant(
        "mask_nms: a mask at the threshold is suppressed (> becomes >=)",
        "fastgeo/masks/overlap.c",
        "shared) > call->threshold;",
        "shared) >= call->threshold;",
        "tests/test_masks.py",
    ),
    Mutant(
        "Masks.encode: a column looks at the last pixel but one of the 64 before",
        "fastgeo/masks/encode_body.h",
        "(left < 64 ? left - 1 : 63) & 1",
        "(left < 64 ? left - 1 : 62) & 1",
        "tests/test_masks.py",
    ),
    Mutant(
        "Masks.to_coco: the third run is written as a difference from the first",
        "fastgeo/masks/strings.c",
        "k > 2 ? (int64_t)counts[k]",
        "k > 1 ? (int64_t)counts[k]",
        "tests/test_masks.py",
    ),
    Mutant(
        "Masks.merge: a run that reaches the last pixel is followed by an empty one",
        "fastgeo/masks/merge.c",
        " && position < size",
        " && position <= size",
        "tests/test_masks.py",
    ),
    Mutant(
        "boundary_iou: the core has background near on one side",
        "fastgeo/masks/boundary.c",
        "reach = 2 * width + 1",
        "reach = 2 * width",
        "tests/test_masks.py",
    ),
    Mutant(
        "dispatch: float64 is served by the float32 kernels",
        "fastgeo/runtime/isa.h",
        "{function##_##code##_f32, function##_##code##_f64},",
        "{function##_##code##_f32, function##_##code##_f32},",
        "tests/test_dispatch.py tests/test_boxes.py",
    ),
    Mutant(
        "pool: helpers leave the last chunk to nobody",
        "fastgeo/runtime/pool.c",
        "        if (chunk < share->end)\n",
        "        if (chunk < share->end - 1)\n",
        "tests/test_threads.py",
    ),
    Mutant(
        "pool: no one runs the chunks of a helper that does not come",
        "fastgeo/runtime/pool.c",
        "for (int i = 0; i < pool.n_slots; i++) {",
        "for (int i = 0; i < 1; i++) {",
        "tests/test_threads.py",
    ),
    Mutant(
        "pool: every thread polls for signals",
        "fastgeo/runtime/core.pyx",
        "if (PyThread_get_thread_ident() != fg_main_thread)",
        "if (0)",
        "tests/test_threads.py -k polls",
        seconds=60,
    ),
    Mutant(
        "team: the limit of the thread that asks is read as the default of the process",
        "fastgeo/runtime/pool.c",
        "int fg_default_threads(void) { return atomic_load(&default_threads); }",
        "int fg_default_threads(void) { return thread_limit ? thread_limit : atomic_load(&default_threads); }",
        "tests/test_threads.py -k threadpoolctl",
        seconds=60,
    ),
    Mutant(
        "pool: a job closes before its helpers are done",
        "fastgeo/runtime/pool.c",
        "while (pool.running > 0)",
        "while (0)",
        "tests/test_threads.py -k waits_for",
        seconds=60,
    ),
    Mutant(
        "pool: no signal is looked for",
        "fastgeo/runtime/pool.c",
        "stop_due = poll_callback && poll_callback();",
        "stop_due = 0;",
        "tests/test_processes.py::test_interrupt_is_answered[box_iou]",
    ),
    Mutant(
        "pool: no signal is looked for inside a long chunk",
        "fastgeo/clustering/exhaustive_body.h",
        "return state->job->team->stopped(state->slot);",
        "return 0 * state->slot;",
        "tests/test_processes.py -k million --exhaustive",
    ),
    Mutant(
        "checks: NaN among boxes passes",
        "fastgeo/runtime/checks.py",
        'reject(name, boxes, ~(np.abs(boxes) <= limit), f"a',
        'reject(name, boxes, np.abs(boxes) > limit, f"a',
        "tests/test_robustness.py -k refuses",
    ),
    Mutant(
        "checks: the mask of a masked array is lost",
        "fastgeo/runtime/checks.py",
        "if isinstance(value, np.ma.MaskedArray):",
        "if False:",
        "tests/test_robustness.py -k masked",
    ),
    Mutant(
        "checks: an output may overlap an input",
        "fastgeo/runtime/checks.py",
        "if any(np.may_share_memory(out, array) for array in inputs):",
        "if False:",
        "tests/test_robustness.py -k overlapping_out",
    ),
]


def apply(mutant: Mutant, copy: Path) -> str | None:
    """Break the copy; returns the text that was there, or None if the mutant no longer applies."""
    path = copy / mutant.file
    text = path.read_text() if path.exists() else ""
    if text.count(mutant.old) != 1:
        return None
    path.write_text(text.replace(mutant.old, mutant.new))
    return text


def build(copy: Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], copy)


def run(command: list[str], copy: Path, timeout: int = 900) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(copy)}
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout)


def test_command(tests: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]


def verdict(mutant: Mutant, copy: Path) -> str:
    """ "caught", or what is wrong with the mutant."""
    before = apply(mutant, copy)
    if before is None:
        return "NO LONGER APPLIES: its code has moved"
    try:
        built = build(copy)
        if built.returncode:
            return f"DOES NOT COMPILE: {built.stderr[-500:]}"
        try:
            tested = run(test_command(mutant.tests), copy, timeout=mutant.seconds)
        except subprocess.TimeoutExpired:
            return "caught (the tests hang)"
        # 1: a test failed; a negative code: a signal, which is a way of being caught as well.
        if tested.returncode == 0:
            return "SURVIVED"
        return "caught" if tested.returncode == 1 or tested.returncode < 0 else f"NOT TESTED: {tested.stdout[-500:]}"
    finally:
        (copy / mutant.file).write_text(before)


def fresh_copy(folder: Path) -> Path:
    """The project with what is built of it, so that only the mutated extension is compiled again."""
    ignore = shutil.ignore_patterns(".git", ".*_cache", ".hypothesis", ".benchmarks", "__pycache__", "dist")
    copy = Path(shutil.copytree(PROJECT, folder / "project", ignore=ignore))
    built = build(copy)
    if built.returncode:
        sys.exit(f"mutate.py: the project itself does not build:\n{built.stderr[-2000:]}")
    return copy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PATTERN", help="mutants whose description or file matches")
    parser.add_argument(
        "--tests-have-passed", action="store_true", help="on this code: do not run them without mutants"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="default: %(default)s")
    args = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if re.search(args.only, f"{mutant.what} {mutant.file}")]
    copies: Queue[Path] = Queue()

    def in_a_copy(job: Callable[[Path], str]) -> str:
        copy = copies.get()
        try:
            return job(copy)
        finally:
            copies.put(copy)

    def sound(tests: str) -> str:
        return in_a_copy(lambda copy: "" if run(test_command(tests), copy).returncode == 0 else tests)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as workers:
        for copy in workers.map(fresh_copy, [Path(folder, str(i)) for i in range(min(args.jobs, len(chosen)))]):
            copies.put(copy)
        unproved = set() if args.tests_have_passed else {mutant.tests for mutant in chosen}
        if failing := " ".join(workers.map(sound, sorted(unproved))).strip():
            sys.exit(f"mutate.py: these fail without any mutant: {failing}")
        verdicts = []
        judged = workers.map(lambda mutant: in_a_copy(lambda copy: verdict(mutant, copy)), chosen)
        for mutant, answer in zip(chosen, judged, strict=True):
            print(f"{answer:10} {mutant.what}", flush=True)
            verdicts.append(answer)
    caught = sum(answer.startswith("caught") for answer in verdicts)
    print(f"{caught} of {len(chosen)} mutants caught")
    return 0 if chosen and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
