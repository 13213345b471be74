from fastgeo.heads.reference import *
from fastgeo.heads.reference import __all__ as __all__
