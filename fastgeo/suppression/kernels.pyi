from fastgeo.suppression.reference import *
from fastgeo.suppression.reference import __all__ as __all__
