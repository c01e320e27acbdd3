from __future__ import annotations

import datetime
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.runner import SequentialRunner

from churn_pipeline import progress
from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, LedgerError, ParameterError
from churn_pipeline.io import staged_parts
from churn_pipeline.io.atomic import JSONDataset
from churn_pipeline.io.frames import FramesCSVDataset, FramesParquetDataset
from churn_pipeline.io.ledger_dataset import ScoresLedgerDataset
from churn_pipeline.io.raw_stream import RawStream, RawStreamDataset
from churn_pipeline.io.readers import text_rows
from churn_pipeline.io.staged_parts import StagedParts, StagedPartsDataset
from churn_pipeline.pipelines.scoring import create_pipeline, parts, scores
from churn_pipeline.pipelines.scoring.nodes import contract_of_requests
from churn_pipeline.scorer import Bundle, Scorer, read_bundle
from churn_pipeline.scorer.bundle import to_json
from tests.bundles import packaged
from tests.ledger.books import Book

N = 300
OUTPUTS = (
    *("scores", "scores_sink", "rejected_to_score", "not_scored", "scoring_report"),
    "scores_ledger",
)
COLUMNS = ["churn_probability", "tier", "recommended_action", "contact", "expected_profit"]


class Kept(MemoryDataset):
    """A dataset that stays, as a file does, when the last node has read it."""

    def _release(self) -> None:
        pass


class Whole(Kept):
    """Keeps the frames that are saved as one."""

    def save(self, data: Any) -> None:
        super().save(pd.concat(list(data), ignore_index=True))


def raw_of(folder: Path) -> RawStream:
    path = folder / "customers.csv"
    path.write_text("a,b\n1,2\n")
    return RawStreamDataset(filepath=str(path)).load()


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return read_bundle(bundle_folder)


