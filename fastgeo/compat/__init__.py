"""Drop-ins for code that exists: change the import line, keep the program. One module per library they stand in for.

For programs whose imports cannot be edited, `patch` puts the drop-ins in place of the host's functions.
"""

from fastgeo.compat.patching import Calls, Report, patch, report, unpatch

__all__ = ["Calls", "Report", "patch", "report", "unpatch"]
