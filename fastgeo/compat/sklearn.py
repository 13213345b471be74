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

`roc_auc_score`, `roc_curve`, `precision_recall_curve` and `average_precision_score` compute the binary case here:
numeric labels of two values, finite scores, weights that are not negative. Everything else (multiclass ``ovr`` and
``ovo``, multilabel averages, `max_fpr`, string labels, one class only, every error) goes to scikit-learn's own
function, so its results, warnings and exceptions are scikit-learn's. Differences in the binary case:

- `roc_auc_score` and `average_precision_score` are rounded once or in a fixed order, where scikit-learn sums a
  trapezoid or a step function: the last digits may differ.
- Integer scores beyond 2**53 are compared as integers.
- Thresholds of `roc_curve` are float64; before scikit-learn 1.9 they have the type of the scores.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import sklearn.metrics as theirs
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["KMeans", "average_precision_score", "precision_recall_curve", "roc_auc_score", "roc_curve"]

MUCH_MEMORY = 2**30


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """K-means clustering with the parameters, methods and attributes of ``sklearn.cluster.KMeans``.

    Parameters
    ----------
    n_clusters : int, default 8
    init : {"k-means++", "random"}, callable or array (n_clusters, n_features), default "k-means++"
    n_init : "auto" or int, default "auto"
        Runs of which the best is kept; "auto" is 10 for ``init="random"`` or a callable, else 1.
    max_iter : int, default 300
    tol : float, default 1e-4
        Stop when the squared movement of the centroids is at most `tol` times the mean variance of the features.
    verbose : int, default 0
        Has no effect.
    random_state : int, RandomState or None, default None
    copy_x : bool, default True
        Has no effect: the data are never changed.
    algorithm : {"lloyd", "elkan"}, default "lloyd"
        Has no effect.

    Attributes
    ----------
    cluster_centers_ : ndarray (n_clusters, n_features)
    labels_ : ndarray of int32 (n_samples,)
    inertia_ : float
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.sklearn import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, init=X[[0, 3]]).fit(X)
    >>> model.labels_.tolist(), model.cluster_centers_.tolist()
    ([0, 0, 0, 1, 1, 1], [[1.0, 2.0], [10.0, 2.0]])
    >>> model.predict([[0, 0], [12, 3]])
    array([0, 1], dtype=int32)
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centroids of `X` (n_samples, n_features)."""
        X = self._data(X, reset=True)
        n_clusters = checks.integer("n_clusters", self.n_clusters, 1)
        checks.choice("algorithm", self.algorithm, ("lloyd", "elkan"))
        if len(X) < n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={n_clusters}.")
        tol = checks.in_range("tol", self.tol, 0, np.inf) * float(np.var(X, axis=0).mean())
        options = {"max_iter": self.max_iter, "tol": tol, "sample_weight": sample_weight}
        random_state = check_random_state(self.random_state)
        if callable(self.init):
            runs = [
                fastgeo.kmeans(X, n_clusters, init=self._centers(X, random_state), **options)
                for _ in range(self._runs())
            ]
            best = min(runs, key=lambda run: run.inertia)
        else:
            init, n_init = (self.init, self._runs()) if isinstance(self.init, str) else (self._centers(X), 1)
            seed = int(random_state.randint(np.iinfo(np.int32).max))
            best = fastgeo.kmeans(X, n_clusters, init=init, n_init=n_init, seed=seed, **options)
        distinct = len(np.unique(best.labels))
        if distinct < n_clusters:
            message = f"Number of distinct clusters ({distinct}) found smaller than n_clusters ({n_clusters}). "
            warnings.warn(message + "Possibly due to duplicate points in X.", ConvergenceWarning, stacklevel=2)
        self.cluster_centers_ = best.centroids
        self.labels_ = best.labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self._n_features_out = n_clusters
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit and return the labels of `X`."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def predict(self, X: Any) -> Array:
        """Index of the nearest centroid of each row, int32."""
        check_is_fitted(self)
        labels: Array = fastgeo.assign(self._data(X), self.cluster_centers_)[0]
        return labels

    def transform(self, X: Any) -> Array:
        """Distance of each row to each centroid, (n_samples, n_clusters)."""
        check_is_fitted(self)
        return fastgeo.pairwise_distance(self._data(X), self.cluster_centers_)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the (weighted) sum of squared distances to the nearest centroid."""
        check_is_fitted(self)
        squares = fastgeo.assign(self._data(X), self.cluster_centers_)[1].astype(np.float64) ** 2
        return -float(squares.sum() if sample_weight is None else np.dot(squares, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _data(self, X: Any, reset: bool = False) -> Array:
        array = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            accept_large_sparse=False,
            dtype=[np.float64, np.float32],
            order="C",
        )
        if isinstance(array, np.ndarray):
            return array
        size = array.shape[0] * array.shape[1] * array.dtype.itemsize
        if size > MUCH_MEMORY:
            warnings.warn(f"sparse X is converted to a dense array of {size / 2**30:.1f} GiB", stacklevel=3)
        dense: Array = array.toarray()
        return dense

    def _runs(self) -> int:
        if isinstance(self.n_init, str):
            checks.choice("n_init", self.n_init, ("auto",))
            return 10 if callable(self.init) or (isinstance(self.init, str) and self.init == "random") else 1
        return checks.integer("n_init", self.n_init, 1)

    def _centers(self, X: Array, random_state: Any = None) -> Array:
        """The initial centroids that the caller gives."""
        centers = self.init
        if callable(centers):
            centers = centers(X, self.n_clusters, random_state=random_state)
        elif self._runs() != 1:
            message = f"Explicit initial center position passed: performing only one init instead of {self.n_init}."
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        centers = check_array(centers, dtype=X.dtype, order="C")
        if centers.shape != (self.n_clusters, X.shape[1]):
            raise ValueError(
                f"The shape of the initial centers {centers.shape} does not match "
                f"the number of clusters {self.n_clusters} and of features {X.shape[1]}."
            )
        return np.asarray(centers)


def roc_auc_score(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    sample_weight: Any = None,
    max_fpr: float | None = None,
    multi_class: str = "raise",
    labels: Any = None,
) -> Any:
    """Area under the ROC curve, as ``sklearn.metrics.roc_auc_score``.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, classes)
    y_score : array_like, shape (n,) or (n, classes)
    average, max_fpr, multi_class, labels
        As in scikit-learn, to whose own function every case but the plain binary one is handed.
    sample_weight : array_like, shape (n,), optional

    Returns
    -------
    float, or ndarray with ``average=None``

    Examples
    --------
    >>> from fastgeo.compat.sklearn import roc_auc_score
    >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    case = _binary_case(y_true, y_score, sample_weight) if max_fpr is None else None
    if case is None:
        return theirs.roc_auc_score(
            y_true,
            y_score,
            average=average,
            sample_weight=sample_weight,
            max_fpr=max_fpr,
            multi_class=multi_class,
            labels=labels,
        )
    return fastgeo.roc_auc(case[0], case[1], sample_weight=case[2])


