"""The drop-in for ``sklearn.cluster.KMeans``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import sklearn.cluster as theirs
import sklearn.metrics as their_metrics
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import check_pairwise_arrays
from sklearn.utils import check_array, check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

import fastgeo
from fastgeo.runtime.checks import Array

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

    _parameter_constraints = theirs.KMeans._parameter_constraints

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
        self._validate_params()
        X = self._data(X, reset=True)
        n_clusters = int(self.n_clusters)
        if len(X) < n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={n_clusters}.")
        tol = float(self.tol * np.var(X, axis=0).mean())
        options: dict[str, Any] = {
            "max_iter": int(self.max_iter),
            "tol": tol,
            "sample_weight": _weights(sample_weight, X),
        }
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
        X = self._data(X)
        weights = _weights(sample_weight, X)
        squares = fastgeo.assign(X, self.cluster_centers_)[1].astype(np.float64) ** 2
        return -float(squares.sum() if weights is None else np.dot(squares, weights))

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
        if isinstance(self.n_init, str):  # "auto"
            return 10 if callable(self.init) or (isinstance(self.init, str) and self.init == "random") else 1
        return int(self.n_init)

    def _centers(self, X: Array, random_state: Any = None) -> Array:
        """The initial centroids that the caller gives."""
        centers = self.init
        if callable(centers):
            centers = centers(X, self.n_clusters, random_state=random_state)
        elif self._runs() != 1:
            message = f"Explicit initial center position passed: performing only one init instead of {self.n_init}."
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        centers = check_array(centers, dtype=X.dtype, order="C")
        if centers.shape[0] != self.n_clusters:
            wanted = f"clusters {self.n_clusters}"
        elif centers.shape[1] != X.shape[1]:
            wanted = f"features of the data {X.shape[1]}"
        else:
            return np.asarray(centers)
        raise ValueError(f"The shape of the initial centers {centers.shape} does not match the number of {wanted}.")


def _weights(sample_weight: Any, X: Array) -> Array | None:
    """One weight a row, of an array or a single number, with scikit-learn's errors."""
    if sample_weight is None:
        return None
    return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))


def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
) -> tuple[Array, Array]:
    """Starting centroids by greedy k-means++, as ``sklearn.cluster.kmeans_plusplus``.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Sparse data are refused.
    n_clusters : int
    sample_weight : array_like, shape (n_samples,), or float, optional
    x_squared_norms
        Has no effect: the distances are computed as they are needed.
    random_state : int, RandomState or None, default None
        The same state draws other numbers than scikit-learn's.
    n_local_trials : None
        Candidates a step; only scikit-learn's default, 2 + int(log(n_clusters)), is there.

    Returns
    -------
    centers : ndarray, shape (n_clusters, n_features)
    indices : ndarray of int, shape (n_clusters,)
        The rows that they are.

    Examples
    --------
    >>> from fastgeo.compat.sklearn import kmeans_plusplus
    >>> centers, indices = kmeans_plusplus([[0.0, 0], [0, 0], [9, 9]], 2, random_state=0)
    >>> sorted(map(tuple, centers.tolist()))
    [(0.0, 0.0), (9.0, 9.0)]
    """
    rows = check_array(X, dtype=[np.float64, np.float32])
    if n_local_trials is not None:
        raise ValueError(f"n_local_trials: expected None, the default, got {n_local_trials!r}")
    if len(rows) < n_clusters:
        raise ValueError(f"n_samples={len(rows)} should be >= n_clusters={n_clusters}.")
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    return fastgeo.kmeans_plusplus(rows, n_clusters, seed=seed, sample_weight=_weights(sample_weight, rows))


def pairwise_distances_argmin_min(
    X: Any, Y: Any, *, axis: int = 1, metric: Any = "euclidean", metric_kwargs: Any = None
) -> tuple[Array, Array]:
    """The nearest row of `Y` for each row of `X`, as ``sklearn.metrics.pairwise_distances_argmin_min``.

    Parameters
    ----------
    X, Y : array_like, shape (n, d) and (m, d)
    axis : {1, 0}, default 1
        0: the nearest row of `X` for each row of `Y`.
    metric : str or callable, default "euclidean"
        "euclidean" and "sqeuclidean" are computed here, others handed to scikit-learn.
    metric_kwargs : dict, optional
        Handed to scikit-learn.

    Returns
    -------
    argmin : ndarray of int, shape (n,)
    distances : ndarray, shape (n,)

    Examples
    --------
    >>> from fastgeo.compat.sklearn import pairwise_distances_argmin_min
    >>> pairwise_distances_argmin_min([[0.0, 0], [9, 8]], [[0.0, 1], [9, 9]])
    (array([0, 1]), array([1., 1.]))
    """
    plain = isinstance(metric, str) and metric in ("euclidean", "sqeuclidean")
    if not plain or metric_kwargs or axis not in (0, 1) or hasattr(X, "tocsr") or hasattr(Y, "tocsr"):
        answer: tuple[Array, Array] = their_metrics.pairwise_distances_argmin_min(
            X, Y, axis=axis, metric=metric, metric_kwargs=metric_kwargs
        )
        return answer
    rows, others = check_pairwise_arrays(X, Y)
    labels, distances = fastgeo.assign(*((others, rows) if axis == 0 else (rows, others)))
    return labels.astype(np.intp), distances**2 if metric == "sqeuclidean" else distances


def fit_in_place(model: Any, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Fit scikit-learn's own `KMeans` object by the kernels, for :func:`fastgeo.compat.patch`."""
    _refuse_sparse(X)
    ours = KMeans(**model.get_params(deep=False)).fit(X, sample_weight=sample_weight)
    vars(model).update({name: value for name, value in vars(ours).items() if name not in ours.get_params(deep=False)})
    model._n_threads = _openmp_effective_n_threads()  # which its own methods ask for
    return model


def predict_in_place(model: Any, X: Any) -> Array:
    """Labels by scikit-learn's own `KMeans` object, for :func:`fastgeo.compat.patch`."""
    _refuse_sparse(X)
    check_is_fitted(model)
    rows = model._check_test_data(X)
    labels: Array = fastgeo.assign(rows, model.cluster_centers_)[0]
    return labels


def _refuse_sparse(X: Any) -> None:
    if hasattr(X, "tocsr"):
        raise TypeError("X: expected a dense array, got a sparse one")
