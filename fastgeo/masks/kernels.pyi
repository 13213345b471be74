from fastgeo.masks.reference import *
from fastgeo.masks.reference import __all__ as __all__
