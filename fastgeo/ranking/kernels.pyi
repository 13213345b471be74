from fastgeo.ranking.reference import *
from fastgeo.ranking.reference import __all__ as __all__
