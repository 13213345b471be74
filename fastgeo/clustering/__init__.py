"""Clustering: k-means and pairwise distances."""

from fastgeo.clustering import reference
from fastgeo.clustering.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.clustering import kernels
    from fastgeo.clustering.kernels import *

    share_docs(kernels, reference)
