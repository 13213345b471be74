"""``python -m fastgeo`` is the ``fastgeo`` command."""

import sys

from fastgeo.cli import main

sys.exit(main())
