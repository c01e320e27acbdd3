from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import UndefinedError

from churn_pipeline.contract import Contract
from churn_pipeline.reporting.html import FIGURES, render_report
from churn_pipeline.reporting.names import METRIC_NAMES


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            values = dict(attrs)
            self.images.append(str(values["src"]))
            assert values["alt"]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def text(outputs: dict[str, Any], contract: Contract) -> str:
    return render_report(contract=contract, **outputs)


def test_page_is_well_formed_and_shows_every_figure(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert page.images == list(FIGURES)


def test_page_tells_metrics_candidates_and_data(text: str) -> None:
    words = " ".join(Page(text).texts)
    for name in METRIC_NAMES.values():
        assert name in words
    for part in (
        "0.841", "0.820 to 0.861", "95 % interval", "xgboost", "logistic_regression",
        "0.4123 ± 0.0100", "mine.csv", "abc123",
        "7043 rows read, 3 rejected", "range (age)", "top 10 %",
        "1000 replicates", "Threshold 0.3",
    ):  # fmt: skip
        assert part in words, part


def test_names_from_outside_are_escaped(text: str) -> None:
    assert "<b>bold</b>" not in text
    assert "<b>bold</b>" in Page(text).texts


def test_same_outputs_give_the_same_page(
    text: str, outputs: dict[str, Any], contract: Contract
) -> None:
    assert render_report(contract=contract, **outputs) == text


def test_page_loads_nothing_from_elsewhere(text: str) -> None:
    assert "http" not in text
    assert "<script" not in text


def test_missing_output_is_an_error_not_a_blank(
    outputs: dict[str, Any], contract: Contract
) -> None:
    del outputs["metrics"]["roc_auc"]
    with pytest.raises(UndefinedError):
        render_report(contract=contract, **outputs)


def test_page_without_rejected_rows_has_no_table_of_them(
    outputs: dict[str, Any], contract: Contract
) -> None:
    outputs["data_quality"]["rejected_by_rule"] = {}
    assert "Broken rule" not in render_report(contract=contract, **outputs)


def test_the_figures_of_the_page_are_those_of_the_catalog(root: Path) -> None:
    catalog = yaml.safe_load((root / "conf/base/catalog.yml").read_text(encoding="utf-8"))
    drawn = {
        Path(entry["filepath"]).name
        for entry in catalog.values()
        if entry.get("filepath", "").endswith(".png")
    }
    assert set(FIGURES) == drawn
