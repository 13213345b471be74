from fastgeo.ranking.partition import compare_pieces as compare_pieces
from fastgeo.ranking.partition import count_by_key as count_by_key
from fastgeo.ranking.partition import cut_by_key as cut_by_key
from fastgeo.ranking.reference import *
from fastgeo.ranking.reference import __all__ as __all__
