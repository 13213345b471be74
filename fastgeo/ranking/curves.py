"""From samples ranked by score to curves, areas and intervals; shared by reference and kernels, which do the ranking.

Sums of floats are cumulative sums, whose order is fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fastgeo.ranking import inputs
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


class Ranked(NamedTuple):
    """The distinct scores, ascending, and the samples at each: counts (int64), or sums of weights (float64)."""

    scores: Array
    negatives: Array
    positives: Array


class GroupedAUC(NamedTuple):
    """AUC by group: the mean of all groups where it is defined, the ids in ascending order, and the AUC of each."""

    mean: float
    groups: Array
    values: Array


class AUCInterval(NamedTuple):
    """AUC and both ends of its confidence interval."""

    auc: float
    low: float
    high: float


def total(values: Array) -> float:
    """Sum in index order; infinity where it overflows."""
    result = values.dtype.type(0)
    with np.errstate(over="ignore"):
        for part in checks.row_parts(values[:, None]):
            result = np.cumsum(np.concatenate([[result], values[part]]))[-1]
    return float(result)


def descending(ranked: Ranked) -> tuple[Array, Array, Array]:
    """False positives, true positives and threshold, from the highest threshold down; no point for weights of 0."""
    seen = (ranked.negatives > 0) | (ranked.positives > 0)
    scores, negatives, positives = (column[seen][::-1] for column in ranked)
    return np.cumsum(negatives), np.cumsum(positives), scores


def both_classes(ranked: Ranked, on_undefined: str = "raise", what: str = "labels") -> bool:
    """Whether both classes are there; otherwise raises, unless `on_undefined` is "nan"."""
    n_positive, n_negative = total(ranked.positives), total(ranked.negatives)
    inputs.finite_total(n_positive + n_negative)
    if n_positive > 0 and n_negative > 0:
        return True
    inputs.undefined(on_undefined, n_positive, n_negative, what)
    return False


def auc_of_cells(cells: Array, on_undefined: str) -> float:
    """AUC of an (N, 2) array of counts or weights, negatives and positives by ascending score."""
    ranked = Ranked(cells, cells[:, 0], cells[:, 1])
    return auc(ranked) if both_classes(ranked, on_undefined) else math.nan


def auc(ranked: Ranked) -> float:
    """The share of pairs won; a pair at one score counts one half. Both classes are there."""
    if ranked.negatives.dtype.kind == "f":
        return weighted_auc(ranked.negatives, ranked.positives)
    negatives, positives = ranked.negatives.tolist(), ranked.positives.tolist()
    wins, ties = pairs(negatives, positives)
    return float(2 * wins + ties) / float(2 * sum(positives) * sum(negatives))


def pairs(negatives: list[int], positives: list[int]) -> tuple[int, int]:
    """How many pairs are won, and how many tie. Integers do not overflow in Python."""
    wins = ties = below = 0
    for n, p in zip(negatives, positives, strict=True):
        wins += p * below
        ties += p * n
        below += n
    return wins, ties


def weighted_auc(negatives: Array, positives: Array) -> float:
    """AUC of float64 weights by ascending score, scaled by powers of two lest a product overflow or vanish."""
    negatives = np.ldexp(negatives, -np.frexp(total(negatives))[1])
    positives = np.ldexp(positives, -np.frexp(total(positives))[1])
    twice_wins = below = 0.0
    for n, p in zip(negatives.tolist(), positives.tolist(), strict=True):
        twice_wins += p * (2 * below + n)
        below += n
    return min(twice_wins / (2 * total(positives) * below), 1.0)  # rounded sums may exceed their product


def pairs_of_weights(negatives: Array, positives: Array) -> tuple[int, int, int]:
    """Won, tied and all pairs of float weights, exactly, in a unit of its own; part by part, as integers are large."""
    units = _unit(negatives), _unit(positives)
    wins = ties = below = n_positive = 0
    for part in _short_parts(negatives):
        own_negatives, own_positives = as_integers(negatives[part], units[0]), as_integers(positives[part], units[1])
        own_wins, own_ties = pairs(own_negatives, own_positives)
        wins += own_wins + below * sum(own_positives)
        ties += own_ties
        below += sum(own_negatives)
        n_positive += sum(own_positives)
    return wins, ties, below * n_positive


def _short_parts(values: Array) -> Iterator[slice]:
    return (slice(begin, begin + (1 << 16)) for begin in range(0, len(values), 1 << 16))


def _unit(weights: Array) -> int:
    """The largest denominator."""
    return max(
        (max(w.as_integer_ratio()[1] for w in weights[part].tolist()) for part in _short_parts(weights)), default=1
    )


def as_integers(weights: Array, unit: int) -> list[int]:
    """Float weights in units of 1 / unit."""
    ratios = (w.as_integer_ratio() for w in weights.tolist())
    return [numerator * (unit // denominator) for numerator, denominator in ratios]


def _by_floats(a: int, b: int) -> float:
    """float(a) / float(b), both first divided by a power of two where they are beyond the floats."""
    scale = 1 << max(0, b.bit_length() - 1000)
    return (a / scale) / (b / scale)


def below(a: int, b: int) -> float:
    """A float that exceeds neither a / b nor its quotient by way of float64."""
    quotient = a / b  # of Python integers, rounded once
    numerator, denominator = quotient.as_integer_ratio()
    if numerator * b > a * denominator:
        quotient = math.nextafter(quotient, 0.0)
    return min(quotient, _by_floats(a, b))


def above(a: int, b: int) -> float:
    """A float that neither a / b nor its quotient by way of float64 exceeds."""
    quotient = a / b
    numerator, denominator = quotient.as_integer_ratio()
    if numerator * b < a * denominator:
        quotient = math.nextafter(quotient, 1.0)
    return max(quotient, _by_floats(a, b))


def roc_points(ranked: Ranked, drop_intermediate: bool) -> tuple[Array, Array, Array]:
    """False and true positive rates and thresholds, as scikit-learn returns them."""
    both_classes(ranked)
    fps, tps, thresholds = descending(ranked)
    if drop_intermediate and len(fps) > 2:
        corner = (np.diff(fps, 2) != 0) | (np.diff(tps, 2) != 0)
        keep = np.concatenate([[True], corner, [True]])
        fps, tps, thresholds = fps[keep], tps[keep], thresholds[keep]
    if thresholds.dtype.kind != "f":
        thresholds = thresholds.astype(np.float64)
    first = np.full(1, np.inf, thresholds.dtype)
    fpr = np.concatenate([[0.0], fps / fps[-1]])
    tpr = np.concatenate([[0.0], tps / tps[-1]])
    return fpr, tpr, np.concatenate([first, thresholds])


def precision_recall_points(ranked: Ranked, drop_intermediate: bool) -> tuple[Array, Array, Array]:
    """Precision, recall and ascending thresholds, as scikit-learn returns them."""
    some_positive(ranked)
    fps, tps, thresholds = descending(ranked)
    if drop_intermediate and len(fps) > 2:
        corner = (np.diff(tps[:-1]) != 0) | (np.diff(tps[1:]) != 0)
        keep = np.concatenate([[True], corner, [True]])
        fps, tps, thresholds = fps[keep], tps[keep], thresholds[keep]
    precision, recall = tps / (tps + fps), tps / tps[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1].copy()


def mean_precision(ranked: Ranked) -> float:
    """Sum over the thresholds of (rise in recall) · precision."""
    some_positive(ranked)
    fps, tps, _ = descending(ranked)
    rises = np.diff(tps, prepend=tps.dtype.type(0))
    return float(total(rises * (tps / (tps + fps))) / tps[-1])


def some_positive(ranked: Ranked) -> None:
    n_positive, n_negative = total(ranked.positives), total(ranked.negatives)
    inputs.finite_total(n_positive + n_negative)
    if n_positive == 0:
        no_positive(n_positive, n_negative)


def no_positive(n_positive: float, n_negative: float) -> None:
    raise ValueError(f"labels: expected at least one positive, got {n_positive:g} positive, {n_negative:g} negative")


def partial_auc(ranked: Ranked, max_fpr: float) -> float:
    """Area where the false positive rate is at most `max_fpr`, standardised."""
    fpr, tpr, _ = roc_points(ranked, drop_intermediate=False)
    stop = int(np.searchsorted(fpr, max_fpr, side="right"))
    x0, x1, y0, y1 = (float(v) for v in (fpr[stop - 1], fpr[stop], tpr[stop - 1], tpr[stop]))
    fpr = np.append(fpr[:stop], max_fpr)
    tpr = np.append(tpr[:stop], y0 + (y1 - y0) * ((max_fpr - x0) / (x1 - x0)))
    return standardised(total(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2), max_fpr)


def standardised(area: float, max_fpr: float) -> float:
    """By McClish: 0.5 by chance, 1 at best."""
    least = 0.5 * max_fpr * max_fpr
    return 0.5 * (1 + (area - least) / (max_fpr - least))


def delong(ranked: Ranked, level: float) -> AUCInterval:
    """Normal interval of DeLong's variance, within [0, 1].

    The placement of a positive is the share of negatives below it, ties one half, and that of a negative the share of
    positives above it. Both have the AUC as their mean; their variances give that of the AUC.
    """
    both_classes(ranked)
    area = auc(ranked)
    negatives, positives = ranked.negatives, ranked.positives
    n_negative, n_positive = int(negatives.sum()), int(positives.sum())
    two_of_each(n_negative, n_positive)
    of_positives = (2 * (np.cumsum(negatives) - negatives) + negatives) / (2 * n_negative)
    of_negatives = (2 * (n_positive - np.cumsum(positives)) + positives) / (2 * n_positive)
    square_positives = total(positives * (of_positives - area) ** 2)
    square_negatives = total(negatives * (of_negatives - area) ** 2)
    return normal_interval(area, square_negatives, square_positives, n_negative, n_positive, level)


def two_of_each(n_negative: int, n_positive: int) -> None:
    if n_negative < 2 or n_positive < 2:
        raise ValueError(
            f"labels: expected at least two samples of each class, got {n_positive} positive and {n_negative} negative"
        )


def normal_interval(
    area: float, square_negatives: float, square_positives: float, n_negative: float, n_positive: float, level: float
) -> AUCInterval:
    """From the sums of the squared distances of either class's placements from the area."""
    variance = square_positives / (n_positive - 1) / n_positive + square_negatives / (n_negative - 1) / n_negative
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
    return AUCInterval(area, max(0.0, area - reach), min(1.0, area + reach))


def mean_of_defined(groups: Array, values: Array, on_undefined: str) -> GroupedAUC:
    """The mean is the exactly rounded sum of the defined values, divided by their number."""
    defined = values[~np.isnan(values)].tolist()
    if not len(groups):
        return GroupedAUC(inputs.undefined(on_undefined, 0, 0), groups, values)
    return GroupedAUC(math.fsum(defined) / len(defined) if defined else math.nan, groups, values)
