"""Notebooks are kept without outputs, and rendered with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _notebook(path: Path, source: str, outputs: list[dict[str, object]]) -> Path:
    cell = {"cell_type": "code", "id": "0", "metadata": {}, "source": source}
    document = {
        "cells": [{**cell, "execution_count": None, "outputs": outputs}],
        "metadata": {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def _hook(path: Path) -> int:
    """Return the exit status of the hook of pre-commit that looks at notebooks."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (hook,) = (item for item in config["repos"][0]["hooks"] if item["id"] == "notebooks")
    tool, *words = hook["entry"].split()
    command = [str(Path(sys.executable).with_name(tool)), *words, str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_notebook_with_outputs_is_refused(tmp_path: Path) -> None:
    output: dict[str, object] = {"name": "stdout", "output_type": "stream", "text": ["1\n"]}
    assert _hook(_notebook(tmp_path / "clean.ipynb", "1", [])) == 0
    assert _hook(_notebook(tmp_path / "full.ipynb", "print(1)", [output])) == 1


def test_the_notebooks_have_no_outputs() -> None:
    assert [path.name for path in NOTEBOOKS] == ["01-explore.ipynb", "02-read-the-model.ipynb"]
    assert [path.name for path in NOTEBOOKS if _hook(path)] == []


def test_a_page_holds_the_outputs_and_loads_nothing(tmp_path: Path) -> None:
    pytest.importorskip("nbconvert", reason="nbconvert is installed by `make notebooks`")
    from scripts.render_notebooks import render

    source = "print(6 * 7)\nimport sys\nprint('not shown', file=sys.stderr)"
    path = _notebook(tmp_path / "a.ipynb", source, [])
    before = path.read_bytes()
    page = render(path, tmp_path / "pages")
    assert page == tmp_path / "pages/a.html"
    text = page.read_text(encoding="utf-8")
    assert "<pre>42" in text
    assert "<pre>not shown" not in text
    for loaded in ('src="http', 'href="http', "@import"):
        assert loaded not in text
    assert path.read_bytes() == before


def test_a_cell_that_fails_leaves_no_page(tmp_path: Path) -> None:
    pytest.importorskip("nbconvert", reason="nbconvert is installed by `make notebooks`")
    from nbclient.exceptions import CellExecutionError

    from scripts.render_notebooks import render

    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        render(_notebook(tmp_path / "a.ipynb", "1 / 0", []), tmp_path / "pages")
    assert not (tmp_path / "pages").exists()
