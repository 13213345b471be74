from typing import Any

from fastgeo.clustering.reference import *
from fastgeo.clustering.reference import __all__ as __all__
from fastgeo.clustering.reference_kmeans import ReferenceSteps

class KernelSteps(ReferenceSteps):
    n_searched: int
    def known_bounds(self) -> list[Any]: ...
