from fastgeo.convolution.reference import *
from fastgeo.convolution.reference import __all__ as __all__
