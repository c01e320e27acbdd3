from __future__ import annotations

import datetime
from dataclasses import replace

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.pipelines.publishing import create_pipeline
from churn_pipeline.pipelines.publishing.nodes import contract_version, version_features

SINK = "sqlite:///f.db::features"


def test_features_get_their_definition_and_their_day(
    customers: pd.DataFrame, contract: Contract
) -> None:
    sent = version_features(customers, contract, SINK, "2026-01-31")
    assert set(sent["feature_date"]) == {datetime.date(2026, 1, 31)}
    assert set(sent["contract_version"]) == {contract_version(contract)}
    pd.testing.assert_frame_equal(sent[list(customers)], customers)


def test_the_version_changes_with_the_contract_only(contract: Contract) -> None:
    version = contract_version(contract)
    assert len(version) == 12
    assert contract_version(replace(contract)) == version
    fewer = replace(contract, derived_columns=contract.derived_columns[1:])
    assert contract_version(fewer) != version


def test_the_snapshot_is_the_day_where_none_is_given(
    customers: pd.DataFrame, contract: Contract
) -> None:
    snapshot = Column("month", "date", ("snapshot",), "The month.")
    dated = replace(contract, columns={**contract.columns, "month": snapshot})
    days = pd.to_datetime(["2026-01-31", "2026-02-28"] * (len(customers) // 2))
    sent = version_features(customers.assign(month=days), dated, SINK, None)
    assert sent["feature_date"].map(str).tolist() == days.strftime("%Y-%m-%d").tolist()


def test_what_is_missing_is_one_sentence(customers: pd.DataFrame, contract: Contract) -> None:
    with pytest.raises(ParameterError, match=r"publishing\.sink is null, so there is nothing"):
        version_features(customers, contract, None, "2026-01-31")
    with pytest.raises(ParameterError, match=r"publishing\.date is null .* no snapshot date"):
        version_features(customers, contract, SINK, None)
    taken = customers.assign(feature_date=1)
    with pytest.raises(DataError, match="has a column 'feature_date', which publishing adds"):
        version_features(taken, contract, SINK, "2026-01-31")


def test_the_pipeline_reads_the_features_and_writes_the_sink() -> None:
    pipeline = create_pipeline()
    assert {name for name in pipeline.inputs() if "params" not in name} == {"features", "contract"}
    assert pipeline.outputs() == {"features_sink"}
