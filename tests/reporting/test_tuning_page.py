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
from selenium.webdriver.support.ui import WebDriverWait

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
PLOTS = ("Optimization History Plot", "Hyperparameter Importances", "Parallel Coordinate Plot")


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


def test_every_candidate_has_its_section_with_its_best_trial(page: str) -> None:
    found, trials = sections(page), simulated_trials()
    assert set(found) == set(CANDIDATES)
    complete = trials[trials["state"] == "complete"]
    for name, best in complete.groupby("candidate")["log_loss"].min().items():
        assert f"Best log loss {best:.4f}" in found[str(name)]


def test_history_importances_and_parallel_coordinates_are_drawn(page: str) -> None:
    found = sections(page)
    for name in ("logistic_regression", "random_forest"):
        assert all(plot in found[name] for plot in PLOTS), name
    for name in ("xgboost", "plain"):  # one setting has nothing to be compared with
        assert [plot in found[name] for plot in PLOTS] == [True, False, False], name


def test_the_file_gives_the_same_page_as_the_memory(page: str) -> None:
    assert render_tuning_page(simulated_trials(), CANDIDATES).count("newPlot") == page.count(
        "newPlot"
    )
    again = render_tuning_page(as_read_from_the_file(simulated_trials()), CANDIDATES)
    assert again == page


def test_few_trials_have_a_history_only() -> None:
    few = simulated_trials().query("trial < 3")
    page = render_tuning_page(as_read_from_the_file(few), CANDIDATES)
    assert [plot in page.partition("</head>")[2] for plot in PLOTS] == [True, False, False]


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
    assert [found for found in references.found if not str(found[1]).startswith("#")] == []
    assert "@import" not in page.partition("<script>")[0]


@pytest.mark.slow
def test_a_browser_draws_all_plots_and_loads_nothing_else(
    page: str, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    path = tmp_path / "tuning.html"
    path.write_text(page, encoding="utf-8")
    browser.get("about:blank")
    for kind in ("performance", "browser"):
        log(browser, kind)  # of the pages before
    browser.get(path.as_uri())
    drawn = "return document.querySelectorAll('.js-plotly-plot .main-svg').length"
    plots = "return document.querySelectorAll('.js-plotly-plot').length"
    WebDriverWait(browser, 60).until(lambda _: browser.execute_script(drawn) >= 8)
    assert browser.execute_script(plots) == 3 + 3 + 1 + 1
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    requested = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    outside = {url for url in requested if not url.startswith(("data:", "blob:"))}
    assert outside == {path.as_uri()}
    errors = [entry for entry in log(browser, "browser") if entry["level"] == "SEVERE"]
    assert errors == []
