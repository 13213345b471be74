"""A Griffe extension: what it does not read in numpydoc, as it does; and the listing of each reference."""

import re
import sys
from pathlib import Path

import griffe

from fastgeo import reference

sys.path.insert(0, str(Path(__file__).parent))
from listings import listing

CITATION = re.compile(r"^\.\. \[(\d+)\] ", re.MULTILINE)
SHAPE = re.compile(r"^(\S.*), shape \(", re.MULTILINE)
POWER = re.compile(r"(?<=[ (]2)\*\*(\d+)")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SEVERAL = re.compile(r"^(\w+(?:, \w+)+)\n((?:    .*\n?)+)", re.MULTILINE)


class Docstrings(griffe.Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring:
            # citations as a list; "a, b" with one text as two entries, or both would get the type of the first
            text = CITATION.sub(r"\1. ", obj.docstring.value)
            # "array_like, shape (n, 4)" would be read as a tuple of Python
            text = SHAPE.sub(r"\1 of shape (", text)
            # two powers in one paragraph would be read as bold type
            text = POWER.sub(lambda power: power[1].translate(SUPERSCRIPTS), text)
            obj.docstring.value = SEVERAL.sub(one_by_one, text)
        if (obj.is_function or obj.is_class) and obj.name in reference.__all__:
            module = sys.modules[getattr(reference, obj.name).__module__]
            if obj.parent.path == module.__name__:
                obj.extra["fastgeo"]["listing"] = listing(Path(module.__file__), obj.name)


def one_by_one(match):
    text = match[2] if match[2].endswith("\n") else match[2] + "\n"
    return "".join(f"{name}\n{text}" for name in match[1].split(", "))
