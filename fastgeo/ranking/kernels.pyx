"""The ranking room in C: the names, signatures and answers of reference.py."""
from fastgeo.ranking.reference import __all__
