"""The page of `dvc plots`, filled by DVC's own renderers, in a real browser."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest
from dvc_render import VegaRenderer, render_html
from selenium import webdriver
from selenium.webdriver.common.by import By

POINTS = [("0", "0"), ("0.5", "0.8"), ("1", "1")]
CLASSES = [("churned", "churned")] * 3 + [("churned", "stayed")] * 2 + [("stayed", "stayed")] * 5


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    config = configparser.ConfigParser()
    config.read(root / ".dvc/config")
    template = root / ".dvc" / config["plots"]["html_template"]

    def plot(rows: list[tuple[str, str]], x: str, y: str, kind: str, title: str) -> VegaRenderer:
        points = [
            {x: a, y: b, "rev": rev, "filename": "f", "field": y}
            for rev in ("HEAD", "workspace")
            for a, b in rows
        ]
        told: dict[str, Any] = {"x": x, "y": y, "template": kind, "title": title}
        revisions = {"anchor_revs": ["HEAD", "workspace"]}
        return VegaRenderer(points, title.replace(" ", "_"), **told, **revisions)

    path = tmp_path_factory.mktemp("plots") / "index.html"
    drawn = [
        plot(POINTS, "share", "recall", "linear", "Gains <1>"),
        plot([("2025-01", "0.8"), ("2025-02", "0.7")], "period", "auc", "linear", "By period"),
        plot(CLASSES, "actual", "predicted", "confusion", "Confusion"),
        plot([("0.7", "tenure"), ("0.2", "fee")], "size", "input", "bar_horizontal", "Importance"),
    ]
    render_html(drawn, path, template)
    return path.as_uri()


def test_every_kind_of_plot_is_drawn_without_the_network(
    browser: webdriver.Chrome, address: str
) -> None:
    browser.get("about:blank")
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # type: ignore[no-untyped-call]
    browser.get(address)
    titles = [title.text for title in browser.find_elements(By.TAG_NAME, "h2")]
    assert titles == ["Gains <1>", "By period", "Confusion", "Importance"]
    lines = browser.find_elements(By.TAG_NAME, "polyline")
    assert [len(str(line.get_attribute("points")).split()) for line in lines] == [3, 3, 2, 2]
    assert len({line.get_attribute("stroke") for line in lines[:2]}) == 2
    cells = browser.find_elements(By.CSS_SELECTOR, "table td")
    assert [cell.text for cell in cells[:4]] == ["3", "0", "2", "5"]
    assert "0.700 / 0.700" in [cell.text for cell in cells]
    events = browser.get_log("performance")  # type: ignore[no-untyped-call]
    messages = [json.loads(event["message"])["message"] for event in events]
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
