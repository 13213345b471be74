"""The clustering room in C: the names, signatures and answers of reference.py."""
from fastgeo.clustering.reference import __all__
