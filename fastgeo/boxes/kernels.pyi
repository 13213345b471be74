from fastgeo.boxes.reference import *
from fastgeo.boxes.reference import __all__ as __all__
