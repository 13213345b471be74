from fastgeo.clustering.reference import *
from fastgeo.clustering.reference import __all__ as __all__
