"""Every example runs as its reader would run it; those that change one line print their times before and after."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
if not EXAMPLES:
    pytest.skip("the examples are in the checkout only", allow_module_level=True)
TIMED = ["coco_eval", "quantise_colours", "sklearn_pipeline", "sort_tracking", "yolo_postprocess"]
LIBRARIES = {
    "coco_eval": ["pycocotools"],
    "lenet_digits": ["sklearn"],
    "quantise_colours": ["sklearn", "skimage"],
    "sklearn_pipeline": ["sklearn"],
}


def test_the_examples_are_there():
    assert {path.stem for path in EXAMPLES} >= set(TIMED)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    for library in LIBRARIES.get(path.stem, []):
        pytest.importorskip(library, reason=f"the example needs {library}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    if path.stem in TIMED:
        assert re.search(r"\d (m?s|m?s a frame) before.*after: \d+(\.\d+)? times sooner", result.stdout), result.stdout
