"""Every example in the pages of the documentation runs, no name is missing, and the prose is easy to read."""

import doctest
import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import fastgeo

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
if not PAGES:
    pytest.skip("the documentation is in the checkout only", allow_module_level=True)
# Pages that begin with a task: README, tutorial, how-to. Others may explain at more length.
FOR_USERS = ["README", "index", "first-ten-minutes", "a-to-z", "porting", "drop-ins", "examples", "command-line"]
FOR_USERS += ["assignment", "boxes", "clustering", "dask", "evaluation", "heads", "masks", "ranking", "suppression"]
LONGEST_SENTENCE = 35  # words
NUMPY_1 = np.lib.NumpyVersion(np.__version__) < "2.0.0"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page):
    if page.stem == "dask":
        pytest.importorskip("dask", reason="needs the extra fastgeo-kernels[dask]; CI runs this page with its own step")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    text = "\n".join(blocks)
    if NUMPY_1:  # NumPy 2 prints scalars with their type
        text = re.sub(r"np\.(True_|False_)", lambda match: match[1][:-1], text)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0))
    assert runner.failures == 0
    assert runner.tries == text.count(">>>")


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert PAGES
    assert [page.name for page in PAGES if f": {page.name}\n" not in navigation] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_names_of_the_drop_ins_exist(page):
    lines = re.findall(r"from (fastgeo\.compat[.\w]*) import ([\w, ]+)", page.read_text(encoding="utf-8"))
    for name, wanted in lines:
        assert importlib.util.find_spec(name), name
        if name == "fastgeo.compat.sklearn" and not importlib.util.find_spec("sklearn"):
            continue
        drop_in = importlib.import_module(name)
        assert [each for each in re.split(", *", wanted.strip()) if not hasattr(drop_in, each)] == []


def sentences(text):
    """What is read as prose: no code, no tables, no headings."""
    text = re.sub(r"^ *```.*?^ *```$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = ["" if line.lstrip().startswith(("|", "#", ":::", "!", "<")) else line for line in text.splitlines()]
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:-|\d\.) )", "\n".join(lines)):
        yield from re.split(r"(?<=[.?!:])\s+", paragraph.strip())


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_prose_is_easy_to_read(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"\b(?:mended|shall|sooner)\b", text) == []
    if page.stem in FOR_USERS:
        assert [sentence for sentence in sentences(text) if len(sentence.split()) > LONGEST_SENTENCE] == []


def module(name):
    """A module of the folder of the documentation."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_every_public_name_is_on_the_page_from_a_to_z():
    hooks = module("hooks")
    names = hooks.public_names()
    assert sorted(names) == sorted(set(fastgeo.__all__) - {"__version__"})
    assert "<!-- names: -->" in (ROOT / "docs" / "a-to-z.md").read_text(encoding="utf-8")
    rows = hooks.names_table().splitlines()[2:]
    assert [re.match(r"\| \[?`(\w+)`", row)[1] for row in rows] == list(names)
    assert all(len(re.split(r"(?<!\\)\|", row)) == 6 for row in rows)


@pytest.mark.parametrize("name", fastgeo.reference.__all__)
def test_the_source_shown_is_code_and_begins_with_the_name(name):
    path = Path(inspect.getsourcefile(getattr(fastgeo.reference, name)))
    shown = module("listings").listing(path, name)
    compile(shown, name, "exec")
    assert re.search(r"^(?:def|class) (\w+)", shown, re.MULTILINE)[1] == name
