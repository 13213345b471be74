"""Every example in the pages of the documentation runs, and every page is in the navigation."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
if not PAGES:
    pytest.skip("the documentation is in the checkout only", allow_module_level=True)
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
