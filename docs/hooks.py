"""Build hooks of MkDocs: pictures, tables of speed and of names, the examples and the --help texts."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import fastgeo

DOCS = Path(__file__).parent
FAMILIES = [
    "assignment",
    "boxes",
    "clustering",
    "convolution",
    "evaluation",
    "heads",
    "masks",
    "ranking",
    "suppression",
]
# Pages of the names that belong to no family; those of a family are on the page of its name.
PAGES = {
    "Plan": "plans",
    "explain": "plans",
    "get_num_threads": "threads",
    "reference": "numbers",
    "set_num_threads": "threads",
    "show_runtime": "threads",
    "testing": "numbers",
    "threads": "threads",
}
# The package that this process imports, also where it is installed and the checkout around here is not built.
RUN = {
    "env": {**os.environ, "PYTHONPATH": str(Path(fastgeo.__file__).parents[1]), "COLUMNS": "90"},
    "cwd": DOCS,  # not the checkout, which Python would look through first
    "capture_output": True,
    "text": True,
    "check": True,
}
PLACE = re.compile(r"<!-- (speed|example|help|names): ?(.*?) ?-->")


def on_pre_build(config):
    sys.path.insert(0, str(DOCS))
    import pictures

    pictures.draw_all(DOCS / "pictures")


def on_page_markdown(markdown, page, config, files):
    makers = {"speed": speed_table, "example": example, "help": help_text, "names": names_table}
    return PLACE.sub(lambda match: makers[match[1]](*match[2].split()), markdown)


def on_page_content(html, page, config, files):
    # a dash that nothing follows, where a type says all
    html = re.sub(r"–\s*<div class=\"doc-md-description\">\s*</div>", "", html)
    # roles of the docstrings, which are written for any reader of numpydoc
    return re.sub(r":(?:func|class|meth|mod):<code>([^<]*)</code>", r"<code>\1</code>", html)


def on_post_build(config):
    site = Path(config.site_dir)
    names = (site / "a-to-z/index.html").read_text("utf-8")
    links = re.findall(r'href="\.\./([\w-]+)/#(source-\w+)"', names)
    if len(links) != len(fastgeo.reference.__all__):
        raise ValueError(f"a-to-z.md: {len(links)} sources for {len(fastgeo.reference.__all__)} references")
    for page, anchor in links:
        if f'id="{anchor}"' not in (site / page / "index.html").read_text("utf-8"):
            raise ValueError(f"a-to-z.md: no {anchor} on the page {page}")


def public_names():
    """Every public name but the version, from A to Z, with its page."""
    families = {name: family for family in FAMILIES for name in getattr(fastgeo, family).__all__}
    names = sorted(set(fastgeo.__all__) - {"__version__"}, key=str.lower)
    return {name: families.get(name) or PAGES[name] for name in names}


def names_table():
    lines = ["| name | what it does | page | reference |", "|---|---|---|---|"]
    for name, page in public_names().items():
        says = inspect.getdoc(getattr(fastgeo, name)).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        title = re.match("# (.*)", (DOCS / f"{page}.md").read_text(encoding="utf-8"))[1]
        link, source = f"`{name}`", ""
        if page in FAMILIES:
            link = f"[`{name}`][fastgeo.{page}.reference.{name}]"
            source = f'<a href="../{page}/#source-{name}">source</a>'
        lines.append(f"| {link} | {says} | [{title}]({page}.md) | {source} |")
    return "\n".join(lines)


def speed_table(*groups):
    """The rows of some functions, as ``fastgeo bench --json`` measured them."""
    path = DOCS / "speed.json"
    measured = json.loads(path.read_text())
    rows = [row for row in measured["rows"] if row["group"] in groups]
    if not rows:
        raise ValueError(f"{path}: no figures for {', '.join(groups)}")
    lines = ["| function | work | fastgeo | reference | best peer |", "|---|---|--:|--:|--:|"]
    for row in rows:
        own, reference, peer = row["seconds"]["fastgeo"], row["seconds"].get("reference"), row["best_peer"]
        cells = [f"`{row['group']}`", row["work"], duration(own), beside(reference, own)]
        cells.append(f"{peer} {beside(row['seconds'][peer], own)}" if peer else "")
        lines.append(f"| {' | '.join(cells)} |")
    note = (
        f"One thread, instruction set {measured['isa']}, {measured['machine']}; the least time of interleaved rounds, "
        "and how many times as long the others took in the same run. `fastgeo bench` measures them on your machine."
    )
    return "\n".join([*lines, "", note])


def example(name):
    """An example under its first line, folded."""
    source = (DOCS.parent / "examples" / f"{name}.py").read_text()
    title, _, rest = ast.get_docstring(ast.parse(source)).partition("\n\n")
    with tempfile.TemporaryDirectory() as directory:
        program = DOCS.parent / "examples" / f"{name}.py"
        output = subprocess.run([sys.executable, program], **{**RUN, "cwd": directory}).stdout
    code = "".join(f"    {line}\n" for line in f"```python\n{source}```".splitlines())
    name = f"`examples/{name}.py`"
    return f'## {name}\n\n{title}\n\n{rest}\n\n```text\n{output}```\n\n??? example "the program"\n\n{code}'


def help_text(*command):
    output = subprocess.run([sys.executable, "-m", "fastgeo", *command, "--help"], **RUN).stdout
    title = " ".join(["fastgeo", *command])
    return f"## `{title}`\n\n```text\n{output}```"


def beside(seconds, own):
    if seconds is None:
        return ""
    ratio = seconds / own
    digits = 0 if ratio >= 20 else 1 if ratio >= 2 else 2
    return f"{duration(seconds)} ({ratio:,.{digits}f}×)"


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
