"""Run the notebooks and write them as pages with their outputs: ``make notebooks``.

The pages, ``docs/_build/NAME.html``, are single files that load nothing from elsewhere. The
notebooks themselves stay without outputs.
"""

from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = _ROOT / "docs/_build"
# what nbconvert's page would load from other hosts; plain pictures and tables need none of it
_NOTHING = dict.fromkeys(
    ("jquery_url", "mathjax_url", "mermaid_js_url", "require_js_url", "widget_renderer_url"), ""
)


def render(path: Path, pages: Path) -> Path:
    """Run a notebook where it lies, and write its page into a folder; return the page's path.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        With the cell and its traceback, if a cell fails; no page is written then.
    """
    notebook = nbformat.read(path, as_version=4)
    execute = ExecutePreprocessor(timeout=600, startup_timeout=300)  # a machine may be busy
    execute.preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        cell["outputs"] = [output for output in outputs if output.get("name") != "stderr"]
    body, _ = HTMLExporter(**_NOTHING).from_notebook_node(
        notebook, {"metadata": {"name": path.stem}}
    )
    pages.mkdir(parents=True, exist_ok=True)
    page = pages / f"{path.stem}.html"
    partial = page.with_name(f"{page.name}.partial")
    partial.write_text(body, encoding="utf-8")
    return partial.replace(page)


def main() -> None:
    """Render all notebooks."""
    for path in sorted((_ROOT / "notebooks").glob("*.ipynb")):
        print(f"Running {path.relative_to(_ROOT)} ...")
        print(f"  {render(path, _PAGES).relative_to(_ROOT)}")


if __name__ == "__main__":
    main()
