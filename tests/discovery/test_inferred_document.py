from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.telco import simulate_customers
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.discovery.document import contract_text
from churn_pipeline.errors import DataError
from churn_pipeline.io.contract_dataset import ContractDataset
from tests.discovery.tables import churn, ids, infer, raw, rejected
from tests.sizes import examples

TEXTS = st.text(min_size=1, max_size=8).map(str.strip).filter(bool)
ROWS = 60


def columns_of_one_kind() -> st.SearchStrategy[list[str]]:
    kinds = [
        st.integers(-(10**12), 10**12).map(str),
        st.integers(0, 5).map(str),
        st.floats(-1e6, 1e6).map(repr),
        st.floats(0, 1e6).map(lambda v: f"{v:,.2f}"),
        st.floats(0, 1e6).map(lambda v: f"{v:.2f}".replace(".", ",")),
        st.dates().map(str),
        st.dates().map(lambda d: f"{d.day:02d}/{d.month:02d}/{d.year:04d}"),
        st.datetimes().map(lambda d: d.isoformat(" ", "seconds")),
        st.sampled_from(["yes", "No", "TRUE", "0", "f"]),
        st.sampled_from(["a", "B", "b ", " c", "N/A", "?", "none"]),
        TEXTS,
        st.just(""),
        st.sampled_from(["1", "2.5", "x", "", "3/4/2020", "9999-12-31"]),
    ]
    return st.sampled_from(kinds).flatmap(
        lambda cells: st.lists(
            cells | st.sampled_from(["", "NA", "-"]), min_size=ROWS, max_size=ROWS
        )
    )


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(60))
@given(
    st.dictionaries(TEXTS, columns_of_one_kind(), min_size=1, max_size=5),
    st.booleans(),
)
def test_any_table_meets_the_contract_inferred_from_it(
    columns: dict[str, list[str]], has_id: bool
) -> None:
    table: dict[str, Any] = {**columns, "_target": churn(ROWS)}
    if has_id:
        table["_id"] = ids(ROWS)
    hints = Hints(target="_target", id="_id" if has_id else None)
    try:
        inference = infer_contract(raw(table), "test", hints)
    except DataError as error:
        assert "no column that a model can learn from" in str(error)  # noqa: PT017
        return
    contract = parse_contract(inference.document)
    assert contract.features
    assert yaml.safe_load(inference.contract_text) == inference.document
    assert rejected(raw(table), inference)["row"].nunique() <= 0.02 * ROWS


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=12),
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(["category", "number"]),
                "role": st.sampled_from(["feature", ["feature", "sensitive"]]),
                "meaning": st.text(),
                "values": st.lists(st.text(), max_size=40),
                "minimum": st.integers() | st.floats(-1e300, 1e300),
                "nullable": st.booleans(),
                "spellings": st.dictionaries(st.text(), st.lists(st.text()), min_size=1),
            }
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read_again(columns: dict[str, Any]) -> None:
    document = {
        "name": "on", "description": "no: #1", "missing_values": ["", "~"], "columns": columns,
        "row_rules": {}, "derived_columns": {},
    }  # fmt: skip
    comments = {name: "because\nof " + name for name in columns}
    assert yaml.safe_load(contract_text(document, comments)) == document


def test_the_contract_reads_like_one_written_by_hand(tmp_path: Path) -> None:
    table = {
        "plan": ["basic", "plus"] * 200,
        "shop": [f"shop {i % 53}" for i in range(1600)][:1600],
    }
    table["plan"] = table["plan"] * 4
    inference = infer(table)
    text = inference.contract_text
    assert (
        '\n  plan:\n    type: category\n    role: feature\n    values: ["basic", "plus"]\n' in text
    )
    assert "\n  # other values may come and are read as missing\n  shop:\n" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    path = tmp_path / "contract.yml"
    path.write_text(text, encoding="utf-8")
    assert ContractDataset(filepath=str(path)).load() == parse_contract(inference.document)


def test_simulated_customers_give_the_contract_that_people_wrote(contract: Contract) -> None:
    cells = simulate_customers(3000, seed=5).customers
    # as `kedro simulate` writes them
    texts = {str(name): values.map("{:g}".format) if values.dtype.kind == "f" else values
             for name, values in cells.items()}  # fmt: skip
    table = raw({name: [None if v == "nan" else v for v in map(str, values)]
                 for name, values in texts.items()})  # fmt: skip
    inference = infer_contract(table, "telco")
    inferred = parse_contract(inference.document)
    assert list(inferred.columns) == list(contract.columns)
    for name, column in contract.columns.items():
        found = inferred.columns[name]
        assert (found.type, found.roles) == (column.type, column.roles), name
        assert set(found.values) == set(column.values), name
        assert (found.positive, found.nullable) == (column.positive, column.nullable), name
        if column.is_numeric:
            assert found.minimum == 0
    assert not inference.notes.questions
    assert rejected(table, inference).empty
