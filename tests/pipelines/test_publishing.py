from __future__ import annotations

import datetime
from dataclasses import replace

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.io.sink_types import typed
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.pipelines.publishing import create_pipeline
from churn_pipeline.pipelines.publishing.nodes import contract_version, version_features

SINK = "sqlite:///f.db::features"


@pytest.fixture
def features(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the customers with their derived columns."""
    return derive_features(customers, contract)


def test_features_get_their_definition_and_their_day(
    features: pd.DataFrame, contract: Contract
) -> None:
    sent = version_features(features, contract, SINK, "2026-01-31")
    assert set(sent["feature_date"]) == {datetime.date(2026, 1, 31)}
    assert set(sent["contract_version"]) == {contract_version(contract)}
    added = ["feature_date", "contract_version"]
    read = [contract.id.name, *(column.name for column in contract.features)]
    derived = [column.name for column in contract.derived_columns]
    assert sent.columns.tolist() == [*read, *derived, *added]
    expected = typed(features[[*read, *derived]], contract)
    pd.testing.assert_frame_equal(sent.drop(columns=added), expected)


def test_what_the_model_does_not_read_stays_where_it_is(
    features: pd.DataFrame, contract: Contract
) -> None:
    ignored = Column("surname", "text", ("ignored",), "Whose row it is.")
    fewer = replace(contract, columns={**contract.columns, "surname": ignored})
    sent = version_features(
        features.assign(surname="Hill", SURNAME="Hill", contract_version=1, feature_date=1),
        fewer,
        SINK,
        "2026-01-31",
    )
    assert not {"surname", "SURNAME", contract.target.name} & set(sent.columns)


def test_the_version_changes_with_the_contract_only(contract: Contract) -> None:
    version = contract_version(contract)
    assert len(version) == 12
    assert contract_version(replace(contract)) == version
    fewer = replace(contract, derived_columns=contract.derived_columns[1:])
    assert contract_version(fewer) != version


def test_the_snapshot_is_the_day_where_none_is_given(
    features: pd.DataFrame, contract: Contract
) -> None:
    snapshot = Column("month", "date", ("snapshot",), "The month.")
    dated = replace(contract, columns={**contract.columns, "month": snapshot})
    days = pd.to_datetime(["2026-01-31", "2026-02-28"] * (len(features) // 2))
    sent = version_features(features.assign(month=days), dated, SINK, None)
    assert sent["feature_date"].map(str).tolist() == days.strftime("%Y-%m-%d").tolist()


def test_what_is_missing_is_one_sentence(features: pd.DataFrame, contract: Contract) -> None:
    with pytest.raises(ParameterError, match=r"publishing\.sink is null, so there is nothing"):
        version_features(features, contract, None, "2026-01-31")
    with pytest.raises(ParameterError, match=r"publishing\.date is null .* no snapshot date"):
        version_features(features, contract, SINK, None)


@pytest.mark.parametrize("name", ["feature_date", "contract_version"])
def test_a_feature_of_an_added_name_is_refused(
    features: pd.DataFrame, contract: Contract, name: str
) -> None:
    feature = Column(name, "number", ("feature",), "A feature.")
    more = replace(contract, columns={**contract.columns, name: feature})
    with pytest.raises(DataError, match=f"has a column '{name}', which publishing adds"):
        version_features(features.assign(**{name: 1.0}), more, SINK, "2026-01-31")


def test_the_pipeline_reads_the_features_and_writes_the_sink() -> None:
    pipeline = create_pipeline()
    assert {name for name in pipeline.inputs() if "params" not in name} == {
        "features",
        "model_contract",
    }
    assert pipeline.outputs() == {"features_sink"}
