"""K-means over batches: the class of the public name, with the reference's arithmetic."""

from __future__ import annotations

from fastgeo.clustering.reference_kmeans import ReferenceSteps, assign, kmeans
from fastgeo.clustering.streaming import StreamingBase


class StreamingKMeans(StreamingBase):
    """K-means over batches: data that arrives piece by piece, or does not fit into memory.

    Parameters
    ----------
    k : int
        Number of clusters.
    seed : int or numpy.random.Generator, optional
        Source of the random numbers.
    decay : float, default 1.0
        How much of a batch's weight is left when the next one comes, from 0 to 1. With 1.0 all batches count alike;
        smaller values follow data that drifts.

    Attributes
    ----------
    centroids : ndarray, shape (k, d)
        The present centroids, of the type of the first batch.
    weights : ndarray, shape (k,)
        How many points, after decay, each of them stands for.

    Raises
    ------
    ValueError
        For k < 1, a decay outside [0, 1], or `centroids` asked for before k points have come; and as
        :func:`fastgeo.kmeans`.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The first k points or more are clustered with :func:`fastgeo.kmeans`. Every batch is then labelled with the present
    centroids, and each centroid becomes the mean of all points labelled with it so far. ``partial_fit(X)`` takes a
    batch, ``predict(X)`` labels points, and ``a.merge(b)`` takes another model in: the centroids of both, weighted, are
    clustered again. Kernel and reference do the same steps. Memory O(k·d), besides fewer than k points before the
    start; time O(n·k·d) a batch of n.

    References
    ----------
    .. [1] D. Sculley, "Web-scale k-means clustering", WWW 2010.
    .. [2] J. MacQueen, "Some methods for classification and analysis of multivariate observations", 1967.

    Examples
    --------
    >>> import fastgeo
    >>> model = fastgeo.StreamingKMeans(2, seed=0)
    >>> for batch in ([[0.0], [10.0]], [[1.0], [11.0]]):
    ...     model = model.partial_fit(batch)
    >>> sorted(model.centroids.ravel().tolist())
    [0.5, 10.5]
    """

    _kmeans = staticmethod(kmeans)
    _assign = staticmethod(assign)
    _steps = ReferenceSteps
