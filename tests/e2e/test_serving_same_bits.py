"""A customer gets the same score wherever it is asked for, to the last bit."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.io.raw_stream import RawStreamDataset
from churn_pipeline.io.staged_parts import StagedParts
from churn_pipeline.pipelines.decisions.nodes import decide_test_customers
from churn_pipeline.pipelines.evaluation.nodes import score_test_customers
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.pipelines.scoring.nodes import contract_of_requests
from churn_pipeline.pipelines.scoring.parts import check_parts, set_apart
from churn_pipeline.pipelines.scoring.scores import score_customers
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.scorer.bundle import write_bundle
from tests.bundles import ECONOMICS, packaged
from tests.families import SHIPPED, every_shipped_candidate
from tests.serving.support import Server, serving, write_settings

CUSTOMERS = 200
SHARE_MISSING = 0.1


@pytest.fixture(scope="module")
def lenient(contract: Contract) -> Contract:
    """The contract, but any feature may be missing."""
    columns = {
        name: replace(column, nullable="feature" in column.roles)
        for name, column in contract.columns.items()
    }
    return replace(contract, columns=columns, row_rules=())


@pytest.fixture(scope="module")
def table(customers: pd.DataFrame, lenient: Contract) -> pd.DataFrame:
    """Customers of whom a tenth of the values are missing."""
    holes = customers.copy()
    generator = np.random.default_rng(5)
    for column in lenient.features:
        rows = generator.random(len(holes)) < SHARE_MISSING
        if column.is_numeric:
            holes[column.name] = holes[column.name].astype("float64")
        holes.loc[rows, column.name] = np.nan
    return holes


@pytest.fixture(scope="module")
def bundles(table: pd.DataFrame, lenient: Contract) -> dict[str, Bundle]:
    return {name: packaged(name, table[CUSTOMERS:], lenient) for name in SHIPPED}


@pytest.fixture(scope="module")
def records(table: pd.DataFrame, lenient: Contract) -> list[dict[str, Any]]:
    """The first customers as a client sends them; what is missing is null or left out."""
    names = [lenient.id.name, *(column.name for column in lenient.features)]
    rows = json.loads(table[:CUSTOMERS][names].to_json(orient="records", double_precision=15))
    return [
        row if i % 2 else {k: v for k, v in row.items() if v is not None}
        for i, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, bundles: dict[str, Bundle]
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("same_bits")
    for name, bundle in bundles.items():
        write_bundle(bundle, folder / "data/06_models" / name)
    write_settings(folder, champion=f"data/06_models/{next(iter(bundles))}")
    with serving(folder) as server:
        yield server


def bits(probabilities: Iterable[float]) -> list[bytes]:
    return [struct.pack("<d", probability) for probability in probabilities]


def by_evaluation(bundle: Bundle, table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    test = derive_features(table[:CUSTOMERS], contract)
    scores = score_test_customers(bundle, {}, test, contract)
    return decide_test_customers(scores, test, contract, ECONOMICS)


def by_scoring(bundle: Bundle, table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Score a file as ``kedro run --pipelines scoring`` does; customers in the file's order."""
    target = Scorer(bundle).contract.target.name  # who has left is not scored
    path.write_text(table[:CUSTOMERS].drop(columns=target).to_csv(index=False))
    raw = RawStreamDataset(filepath=str(path)).load()
    contract = contract_of_requests(bundle, raw, None)
    parts = StagedParts(path.parent / "parts")
    accepted, rejected = check_parts(raw, contract, bundle, parts, True, "month")
    assert all(frame.empty for frame in rejected)
    described, _ = set_apart(accepted, contract, bundle, raw, True, "month")
    _, ranked = score_customers(described, bundle)
    scores = pd.concat(list(ranked))
    return scores.set_index(contract.id.name).loc[table[contract.id.name][:CUSTOMERS]]


@every_shipped_candidate
def test_every_way_to_a_score_gives_the_same_bits(
    name: str,
    bundles: dict[str, Bundle],
    server: Server,
    table: pd.DataFrame,
    records: list[dict[str, Any]],
    lenient: Contract,
    tmp_path: Path,
) -> None:
    bundle = bundles[name]
    scorer = Scorer(bundle)
    evaluated = by_evaluation(bundle, table, lenient)
    filed = by_scoring(bundle, table, tmp_path / "customers.csv")
    read = [scorer.read(record) for record in records]
    alone = [scorer.score([customer])[0] for customer in read]
    with server.client() as client:
        client.post("/v1/admin/reload", json={"champion": name}).raise_for_status()
        single = [client.post("/v1/score", json=record).json() for record in records]
        answer = client.post("/v1/score/batch", json={"customers": records}).json()
        explained = [client.post("/v1/explain", json=record).json() for record in records[:50]]
    many = answer["results"]
    assert {answer["model_version"], *filed["model_version"]} == {bundle.version}
    assert {one["model_version"] for one in single} == {bundle.version}

    expected = bits(score.churn_probability for score in alone)
    assert len(set(expected)) > CUSTOMERS / 4
    assert bits(evaluated["churn_probability"]) == expected
    assert bits(filed["churn_probability"]) == expected
    assert bits(one["churn_probability"] for one in single) == expected
    assert bits(one["churn_probability"] for one in many) == expected
    assert bits(one["churn_probability"] for one in explained) == expected[:50]

    profits = bits(score.expected_profit for score in alone)
    for found in (evaluated["expected_profit"], filed["expected_profit"]):
        assert bits(found) == profits
    for answers in (single, many):
        assert bits(one["expected_profit"] for one in answers) == profits
        assert [one["tier"] for one in answers] == [score.tier for score in alone]
        assert [one["contact"] for one in answers] == [score.contact for score in alone]
        assert [one[lenient.id.name] for one in answers] == [customer.id for customer in read]
    assert list(evaluated["tier"]) == list(filed["tier"]) == [score.tier for score in alone]
    assert list(evaluated["contacted"]) == list(filed["contact"])
    actions = [score.recommended_action for score in alone]
    for table_of in (evaluated, filed):
        assert list(table_of["recommended_action"]) == actions
    for answers in (single, many):
        assert [one["recommended_action"] for one in answers] == actions


@every_shipped_candidate
def test_every_way_to_an_explanation_gives_the_same(
    name: str,
    bundles: dict[str, Bundle],
    server: Server,
    table: pd.DataFrame,
    records: list[dict[str, Any]],
    lenient: Contract,
    tmp_path: Path,
) -> None:
    scorer = Scorer(bundles[name])
    expected = scorer.contributions(scorer.rows(table[:CUSTOMERS]))
    with server.client() as client:
        client.post("/v1/admin/reload", json={"champion": name}).raise_for_status()
        single = [client.post("/v1/explain", json=record).json() for record in records]
        many = client.post("/v1/explain/batch", json={"customers": records}).json()["results"]
    for answers in (single, many):
        found = [list(one["contributions"].values()) for one in answers]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        for one in answers:
            total = one["base_log_odds"] + sum(one["contributions"].values())
            assert total == pytest.approx(one["log_odds"], abs=1e-9)
    assert [one["reasons"] for one in single] == [one["reasons"] for one in many]
    filed = by_scoring(bundles[name], table, tmp_path / "customers.csv")
    for place in range(3):
        texts = [dict(enumerate(r["text"] for r in one["reasons"])).get(place) for one in single]
        assert [None if pd.isna(text) else text for text in filed[f"reason_{place + 1}"]] == texts
