from fastgeo.evaluation.reference import *
from fastgeo.evaluation.reference import __all__ as __all__
