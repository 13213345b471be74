"""Dask's task classes: the one part of Dask used here that is not public, hence the tested range of versions.

Dask has no public way to write out a task; ``dask.delayed`` takes longer to build a graph than a kernel to work through
a chunk. The range is that of the extra ``dask`` in pyproject.toml, and both ends of it are tested.
"""

import dask

from fastgeo.version import DISTRIBUTION

TESTED = ("2025.7", "2026.8")  # the first and the last series of Dask

try:
    from dask._task_spec import DataNode, GraphNode, List, Task, TaskRef, convert_legacy_task
except ImportError as error:
    raise ImportError(
        f"fastgeo.distributed is tested with Dask {TESTED[0]} to {TESTED[1]} and does not know the tasks of "
        f'Dask {dask.__version__}: pip install "{DISTRIBUTION}[dask]"'
    ) from error

__all__ = ["TESTED", "DataNode", "GraphNode", "List", "Task", "TaskRef", "convert_legacy_task"]
