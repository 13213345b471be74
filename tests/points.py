"""Points, and what is asked of them, for the tests of clustering."""

import numpy as np

import fastgeo
from fastgeo.testing import algorithms, force_algorithm

FLOATS = [np.float32, np.float64]

METRICS = ["euclidean", "cosine", "iou"]


def cloud(n, d, dtype=np.float64, seed=0, offset=0.0, metric="euclidean"):
    """Points without structure; sizes for "iou"."""
    X = np.random.default_rng(seed).standard_normal((n, d)) + offset
    return (np.abs(X) if metric == "iou" else X).astype(dtype)


def blobs(n, d, k, dtype=np.float64, seed=0, offset=0.0):
    """k groups so far apart that no point is near a border; returns points and their groups."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(k, size=n)
    groups[:k] = np.arange(k)
    centres = 100 * np.stack(np.unravel_index(np.arange(k), [4] * d), axis=1)
    return (centres[groups] + rng.uniform(-1, 1, (n, d)) + offset).astype(dtype), groups


def unit(rows):
    """Rows divided by their lengths, in float64; a row of zeros stays."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def clearly_labelled(X, centroids, metric, bound):
    """Points whose nearest centroid is nearer than all others by more than the relative bound."""
    if metric == "cosine":
        X, centroids = (a / np.linalg.norm(a.astype(np.float64), axis=1, keepdims=True) for a in (X, centroids))
    D = ((X[:, None].astype(np.float64) - centroids[None].astype(np.float64)) ** 2).sum(axis=-1)
    D.sort(axis=1)
    return D[:, 0] * (1 + bound) + bound * (metric == "cosine") < D[:, 1] if D.shape[1] > 1 else np.ones(len(X), bool)


def under_every_algorithm(call):
    """The answers of `call` with every algorithm of `kmeans` and of `assign` that can serve it."""
    answers = []
    for run in algorithms(fastgeo.kmeans):
        for search in algorithms(fastgeo.assign):
            with force_algorithm(fastgeo.kmeans, run), force_algorithm(fastgeo.assign, search):
                try:
                    answers.append(call())
                except ValueError as error:
                    if "cannot serve this call" not in str(error):
                        raise
    assert len(answers) >= 2
    return [call(), *answers]
