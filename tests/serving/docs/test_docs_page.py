"""The documentation page in a real browser, offline, before a small service of the same routes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
import msgspec
import pandas as pd
import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import Scorer
from churn_pipeline.serving.docs.docs_page import FILES
from churn_pipeline.serving.docs.openapi import build_openapi
from churn_pipeline.serving.http.headers import DOCS_HEADERS, JSON_HEADERS
from churn_pipeline.serving.identity.caller import Unauthorized
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.settings import ServingSettings
from tests.serving.scorers import bundle


@dataclass(frozen=True)
class Site:
    url: str
    token: str


def application(scorer: Scorer, keys: KeyStore) -> Starlette:
    def file(request: Request) -> Response:
        kind, content = FILES[request.url.path]
        return _with(Response(content, media_type=kind.decode()), DOCS_HEADERS)

    def openapi(_: Request) -> Response:
        return _with(JSONResponse(build_openapi(scorer, ServingSettings())), JSON_HEADERS)

    async def score(request: Request) -> Response:
        try:
            keys.authenticate(request.headers.get("authorization", "").encode())
        except Unauthorized as error:
            return JSONResponse({"error": str(error), "request_id": "1"}, 401)
        customer = scorer.read(await request.json())
        content = msgspec.to_builtins(scorer.score([customer])[0])
        return JSONResponse({**content, "model_version": scorer.version, "request_id": "1"})

    assets = Path(bentoml.__file__).parent / "_internal" / "server" / "static_content"
    return Starlette(
        routes=[
            *(Route(path, file) for path in FILES),
            Route("/openapi.json", openapi),
            Route("/v1/score", score, methods=["POST"]),
            Mount("/static_content", StaticFiles(directory=assets)),
        ]
    )


def _with(response: Response, headers: Any) -> Response:
    for name, value in headers:
        response.headers[name.decode()] = value.decode()
    return response


@pytest.fixture(scope="module")
def site(
    contract: Contract, customers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    token, _ = create_key(path, "reader", ["score"])
    app = application(Scorer(bundle(contract, customers)), KeyStore(path))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", token)
        server.should_exit = True
        thread.join()


@pytest.fixture(autouse=True)
def fresh_log(browser: webdriver.Chrome) -> None:
    browser.set_window_size(1200, 1200)
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # type: ignore[no-untyped-call]


def find(browser: webdriver.Chrome, selector: str) -> WebElement:
    """Return the first visible element, once there is one."""

    def visible(_: webdriver.Chrome) -> WebElement | None:
        found = browser.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed()), None)

    return WebDriverWait(browser, 30).until(visible, f"no {selector}")  # type: ignore[return-value]


def complaints(browser: webdriver.Chrome) -> list[str]:
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]


@pytest.mark.parametrize("path", ["/docs", "/"])
def test_the_page_lists_the_routes_and_asks_nobody_else(
    browser: webdriver.Chrome, site: Site, path: str
) -> None:
    browser.get(site.url + path)
    find(browser, ".opblock")
    listed = {
        str(item.get_attribute("data-path"))
        for item in browser.find_elements(By.CSS_SELECTOR, ".opblock-summary-path")
    }
    assert {"/v1/score", "/v1/score/batch", "/v1/explain", "/v1/feedback", "/readyz"} <= listed
    events = browser.get_log("performance")  # type: ignore[no-untyped-call]
    messages = [json.loads(event["message"])["message"] for event in events]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.endswith("/openapi.json") for url in asked)
    assert all(url.startswith((site.url, "data:")) for url in asked)
    assert complaints(browser) == []


def test_a_customer_is_scored_with_the_key_that_was_entered(
    browser: webdriver.Chrome, site: Site
) -> None:
    browser.get(f"{site.url}/docs")
    find(browser, ".btn.authorize").click()
    find(browser, ".auth-container input").send_keys(site.token)
    find(browser, ".auth-btn-wrapper .authorize").click()
    find(browser, ".auth-btn-wrapper .btn-done").click()
    find(browser, "[data-path='/v1/score']").click()
    find(browser, ".try-out__btn").click()
    find(browser, ".btn.execute").click()
    answer = find(browser, ".live-responses-table .response")
    WebDriverWait(browser, 30).until(lambda _: "churn_probability" in answer.text)
    assert answer.find_element(By.CSS_SELECTOR, ".response-col_status").text.startswith("200")
    shown = answer.find_element(By.CSS_SELECTOR, ".response-col_description code").text
    assert 0 < json.loads(shown)["churn_probability"] < 1
    assert complaints(browser) == []


def test_the_schema_says_what_a_field_may_hold(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(f"{site.url}/docs")
    find(browser, "[data-path='/v1/score']").click()
    find(browser, ".tab li:nth-child(2) button").click()
    schema = find(browser, ".json-schema-2020-12")
    WebDriverWait(browser, 30).until(lambda _: "Unit: months." in schema.text)
    assert "Month-to-month" in schema.text
    assert complaints(browser) == []


def test_without_a_key_the_page_shows_the_refusal(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(f"{site.url}/docs")
    find(browser, "[data-path='/v1/score']").click()
    find(browser, ".try-out__btn").click()
    find(browser, ".btn.execute").click()
    answer = find(browser, ".live-responses-table .response")
    assert answer.find_element(By.CSS_SELECTOR, ".response-col_status").text.startswith("401")


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_window(
    browser: webdriver.Chrome, site: Site, width: int, tmp_path: Path
) -> None:
    set_width = {"width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", set_width)
    try:
        browser.get(f"{site.url}/docs")
        find(browser, "[data-path='/v1/score']").click()
        find(browser, ".try-out__btn")
        browser.save_screenshot(str(tmp_path / f"docs-{width}.png"))
        content = browser.execute_script("return document.documentElement.scrollWidth")
        assert content <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
