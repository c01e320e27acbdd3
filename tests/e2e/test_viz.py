"""The site that `kedro viz build` makes, in a real browser."""

import functools
import http.server
import json
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(reproduced: Project) -> Iterator[str]:
    reproduced.run("kedro", "viz", "build", "--include-previews")
    handler = functools.partial(_QuietHandler, directory=str(reproduced.root / "build"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def test_the_graph_shows_the_nodes_and_layers(browser: webdriver.Chrome, site: str) -> None:
    browser.get(site)

    def texts(selector: str) -> set[str]:
        found = browser.find_elements(By.CSS_SELECTOR, selector)
        return {str(item.get_attribute("textContent")).strip() for item in found}

    WebDriverWait(browser, 60).until(lambda _: len(texts(".pipeline-node__text")) > 10)
    nodes = texts(".pipeline-node__text")
    assert {"check_customers", "choose_and_calibrate", "measure", "metrics", "model"} <= nodes, (
        nodes
    )
    layers = texts(".pipeline-layer-name")
    assert {"raw", "primary", "feature", "models", "reporting"} <= {
        layer.lower() for layer in layers
    }, layers


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
