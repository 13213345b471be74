"""The version, with ``.dev0`` between releases, and the name of the distribution on the index."""

__version__ = "0.1.0.dev0"
DISTRIBUTION = "fastgeo-kernels"
