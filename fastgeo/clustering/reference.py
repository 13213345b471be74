"""The clustering family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.clustering.reference_kmeans import assign, kmeans
from fastgeo.clustering.reference_pairwise import pairwise_distance
from fastgeo.clustering.reference_seeding import kmeans_plusplus
from fastgeo.clustering.reference_streaming import StreamingKMeans

__all__ = ["StreamingKMeans", "assign", "kmeans", "kmeans_plusplus", "pairwise_distance"]
