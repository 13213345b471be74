"""Draws for the assignment family."""

from __future__ import annotations

import numpy as np

from fuzzing.draws import FORMATS, Call, float_type, legal_boxes, log_uniform, maybe, pick, typed
from fuzzing.peers import optimize

COSTS = (
    lambda rng, shape: rng.random(shape),
    lambda rng, shape: rng.integers(-3, 4, shape).astype(float),  # ties
    lambda rng, shape: np.add.outer(rng.random(shape[0]), rng.random(shape[1])),  # every assignment is as good
    lambda rng, shape: rng.standard_normal(shape) * np.exp2(rng.uniform(-300, 300, shape)),
    lambda rng, shape: np.outer(np.arange(shape[0]), np.arange(shape[1])).astype(float),  # the longest paths
    lambda rng, shape: np.full(shape, 0.5),
)


def least_total(kwargs, answer):
    """The total that SciPy finds, where no pair may be left out."""
    cost = np.asarray(kwargs["cost"], np.float64)
    if optimize is None or kwargs["max_cost"] is not None:
        return
    rows, columns = optimize.linear_sum_assignment(cost, kwargs["maximize"])
    assert len(answer[0]) == len(rows)
    expected, total = cost[rows, columns], cost[answer].sum()
    assert abs(total - expected.sum()) <= 1e-12 * np.abs(cost[np.isfinite(cost)]).sum(), (total, expected.sum())


def matrix(rng, large):
    n, m = log_uniform(rng, 0, 600 if large else 25), log_uniform(rng, 0, 600 if large else 25)
    cost = typed(pick(rng, COSTS)(rng, (n, m)), float_type(rng))
    maximize = bool(rng.random() < 0.2)
    if rng.random() < 0.4:
        cost[rng.random((n, m)) < rng.choice([0.1, 0.6, 0.95])] = -np.inf if maximize else np.inf
    kwargs = {
        "cost": cost,
        "max_cost": maybe(rng, 0.4, float(pick(rng, (0.0, 0.3, 1.0, 2.0, 1e300)))),
        "maximize": maximize,
    }
    return Call("linear_assignment", kwargs, 1e-6 * min(n, m) ** 2 * max(n, m) + 1e-4, checks=(least_total,))


def one_to_one(kwargs, answer):
    rows, columns, values = answer
    assert (np.diff(rows) > 0).all() and len(np.unique(columns)) == len(columns)
    assert (values.astype(np.float64) > kwargs["iou_threshold"]).all()


def matched(rng, large):
    dtype, fmt = float_type(rng), pick(rng, FORMATS)
    n, m = (log_uniform(rng, 0, 3000 if large else 40) for _ in range(2))
    boxes = legal_boxes(rng, n + m, dtype, fmt)
    kwargs = {
        "boxes1": boxes[:n],
        "boxes2": boxes[n:],
        "fmt": fmt,
        "iou_threshold": pick(rng, (0.0, 0.1, 0.3, 0.7, 1.0)),
    }
    return Call("match_boxes", kwargs, 1e-6 * min(n, m) ** 2 * max(n, m) + 1e-4, checks=(one_to_one,))


DRAWERS = (matrix, matched)
