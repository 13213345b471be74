"""fastgeo: IoU, NMS, conv2d, ROC AUC and k-means on the CPU, each a C kernel beside its readable reference."""

from typing import TYPE_CHECKING

from fastgeo.startup import report_in_one_line

try:
    from fastgeo import (
        assignment,
        boxes,
        clustering,
        convolution,
        evaluation,
        heads,
        masks,
        ranking,
        reference,
        suppression,
        testing,
    )
except (ImportError, ValueError, KeyboardInterrupt) as error:
    report_in_one_line(error)
    raise

from fastgeo.assignment import *
from fastgeo.boxes import *
from fastgeo.clustering import *
from fastgeo.convolution import *
from fastgeo.evaluation import *
from fastgeo.heads import *
from fastgeo.masks import *
from fastgeo.plans import Plan, explain
from fastgeo.ranking import *
from fastgeo.runtime.core import get_num_threads, set_num_threads, threads
from fastgeo.runtime.info import show_runtime
from fastgeo.suppression import *
from fastgeo.version import __version__

if TYPE_CHECKING:
    # Type checkers lose the star imports above in the cycle of imports; the signatures are the references'.
    from fastgeo.assignment.reference import *
    from fastgeo.boxes.reference import *
    from fastgeo.clustering.reference import *
    from fastgeo.convolution.reference import *
    from fastgeo.evaluation.reference import *
    from fastgeo.heads.reference import *
    from fastgeo.masks.reference import *
    from fastgeo.ranking.reference import *
    from fastgeo.suppression.reference import *

# In this form type checkers can follow the lists of the families.
__all__ = [
    "Plan",
    "__version__",
    "explain",
    "get_num_threads",
    "reference",
    "set_num_threads",
    "show_runtime",
    "testing",
    "threads",
]
__all__ += boxes.__all__
__all__ += suppression.__all__
__all__ += convolution.__all__
__all__ += ranking.__all__
__all__ += clustering.__all__
__all__ += assignment.__all__
__all__ += heads.__all__
__all__ += evaluation.__all__
__all__ += masks.__all__
