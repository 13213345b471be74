from fastgeo.clustering.reference import *
from fastgeo.clustering.reference import ReferenceSteps
from fastgeo.clustering.reference import __all__ as __all__

class KernelSteps(ReferenceSteps): ...
