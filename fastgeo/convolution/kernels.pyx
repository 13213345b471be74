"""The convolution room in C: the names, signatures and answers of reference.py."""
from fastgeo.convolution.reference import __all__
