"""Clustering: k-means and pairwise distances."""

from fastgeo.clustering import reference
from fastgeo.clustering.lloyd import BatchSteps
from fastgeo.clustering.reference import *
from fastgeo.clustering.reference_kmeans import ReferenceSteps
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

# The arithmetic of one step, for callers that hold only a part of the points.
steps_of: type[BatchSteps] = ReferenceSteps

if implementation() == "kernel":
    from fastgeo.clustering import kernels
    from fastgeo.clustering.kernels import *

    steps_of = kernels.KernelSteps

    share_docs(kernels, reference)
