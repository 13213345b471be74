from fastgeo.assignment.reference import *
from fastgeo.assignment.reference import __all__ as __all__
