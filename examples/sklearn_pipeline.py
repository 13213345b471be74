"""A scikit-learn pipeline with k-means features: only the import of KMeans and of roc_auc_score changes.

Needs scikit-learn. Points on four rings, two classes in turn; their distances to centroids separate them linearly.
"""

from time import perf_counter

import numpy as np
import sklearn.cluster
import sklearn.metrics
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastgeo.compat.sklearn


def made_data(n=16_000, seed=0):
    """Points on noisy rings in the plane; the label is the parity of the ring."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, 4, n), rng.uniform(0, 2 * np.pi, n)
    X = (ring + 1)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.2, (n, 2))
    return X.astype(np.float32), ring % 2


def run(library_kmeans, library_auc, X, y):
    """The pipeline; returns its AUC on the second half and the seconds of clustering and of the metric."""
    half = len(X) // 2
    features = library_kmeans(40, n_init=1, max_iter=50, random_state=0)
    model = make_pipeline(features, StandardScaler(), LogisticRegression(max_iter=300))
    start = perf_counter()
    features.fit(X[:half])
    clustering = perf_counter() - start
    model.fit(X[:half], y[:half])
    scores = model.decision_function(X[half:])
    start = perf_counter()
    auc = library_auc(y[half:], scores)
    return auc, clustering, perf_counter() - start


def main():
    X, y = made_data()
    auc1, clustering1, metric1 = run(sklearn.cluster.KMeans, sklearn.metrics.roc_auc_score, X, y)
    auc2, clustering2, metric2 = run(fastgeo.compat.sklearn.KMeans, fastgeo.compat.sklearn.roc_auc_score, X, y)
    print(f"AUC {auc1:.4f} with scikit-learn's KMeans, {auc2:.4f} with fastgeo's")
    for name, before, after in (("clustering", clustering1, clustering2), ("roc_auc_score", metric1, metric2)):
        print(
            f"{name:14}{before * 1e3:9.2f} ms before, {after * 1e3:8.2f} ms after: {before / after:.1f} times as fast"
        )


if __name__ == "__main__":
    main()
