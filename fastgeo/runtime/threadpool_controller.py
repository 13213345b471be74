"""Lets threadpoolctl limit fastgeo's threads along with those of BLAS and OpenMP: import this module once.

>>> import fastgeo.runtime.threadpool_controller  # doctest: +SKIP
>>> with threadpoolctl.threadpool_limits(1):      # doctest: +SKIP
...     fastgeo.box_iou(boxes1, boxes2)
"""

from __future__ import annotations

from typing import Any

import threadpoolctl

from fastgeo.version import __version__


class FastgeoController(threadpoolctl.LibController):  # type: ignore[misc]
    """The pool inside fastgeo's runtime extension, as threadpoolctl sees it: the default of the process, in range."""

    user_api = "fastgeo"
    internal_api = "fastgeo"
    filename_prefixes = ("core",)
    check_symbols = ("fg_default_threads", "fg_set_default_threads")

    def get_num_threads(self) -> int:
        return int(self.dynlib.fg_default_threads())

    def set_num_threads(self, num_threads: Any) -> None:
        self.dynlib.fg_set_default_threads(max(1, min(int(num_threads), 256)))

    def get_version(self) -> str:
        return __version__


threadpoolctl.register(FastgeoController)
