"""The page with Optuna's plots, as text and in a real browser."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from selenium import webdriver

from churn_pipeline.reporting.tuning_page import render_tuning_page

CANDIDATES: dict[str, dict[str, Any] | None] = {
    "logistic_regression": {
        "C": {"low": 0.01, "high": 1.0, "log": True},
        "l1_ratio": {"choices": [0.0, 0.5]},
        "weights": {"choices": [None, "balanced"]},
    },
    "random_forest": {
        "depth": {"low": 1, "high": 4},
        "weights": {"choices": [True, 2, 1 / 3]},
        "trees": 5,
    },
    "xgboost": {"max_depth": {"low": 1, "high": 4}},
    "plain": None,
}


def log(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    return list(browser.get_log(kind))  # type: ignore[no-untyped-call]


def simulated_trials() -> pd.DataFrame:
    generator = np.random.default_rng(2)
    lines: list[dict[str, Any]] = [{"candidate": "plain", "trial": 0, "log_loss": 0.45}]
    for number in range(8):
        loss = 0.4 + 0.05 * generator.random()
        common: dict[str, Any] = {
            "trial": number,
            "log_loss": loss,
            "folds": 1 if number == 6 else 3,
        }
        common["state"] = "pruned" if number == 6 else "complete"
        lines += [
            {
                "candidate": "logistic_regression",
                "params_C": 0.1 + 0.2 / (number + 3),
                "params_l1_ratio": (0.0, 0.5)[number % 2],
                "params_weights": (None, "balanced")[number % 2],
                **common,
            },
            {
                "candidate": "random_forest",
                "params_depth": 1 + number % 4,
                "params_weights": (True, 2, 1 / 3)[number % 3],
                **common,
            },
            {"candidate": "xgboost", "params_max_depth": 1 + number % 4, **common},
        ]
    return pd.DataFrame(lines).fillna({"folds": 3, "state": "complete"})


def as_read_from_the_file(trials: pd.DataFrame) -> pd.DataFrame:
    text = trials.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    return pd.read_csv(io.StringIO(text))


@pytest.fixture(scope="module")
def page() -> str:
    return render_tuning_page(as_read_from_the_file(simulated_trials()), CANDIDATES)


def sections(page: str) -> dict[str, str]:
    parts = re.split(r'<h2 id="(.*?)">', page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def pictures(section: str) -> list[str]:
    return re.findall(r'<img [^>]*alt="([^"]+)"', section)


def test_every_candidate_has_its_section_with_its_best_trial(page: str) -> None:
    found, trials = sections(page), simulated_trials()
    assert set(found) == set(CANDIDATES)
    complete = trials[trials["state"] == "complete"]
    for name, best in complete.groupby("candidate")["log_loss"].min().items():
        assert f"Best log loss {best:.4f}" in found[str(name)]
    row = page.partition('<a href="#logistic_regression">')[2].partition("</tr>")[0]
    assert re.findall(r">(\d+)<", row) == ["8", "1"]  # trials, of which one was stopped


def test_the_history_and_every_searched_setting_are_drawn(page: str) -> None:
    found = {name: pictures(section) for name, section in sections(page).items()}
    assert found["plain"] == ["Log loss of each trial of plain"]
    assert found["xgboost"] == [
        "Log loss of each trial of xgboost", "Log loss against max_depth of xgboost",
    ]  # fmt: skip
    assert set(found["logistic_regression"][1:]) == {
        f"Log loss against {name} of logistic_regression" for name in ("C", "l1_ratio", "weights")
    }
    assert len(found["random_forest"]) == 3  # what is not searched has no picture


def test_the_file_gives_the_same_page_as_the_memory(page: str) -> None:
    again = render_tuning_page(as_read_from_the_file(simulated_trials()), CANDIDATES)
    assert again == page
    in_memory = render_tuning_page(simulated_trials(), CANDIDATES)
    assert pictures(in_memory) == pictures(page)


def test_few_trials_have_a_history_only() -> None:
    few = simulated_trials().query("trial < 3")
    page = render_tuning_page(as_read_from_the_file(few), CANDIDATES)
    assert all(alt.startswith("Log loss of each trial") for alt in pictures(page))


def test_the_page_is_small_and_runs_no_script(page: str) -> None:
    assert len(page) < 400_000
    assert "<script" not in page


class References(HTMLParser):
    """Collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, value) for key, value in attrs if key in ("src", "href", "srcset")]


def test_the_page_refers_to_nothing_outside(page: str) -> None:
    references = References()
    references.feed(page)
    outside = [found for found in references.found if not str(found[1]).startswith(("#", "data:"))]
    assert outside == []
    assert "@import" not in page
    assert "url(" not in page


@pytest.mark.parametrize("screen", [(1400, 900), (390, 844)])
def test_a_browser_shows_all_pictures_and_loads_nothing_else(
    page: str, browser: webdriver.Chrome, tmp_path: Path, screen: tuple[int, int]
) -> None:
    path = tmp_path / "tuning.html"
    path.write_text(page, encoding="utf-8")
    browser.get("about:blank")
    for kind in ("performance", "browser"):
        log(browser, kind)  # of the pages before
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": screen[0], "height": screen[1], "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(path.as_uri())
    sizes = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(sizes) == 4 + 3 + 2 + 1
    assert all(sizes)
    overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
    assert browser.execute_script(overflow) == 0
    blank = """
        return [...document.querySelectorAll("figure")]
            .map(f => f.clientHeight - f.firstElementChild.clientHeight)"""
    assert max(browser.execute_script(blank)) <= 2
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    requested = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in requested if not url.startswith("data:")} == {path.as_uri()}
    assert log(browser, "browser") == []
