"""Which of the project's files a module depends on, found by reading its import statements."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_PACKAGE = "churn_pipeline"
_DATA_SUFFIXES = (".j2", ".yml")  # as in pyproject.toml's package-data


def files_behind(modules: Iterable[str], source_dir: Path) -> set[Path]:
    """Return the files that the modules execute or read, themselves included.

    Parameters
    ----------
    modules : iterable of str
        Dotted names, such as ``churn_pipeline.evaluation.metrics``.
    source_dir : Path
        The folder that holds the package.

    Returns
    -------
    set of Path
        The modules, those they import (directly or not), and data files such as templates that
        lie in the same folders and whose names they (or those data files) mention. Package
        ``__init__`` files that hold nothing but a docstring are left out.
    """
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = _file_of(waiting.pop(), source_dir)
        if path is None or path in found:
            continue
        found.add(path)
        waiting.extend(_imported(path, source_dir))
    modules_found = [path for path in found if path.name != "__init__.py"]
    return {path for path in found if _does_something(path)} | _mentioned(modules_found)


def _mentioned(paths: Iterable[Path]) -> set[Path]:
    data: set[Path] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        text = path.read_text(encoding="utf-8")
        new = {
            item
            for item in path.parent.iterdir()
            if item.suffix in _DATA_SUFFIXES and item not in data and item.name in text
        }
        data |= new
        waiting.extend(new)
    return data


def _file_of(module: str, source_dir: Path) -> Path | None:
    base = source_dir.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _does_something(path: Path) -> bool:
    body = _tree(path).body
    return any(not isinstance(node, ast.Expr) for node in body)


def _imported(path: Path, source_dir: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Name) and node.id == "__path__":
            # a package that looks its own modules up imports them all
            package = ".".join(path.parent.relative_to(source_dir).parts)
            yield from (f"{package}.{module.stem}" for module in path.parent.glob("*.py"))
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from package import module` names a module, `from module import name` does not
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == _PACKAGE:
                parts = name.split(".")
                # importing a.b.c runs a/__init__.py and a/b/__init__.py as well
                yield from (".".join(parts[: n + 1]) for n in range(len(parts)))
