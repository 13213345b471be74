"""Draws for the ranking family."""

from __future__ import annotations

import numpy as np

from fuzzing.draws import Call, float_type, log_uniform, maybe, pick, same, score_scene
from fuzzing.peers import metrics

FUNCTIONS = ("roc_auc", "roc_auc", "roc_curve", "precision_recall_curve", "average_precision", "roc_auc_interval")
SAMPLE_COST = 3e-6


def labels(rng, n):
    """Both classes where n allows; one may be rare."""
    positive = rng.random(n) < pick(rng, (0.5, 0.01, 0.99, 1 / (n + 1)))
    positive[: min(n, 2)] = [False, True][: min(n, 2)]
    rng.shuffle(positive)
    return positive.astype(pick(rng, (bool, np.uint8, np.int64, np.float32)))


def weights(rng, n):
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(0, 3, n).astype(np.float64) + (np.arange(n) < 3)
    if kind == 1:
        return np.exp2(rng.uniform(-200, 200, n))
    return rng.uniform(0, 2, n) + 1e-9


def scores(rng, n):
    if rng.random() < 0.1:
        return rng.integers(-(2**62), 2**62, n)
    return score_scene(rng, n, float_type(rng))


def as_scikit_learn_says(kwargs, answer):
    """Relatively near; its own sums are float64 in another order."""
    finite = np.isfinite(kwargs["scores"].astype(np.float64)).all()
    if metrics is None or not finite or set(kwargs) - {"labels", "scores", "sample_weight"}:
        return
    if kwargs["sample_weight"] is None or np.ptp(np.log2(kwargs["sample_weight"] + 1e-9)) < 40:
        expected = metrics.roc_auc_score(kwargs["labels"], kwargs["scores"], sample_weight=kwargs["sample_weight"])
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-12)


def sorted_scores(rng, large):
    n, name = log_uniform(rng, 2, 1_000_000 if large else 3000), pick(rng, FUNCTIONS)
    kwargs = {"labels": labels(rng, n), "scores": scores(rng, n)}
    if name != "roc_auc_interval":
        kwargs["sample_weight"] = maybe(rng, 0.4, weights(rng, n))
    if name == "roc_auc":
        kind = rng.integers(4)
        if kind == 0:
            kwargs["groups"], kwargs["on_undefined"] = rng.integers(0, max(1, n // 50) + 1, n), "nan"
        elif kind == 1:
            kwargs["max_fpr"] = float(pick(rng, (1e-6, 0.1, 0.5, 1.0)))
    if name in ("roc_curve", "precision_recall_curve"):
        kwargs["drop_intermediate"] = bool(rng.integers(2))
    checks = (as_scikit_learn_says,) if name == "roc_auc" else ()
    return Call(name, kwargs, n * SAMPLE_COST * (10 if "groups" in kwargs else 1), same, checks)


def one_vs_rest(rng, large):
    n, classes = log_uniform(rng, 2, 100_000 if large else 500), log_uniform(rng, 2, 30)
    table = score_scene(rng, n * classes, float_type(rng)).reshape(n, classes)
    kwargs = {"labels": rng.integers(0, classes, n), "scores": table, "on_undefined": "nan"}
    return Call("roc_auc", kwargs, n * classes * SAMPLE_COST)


def histogram(rng, large):
    n, n_bins = log_uniform(rng, 0, 1_000_000 if large else 5000), log_uniform(rng, 1, 2**20 if large else 5000)
    low, width = float(pick(rng, (0, -0.5, 1e6, -1e-3, 0.29))), float(pick(rng, (1, 1e-310, 2.0**-140, 1e6, 0.7)))
    high = low + width if low + width > low else low + 1
    name = pick(rng, ("histogram_auc", "histogram_auc", "AUCHistogram"))
    with np.errstate(all="ignore"):
        values = low + rng.choice([rng.random(n), rng.integers(0, n_bins + 1, n) / n_bins]) * (high - low)
        values = values.clip(low, high)
        narrow = values.astype(np.float32)
    if rng.random() < 0.5 and ((narrow >= low) & (narrow <= high)).all():
        values = narrow
    kwargs = {"labels": labels(rng, n), "scores": values, "n_bins": n_bins, "range": (low, high)}
    kwargs["sample_weight"] = maybe(rng, 0.4, weights(rng, n))
    if name == "histogram_auc":
        kwargs["on_undefined"] = "nan"
    return Call(name, kwargs, (n + n_bins) * SAMPLE_COST)


DRAWERS = (sorted_scores, sorted_scores, one_vs_rest, histogram, histogram)
