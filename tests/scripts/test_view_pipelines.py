"""What is changed in kedro-viz's page and graph."""

from pathlib import Path

import kedro_viz

from scripts.view_pipelines import keep_to_itself, open_on_pipelines, put_in_layers


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


def test_the_first_screen_is_set_before_the_page_starts() -> None:
    page = open_on_pipelines('<head><script src="./a.js"></script></head>')
    assert page.index("types=nodes") < page.index("./a.js")
    assert page.count("<script") == 2


def test_a_pipeline_is_in_the_first_layer_that_it_writes_into() -> None:
    graph = {
        "layers": ["raw", "feature", "models"],
        "nodes": [
            {"id": "a", "type": "data", "layer": "models"},
            {"id": "b", "type": "data", "layer": "feature"},
            {"id": "c", "type": "data", "layer": None},
            {"id": "training", "type": "modularPipeline", "layer": None},
            {"id": "acceptance", "type": "modularPipeline", "layer": None},
        ],
        "modular_pipelines": {
            "training": {"outputs": ["a", "b"]},
            "acceptance": {"outputs": ["c"]},
        },
    }
    put_in_layers(graph)
    layers = {node["id"]: node["layer"] for node in graph["nodes"]}  # type: ignore[attr-defined]
    assert layers["training"] == "feature"
    assert layers["acceptance"] is None
