"""Assignment: one-to-one matching of least cost, and of boxes by their overlap."""

from fastgeo.assignment import reference
from fastgeo.assignment.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.assignment import kernels
    from fastgeo.assignment.kernels import *

    share_docs(kernels, reference)
