"""The model card alone in a folder, in a real browser: a desktop and a telephone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from churn_pipeline.contract import Contract
from churn_pipeline.reporting.model_card import FIGURES, write_model_card
from churn_pipeline.reporting.page import render_page
from tests.reporting import conftest

SECTIONS = [
    "Intended use", "Data", "Protocol", "Candidates", "Test metrics", "Calibration", "Decisions",
    "Explanations", "Fairness", "Quality gates", "Limits", "How to reproduce",
]  # fmt: skip
SCREENS = [(1400, 900), (390, 844)]
# colours of every text against what lies behind it, by the formula of WCAG 2
LOW_CONTRAST = """
    const channels = text => text.match(/[0-9.]+/g).map(Number);
    const light = c => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const behind = node => {
        for (; node; node = node.parentElement) {
            const found = channels(getComputedStyle(node).backgroundColor);
            if (found.length < 4 || found[3] > 0) return found;
        }
        return [255, 255, 255];
    };
    const low = [];
    for (const node of document.querySelectorAll("main *")) {
        const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own) continue;
        const pair = [luminance(channels(getComputedStyle(node).color)), luminance(behind(node))];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (ratio < 4.5) low.push(node.tagName + " " + node.textContent.slice(0, 40) + " " + ratio);
    }
    return low"""


@pytest.fixture(scope="module")
def address(
    small_contract: Contract, pictures: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Of the page, which lies in a folder of its own."""
    outputs: dict[str, Any] = conftest.card_outputs(small_contract)
    path = tmp_path_factory.mktemp("mailed") / "card.html"
    path.write_text(render_page(write_model_card(**outputs), **pictures), encoding="utf-8")
    return path.as_uri()


def open_at(browser: webdriver.Chrome, address: str, screen: tuple[int, int]) -> None:
    width, height = screen
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get("about:blank")
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # type: ignore[no-untyped-call]
    browser.get(address)


@pytest.fixture(autouse=True)
def own_size(browser: webdriver.Chrome) -> Iterator[None]:
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_cut_off_or_loaded(
    browser: webdriver.Chrome, address: str, screen: tuple[int, int]
) -> None:
    open_at(browser, address, screen)
    assert browser.title == "Model card: churn model of gym_members"
    assert [h.text for h in browser.find_elements(By.CSS_SELECTOR, "summary h2")] == SECTIONS
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
    assert browser.execute_script(overflow) == 0
    hidden = """
        const boxes = [...document.querySelectorAll("main *")].filter(e => e.checkVisibility());
        return boxes.filter(e => !e.closest(".table, .wide, thead, pre"))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"""
    assert browser.execute_script(hidden) == []
    if screen[0] < 500:  # there tables are stacked, so that no column has to be scrolled to
        scrolled = """return [...document.querySelectorAll(".table")]
            .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
        assert browser.execute_script(scrolled) == []
    sizes = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(sizes) == len(FIGURES) - 1  # there is one period
    assert all(sizes)
    assert browser.execute_script(LOW_CONTRAST) == []
    events = browser.get_log("performance")  # type: ignore[no-untyped-call]
    messages = [json.loads(event["message"])["message"] for event in events]
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_first_screen_answers_a_manager(browser: webdriver.Chrome, address: str) -> None:
    open_at(browser, address, SCREENS[0])
    seen = """
        return [...document.querySelectorAll(".key > div, .first li, .first figure")]
            .map(e => [e.innerText, e.getBoundingClientRect().bottom <= innerHeight])"""
    shown = browser.execute_script(seen)
    assert [text for text, visible in shown if not visible] == []
    text = "\n".join(text for text, _ in shown)
    for part in ("73,200 CHF", "10.40 CHF", "3,558 customers", "27,400 CHF", "PASS", "is_senior"):
        assert part in text
    assert len(browser.find_elements(By.CSS_SELECTOR, ".first img")) == 2
    height = "return document.documentElement.scrollHeight"
    assert browser.execute_script(height) < 2 * 900
    assert all(
        not fold.get_attribute("open") for fold in browser.find_elements(By.TAG_NAME, "details")
    )


def test_folds_open_by_keyboard_and_by_links(browser: webdriver.Chrome, address: str) -> None:
    open_at(browser, address, SCREENS[0])
    summary = browser.find_element(By.TAG_NAME, "summary")
    browser.execute_script("arguments[0].focus()", summary)
    fold = browser.find_element(By.TAG_NAME, "details")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert fold.get_attribute("open") is not None
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert fold.get_attribute("open") is None
    link = browser.find_element(By.CSS_SELECTOR, "blockquote a[href='#fairness']")
    link.send_keys(Keys.ENTER)
    section = browser.find_element(By.ID, "fairness")
    assert section.is_displayed()
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", section)
    assert top < 900
    broken = """
        return [...document.querySelectorAll("a")].map(a => a.getAttribute("href"))
            .filter(href => !href.startsWith("#") || !document.getElementById(href.slice(1)))"""
    assert browser.execute_script(broken) == []


def test_everything_is_unfolded_on_paper(browser: webdriver.Chrome, address: str) -> None:
    open_at(browser, address, SCREENS[0])
    closed = "return [...document.querySelectorAll('details')].filter(d => !d.open).length"
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script(closed) == 0
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(closed) == len(SECTIONS)
    button = browser.find_element(By.ID, "unfold")
    button.click()
    assert browser.execute_script(closed) == 0
    button.click()
    assert browser.execute_script(closed) == len(SECTIONS)