@pytest.fixture(scope="module")
def fresh(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Customers whose churn nobody knows yet."""
    return customers[-N:].drop(columns=contract.target.name).reset_index(drop=True)


def parameters(
    sink: str | None = None, date: str | None = None, all_snapshots: bool = True
) -> dict[str, Any]:
    return {
        "params:scoring.sink": MemoryDataset(sink),
        "params:scoring.date": MemoryDataset(date),
        "params:scoring.all_snapshots": MemoryDataset(all_snapshots),
        "params:split.period": MemoryDataset("month"),
    }


def run(
    file: pd.DataFrame,
    bundle: Bundle,
    folder: Path,
    sink: str | None = None,
    date: str | None = None,
    all_snapshots: bool = True,
    rows: int = 1000,
    **datasets: Any,
) -> dict[str, Any]:
    """Run the pipeline on a file; return its outputs."""
    path = folder / "customers.csv"
    file.to_csv(path, index=False)
    catalog = DataCatalog(
        {
            "customers_to_score": RawStreamDataset(filepath=str(path), rows_a_part=rows),
            "scoring_parts": StagedPartsDataset(filepath=str(folder / "parts")),
            "bundle": MemoryDataset(bundle, copy_mode="assign"),
            "scores": Whole(),
            "scores_sink": Whole(),
            **parameters(sink, date, all_snapshots),
            "rejected_to_score": Whole(),
            "not_scored": Whole(),
            "scoring_report": Kept(),
            "scores_ledger": Whole(),
            **datasets,
        }
    )
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog.load(name) for name in OUTPUTS}


def test_customers_are_ranked_by_what_contacting_them_is_worth(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    outputs = run(fresh, bundle, tmp_path)
    scores = outputs["scores"]
    assert outputs["rejected_to_score"].empty
    assert sorted(scores[contract.id.name]) == sorted(fresh[contract.id.name])
    assert (np.diff(scores["expected_profit"]) <= 0).all()
    assert (scores["contact"] == (scores["expected_profit"] > 0)).all()
    assert 0 < scores["contact"].mean() < 1
    assert set(scores["model_version"]) == {bundle.version}
    reasons = [f"{kind}_{place}" for place in (1, 2, 3) for kind in ("reason", "contribution")]
    assert list(scores) == [contract.id.name, *COLUMNS, *reasons, "model_version"]


def test_scores_and_reasons_are_those_of_the_scorer(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    scorer = Scorer(bundle)
    scores = run(fresh, bundle, tmp_path)["scores"].set_index(contract.id.name)
    for row in fresh[:40].to_dict("records"):
        customer = scorer.read({k: None if v != v else v for k, v in row.items()})
        (score,), (why,) = scorer.score([customer]), scorer.explain([customer])
        line = scores.loc[customer.id]
        for name in COLUMNS:
            assert line[name] == getattr(score, name)
        for place, reason in enumerate(why.reasons, start=1):
            assert line[f"reason_{place}"] == reason.text
            assert line[f"contribution_{place}"] == pytest.approx(reason.contribution, abs=1e-12)


def test_equal_profits_keep_the_order_of_the_file(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    twins = pd.concat([fresh[:1]] * 20, ignore_index=True)
    twins[contract.id.name] = [f"T{i}" for i in range(20)]
    scores = run(twins, bundle, tmp_path)["scores"]
    assert list(scores[contract.id.name]) == list(twins[contract.id.name])


def test_a_file_with_target_and_more_columns_gets_the_same_scores(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    wider = fresh.assign(**{contract.target.name: "nobody knows", "note": "x"})
    wider = wider[wider.columns[::-1]]
    pd.testing.assert_frame_equal(
        run(wider, bundle, tmp_path)["scores"], run(fresh, bundle, tmp_path)["scores"]
    )


def test_rows_that_break_the_contract_are_set_aside_with_their_reason(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    spoilt: Any = fresh.astype(object)
    spoilt.loc[3, "tenure"] = -1
    spoilt.loc[5, "PaymentMethod"] = "Barter"
    spoilt.loc[7, "InternetService"] = None
    spoilt.loc[9, contract.id.name] = spoilt.loc[8, contract.id.name]
    outputs = run(spoilt, bundle, tmp_path)
    assert len(outputs["scores"]) == N - 4
    rejected = outputs["rejected_to_score"]
    assert list(rejected["rejected_line"]) == [5, 7, 9, 11]
    for reason, name in zip(
        rejected["rejected_reason"],
        ["tenure", "PaymentMethod", "InternetService", contract.id.name],
        strict=True,
    ):
        assert name in reason


def test_a_file_without_a_good_row_is_one_sentence(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    bad = fresh[:3].assign(tenure=-5)
    with pytest.raises(DataError, match=r"no row of customers\.csv meets the contract") as caught:
        run(bad, bundle, tmp_path)
    assert "rejected_to_score" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_rows_is_refused(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=r"customers\.csv has no rows"):
        run(fresh[:0], bundle, tmp_path)


def test_a_missing_column_is_named(fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tenure"):
        run(fresh.drop(columns="tenure"), bundle, tmp_path)


def test_individual_lifetime_values_are_those_of_their_column(
    customers: pd.DataFrame, contract: Contract, fresh: pd.DataFrame, tmp_path: Path
) -> None:
    worth = replace(
        contract.columns["MonthlyCharges"],
        name="worth",
        roles=("ignored",),
        minimum=None,
        maximum=None,
        nullable=True,
    )
    wider = replace(contract, columns={**contract.columns, "worth": worth})
    bundle = packaged(
        "logistic_regression",
        customers.assign(worth=100.0),
        wider,
        customer_lifetime_value="worth",
    )
    values = np.arange(N) * 2.0
    file = fresh.assign(worth=values).astype(object)
    file.loc[1, "worth"] = None
    file.loc[2, "worth"] = -3.0
    outputs = run(file, bundle, tmp_path)
    rejected = outputs["rejected_to_score"]
    assert list(rejected["rejected_line"]) == [3, 4]
    assert list(rejected["rejected_columns"].map(list)) == [["worth"], ["worth"]]
    scores = outputs["scores"].set_index(contract.id.name)
    scorer = Scorer(bundle)
    for place in (0, 10, 299):
        line = scores.loc[fresh[contract.id.name][place]]
        profit = scorer.economics.profit_of_contact(line["churn_probability"], values[place])
        assert line["expected_profit"] == profit


def test_what_is_asked_of_customers_is_what_requests_bring(
    bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    asked = contract_of_requests(bundle, raw_of(tmp_path), None)
    assert contract.target.name not in asked.columns
    assert asked.row_rules == contract.row_rules  # none of them reads the target
    assert list(asked.columns) == [c.name for c in Scorer(bundle).request_columns]


# Who has left


def test_nobody_who_has_left_is_put_on_the_list(
    customers: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    target, key = contract.target, contract.id.name
    file = customers[-N:].reset_index(drop=True).astype({target.name: object})
    left = set(file[key][file[target.name] == target.positive])
    file.loc[file.index[file[target.name] != target.positive][:20], target.name] = None
    outputs = run(file, bundle, tmp_path, "sqlite:///s.db::scores", "2026-01-31")
    apart, report = outputs["not_scored"], outputs["scoring_report"]
    assert left
    assert set(apart[key]) == left
    assert set(apart["state"]) == {"left"}
    for listed in (outputs["scores"], outputs["scores_sink"]):
        assert set(listed[key]) == set(file[key]) - left
        assert target.name not in listed
    assert report["rows"] == {
        "read": N, "rejected": 0, "left": len(left), "absent": 0, "earlier": 0,
        "scored": N - len(left),
    }  # fmt: skip
    assert report["customers"]["left"] == len(left)
    assert report["outcome"] == {"stayed": N - len(left) - 20, "open": 20, "unreadable": 0}
    assert report["contacted"] == outputs["scores"]["contact"].sum()
    assert sum(report["tiers"].values()) == N - len(left)


def test_the_spelling_of_the_outcome_does_not_hide_who_has_left(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    target = contract.target
    file = fresh.assign(**{target.name: None}).astype({target.name: object})
    file.loc[4, target.name] = f" {str(target.positive).upper()} "
    file.loc[5, target.name] = "nobody knows"
    outputs = run(file, bundle, tmp_path)
    assert outputs["not_scored"][contract.id.name].tolist() == [file[contract.id.name][4]]
    assert file[contract.id.name][5] in set(outputs["scores"][contract.id.name])
    found = outputs["scoring_report"]["outcome"]
    assert found == {"stayed": 0, "open": N - 2, "unreadable": 1}


def test_a_file_of_leavers_is_one_sentence(
    customers: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    gone = customers[customers[contract.target.name] == contract.target.positive][:50]
    with pytest.raises(DataError, match=r"no customer left to score: 50 of 50 rows"):
        run(gone, bundle, tmp_path)


def test_the_file_of_the_training_is_recognised(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    report = run(fresh, bundle, tmp_path)["scoring_report"]
    assert report["source"]["is_training_file"] is False
    assert report["source"]["name"] == "customers.csv"
    assert (report["target"], report["outcome"]) == (None, None)
    description = bundle.json("description.json")
    description["data"]["sha256"] = report["source"]["sha256"]
    same = bundle.with_files({"description.json": to_json(description)})
    assert run(fresh, same, tmp_path)["scoring_report"]["source"]["is_training_file"] is True


def test_of_a_panel_each_present_customer_is_scored_once(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    document = bundle.json("contract.json")
    document["columns"]["day"] = {"type": "date", "role": "snapshot", "meaning": "The day."}
    panel = bundle.with_files({"contract.json": to_json(document)})
    months = [fresh[i:].assign(day=f"2026-0{i // 10 + 1}-15") for i in (0, 10, 20)]
    months[2] = fresh[:-30].assign(day="2026-03-15")  # the last 30 are in no row of March
    months[1].loc[fresh.index[50], "day"] = "2026-03-02"
    months[2] = months[2].drop(index=50)
    table = pd.concat(months)
    first = run(table, panel, tmp_path, all_snapshots=False)
    second = run(table[::-1], panel, tmp_path, all_snapshots=False)
    scores, apart = first["scores"], first["not_scored"]
    assert not scores[contract.id.name].duplicated().any()
    assert set(scores[contract.id.name]) == set(fresh[contract.id.name][:-30])
    assert set(scores["day"].dt.month) == {3}
    assert set(apart["state"]) == {"absent", "earlier"}
    absent = apart[apart["state"] == "absent"]
    assert set(absent[contract.id.name]) == set(fresh[contract.id.name][-30:])
    report = first["scoring_report"]
    assert report == second["scoring_report"] | {"source": report["source"]}
    assert report["snapshot"] == {"first": "2026-03-02", "last": "2026-03-15"}
    assert report["customers"] == {"left": 0, "absent": 30}
    assert sum(report["rows"].values()) == 2 * report["rows"]["read"]


def test_long_runs_say_how_far_they_are(
    fresh: pd.DataFrame,
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level("INFO", logger="churn_pipeline"):
        run(fresh, bundle, tmp_path, rows=100)
    lines = [record.getMessage() for record in caplog.records]
    for start in ("checked 100 of about 301 rows", "scored 200 of 300 rows", "wrote 300 of 300"):
        assert any(line.strip().startswith(start) for line in lines)


# The sink


def test_without_a_sink_nothing_goes_there(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    outputs = run(fresh, bundle, tmp_path)
    assert outputs["scores_sink"].empty
    assert "scoring_date" not in outputs["scores"]


def test_a_sink_gets_the_scores_and_their_day(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    outputs = run(fresh, bundle, tmp_path, "sqlite:///s.db::scores", "2026-01-31")
    sent = outputs["scores_sink"]
    assert set(sent["scoring_date"]) == {datetime.date(2026, 1, 31)}
    pd.testing.assert_frame_equal(sent.drop(columns="scoring_date"), outputs["scores"])


def test_a_sink_without_a_day_is_one_sentence(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=r"scoring\.date is null .* no snapshot date"):
        run(fresh, bundle, tmp_path, "sqlite:///s.db::scores")


def test_the_snapshot_is_the_day_of_each_row(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    document = bundle.json("contract.json")
    document["columns"]["month"] = {"type": "date", "role": "snapshot", "meaning": "The month."}
    by_month = bundle.with_files({"contract.json": to_json(document)})
    months = [fresh.assign(month=day) for day in ("2026-01-31", "2026-02-28")]
    outputs = run(pd.concat(months), by_month, tmp_path, "sqlite:///s.db::scores")
    assert outputs["rejected_to_score"].empty
    assert list(outputs["scores"])[:2] == [contract.id.name, "month"]
    sent = outputs["scores_sink"]
    assert sent.groupby("scoring_date").size().to_dict() == {
        datetime.date(2026, 1, 31): N,
        datetime.date(2026, 2, 28): N,
    }
    assert (sent["scoring_date"].astype(str) == sent["month"].astype(str)).all()
    latest = run(pd.concat(months), by_month, tmp_path, all_snapshots=False)["scores"]
    assert set(latest["month"].astype(str)) == {"2026-02-28"}
    one = run(fresh, by_month, tmp_path, "sqlite:///s.db::scores", "2026-03-31")["scores_sink"]
    assert set(one["scoring_date"]) == {datetime.date(2026, 3, 31)}


def test_a_file_without_its_day_needs_one_unless_the_model_knows_the_file(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    document = bundle.json("contract.json")
    document["columns"]["month"] = {
        "type": "date", "role": "snapshot", "default": "2026-01-31", "meaning": "The month.",
    }  # fmt: skip
    # an input of the same number, which counts days
    first = next(iter(document["derived_columns"]))
    document["columns"]["since"] = {"type": "date", "meaning": "First day.", "nullable": True}
    document["derived_columns"][first]["expression"] = "month - since"
    dated = bundle.with_files({"contract.json": to_json(document)})
    raw = raw_of(tmp_path)
    with pytest.raises(ParameterError, match=r"no column month.*set scoring\.date"):
        contract_of_requests(dated, raw, None)
    asked = contract_of_requests(dated, raw, "2026-06-30")
    assert asked.snapshot is not None
    assert asked.snapshot.default == "2026-06-30"
    description = bundle.json("description.json")
    description["data"]["sha256"] = raw.sha256
    of_training = dated.with_files({"description.json": to_json(description)})
    asked = contract_of_requests(of_training, raw, None)
    assert asked.snapshot is not None
    assert asked.snapshot.default == "2026-01-31"


# The ledger


def with_columns(bundle: Bundle, **columns: dict[str, Any]) -> Bundle:
    document = bundle.json("contract.json")
    document["columns"].update(columns)
    return bundle.with_files({"contract.json": to_json(document)})


DAY = {"type": "date", "role": "snapshot", "meaning": "The day."}


def test_the_ledger_gets_each_score_with_its_customer_and_day(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    outputs = run(fresh, bundle, tmp_path, date="2026-01-31")
    recorded, scores = outputs["scores_ledger"], outputs["scores"]
    assert set(recorded["as_of"]) == {"2026-01-31"}
    assert recorded["customer"].tolist() == scores[contract.id.name].tolist()
    assert recorded["row_id"].tolist() == scores[contract.id.name].tolist()
    figures = scores.drop(columns=contract.id.name)
    pd.testing.assert_frame_equal(recorded[list(figures)], figures)
    assert set(recorded) == {"customer", "row_id", "as_of", "lifetime_value", *figures}
    assert set(recorded["lifetime_value"]) == {200.0}
    assert outputs["scoring_report"]["as_of"] == "scoring.date"


def test_the_day_in_the_ledger_is_the_snapshot_where_there_is_no_date(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    panel = with_columns(bundle, day=DAY)
    months = [fresh.assign(day=day) for day in ("2026-01-31", "2026-02-28")]
    outputs = run(pd.concat(months), panel, tmp_path)
    recorded = outputs["scores_ledger"]
    assert recorded.groupby("as_of").size().to_dict() == {"2026-01-31": N, "2026-02-28": N}
    assert outputs["scoring_report"]["as_of"] == "snapshot"
    pd.testing.assert_series_equal(
        recorded["as_of"], outputs["scores"]["day"].astype("str"), check_names=False
    )
    latest = run(pd.concat(months), panel, tmp_path, date="2026-03-01", all_snapshots=False)
    assert set(latest["scores_ledger"]["as_of"]) == {"2026-03-01"}
    assert latest["scoring_report"]["as_of"] == "scoring.date"


def test_of_all_snapshots_each_score_has_its_own_day_whatever_the_date(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    panel = with_columns(bundle, day=DAY)
    months = [fresh.assign(day=day) for day in ("2026-01-31", "2026-02-28")]
    book = Book(tmp_path, None)
    outputs = run(
        pd.concat(months), panel, tmp_path, date="2026-03-01", scores_ledger=book.dataset()
    )
    assert book.run("select as_of, count(*) from scores group by 1 order by 1") == [
        ("2026-01-31", N),
        ("2026-02-28", N),
    ]
    assert outputs["scoring_report"]["as_of"] == "snapshot"


def test_the_ledger_gets_all_parts_in_one_save(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    saved: list[Any] = []

    class Counted(Whole):
        def save(self, data: Any) -> None:
            saved.append(list(data))
            super().save(saved[-1])

    outputs = run(fresh, bundle, tmp_path, rows=40, scores_ledger=Counted())
    (frames,) = saved
    assert [len(frame) for frame in frames] == [40] * 6 + [60]
    assert len(outputs["scores_ledger"]) == N


def test_without_any_day_the_ledger_is_told_none(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    outputs = run(fresh, bundle, tmp_path)
    assert outputs["scores_ledger"]["as_of"].isna().all()
    assert outputs["scoring_report"]["as_of"] == "day of the run"


def test_rows_of_a_customer_are_recorded_under_the_customer(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, tmp_path: Path
) -> None:
    owner = {"type": "text", "role": "customer", "meaning": "Who has the contract."}
    bundle = with_columns(bundle, owner=owner)
    file = fresh.assign(owner=[f"O{i // 2}" for i in range(N)]).astype({"owner": object})
    file.loc[7, "owner"] = None
    recorded = run(file, bundle, tmp_path)["scores_ledger"].set_index("row_id")["customer"]
    ids = file[contract.id.name]
    assert recorded[ids[0]] == recorded[ids[1]] == "O0"
    assert recorded[ids[299]] == "O149"
    assert recorded[ids[7]] == ids[7]  # nobody is named
    assert recorded[ids[6]] == "O3"


def test_a_ledger_that_fails_leaves_the_files_of_scores(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    scores = tmp_path / "scores.csv"
    datasets: dict[str, Any] = {
        "scores": FramesCSVDataset(filepath=str(scores)),
        "scoring_report": JSONDataset(filepath=str(tmp_path / "scoring.json")),
        "scores_ledger": ScoresLedgerDataset(
            address=f"sqlite:///{blocked}/ledger.sqlite", data_set="churn"
        ),
    }
    with pytest.raises(DatasetError) as caught:
        run(fresh, bundle, tmp_path, **datasets)
    error: BaseException | None = caught.value
    while isinstance(error, DatasetError):
        error = error.__cause__
    assert isinstance(error, LedgerError)
    message = str(error)
    assert "ledger.sqlite cannot be written" in message
    assert message.endswith("(until then, none of the scores of this run is in the ledger)")
    assert "\n" not in message
    assert len(pd.read_csv(scores)) == N
    assert (tmp_path / "scoring.json").is_file()


# Parts


def assert_same_outputs(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["scoring_report"] == expected["scoring_report"]
    for name in ("scores", "scores_sink", "not_scored", "rejected_to_score"):
        frame = found[name].map(_plain_lists)
        pd.testing.assert_frame_equal(
            frame, expected[name].map(_plain_lists), check_exact=True, check_dtype=bool(len(frame))
        )
    recorded, whole = (
        outputs["scores_ledger"].sort_values(["row_id", "as_of"], ignore_index=True)
        for outputs in (found, expected)
    )
    pd.testing.assert_frame_equal(recorded, whole, check_exact=True)


def _plain_lists(value: Any) -> Any:
    return list(value) if isinstance(value, list | np.ndarray) else value


@pytest.fixture(scope="module")
def panel(bundle: Bundle) -> Bundle:
    """A bundle whose customers have a snapshot."""
    document = bundle.json("contract.json")
    document["columns"]["day"] = {"type": "date", "role": "snapshot", "meaning": "The day."}
    return bundle.with_files({"contract.json": to_json(document)})


@pytest.mark.parametrize("rows", [37, 100])
def test_many_parts_give_what_one_gives(
    customers: pd.DataFrame,
    bundle: Bundle,
    contract: Contract,
    tmp_path: Path,
    rows: int,
) -> None:
    key, target = contract.id.name, contract.target.name
    file: Any = customers[-N:].reset_index(drop=True).astype(object)
    file.loc[::3, target] = None
    file.loc[5::25, "tenure"] = -1  # a bad row in every part, or in most
    file.loc[200:290, key] = file.loc[100:190, key].to_numpy()  # ids come again parts later
    file.loc[[150, 151, 7, 8], key] = file.loc[[10, 30, 6, 6], key].to_numpy()
    file.loc[77:120, "InternetService"] = None  # a part without a good row
    arguments = (bundle, tmp_path, "sqlite:///s.db::scores", "2026-01-31")
    whole = run(file, *arguments)
    parts = run(file, *arguments, rows=rows)
    assert_same_outputs(parts, whole)
    rejected = whole["rejected_to_score"]
    assert {"duplicate_id", "range", "missing"} <= {*rejected["rejected_rules"].explode()}
    for line, found in zip(rejected["rejected_line"], rejected[key], strict=True):
        assert file[key][line - 2] == found
    assert whole["scoring_report"]["rows"]["left"]


@pytest.mark.parametrize("all_snapshots", [False, True])
def test_the_latest_snapshot_may_be_in_another_part(
    customers: pd.DataFrame,
    panel: Bundle,
    contract: Contract,
    tmp_path: Path,
    all_snapshots: bool,
) -> None:
    target = contract.target.name
    rng = np.random.default_rng(3)
    months = [customers[-90:].assign(day=f"2026-0{month}-15") for month in (1, 2, 3)]
    table: Any = pd.concat(months, ignore_index=True).astype(object)
    table.loc[rng.random(len(table)) < 0.9, target] = None
    table = table.iloc[rng.permutation(len(table))].drop(index=table.index[180:190])
    whole = run(table, panel, tmp_path, all_snapshots=all_snapshots)
    assert_same_outputs(run(table, panel, tmp_path, all_snapshots=all_snapshots, rows=40), whole)
    counts = whole["scoring_report"]["rows"]
    assert counts["left"]
    assert bool(counts["earlier"]) is bool(counts["absent"]) is not all_snapshots


def test_a_run_goes_on_from_the_parts_of_a_killed_one(
    fresh: pd.DataFrame, bundle_folder: Path, bundle: Bundle, tmp_path: Path
) -> None:
    expected = run(fresh, bundle, tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(bundle_folder), str(tmp_path)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    left = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*/accepted-*")}
    assert sorted(left) == [f"accepted-0000{number}.arrow" for number in range(3)]
    found = run(fresh, bundle, tmp_path, rows=40)
    assert_same_outputs(found, expected)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*/accepted-*")}
    assert left.items() <= after.items()
    assert len(after) > len(left)
    # parts of another file, or asked for otherwise, are of no use
    other = run(fresh[::-1], bundle, tmp_path, rows=40)
    assert_same_outputs(other, run(fresh[::-1], bundle, tmp_path))
    assert len(list(tmp_path.glob("parts/*"))) == 1


def test_a_run_does_not_go_on_from_parts_of_other_code(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(fresh, bundle, tmp_path, rows=40)
    (before,) = tmp_path.glob("parts/*")
    run(fresh, bundle, tmp_path, rows=40)
    assert list(tmp_path.glob("parts/*")) == [before]
    monkeypatch.setattr(parts, "code_hash", lambda: "other")
    run(fresh, bundle, tmp_path, rows=40)
    (after,) = tmp_path.glob("parts/*")
    assert after != before


def test_no_part_stays_of_a_file_that_is_changed_while_it_is_read(
    fresh: pd.DataFrame, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write, staged = tmp_path / "customers.csv", StagedParts.write, []

    def until_the_third(parts: StagedParts, name: str, table: pa.Table) -> None:
        staged.append(name)
        write(parts, name, table)
        if name == "accepted-00002":
            fresh[::-1].to_csv(path, index=False)

    monkeypatch.setattr(StagedParts, "write", until_the_third)
    with pytest.raises(DataError, match="was changed while it was read"):
        run(fresh, bundle, tmp_path, rows=40)
    assert staged[-1] == "accepted-00002"
    assert not (tmp_path / "parts").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from churn_pipeline.io.staged_parts import StagedParts
from churn_pipeline.scorer import read_bundle
from tests.pipelines.test_scoring import run

write = StagedParts.write

def until_the_third(parts, name, table):
    write(parts, name, table)
    if name == "accepted-00002":
        os.kill(os.getpid(), signal.SIGKILL)

StagedParts.write = until_the_third
folder = Path(sys.argv[2])
file = pd.read_csv(folder / "customers.csv", dtype=str, keep_default_na=False)
run(file, read_bundle(Path(sys.argv[1])), folder, rows=40)
"""


def test_memory_grows_by_the_keys_only(
    fresh: pd.DataFrame,
    bundle: Bundle,
    contract: Contract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scores, "_ROWS_A_FRAME", 1000)
    monkeypatch.setattr(staged_parts, "_ROWS_A_BATCH", 64)
    monkeypatch.setattr(text_rows, "_BLOCK", 1 << 14)
    small, large = (_peak(fresh, bundle, contract, tmp_path, copies) for copies in (10, 40))
    # held at once, the texts of a row alone take 340 bytes
    assert (large - small) / (30 * N) < 120


_POOLS: list[pa.MemoryPool] = []  # kept, since what they hold may be freed at any later time


def _peak(
    fresh: pd.DataFrame, bundle: Bundle, contract: Contract, folder: Path, copies: int
) -> int:
    """Return the peak of what Arrow holds, texts above all, of a file of so many copies."""
    file = pd.concat([fresh] * copies, ignore_index=True)
    file[contract.id.name] = [f"C{i}" for i in range(len(file))]
    path = folder / f"{copies}.csv"
    file.to_csv(path, index=False)
    del file
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    _POOLS.append(pool)
    pa.set_memory_pool(pool)
    try:
        catalog = DataCatalog(
            {
                "customers_to_score": RawStreamDataset(filepath=str(path), rows_a_part=1000),
                "bundle": MemoryDataset(bundle, copy_mode="assign"),
                "scoring_parts": StagedPartsDataset(filepath=str(folder / "parts")),
                "scores": FramesCSVDataset(filepath=str(folder / "scores.csv")),
                "scores_sink": FramesCSVDataset(filepath=str(folder / "sink.csv")),
                "rejected_to_score": FramesParquetDataset(filepath=str(folder / "r.parquet")),
                "not_scored": FramesParquetDataset(filepath=str(folder / "n.parquet")),
                "scoring_report": Kept(),
                "scores_ledger": ScoresLedgerDataset(address=None, data_set="churn"),
                **parameters(),
            }
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return pool.max_memory()
    finally:
        pa.set_memory_pool(before)
