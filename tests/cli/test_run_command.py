"""Nodes by their short names on the command line."""

from pathlib import Path

import click
import pytest
from kedro.framework.startup import bootstrap_project

from churn_pipeline.cli.run import _full_names

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _bootstrapped() -> None:
    bootstrap_project(ROOT)


def test_a_node_is_named_with_or_without_its_pipeline() -> None:
    names = ["measure", "evaluation.check_gates"]
    expected = ["evaluation.measure", "evaluation.check_gates"]
    assert _full_names(names, ["evaluation"], "--nodes") == expected
    assert _full_names(["check_customers"], [], "--nodes") == ["ingestion.check_customers"]
    assert _full_names((), [], "--nodes") == []


@pytest.mark.parametrize("name", ["mesure", "evaluation.mesure", "training.measure"])
def test_an_unknown_node_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(click.BadParameter, match=f"no node '{name}' in evaluation.*measure"):
        _full_names([name], ["evaluation"], "--to-nodes")


def test_short_names_of_nodes_are_unique() -> None:
    from kedro.framework.project import pipelines

    pipelines.set_requested(None)
    nodes = {node.name: node.short_name for name in pipelines for node in pipelines[name].nodes}
    assert len(set(nodes.values())) == len(nodes)


def test_each_pipeline_is_a_namespace_and_its_datasets_keep_their_names() -> None:
    from kedro.framework.project import pipelines

    pipelines.set_requested(None)
    for name in pipelines:
        if name != "__default__":
            assert {node.namespace for node in pipelines[name].nodes} == {name}
        datasets = {item for item in pipelines[name].datasets() if not item.startswith("params:")}
        assert not [item for item in datasets if "." in item]
