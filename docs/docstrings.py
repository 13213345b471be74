"""A Griffe extension: reStructuredText citations of the docstrings as Markdown lists."""

import re

import griffe


class Docstrings(griffe.Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = re.sub(r"^\.\. \[(\d+)\] ", r"\1. ", obj.docstring.value, flags=re.MULTILINE)