def roc_curve(
    y_true: Any, y_score: Any, *, pos_label: Any = None, sample_weight: Any = None, drop_intermediate: bool = True
) -> tuple[Array, Array, Array]:
    """ROC curve, as ``sklearn.metrics.roc_curve``.

    Parameters
    ----------
    y_true : array_like, shape (n,)
    y_score : array_like, shape (n,)
    pos_label : label, optional
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional
    drop_intermediate : bool, default True
        Leave out points on a straight line.

    Returns
    -------
    fpr, tpr, thresholds : ndarray, shape (points,)

    Examples
    --------
    >>> from fastgeo.compat.sklearn import roc_curve
    >>> fpr, tpr, thresholds = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr, tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    case = _binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.roc_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    fpr, tpr, thresholds = fastgeo.roc_curve(
        case[0], case[1], sample_weight=case[2], drop_intermediate=drop_intermediate
    )
    return fpr, tpr, thresholds.astype(np.float64, copy=False)


def precision_recall_curve(
    y_true: Any, y_score: Any, *, pos_label: Any = None, sample_weight: Any = None, drop_intermediate: bool = False
) -> tuple[Array, Array, Array]:
    """Precision over recall, as ``sklearn.metrics.precision_recall_curve``.

    Parameters
    ----------
    y_true : array_like, shape (n,)
    y_score : array_like, shape (n,)
    pos_label : label, optional
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional
    drop_intermediate : bool, default False
        Leave out points on a straight line.

    Returns
    -------
    precision, recall : ndarray, shape (points + 1,)
    thresholds : ndarray, shape (points,)

    Examples
    --------
    >>> from fastgeo.compat.sklearn import precision_recall_curve
    >>> precision, recall, thresholds = precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> precision.round(2), recall
    (array([0.5 , 0.67, 0.5 , 1.  , 1.  ]), array([1. , 1. , 0.5, 0.5, 0. ]))
    """
    case = None if drop_intermediate else _binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.precision_recall_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    return fastgeo.precision_recall_curve(case[0], case[1], sample_weight=case[2])


def average_precision_score(
    y_true: Any, y_score: Any, *, average: str | None = "macro", pos_label: Any = 1, sample_weight: Any = None
) -> Any:
    """Average precision, as ``sklearn.metrics.average_precision_score``.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, classes)
    y_score : array_like, shape (n,) or (n, classes)
    average
        As in scikit-learn, to whose own function every case but the plain binary one is handed.
    pos_label : label, default 1
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional

    Returns
    -------
    float, or ndarray with ``average=None``

    Examples
    --------
    >>> from fastgeo.compat.sklearn import average_precision_score
    >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 3)
    0.833
    """
    case = _binary_case(y_true, y_score, sample_weight, pos_label)
    if case is None:
        return theirs.average_precision_score(
            y_true, y_score, average=average, pos_label=pos_label, sample_weight=sample_weight
        )
    return fastgeo.average_precision(case[0], case[1], sample_weight=case[2])


def _binary_case(
    y_true: Any, y_score: Any, sample_weight: Any, pos_label: Any = None, curve: bool = False
) -> tuple[Array, Array, Array | None] | None:
    """Labels as bool, scores and weights if this is a plain binary problem that raises nothing; else None."""
    try:
        labels, scores = np.asarray(y_true), np.asarray(y_score)
        weights = None if sample_weight is None else np.asarray(sample_weight)
    except (TypeError, ValueError):
        return None
    arrays = [labels, scores] if weights is None else [labels, scores, weights]
    if any(a.ndim != 1 or len(a) != len(labels) or len(a) == 0 or a.dtype.kind not in "buif" for a in arrays):
        return None
    low, high = labels.min(), labels.max()
    positive = labels == high
    if not (low < high and float(low).is_integer() and float(high).is_integer() and _is_finite(scores)):
        return None
    if not (positive | (labels == low)).all():
        return None
    if pos_label is None:
        if curve and (float(low), float(high)) not in ((0.0, 1.0), (-1.0, 1.0)):
            return None
    elif pos_label == low:
        positive = ~positive
    elif pos_label != high:
        return None
    if weights is not None:
        if not (_is_finite(weights) and weights.min() >= 0):
            return None
        used = weights > 0
        if not used.all():
            positive, scores, weights = positive[used], scores[used], weights[used]
        if positive.all() or not positive.any():
            return None
    return positive, scores, weights


def _is_finite(array: Array) -> bool:
    # min and max pass a NaN on
    return array.dtype.itemsize <= 8 and bool(np.isfinite(array.min()) and np.isfinite(array.max()))
