"""The ranking family against joint bincounts, NumPy's sums and sorts, and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from fastgeo.cli.bench_rows import Prepare, Row

Arrays = tuple[Any, ...]

# Not peers: what any method would take that only reads, or that sorts with NumPy.
READING, SORTING = "scores.sum(), labels.sum()", "np.argsort"


def samples(n: int, scores: type = np.float64, labels: type = np.bool_) -> Callable[[], Arrays]:
    """Labels and scores in [0, 1), the positives scored higher."""

    def arrays() -> Arrays:
        rng = np.random.default_rng(0)
        truth = rng.random(n) < 0.3
        return truth.astype(labels), ((rng.random(n) + 0.3 * truth) / 1.3).astype(scores)

    return arrays


def ours(name: str, **keywords: Any) -> Prepare:
    def prepare(*arrays: Any) -> Callable[[], Any]:
        import fastgeo

        return partial(getattr(fastgeo, name), *arrays, **keywords)

    return prepare


def specified(name: str) -> Prepare:
    def prepare(*arrays: Any) -> Callable[[], Any]:
        from fastgeo import reference

        return partial(getattr(reference, name), *arrays)

    return prepare


def sklearn(name: str) -> Prepare:
    def prepare(*arrays: Any) -> Callable[[], Any]:
        metrics: Any = import_module("sklearn.metrics")
        return partial(getattr(metrics, name), *arrays)

    return prepare


def joint_bincount(labels: Any, scores: Any) -> Callable[[], Any]:
    return lambda: np.bincount((scores * 100).astype(np.int64) * 2 + labels, minlength=200)


def just_reading(labels: Any, scores: Any) -> Callable[[], Any]:
    return lambda: (scores.sum(), labels.sum())


def argsort(labels: Any, scores: Any) -> Callable[[], Any]:
    return lambda: np.argsort(scores)


def histogram_rows() -> list[Row]:
    rows = []
    for exponent in (3, 5, 6, 7):
        for scores in (np.float64, np.float32):
            for labels in (np.bool_, np.int64):
                contestants: dict[str, Prepare] = {
                    "fastgeo": ours("histogram_auc", n_threads=1),
                    "joint np.bincount": joint_bincount,
                    READING: just_reading,
                }
                if exponent == 7:
                    contestants["fastgeo, two threads"] = ours("histogram_auc", n_threads=2)
                else:
                    contestants["reference"] = specified("histogram_auc")
                work = f"10^{exponent} {np.dtype(scores)}, {np.dtype(labels)} labels"
                arrays = samples(10**exponent, scores, labels)
                rows.append(Row("histogram_auc", work, arrays, contestants, exponent < 6, (READING,)))
    return rows


# What is hard on a histogram: one counter wanted again and again, or two in turn.
ADVERSARIAL: dict[str, Callable[[Any], Any]] = {
    "all in one bin": lambda scores: np.full_like(scores, 0.505),
    "sorted": np.sort,
    "two values in turn": lambda scores: np.where(np.arange(len(scores)) % 2, 0.305, 0.705),
}


def adversarial_rows() -> list[Row]:
    rows = []
    for exponent in (5, 7):
        for name, bend in ADVERSARIAL.items():

            def arrays(n: int = 10**exponent, bend: Callable[[Any], Any] = bend) -> Arrays:
                labels, scores = samples(n)()
                return labels, bend(scores)

            def uniform(labels: Any, scores: Any) -> Callable[[], Any]:
                return ours("histogram_auc", n_threads=1)(labels, np.random.default_rng(1).random(len(labels)))

            contestants: dict[str, Prepare] = {
                "fastgeo": ours("histogram_auc", n_threads=1),
                "fastgeo, uniform scores": uniform,
                "joint np.bincount": joint_bincount,
            }
            rows.append(Row("histogram_auc", f"10^{exponent} float64, {name}", arrays, contestants, exponent < 6))
    return rows


def auc_rows() -> list[Row]:
    rows = []
    for exponent in (3, 4, 5, 6):
        for scores in (np.float32, np.float64):
            contestants: dict[str, Prepare] = {
                "fastgeo": ours("roc_auc", n_threads=1),
                "reference": specified("roc_auc"),
                "scikit-learn": sklearn("roc_auc_score"),
                SORTING: argsort,
            }
            work = f"10^{exponent} {np.dtype(scores)}"
            rows.append(Row("roc_auc", work, samples(10**exponent, scores), contestants, exponent < 5, (SORTING,)))
    return rows


def curve_rows() -> list[Row]:
    rows = []
    pairs = {
        "roc_curve": "roc_curve",
        "precision_recall_curve": "precision_recall_curve",
        "average_precision": "average_precision_score",
        "roc_auc_interval": None,
    }
    for name, peer in pairs.items():
        for exponent in (4, 6):
            contestants: dict[str, Prepare] = {"fastgeo": ours(name)}
            if exponent < 6:
                contestants["reference"] = specified(name)
            if peer:
                contestants["scikit-learn"] = sklearn(peer)
            rows.append(Row(name, f"10^{exponent} float64", samples(10**exponent), contestants, short=exponent < 6))
    return rows


def stream(batch: int | None) -> Prepare:
    """The samples fed to an AUCHistogram, in batches or in one call."""

    def prepare(labels: Any, scores: Any) -> Callable[[], Any]:
        import fastgeo

        size = batch or len(labels)
        batches = [(labels[i : i + size], scores[i : i + size]) for i in range(0, len(labels), size)]

        def feed() -> Any:
            histogram = getattr(fastgeo, "AUCHistogram")()  # noqa: B009 (the type checker does not see the name)
            for some_labels, some_scores in batches:
                histogram.update(some_labels, some_scores)
            return histogram

        return feed

    return prepare


def stream_rows() -> list[Row]:
    contestants: dict[str, Prepare] = {"fastgeo": stream(1000), "fastgeo, one call": stream(None)}
    return [
        Row(
            "AUCHistogram",
            f"10^{exponent} float64 in batches of 1000",
            samples(10**exponent),
            contestants,
            exponent < 6,
        )
        for exponent in (5, 6, 7)
    ]


ROWS: list[Row] = [*histogram_rows(), *adversarial_rows(), *auc_rows(), *curve_rows(), *stream_rows()]
