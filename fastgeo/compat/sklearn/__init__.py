"""scikit-learn's k-means and ranking metrics: ``from fastgeo.compat.sklearn import KMeans, roc_auc_score``.

`KMeans` is an estimator like scikit-learn's: clone, pipelines, grid search, ``set_output``, pickling. Differences:

- The same `random_state` draws other random numbers, so only an `init` array starts from the same centroids.
- `algorithm` is accepted and has no effect: fastgeo chooses. `verbose` prints nothing. `copy_x` has no effect: the data
  are neither changed nor copied, unless they must be converted.
- An empty cluster takes the point farthest from its centroid, as in scikit-learn; fastgeo's stays empty only where
  there are fewer distinct points than clusters.
- Sparse data are accepted and converted to a dense array of n_samples · n_features numbers; a warning names the memory
  where that is more than 1 GiB.
- The data are not centred first. Labels differ only where two centroids tie to rounding.
- Negative sample weights raise ``ValueError``; scikit-learn computes with them.

`roc_auc_score`, `roc_curve`, `precision_recall_curve` and `average_precision_score` compute here: binary labels of
numbers or text, multiclass ``ovr`` and ``ovo``, multilabel, weights that are not negative, `max_fpr`. What is left (one
class only, ``average="samples"``, negative weights, every warning and error) goes to scikit-learn's own function, so
its results, warnings and exceptions are scikit-learn's. Differences:

- `roc_auc_score` and `average_precision_score` are rounded once or in a fixed order, where scikit-learn sums a
  trapezoid or a step function: the last digits may differ.
- Integer scores beyond 2**53 are compared as integers.
- Thresholds of `roc_curve` are float64; before scikit-learn 1.9 they have the type of the scores.
"""

from fastgeo.compat.sklearn.cluster import KMeans, kmeans_plusplus, pairwise_distances_argmin_min
from fastgeo.compat.sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

__all__ = [
    "KMeans",
    "average_precision_score",
    "kmeans_plusplus",
    "pairwise_distances_argmin_min",
    "precision_recall_curve",
    "roc_auc_score",
    "roc_curve",
]
