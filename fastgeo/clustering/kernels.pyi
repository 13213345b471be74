from typing import Any

from fastgeo.clustering.reference import *
from fastgeo.clustering.reference import __all__ as __all__
from fastgeo.clustering.reference_kmeans import ReferenceSteps

ALGORITHMS: dict[str, tuple[str, tuple[str, ...]]]

class KernelSteps(ReferenceSteps):
    n_searched: int
    def plan(self, k: int) -> None: ...
    def known_bounds(self) -> list[Any]: ...
