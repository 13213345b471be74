from fastgeo.evaluation.arguments import dict_columns as dict_columns
from fastgeo.evaluation.reference import *
from fastgeo.evaluation.reference import __all__ as __all__
