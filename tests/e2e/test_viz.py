"""The site that `kedro viz build` makes, in a real browser."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import Project, copy_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("viz")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("Chromium or its driver is not installed; run `make browser` as root")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1600,1200",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project: Project = copy_project(tmp_path_factory.mktemp("viz") / "project")
    project.run("kedro", "viz", "build")
    handler = functools.partial(_QuietHandler, directory=str(Path(project.root, "build")))
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
    assert {"check_customers", "fit_champion", "measure", "metrics", "model"} <= nodes, nodes
    layers = texts(".pipeline-layer-name")
    assert {"raw", "primary", "feature", "models", "reporting"} <= {
        layer.lower() for layer in layers
    }, layers
