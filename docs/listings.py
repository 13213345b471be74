"""The source of a reference together with the helpers it calls, as one listing to read."""

import ast
from collections import deque
from functools import lru_cache
from pathlib import Path

from fastgeo import reference

# Checks of arguments, and results that have a documentation of their own.
APART = {"arguments.py", "checks.py", "inputs.py", "scores.py"}
PACKAGE = Path(reference.__file__).parent


class Source:
    """One file: its lines, what it defines at the top level, and what it imports of its family or of box arithmetic."""

    def __init__(self, path: Path):
        text = path.read_text(encoding="utf-8")
        self.lines, self.defined, self.imported = text.splitlines(), {}, {}
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.defined[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.defined[node.targets[0].id] = node
            elif isinstance(node, ast.ImportFrom):
                self.follow(node, path)

    def follow(self, node, path):
        """Note the file of each imported name; of an imported module the file alone."""
        family, *module = (node.module or "").split(".")[1:] or [""]
        if family != path.parent.name and module != ["box_math"]:
            return
        for name in node.names:
            file = PACKAGE / family / f"{module[0] if module else name.name}.py"
            if file.exists() and file.name not in APART:
                self.imported[name.asname or name.name] = (file, name.name if module else None)

    def code(self, node):
        """The lines of a definition without docstrings of more than one line: the page shows those above."""
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        left_out = set()
        for part in ast.walk(node):
            body = part.body if isinstance(part, ast.FunctionDef | ast.ClassDef) else []
            text = body[0] if body and ast.get_docstring(part) is not None else None
            if text and text.end_lineno > text.lineno and len(body) > 1:
                left_out.update(range(text.lineno, text.end_lineno + 1))
                left_out.update([text.end_lineno + 1] if not self.lines[text.end_lineno].strip() else [])
        return "\n".join(self.lines[i - 1] for i in range(first, node.end_lineno + 1) if i not in left_out)


@lru_cache
def source(path: Path) -> Source:
    return Source(path)


def listing(path: Path, name: str) -> str:
    """The definition, then every helper that it uses, in the order of first use."""
    waiting, seen, parts, last = deque([(path, name)]), {(path, name)}, [], None
    while waiting:
        file, wanted = waiting.popleft()
        of = source(file)
        heading = "" if file == last else f"# {file.relative_to(PACKAGE.parent).as_posix()}\n\n"
        parts.append(heading + of.code(of.defined[wanted]))
        last = file
        for found in uses(of, file, of.defined[wanted]):
            if found not in seen and found[1] not in reference.__all__:
                seen.add(found)
                waiting.append(found)
    return "\n\n\n".join(parts) + "\n"


def uses(of: Source, file: Path, node: ast.AST):
    """The definitions that one uses, each as file and name. Of other files' classes only those it inherits from."""
    bases = [base.id for base in getattr(node, "bases", []) if isinstance(base, ast.Name)]
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            target, name = of.imported.get(part.id, (file, part.id))
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            target, name = of.imported.get(part.value.id, (None, ""))
            if name is not None:  # not a module's attribute
                continue
            name = part.attr
        else:
            continue
        found = source(target).defined.get(name)
        if found and (target == file or name in bases or not isinstance(found, ast.ClassDef) or is_record(found)):
            yield target, name


def is_record(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases)
