"""Every public name in its reference form: ``fastgeo.reference.nms`` specifies ``fastgeo.nms``."""

from fastgeo.assignment import reference as assignment
from fastgeo.assignment.reference import *
from fastgeo.boxes import reference as boxes
from fastgeo.boxes.reference import *
from fastgeo.clustering import reference as clustering
from fastgeo.clustering.reference import *
from fastgeo.convolution import reference as convolution
from fastgeo.convolution.reference import *
from fastgeo.evaluation import reference as evaluation
from fastgeo.evaluation.reference import *
from fastgeo.heads import reference as heads
from fastgeo.heads.reference import *
from fastgeo.masks import reference as masks
from fastgeo.masks.reference import *
from fastgeo.ranking import reference as ranking
from fastgeo.ranking.reference import *
from fastgeo.suppression import reference as suppression
from fastgeo.suppression.reference import *

__all__: list[str] = []
__all__ += boxes.__all__
__all__ += suppression.__all__
__all__ += convolution.__all__
__all__ += ranking.__all__
__all__ += clustering.__all__
__all__ += assignment.__all__
__all__ += heads.__all__
__all__ += evaluation.__all__
__all__ += masks.__all__
