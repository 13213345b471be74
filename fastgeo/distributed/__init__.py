"""The same calls on data that no longer fits one machine, on Dask: arrays, dataframes, bags, delayed batches.

Needs the extra ``fastgeo-kernels[dask]``. Every task runs its kernel on one thread, since the scheduler already runs as
many tasks as it has threads. An error in a chunk is the one-machine error with the chunk's index in front. What moves
between machines, and what that means at scale: ``docs/scale.md``.
"""

from fastgeo.version import DISTRIBUTION

try:
    import dask  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(f'fastgeo.distributed needs Dask: pip install "{DISTRIBUTION}[dask]"') from error

from fastgeo.distributed.clustering import kmeans
from fastgeo.distributed.images import avg_pool2d, conv2d, lp_pool2d, max_pool2d
from fastgeo.distributed.ranking import average_precision, histogram_auc, roc_auc
from fastgeo.distributed.suppression import batched_nms, nms

__all__ = [
    "average_precision",
    "avg_pool2d",
    "batched_nms",
    "conv2d",
    "histogram_auc",
    "kmeans",
    "lp_pool2d",
    "max_pool2d",
    "nms",
    "roc_auc",
]
