"""Every example runs as its reader would run it; those that change one line print their times before and after."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgeo

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


def lines_of_the_readme():
    """The code in the second column of the README's table of programs to change."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| your program has |")[2].partition("\n\n")[0]
    return [code for row in table.splitlines()[2:] for code in re.findall(r"`([^`]+)`", row.split("|")[2])]


def test_the_readme_has_a_line_for_each_program():
    assert len(lines_of_the_readme()) == 12


# what `patch()` does, the tests of the drop-in hold
@pytest.mark.parametrize("line", [line for line in lines_of_the_readme() if line != "patch()"])
def test_line_of_the_readme_runs(line):
    rng = np.random.default_rng(0)
    boxes = np.hstack([rng.uniform(0, 90, (40, 2)), rng.uniform(5, 20, (40, 2))])
    names = {"boxes": boxes, "scores": rng.random(40), "classes": rng.integers(0, 3, 40)}
    names |= {
        "output": np.zeros((1, 84, 100), np.float32),
        "tracks": boxes,
        "detections": boxes + 1,
        "found": {"image_id": [1], "class_id": [1], "boxes": [[0, 0, 9, 9]], "scores": [0.5]},
        "true": {"image_id": [1], "class_id": [1], "boxes": [[0, 0, 9, 9]]},
        "pixels": rng.integers(0, 256, (500, 3)).astype(np.float32),
    }
    host = re.search(r"compat\.(sklearn|pycocotools)", line)
    if host:
        pytest.importorskip(host[1], reason=f"needs {host[1]}")
    exec("import fastgeo\n" + line, names)


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
        assert re.search(r"\d (m?s|m?s a frame) before.*after: \d+(\.\d+)? times as fast", result.stdout), result.stdout


def run_quantise(directory, *arguments):
    for library in LIBRARIES["quantise_colours"]:
        pytest.importorskip(library, reason=f"the example needs {library}")
    command = [sys.executable, str(ROOT / "examples" / "quantise_colours.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=300)


def test_quantise_writes_sixteen_colours_beside_the_original(tmp_path):
    result = run_quantise(tmp_path, "beside.png")
    assert result.returncode == 0, result.stderr
    from skimage import data, io

    original, quantised = np.split(io.imread(tmp_path / "beside.png"), 2, axis=1)
    np.testing.assert_array_equal(original, data.coffee())
    assert len(np.unique(quantised.reshape(-1, 3), axis=0)) == 16


@pytest.mark.parametrize(
    ("name", "message"), [("picture", "such as quantised.png, got 'picture'"), ("none/a.png", "no directory none")]
)
def test_quantise_names_a_file_that_it_cannot_write(tmp_path, name, message):
    result = run_quantise(tmp_path, name)
    assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr


def test_stream_auc_prints_bounds_that_hold(tmp_path):
    """What the README shows, on files of one's own."""
    rng = np.random.default_rng(5)
    files, labels, scores = [], [], []
    for i in range(3):
        labels.append(rng.random(4000) < 0.3)
        scores.append(rng.random(4000) ** (2 - labels[-1]))
        files.append(str(tmp_path / f"{i}.npz"))
        np.savez(files[-1], labels=labels[-1], scores=scores[-1])
    program = str(ROOT / "examples" / "stream_auc.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, program, *files]
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines, 1):
        low, high = map(float, re.search(r"exact value from (\S+) to (\S+)$", line).groups())
        assert low - 1e-6 <= fastgeo.roc_auc(np.concatenate(labels[:i]), np.concatenate(scores[:i])) <= high + 1e-6
