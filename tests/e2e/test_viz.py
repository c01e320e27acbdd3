"""The site that `make kedro-viz` serves, in a real browser."""

import functools
import http.server
import json
import sys
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import STAGES, copy_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = copy_project(tmp_path_factory.mktemp("site") / "project")
    project.run("kedro", "run")
    project.run(sys.executable, "scripts/view_pipelines.py", "--build-only")
    handler = functools.partial(_QuietHandler, directory=str(project.root / "build"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def _texts(browser: webdriver.Chrome, selector: str) -> set[str]:
    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return {str(item.get_attribute("textContent")).strip() for item in found}


def _wait_for_boxes(browser: webdriver.Chrome, expected: set[str]) -> set[str]:
    def boxes() -> set[str]:
        return _texts(browser, ".pipeline-node__text")

    WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda _: expected <= boxes()
    )
    return boxes()


def test_the_first_screen_is_a_box_a_pipeline_in_its_layer(
    browser: webdriver.Chrome, site: str
) -> None:
    browser.get_log("performance")  # type: ignore[no-untyped-call] # of other tests
    browser.get(site)
    assert _wait_for_boxes(browser, set(STAGES)) == set(STAGES)
    assert _texts(browser, ".pipeline-layer-name") == {
        "raw", "intermediate", "feature", "models", "model_output", "reporting", "serving",
    }  # fmt: skip
    for in_the_way in (".feature-hints", ".banner", ".update-reminder"):
        assert not [
            item
            for item in browser.find_elements(By.CSS_SELECTOR, in_the_way)
            if item.is_displayed()
        ], in_the_way
    entries = browser.get_log("performance")  # type: ignore[no-untyped-call]
    messages = [json.loads(entry["message"])["message"] for entry in entries]
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert asked
    assert {url for url in asked if not url.startswith((site, "data:", f"blob:{site}"))} == set()


def test_a_pipeline_unfolds_into_its_nodes(browser: webdriver.Chrome, site: str) -> None:
    browser.get(site)
    _wait_for_boxes(browser, set(STAGES))
    (box,) = (
        item
        for item in browser.find_elements(By.CSS_SELECTOR, ".pipeline-node")
        if item.text.strip() == "evaluation"
    )
    ActionChains(browser).double_click(box).perform()
    boxes = _wait_for_boxes(browser, {"measure", "check_gates"})
    assert "evaluation" not in boxes
    assert "choose_and_calibrate" not in boxes


def test_datasets_are_shown_when_asked_for(browser: webdriver.Chrome, site: str) -> None:
    browser.get(f"{site}/?types=nodes,datasets&expandAllPipelines=true")
    _wait_for_boxes(browser, {"check_customers", "choose_and_calibrate", "metrics", "model"})
    layers = _texts(browser, ".pipeline-layer-name")
    assert {"raw", "primary", "feature", "model_input", "models", "reporting"} <= layers, layers


def test_metrics_and_figures_are_previewed(browser: webdriver.Chrome, site: str) -> None:
    with urllib.request.urlopen(f"{site}/api/main") as answer:
        nodes = {node["name"]: node["id"] for node in json.load(answer)["nodes"]}
    previews = {}
    for name in ("metrics", "roc_curve", "roc_curve_figure", "customers"):
        with urllib.request.urlopen(f"{site}/api/nodes/{nodes[name]}") as answer:
            previews[name] = json.load(answer).get("preview")
    assert "roc_auc" in str(previews["metrics"])
    assert previews["roc_curve"]["columns"][0] == "false_positive_rate"
    assert len(previews["customers"]["data"]) == 10
    assert len(previews["roc_curve_figure"]) > 1000
