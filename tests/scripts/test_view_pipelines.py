"""What is taken out of kedro-viz's page."""

from pathlib import Path

import kedro_viz

from scripts.view_pipelines import keep_to_itself


def test_the_page_of_the_installed_version_loads_nothing_from_elsewhere() -> None:
    page = (Path(kedro_viz.__file__).parent / "html/index.html").read_text(encoding="utf-8")
    assert "https://" in page  # else the script is not needed any more
    kept = keep_to_itself(page)
    assert "https://" not in kept
    assert "./assets/index-" in kept
    assert kept.count("<script") == page.count("<script")


def test_scripts_of_other_hosts_go_and_own_ones_stay() -> None:
    page = '<script src="https://a.b/c.js"></script><script src="./d.js"></script><a href="https://e">f</a>'
    assert keep_to_itself(page) == '<script src="./d.js"></script><a href="https://e">f</a>'
