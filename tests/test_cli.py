"""The command line: what it prints, its exit codes, and that errors come without a traceback."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fresh import in_fresh_process

import fastgeo
from fastgeo import cli
from fastgeo.cli import bench, common, measure, score_table
from fastgeo.cli.bench_rows import Row, all_rows
from fastgeo.version import DISTRIBUTION


@pytest.fixture
def fastgeo_command(capsys, monkeypatch):
    """Runs `fastgeo ...` in this process; returns exit code, standard output and standard error."""

    def run(*args, stdin=""):
        content = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        try:
            code = cli.main(list(map(str, args)))
        except SystemExit as stop:  # argparse
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


class TestFrame:
    def test_module_and_console_script_are_one(self):
        done = subprocess.run([sys.executable, "-m", "fastgeo", "--version"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, f"fastgeo {fastgeo.__version__}\n")

    @pytest.mark.parametrize("command", cli.COMMANDS)
    def test_help_shows_examples(self, fastgeo_command, command):
        code, out, _ = fastgeo_command(command, "--help")
        assert code == 0
        assert f"examples:\n  fastgeo {command}" in out

    @pytest.mark.parametrize("args", [[], ["nonsense"], ["info", "--nonsense"], ["bench", "--threads", "many"]])
    def test_bad_usage_exits_2(self, fastgeo_command, args):
        code, out, err = fastgeo_command(*args)
        assert (code, out) == (2, "")
        assert "usage: fastgeo" in err

    def test_missing_package_names_the_remedy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(
            common.CommandError, match=r'matplotlib is not installed; run: pip install "fastgeo-kernels\[demo\]"'
        ):
            common.optional("matplotlib")

    def test_a_package_that_is_broken_inside_is_not_called_missing(self, tmp_path, monkeypatch):
        (tmp_path / "broken_inside.py").write_text("import surely_not_there\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ModuleNotFoundError, match="surely_not_there"):
            common.optional("broken_inside")

    def test_closed_pipe_is_quiet(self):
        script = f"{sys.executable} -m fastgeo info --json | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        assert done.stderr == ""
        assert done.stdout in ("0\n", "141\n")

    def test_progress_only_on_a_terminal(self, capsys, monkeypatch):
        assert list(common.progress([1, 2], "work")) == [1, 2]
        assert capsys.readouterr().err == ""
        pytest.importorskip("tqdm", reason="needs tqdm; CI runs this on the installed wheel")
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(common.progress([1, 2], "work")) == [1, 2]
        assert "work:" in terminal.getvalue() and "/2" in terminal.getvalue()

    @pytest.mark.parametrize(
        ("variable", "value", "message"),
        [
            ("FASTGEO_ISA", "bogus", "expected one of"),
            ("FASTGEO_NUM_THREADS", "many", "expected a number from 1"),
            ("FASTGEO_NUM_THREADS", "0", "expected a number from 1"),
            ("FASTGEO_IMPL", "bogus", "expected 'kernel' or 'reference'"),
        ],
    )
    def test_a_bad_variable_is_one_line(self, tmp_path, variable, value, message):
        environment = {**os.environ, variable: value}
        # the console script is a file of this name that imports fastgeo.cli
        script = tmp_path / "fastgeo"
        script.write_text("import sys\nfrom fastgeo.cli import main\nsys.exit(main())\n")
        module, start = [sys.executable, "-m", "fastgeo"], [sys.executable, str(script)]
        environment["PYTHONPATH"] = str(Path(fastgeo.__file__).parent.parent)
        for command in ([*module, "info"], [*module, "auc", "-"], [*start, "info"], [*start, "--version"]):
            done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
            assert (done.returncode, done.stdout) == (2, ""), command
            assert done.stderr.startswith(f"fastgeo: {variable}: ") and message in done.stderr
            assert done.stderr.count("\n") == 1
        for arguments in (
            ["-c", "import fastgeo"],
            ["-c", "import fastgeo", "fastgeo"],
        ):  # a program gets the exception
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
            assert done.returncode == 1
            assert "Traceback" in done.stderr and f"ValueError: {variable}: " in done.stderr
        # and so it does where it has the command's name
        script.write_text("try:\n    import fastgeo\nexcept ValueError as error:\n    print(error)\n1 / 0\n")
        done = subprocess.run(start, capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stdout.startswith(f"{variable}: ")) == (1, True)
        assert "ZeroDivisionError" in done.stderr

    @pytest.mark.parametrize("module", ["numpy", "fastgeo/cli/anchors"])
    def test_ctrl_c_during_the_imports(self, tmp_path, module):
        """In the package and in its command: exit code 130, and not a word."""
        package = Path(fastgeo.__file__).parent
        code = "raise KeyboardInterrupt\n"
        if module == "numpy":
            (tmp_path / "numpy.py").write_text(code)
            path = [tmp_path, package.parent]
        else:
            shutil.copytree(package, tmp_path / "fastgeo", ignore=shutil.ignore_patterns("*.c", "*.h", "__pycache__"))
            (tmp_path / f"{module}.py").write_text(code)
            path = [tmp_path]
        script = tmp_path / "bin" / "fastgeo"
        script.parent.mkdir()
        script.write_text("import sys\nfrom fastgeo.cli import main\nsys.exit(main())\n")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
        for command in ([sys.executable, "-m", "fastgeo", "info"], [sys.executable, str(script), "info"]):
            done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
            assert (done.returncode, done.stdout, done.stderr) == (130, "", ""), command

    def test_a_checkout_that_is_not_built_says_what_to_do(self, tmp_path):
        source = Path(fastgeo.__file__).parent
        shutil.copytree(source, tmp_path / "fastgeo", ignore=shutil.ignore_patterns("*.so", "*.pyd", "*.c", "*.h"))
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "fastgeo"], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "compiled modules are missing" in done.stderr and "pip install ." in done.stderr
        assert done.stderr.count("\n") == 1

    def test_the_hints_name_what_the_distribution_is_called(self):
        project = Path(__file__).parents[1] / "pyproject.toml"
        if not project.exists():
            pytest.skip("pyproject.toml is in the checkout only")
        assert f'name = "{DISTRIBUTION}"' in project.read_text(encoding="utf-8")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
    @pytest.mark.parametrize("args", [["info"], ["nms", "-"], ["nms", "-", "-o", "/dev/full"]])
    def test_a_full_disk_is_one_line(self, args):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "fastgeo", *args], input=b"[]", stdout=full, stderr=subprocess.PIPE
            )
        assert done.returncode == 2
        assert done.stderr.decode().splitlines()[-1].endswith("No space left on device")
        assert b"Traceback" not in done.stderr

    @pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (MemoryError, 2)])
    def test_interrupted_or_out_of_memory(self, fastgeo_command, monkeypatch, error, code):
        def stopped(args):
            raise error

        monkeypatch.setattr(cli.COMMANDS["info"], "run", stopped)
        assert fastgeo_command("info")[:2] == (code, "")


class TestFormatting:
    def test_seconds(self):
        texts = [common.format_seconds(s) for s in (2.5, 0.9999, 0.0123, 0.000999, 1.234e-6, 4e-9)]
        assert texts == ["2.5 s", "1 s", "12.3 ms", "999 µs", "1.23 µs", "0.004 µs"]

    def test_ratios(self):
        assert [common.format_ratio(r) for r in (0.0123, 1, 9.876, 99.4, 99.6, 1234.4)] == [
            "0.0123×", "1×", "9.88×", "99.4×", "100×", "1234×",
        ]  # fmt: skip

    def test_table(self):
        table = common.format_table(("a", "bb", "n", "note"), [("x", "y", "10", "z"), ("long", "", "7", "")])
        assert table.splitlines() == ["a     bb   n  note", "----  --  --  ----", "x     y   10  z", "long       7"]


class TestInfo:
    def test_shows_the_instruction_set_in_use(self, fastgeo_command):
        code, out, _ = fastgeo_command("info")
        assert code == 0
        assert fastgeo.runtime.active_isa() in out
        assert all(name in out for name in fastgeo.reference.__all__)

    def test_json(self, fastgeo_command):
        code, out, _ = fastgeo_command("info", "--json")
        assert code == 0
        assert json.loads(out)["fastgeo"] == fastgeo.__version__


class TestAuc:
    # One pair of six is ordered the wrong way: 5 / 6.
    CSV = "name,label,score\na,0,0.1\nb,1,0.35\nc,0,0.4\nd,1,0.8\ne,1,0.9\n"

    def test_columns_by_name(self, fastgeo_command, tmp_path):
        path = tmp_path / "scores.csv"
        path.write_text(self.CSV)
        assert fastgeo_command("auc", path) == (0, "0.8333333333\n", "")
        assert fastgeo_command("auc", path, "--label", 1, "--score", "2") == (0, "0.8333333333\n", "")
        assert fastgeo_command("auc", path, "--bins", 100) == (0, "0.8333333333\n", "")

    def test_json_counts(self, fastgeo_command):
        code, out, _ = fastgeo_command("auc", "-", "--json", stdin=self.CSV)
        assert code == 0
        assert json.loads(out) == {"auc": 5 / 6, "positive": 3, "negative": 2}

    def test_pipe_with_tabs_and_no_names(self, fastgeo_command):
        assert fastgeo_command("auc", "-", "--tab", stdin="0\t0.2\n1\t0.7\n") == (0, "1\n", "")

    def test_parquet(self, fastgeo_command, tmp_path):
        reason = "needs pyarrow; CI runs this beside Dask"
        parquet, arrow = (pytest.importorskip(name, reason=reason) for name in ("pyarrow.parquet", "pyarrow"))
        path = tmp_path / "scores.parquet"
        parquet.write_table(arrow.table({"score": [0.2, 0.7, 0.1], "label": [0, 1, 1]}), path)
        assert fastgeo_command("auc", path) == (0, "0.5\n", "")
        path.write_bytes(b"label,score")
        code, out, err = fastgeo_command("auc", path)
        assert (code, out) == (2, "")
        assert err.startswith(f"fastgeo auc: {path}: not a Parquet file") and err.count("\n") == 1

    @pytest.mark.parametrize("from_pipe", [False, True])
    def test_byte_order_mark(self, fastgeo_command, tmp_path, from_pipe):
        content = b"\xef\xbb\xbflabel,score\r\n0,0.1\r\n1,0.9\r\n"
        (tmp_path / "bom.csv").write_bytes(content)
        path = "-" if from_pipe else tmp_path / "bom.csv"
        assert fastgeo_command("auc", path, "--label", "label", stdin=content) == (0, "1\n", "")

    def test_npy(self, fastgeo_command, tmp_path):
        path = tmp_path / "scores.npy"
        np.save(path, [[0, 0.2], [1, 0.7], [1, 0.1]])
        assert fastgeo_command("auc", path) == (0, "0.5\n", "")

    @pytest.mark.parametrize(
        ("content", "args", "message"),
        [
            ("", [], "empty file"),
            ("label,score\n0,0.5,7\n", [], "line 2: expected 2 columns, got 3"),
            ("label,score\n0,0.5\n0,0.7\n", [], "labels"),
            ("label,score\n0,0.5\n1,high\n", [], "-, line 3: score: expected a number, got 'high'"),
            ("label,score\n0,0.5\n\n1,\n", [], "-, line 4: score: expected a number, got ''"),
            ("label,score\n0,0.5\n1,nan\n", [], "-, line 3: score: expected a number, got 'nan'"),
            ('label,score,note\n0,0.5,"two\nlines"\n1,high,x\n', [], "-, line 4: score: expected a number, got 'high'"),
            ("label,score\n0,0.5\ncat,1\n", [], "-, line 3: label: expected 0, 1, True or False, got 'cat'"),
            ("label,score\n0,0.5\n2,1\n", [], "-, line 3: label: expected 0, 1, True or False, got '2'"),
            ("label,score\n0,0.5\n0.3,1\n", [], "-, line 3: label: expected 0, 1, True or False, got '0.3'"),
            ("0,0.5\n1,True\n", [], "-, line 2: score: expected a number, got 'True'"),
            ("label,score\n0,0.5\n1,1.5\n", ["--bins", "10"], "-, line 3: score: expected a number from 0 to 1"),
            ("label,score\n", [], "only their names"),
            ("label;score\n0;0,5\n", [], "got 1; try --separator ';'"),
            ("label\tscore\n0\t0.5\n", [], "got 1; try --tab"),
            ("0,0.5\n", ["--tab"], "got 1; try --separator ','"),
            ("label\n1\n", [], "expected at least 2 columns separated by ',', got 1"),
            ("label;score\n0;0,5\n", ["--separator", ";"], "-, line 2: score: expected a number, got '0,5'"),
            (
                "0,1\n",
                ["--separator", ";;"],
                "--separator: expected one ASCII character that separates columns, got ';;'",
            ),
            ("0,1\n", ["--separator", "\n"], "--separator: expected one ASCII character"),
            ("0,1\n", ["--separator", '"'], "--separator: expected one ASCII character"),
            (
                "label,score\nTrue,0.5\nFalse  x,1\n",
                [],
                "-, line 3: label: expected 0, 1, True or False, got 'False  x'",
            ),
            ("0,1\n", ["--label", "²"], "no column '²'"),
            ("label,score\n0,0.5\n1,1\n", ["--label", "y"], "no column 'y'; the columns are label, score"),
            ("label,score\n0,0.5\n1,1\n", ["--score", "5"], "expected a column from 0 to 1, got 5"),
            (b"label,score\n0,\xff\n", [], "expected text in UTF-8"),
            ('label,score\n0,"' + "9" * 200_000, [], "not a table of text"),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, content, args, message):
        code, out, err = fastgeo_command("auc", "-", *args, stdin=content)
        assert (code, out) == (2, "")
        assert err.startswith("fastgeo auc: ") and message in err and err.count("\n") == 1

    @pytest.mark.parametrize("words", [("True", "False"), ("true", "false"), ("TRUE", "FALSE"), ("1.0", "0")])
    @pytest.mark.parametrize("names", ["label,score\n", ""])
    def test_labels_as_words(self, fastgeo_command, names, words):
        true, false = words
        content = f"{names}{false},0.1\n{true},0.35\n{false},0.4\n{true},0.8\n{true},0.9\n"
        assert fastgeo_command("auc", "-", stdin=content) == (0, "0.8333333333\n", "")

    def test_semicolons_quotes_and_empty_lines(self, fastgeo_command):
        content = 'note;"label";"score"\n"a;b";0;0.1\n\n"c\nd";"1";0.35\ne;0;0.4\nf;1;"0.8"\ng;1;0.9\n'
        assert fastgeo_command("auc", "-", "--separator", ";", stdin=content) == (0, "0.8333333333\n", "")

    @pytest.mark.parametrize("change", ["", "quotes", "empty line", "words"])
    def test_a_file_of_many_blocks(self, fastgeo_command, tmp_path, monkeypatch, change):
        monkeypatch.setattr(score_table, "BLOCK_CHARACTERS", 500)
        monkeypatch.setattr(score_table, "BLOCK_ROWS", 20)
        rng = np.random.default_rng(0)
        labels, scores = rng.integers(0, 2, 999), rng.random(999)
        lines = [f"{label},{score!r}" for label, score in zip(labels.tolist(), scores.tolist(), strict=True)]
        if change == "quotes":
            lines[400] = f'{labels[400]},"{scores[400]}"'
        elif change == "empty line":
            lines[400] += "\n"
        elif change == "words":
            lines = [line.replace("1,", "True,", 1) if line.startswith("1,") else line for line in lines]
        path = tmp_path / "long.csv"
        path.write_text("\n".join(lines))  # the last line may lack its end
        code, out, _ = fastgeo_command("auc", path)
        assert (code, out) == (0, f"{fastgeo.roc_auc(labels, scores):.10g}\n")
        lines[700] = "1,?"
        path.write_text("\n".join(lines) + "\n")
        line = 701 + (change == "empty line")
        assert f"long.csv, line {line}: score: expected a number, got '?'" in fastgeo_command("auc", path)[2]
        lines[700] = "1,0.5,0.5"
        path.write_text("\n".join(lines) + "\n")
        assert f"long.csv, line {line}: expected 2 columns, got 3" in fastgeo_command("auc", path)[2]

    def test_memory_holds_two_columns_and_not_the_file(self, tmp_path):
        path = tmp_path / "wide.csv"
        with path.open("w") as file:
            for _ in range(40):
                file.write(f"0,0.25,{'x' * 180}\n1,0.75,{'y' * 180}\n" * 2500)  # 38 MB in all
        code = (
            "import tracemalloc, sys\nfrom fastgeo import cli\ntracemalloc.start()\n"
            "cli.main(['auc', sys.argv[1]])\nprint(tracemalloc.get_traced_memory()[1])"
        )
        auc, peak = in_fresh_process(code, path).split()
        assert float(auc) == 1
        assert int(peak) < 12_000_000

    def test_missing_file(self, fastgeo_command, tmp_path):
        code, _, err = fastgeo_command("auc", tmp_path / "none.csv")
        assert code == 2
        assert "none.csv: No such file or directory" in err


class TestNms:
    @staticmethod
    def detection(image, category, bbox, score):
        return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}

    @pytest.fixture
    def detections(self):
        make = self.detection
        return [
            make(1, 1, [0, 0, 10, 10], 0.5),  # dropped: the next is better and overlaps
            make(1, 1, [1, 0, 10, 10], 0.9),
            make(1, 2, [0, 0, 10, 10], 0.8),  # another category
            make("b", 1, [0, 0, 10, 10], 0.3),  # another image
        ]

    def test_within_image_and_category(self, fastgeo_command, detections):
        code, out, err = fastgeo_command("nms", "-", stdin=json.dumps(detections))
        assert (code, err) == (0, "fastgeo nms: 3 of 4 detections kept\n")
        assert json.loads(out) == detections[1:]

    def test_class_agnostic_to_a_file(self, fastgeo_command, detections, tmp_path):
        source, target = tmp_path / "raw.json", tmp_path / "kept.json"
        source.write_text(json.dumps(detections))
        code, out, _ = fastgeo_command("nms", source, "-o", target, "--class-agnostic")
        assert (code, out) == (0, "")
        assert json.loads(target.read_text()) == [detections[1], detections[3]]

    def test_score_and_max(self, fastgeo_command, detections):
        _, out, _ = fastgeo_command("nms", "-", "--score", 0.3, stdin=json.dumps(detections))
        assert json.loads(out) == detections[1:3]
        _, out, _ = fastgeo_command("nms", "-", "--max", 1, stdin=json.dumps(detections))
        assert json.loads(out) == [detections[1], detections[3]]

    def test_ids_are_compared_as_what_they_are(self, fastgeo_command):
        box = [0, 0, 10, 10]
        detections = [self.detection(image, 1, box, 0.5) for image in (1, "1", 1.0, 2)]
        _, out, _ = fastgeo_command("nms", "-", stdin=json.dumps(detections))
        assert [d["image_id"] for d in json.loads(out)] == [1, "1", 2]

    def test_errors_count_in_the_file(self, fastgeo_command):
        detections = [self.detection(1, 1, [0, 0, 10, 10], 0.1), self.detection(1, 1, [0, float("nan"), 1, 1], 0.9)]
        for args in ([], ["--score", 0.3]):
            code, out, err = fastgeo_command("nms", "-", *args, stdin=json.dumps(detections))
            assert (code, out) == (2, "") and "boxes[1, 1]" in err
        detections[1] = self.detection(1, 1, [0, 0, 1, 1], float("nan"))
        for args in ([], ["--score", 0.3]):
            code, out, err = fastgeo_command("nms", "-", *args, stdin=json.dumps(detections))
            assert (code, out) == (2, "") and "scores[1]" in err

    def test_byte_order_mark(self, fastgeo_command, detections, tmp_path):
        content = b"\xef\xbb\xbf" + json.dumps(detections).encode()
        (tmp_path / "bom.json").write_bytes(content)
        for path in ("-", tmp_path / "bom.json"):
            code, out, _ = fastgeo_command("nms", path, stdin=content)
            assert (code, json.loads(out)) == (0, detections[1:])

    def test_standard_input_is_utf_8_in_any_locale(self, tmp_path):
        content = json.dumps([self.detection("Zürich", 1, [0, 0, 1, 1], 0.5)], ensure_ascii=False)
        environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
        command = [sys.executable, "-m", "fastgeo", "nms", "-"]
        done = subprocess.run(command, input=content.encode(), capture_output=True, env=environment)
        assert json.loads(done.stdout)[0]["image_id"] == "Zürich"

    def test_nothing_in_nothing_out(self, fastgeo_command):
        assert fastgeo_command("nms", "-", stdin="[]")[:2] == (0, "[]\n")

    @pytest.mark.parametrize(
        ("content", "args", "message"),
        [
            ("{", [], "not JSON"),
            ("{}", [], "expected a list of detections, got dict"),
            ("[" * 100_000, [], "not JSON"),
            (b"[\xff]", [], "not JSON"),
            ("[]", ["--score", "nan"], "--score: expected a number, got nan"),
            ('[{"image_id": 1}]', [], "detection 0: expected image_id"),
            ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]', [], "detection 0"),
            ('[{"image_id": 1, "category_id": 1, "bbox": 3, "score": 1}]', [], "detection 0"),
            ('[{"image_id": 1, "category_id": 1, "bbox": "1234", "score": 1}]', [], "detection 0"),
            ('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": "1"}]', [], "'1' is not a number"),
            ('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, true], "score": 1}]', [], "True is not a number"),
            ('[{"image_id": [1], "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]', [], "[1] is not an id"),
            ('[{"image_id": 1, "category_id": NaN, "bbox": [0, 0, 1, 1], "score": 1}]', [], "nan is not an id"),
            ("[5]", [], "detection 0"),
            ("[]", ["--iou", "7"], "--iou: expected a number from 0 to 1, got 7"),
            ("[]", ["--iou", "nan"], "--iou: expected a number from 0 to 1, got nan"),
            ("[]", ["--max", "-1"], "--max: expected at least 0"),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, content, args, message):
        code, out, err = fastgeo_command("nms", "-", *args, stdin=content)
        assert (code, out) == (2, "")
        assert err.startswith("fastgeo nms: ") and message in err


class TestAnchors:
    # Two sizes only: the anchors are they, and every box fits one perfectly.
    SIZES = [(10.0, 20.0)] * 5 + [(40.0, 30.0)] * 7

    def test_coco(self, fastgeo_command):
        content = json.dumps({"annotations": [{"bbox": [3, 4, w, h]} for w, h in self.SIZES]})
        code, out, _ = fastgeo_command("anchors", "-", "-k", 2, stdin=content)
        assert code == 0
        assert out.splitlines()[:2] == ["10,20", "40,30"]
        assert "mean IoU of 12 boxes with their best anchor: 1.0000" in out

    def test_yolo_folder(self, fastgeo_command, tmp_path):
        (tmp_path / "a.txt").write_text("".join(f"0 0.5 0.5 {w / 100} {h / 50}\n" for w, h in self.SIZES))
        code, out, _ = fastgeo_command("anchors", tmp_path, "-k", 2, "--size", 100, 50, "--json")
        assert code == 0
        answer = json.loads(out)
        assert answer["boxes"] == 12
        np.testing.assert_allclose(answer["anchors"], [[10, 20], [40, 30]])

    def test_yolo_polygons(self, fastgeo_command, tmp_path):
        """Lines of segmentation labels hold the corners of a polygon, those of oriented boxes four corners."""
        lines = [
            f"0 0.1 0.1 {0.1 + w / 100} 0.1 {0.1 + w / 100} {0.1 + h / 100} 0.1 {0.1 + h / 100}" for w, h in self.SIZES
        ]
        (tmp_path / "a.txt").write_text("\n".join([*lines, "0 0.5 0.5 0.1 0.2", "0 0.5 0.5 0.4 0.3 0.99", ""]))
        (tmp_path / "b.txt").write_text("1 0.2 0.2 0.6 0.2 0.4 0.5\n")  # a triangle, 40 wide and 30 high
        code, out, _ = fastgeo_command("anchors", tmp_path, "-k", 2, "--size", 100, 100, "--json")
        answer = json.loads(out)
        assert (code, answer["boxes"]) == (0, 15)
        np.testing.assert_allclose(answer["anchors"], [[10, 20], [40, 30]])

    def test_the_names_of_classes_are_no_labels(self, fastgeo_command, tmp_path):
        (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.2\n")
        (tmp_path / "classes.txt").write_text("cat\ntraffic light\n")
        assert json.loads(fastgeo_command("anchors", tmp_path, "-k", 1, "--json")[1])["boxes"] == 1
        assert "line 1: expected class" in fastgeo_command("anchors", tmp_path / "classes.txt", "-k", 1)[2]

    @pytest.mark.parametrize("line", ["0 0.5 0.5 0.1", "0 .1 .1 .2 .2 .3 .3 .4", "0 0.5 0.5 0.1 x", "0 1 2"])
    def test_a_line_that_is_no_label(self, fastgeo_command, tmp_path, line):
        (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.1 0.2\n{line}\n")
        code, _, err = fastgeo_command("anchors", tmp_path / "a.txt", "-k", 1)
        assert code == 2 and "a.txt, line 2: expected class" in err

    def test_boxes_without_area_are_left_out_and_told(self, fastgeo_command):
        content = json.dumps({"annotations": [{"bbox": [3, 4, w, h]} for w, h in [*self.SIZES, (0, 5)]]})
        code, out, err = fastgeo_command("anchors", "-", "-k", 2, stdin=content)
        assert (code, out.splitlines()[:2]) == (0, ["10,20", "40,30"])
        assert err == "fastgeo anchors: 1 of 13 boxes have no area and are left out\n"

    @pytest.mark.parametrize(
        ("content", "args", "message"),
        [
            ('{"annotations": []}', [], "found none"),
            ('{"annotations": [{}]}', [], "expected COCO annotations"),
            ('{"annotations": [{"bbox": [0, 0, 1, 1]}]}', [], "-k: expected a number from 1 to 1"),
            ('{"annotations": [{"bbox": [0, 0, 1, NaN]}]}', ["-k", "1"], "X[0, 1]"),
            ('{"annotations": [{"bbox": [0, 0, 1, 1]}]}', ["-k", "0"], "-k: expected a number from 1 to 1"),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, content, args, message):
        code, _, err = fastgeo_command("anchors", "-", *args, stdin=content)
        assert code == 2
        assert err.startswith("fastgeo anchors: ") and message in err


class TestBench:
    @pytest.fixture
    def rows(self, monkeypatch):
        """Two rows whose order of speed is certain, and a peer that nobody has."""

        def absent(n):
            import surely_not_there  # noqa: F401

        contestants = {
            "fastgeo": lambda n: lambda: None,
            "reference": lambda n: lambda: sum(range(n)),
            "snail": lambda n: lambda: sum(range(4 * n)),
            "ghost": absent,
        }
        rows = [Row("count", f"n = {n}", lambda n=n: (n,), contestants, short=n < 3000) for n in (2000, 4000)]
        monkeypatch.setattr(bench, "all_rows", lambda: rows)
        return rows

    def test_times_names_and_json(self, fastgeo_command, rows, tmp_path):
        code, out, _ = fastgeo_command("bench", "--short", "--json", tmp_path / "b.json", "-o", tmp_path / "b.png")
        assert code == 0
        assert "ghost (not installed)" in out
        assert "GFLOP/s" in out and "read" in out
        kept = json.loads((tmp_path / "b.json").read_text())
        (row,) = kept["rows"]
        assert (row["work"], row["best_peer"], list(row["absent"])) == ("n = 2000", "snail", ["ghost"])
        assert 0 < row["seconds"]["fastgeo"] < row["seconds"]["reference"] < row["seconds"]["snail"]
        assert kept["limits"].keys() == {"fma_gflops", "memset_gbs", "read_gbs"}

        code, out, _ = fastgeo_command("bench", "--compare", tmp_path / "b.json", "-o", tmp_path / "b.png")
        assert code == 0
        assert "ratio before" in out

    def test_explain_adds_the_algorithm(self, fastgeo_command, tmp_path):
        code, out, _ = fastgeo_command("bench", "--only", "^box_area", "--explain", "-o", tmp_path / "b.png")
        assert code == 0
        header, row = [line.split() for line in out.splitlines() if line.startswith(("function", "box_area"))]
        assert (header[-1], row[-1]) == ("algorithm", "direct")

    def test_only_chooses_rows(self, fastgeo_command, rows, tmp_path):
        code, out, _ = fastgeo_command("bench", "--only", "4000", "--json", "-", "-o", tmp_path / "b.png")
        assert code == 0
        assert [row["work"] for row in json.loads(out)["rows"]] == ["n = 4000"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--only", "zzz"], "no row is chosen; the functions are: count"),
            (["--only", "("], "not a regular expression"),
            (["--threads", "0"], "--threads: expected at least 1, got 0"),
            (["--compare", "nowhere.json"], "nowhere.json: No such file"),
            (["--json", "/nowhere/at/all.json"], "does not exist"),
            (["-o", "/"], "expected a file, got a folder"),
            (["--json", "/"], "expected a file, got a folder"),
            (["--json", "-", "-o", "-"], "--json and --output cannot both go to standard output"),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, rows, args, message):
        code, out, err = fastgeo_command("bench", *args)
        assert (code, out) == (2, "")
        assert message in err

    def test_an_ending_is_checked_before_the_work(self, fastgeo_command, rows, tmp_path, monkeypatch):
        pytest.importorskip(
            "matplotlib", reason="needs the extra fastgeo-kernels[demo]; CI runs these on the installed wheel"
        )
        monkeypatch.setattr(bench, "contest", None)  # would raise
        code, out, err = fastgeo_command("bench", "-o", tmp_path / "b.xyz")
        assert (code, out) == (2, "")
        assert "b.xyz: expected a name that ends in one of ." in err and ".png" in err

    def test_a_failing_kernel_is_never_left_out(self, rows):
        broken = Row("count", "broken", tuple, {"fastgeo": lambda: lambda: 1 / 0})
        with pytest.raises(ZeroDivisionError):
            measure.prepare(broken)

    def test_every_row_has_a_kernel_and_a_name_of_its_own(self):
        rows = all_rows()
        assert rows
        for row in rows:
            assert "fastgeo" in row.contestants, row.name


class TestDemo:
    @pytest.fixture(autouse=True)
    def extra(self):
        for package in ("matplotlib", "skimage"):
            pytest.importorskip(
                package, reason="needs the extra fastgeo-kernels[demo]; CI runs these on the installed wheel"
            )

    def test_finds_the_coins_and_agrees(self, fastgeo_command, tmp_path):
        code, out, _ = fastgeo_command("demo", "-o", tmp_path / "demo.png")
        assert code == 0
        assert "24 objects found; 24 of 24 segmented objects matched at IoU >= 0.5, 0 false boxes" in out
        table = [line for line in out.splitlines() if "equal" in line]
        assert len(table) == 7 and "DIFFERENT" not in out
        assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")

    def test_from_pipe_to_pipe(self, tmp_path, discs):
        from skimage import io as image_files

        image_files.imsave(tmp_path / "discs.png", discs)
        command = [sys.executable, "-m", "fastgeo", "demo", "--image", "-", "-o", "-"]
        done = subprocess.run(command, input=(tmp_path / "discs.png").read_bytes(), capture_output=True)
        assert done.returncode == 0
        assert done.stdout.startswith(b"\x89PNG")
        assert b"5 of 5 segmented objects matched" in done.stderr

    def test_a_difference_is_seen(self, fastgeo_command, tmp_path, monkeypatch):
        exact = fastgeo.roc_auc
        monkeypatch.setattr(fastgeo, "roc_auc", lambda *args, **kw: exact(*args, **kw) + 1e-15)
        code, out, _ = fastgeo_command("demo", "-o", tmp_path / "demo.png")
        assert code == 1
        assert "DIFFERENT" in out and "NOT EVERY STAGE" in out

    @pytest.fixture
    def discs(self):
        """Five bright discs of different sizes on an uneven ground, far apart."""
        y, x = np.mgrid[:240, :320]
        image = 40 + 30 * x / 320
        for cy, cx, radius in [(50, 50, 14), (60, 160, 20), (70, 260, 26), (180, 80, 18), (170, 220, 23)]:
            image = np.where(np.hypot(y - cy, x - cx) <= radius, image + 110, image)
        return image.astype(np.uint8)

    @pytest.mark.parametrize("dark", [False, True])
    def test_own_picture(self, fastgeo_command, discs, tmp_path, dark):
        from skimage import io as image_files

        image_files.imsave(tmp_path / "discs.png", 255 - discs if dark else np.dstack([discs] * 3))
        args = ["--image", tmp_path / "discs.png", "-o", tmp_path / "demo.png", *["--dark"] * dark]
        code, out, err = fastgeo_command("demo", *args)
        assert (code, err) == (0, "")
        assert "5 objects found; 5 of 5 segmented objects matched at IoU >= 0.5, 0 false boxes" in out

    def test_a_name_without_an_ending_is_kept(self, fastgeo_command, discs, tmp_path):
        from skimage import io as image_files

        image_files.imsave(tmp_path / "discs.png", discs)
        fastgeo_command("demo", "--image", tmp_path / "discs.png", "-o", tmp_path / "found")
        assert (tmp_path / "found").read_bytes().startswith(b"\x89PNG")

    def test_nothing_to_find(self, fastgeo_command, tmp_path):
        from skimage import io as image_files

        image_files.imsave(tmp_path / "even.png", np.full((64, 64), 9, np.uint8), check_contrast=False)
        code, out, _ = fastgeo_command("demo", "--image", tmp_path / "even.png", "-o", tmp_path / "demo.png")
        assert code == 0
        assert "0 objects found" in out and "AUC of the scores undefined" in out

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--image", "nowhere.png"], "nowhere.png: No such file"),
            (["--image", __file__], "cannot read this picture"),
            (["--diameter", "3", "9"], "--diameter: expected"),
            (["--clusters", "0"], "--clusters: expected a number from 1 to 8, got 0"),
            (["-o", "/nowhere/at/all.png"], "does not exist"),
            (["-o", "demo.xyz"], "demo.xyz: expected a name that ends in one of ."),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, args, message):
        code, out, err = fastgeo_command("demo", *args)
        assert (code, out) == (2, "")
        assert err.startswith("fastgeo demo: ") and message in err


ANNOTATED = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}, {"id": 9}],
    "annotations": [
        {"image_id": 1, "category_id": 3, "bbox": [0, 0, 40, 40]},
        {"image_id": 2, "category_id": 3, "bbox": [0, 0, 40, 40], "iscrowd": 0, "area": 1500},
        {"image_id": 2, "category_id": 5, "bbox": [0, 0, 40, 40], "iscrowd": 0, "area": 1500},
        {"image_id": 7, "category_id": 5, "bbox": [0, 0, 40, 40]},
    ],
}
DETECTED = [
    {"image_id": 1, "category_id": 3, "bbox": [0, 0, 40, 40], "score": 0.9},
    {"image_id": 2, "category_id": 5, "bbox": [0, 0, 40, 40], "score": 0.5},
]


class TestEvaluate:
    @pytest.fixture
    def files(self, tmp_path):
        paths = tmp_path / "truth.json", tmp_path / "detections.json"
        for path, content in zip(paths, (ANNOTATED, DETECTED), strict=True):
            path.write_text(json.dumps(content))
        return paths

    def test_lines_of_coco(self, fastgeo_command, files):
        code, out, err = fastgeo_command("evaluate", *files)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert len(lines) == 12
        assert lines[0] == " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.752"
        assert lines[8] == " Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.750"

    def test_per_class(self, fastgeo_command, files):
        lines = fastgeo_command("evaluate", *files, "--per-class")[1].splitlines()
        assert [line.split() for line in lines[-3:]] == [
            ["cat", "0.505", "0.505", "0.505", "0.500"],
            ["dog", "1.000", "1.000", "1.000", "1.000"],
            ["9", "-", "-", "-", "-"],
        ]

    def test_json(self, fastgeo_command, files):
        code, out, _ = fastgeo_command("evaluate", files[0], "-", "--json", "--per-class", stdin=files[1].read_text())
        answer = json.loads(out)
        assert code == 0
        assert answer["AR100"] == 0.75
        assert answer["APl"] is None
        assert answer["per_class"][1]["name"] == "dog"
        assert answer["per_class"][2] == {"id": 9, "name": "9", "AP": None, "AP50": None, "AP75": None, "AR": None}
        answer = json.loads(fastgeo_command("evaluate", *files, "--json", "--class-agnostic")[1])
        assert answer["AR100"] == pytest.approx(2 / 3)

    def test_plot(self, fastgeo_command, files, tmp_path):
        pytest.importorskip("matplotlib", reason="needs Matplotlib; CI runs this on the installed wheel")
        assert fastgeo_command("evaluate", *files, "--plot", tmp_path / "curves.png")[0] == 0
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert "folder" in fastgeo_command("evaluate", *files, "--plot", tmp_path / "no" / "curves.png")[2]

    def test_categories_that_are_not_annotated(self, fastgeo_command, files):
        content = json.dumps([*DETECTED, {**DETECTED[0], "category_id": 77}])
        code, out, err = fastgeo_command("evaluate", files[0], "-", stdin=content)
        assert (code, out) == fastgeo_command("evaluate", *files)[:2]
        assert err.startswith("fastgeo evaluate: 1 of 3 detections are of categories")

    @pytest.mark.parametrize(
        ("content", "args", "message"),
        [
            ("{", [], "not JSON"),
            ("{}", [], "expected a list of detections"),
            ("[1]", [], "detection 0"),
            ('[{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1], "score": 1}]', [], "detection 0"),
            ('[{"image_id": "1", "category_id": 3, "bbox": [0, 0, 1, 1], "score": 1}]', [], "detection 0"),
            ('[{"image_id": 8, "category_id": 3, "bbox": [0, 0, 1, 1], "score": 1}]', [], "image 8 is not among"),
            ('[{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, NaN], "score": 1}]', [], "boxes"),
            ("[]", ["--per-class", "--class-agnostic"], "--per-class"),
        ],
    )
    def test_bad_input_exits_2(self, fastgeo_command, files, content, args, message):
        code, out, err = fastgeo_command("evaluate", files[0], "-", *args, stdin=content)
        assert (code, out) == (2, "")
        assert err.startswith("fastgeo evaluate: ") and message in err
        assert "two files" in fastgeo_command("evaluate", "-", "-")[2]
        assert "COCO's images" in fastgeo_command("evaluate", files[1], files[1])[2]
