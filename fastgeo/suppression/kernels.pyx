"""The suppression room in C: the names, signatures and answers of reference.py."""
from fastgeo.suppression.reference import __all__
