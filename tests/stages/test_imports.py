from __future__ import annotations

import ast
from pathlib import Path

import pytest

from churn_pipeline.stages.imports import files_behind

FILES = {
    "churn_pipeline/__init__.py": '"""Docstring only."""\n',
    "churn_pipeline/a.py": "import numpy\nfrom churn_pipeline.library import b\n",
    "churn_pipeline/alone.py": "X = 1\n",
    "churn_pipeline/library/__init__.py": "from churn_pipeline.library.c import C\n",
    "churn_pipeline/library/b.py": (
        "def late():\n    import churn_pipeline.cycle\n\nfrom churn_pipeline.library.c import C\n"
    ),
    "churn_pipeline/library/c.py": "C = 'page.j2'\n",
    "churn_pipeline/library/page.j2": "{% extends 'frame.j2' %}",
    "churn_pipeline/library/frame.j2": "x",
    "churn_pipeline/library/letter.j2": "x",
    "churn_pipeline/cycle.py": "import churn_pipeline.a\n",
    "churn_pipeline/kinds/__init__.py": "NAMES = [m.name for m in iter_modules(__path__)]\n",
    "churn_pipeline/kinds/one.py": "import churn_pipeline.alone\n",
    "churn_pipeline/kinds/two.py": "X = 2\n",
    "churn_pipeline/other/__init__.py": '"""Docstring only."""\n',
    "churn_pipeline/other/data.yml": "x",
    "churn_pipeline/other/d.py": "from churn_pipeline_other import x\nopen('data.yml')\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def behind(source: Path, *modules: str) -> set[str]:
    return {path.relative_to(source).as_posix() for path in files_behind(modules, source)}


def test_imports_are_followed_also_in_functions_and_round_in_circles(source: Path) -> None:
    assert behind(source, "churn_pipeline.a") == {
        "churn_pipeline/a.py",
        "churn_pipeline/cycle.py",
        "churn_pipeline/library/__init__.py",
        "churn_pipeline/library/b.py",
        "churn_pipeline/library/c.py",
        "churn_pipeline/library/frame.j2",
        "churn_pipeline/library/page.j2",
    }


def test_a_package_that_looks_its_modules_up_imports_them_all(source: Path) -> None:
    assert behind(source, "churn_pipeline.kinds") == {
        "churn_pipeline/alone.py",
        "churn_pipeline/kinds/__init__.py",
        "churn_pipeline/kinds/one.py",
        "churn_pipeline/kinds/two.py",
    }


def test_data_files_come_with_the_modules_beside_them_that_mention_them(source: Path) -> None:
    assert behind(source, "churn_pipeline.other.d") == {
        "churn_pipeline/other/d.py",
        "churn_pipeline/other/data.yml",
    }


def test_unrelated_and_foreign_modules_are_left_out(source: Path) -> None:
    assert behind(source, "churn_pipeline.alone", "numpy") == {"churn_pipeline/alone.py"}
    assert behind(source) == set()


def test_a_name_imported_from_a_module_is_no_module(source: Path) -> None:
    (source / "churn_pipeline/e.py").write_text("from churn_pipeline.alone import X, b\n")
    assert behind(source, "churn_pipeline.e") == {"churn_pipeline/e.py", "churn_pipeline/alone.py"}


def test_every_import_of_the_project_is_found(root: Path) -> None:
    files = files_behind(
        [
            "churn_pipeline.pipelines.evaluation.pipeline",
            "churn_pipeline.pipelines.decisions.pipeline",
        ],
        root / "src",
    )
    for path in files:
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("churn_pipeline."):
                base = root / "src" / str(node.module).replace(".", "/")
                package = base / "__init__.py"
                assert base.with_suffix(".py") in files or package.exists()
    names = {path.name for path in files}
    assert {"metrics.py", "model_card.md.j2", "expressions.py", "errors.py"} <= names
    assert "elastic_net.py" in names  # it executes the candidate that it unpickles
    assert "tuning.py" not in names
