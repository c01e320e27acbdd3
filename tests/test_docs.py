"""What the documents say of parameters and commands is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_pipeline.scorer.decisions import NO_ACTION


@pytest.fixture(scope="module")
def parameters(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    return loaded


def values_of(parameters: Any, key: str) -> list[Any]:
    """Return the values of all leaves of that name."""
    if not isinstance(parameters, dict):
        return []
    own = [parameters[key]] if key in parameters else []
    return own + [value for part in parameters.values() for value in values_of(part, key)]


def stated_defaults(page: str) -> Iterator[tuple[str, str]]:
    """Yield key and default of the rows of every table that has a column `default`."""
    place = None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            place = None
        elif "default" in cells:
            place = cells.index("default")
        elif place is not None and not set(line) <= set("|-: "):
            keys, defaults = cells[0].split(", "), cells[place].split(", ")
            yield from zip(keys, defaults, strict=True)


def test_stated_defaults_are_those_of_the_parameters(
    root: Path, parameters: dict[str, Any]
) -> None:
    found = [
        (path.name, key.strip("`"), default.strip("`"))
        for path in sorted((root / "docs").glob("*.md"))
        for key, default in stated_defaults(path.read_text(encoding="utf-8"))
    ]
    named = {key for _, key, _ in found}
    assert {"maximum_scoring_milliseconds", "contact_cost", "acceptance_beta"} <= named
    words = {"on": True, "off": None}
    for page, key, default in found:
        stated = words.get(default, yaml.safe_load(default))
        assert stated in values_of(parameters, key), f"{page}: {key} is not {default}"


def test_the_page_of_the_candidates_has_a_row_for_each(
    root: Path, parameters: dict[str, Any]
) -> None:
    page = (root / "docs/candidates.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == list(parameters["candidates"]), "one row each, in the order of params.yaml"


def test_the_tiers_of_the_page_are_those_of_the_parameters(
    root: Path, parameters: dict[str, Any]
) -> None:
    page = (root / "docs/decisions.md").read_text(encoding="utf-8")
    tiers = parameters["economics"]["tiers"].values()
    *most, last = (f"{tier['minimum']:g}" for tier in tiers)
    assert f"({', '.join(most)} and {last} by default)" in page
    assert f'"{NO_ACTION}"' in page


def test_experiments_are_shown_without_hashes_and_ends_of_intervals(root: Path) -> None:
    page = (root / "docs/reference.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`dvc exp show ([^`]*--drop[^`]*)`", page)
    dropped = re.compile("|".join(re.findall("--drop '([^']*)'", command)))
    document = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    files = {dep for stage in document["stages"].values() for dep in stage["deps"]}
    assert len(files) > 50
    for file in files - {"requirements.lock"}:
        assert dropped.match(file.replace("${ingestion.source}", "data/01_raw/a.csv")), file
    metrics = ("roc_auc", "xgboost.log_loss")
    for prefix in ("", "data/08_reporting/metrics.json:", "data/bank/08_reporting/metrics.json:"):
        for name in metrics:
            assert not dropped.match(f"{prefix}{name}")
            assert not dropped.match(f"{prefix}{name}.value")
            assert dropped.match(f"{prefix}{name}.low")
            assert dropped.match(f"{prefix}{name}.high")
    for name in ("economics.contact_cost", "conf/bank/params.yaml:economics.contact_cost"):
        assert not dropped.match(name)


def pages(root: Path) -> list[Path]:
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    return set(plain)


def links(page: str) -> list[str]:
    text = re.sub(r"```.*?```|`[^`]*`", "", page, flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    checked = 0
    for path in pages(root):
        for link in links(path.read_text(encoding="utf-8")):
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), f"{path.name}: {link}"
            if anchor:
                assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"
            checked += 1
    assert checked > 100


def test_every_document_is_in_an_index(root: Path) -> None:
    for folder, index in (("docs", "index.md"), ("docs/adr", "README.md")):
        listed = links((root / folder / index).read_text(encoding="utf-8"))
        for path in (root / folder).glob("*.md"):
            assert path.name == index or path.name in listed, f"{path.name} is not in {index}"


def test_the_reference_names_every_report(root: Path) -> None:
    page = (root / "docs/reference.md").read_text(encoding="utf-8")
    catalog = (root / "conf/base/catalog.yml").read_text(encoding="utf-8")
    reports = set(re.findall(r"08_reporting/(\w+\.(?:json|md|html))$", catalog, re.MULTILINE))
    assert len(reports) > 10
    for name in reports:
        assert f"`{name}`" in page, f"docs/reference.md does not list {name}"
