"""Kinds that users write: what they can say, and what they are told when it is wrong."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from churn_pipeline.errors import SimulationError
from churn_pipeline.io.kind_dataset import KindDataset
from churn_pipeline.simulation import parse_kind, read_kind, simulate
from churn_pipeline.simulation.engine import month_ends

GYM = """
description: Members of a gym.
id: member
target: left
parameters: {today: 2026-01-31, rate: 0.3, lost: 0.2}
table: [member, joined, plan, age, visits, weight, note, left]
columns:
  member: {pattern: "M-###"}
  days: {bands: [[10, 400, 1]]}
  joined: {mean: today - days, as: date, missing: lost}
  plan: {shares: {off-peak: 0.25, full: 0.75}, traits: {pull: 0.5}}
  age: {by: plan, bands: {off-peak: [[60, 80, 1]], full: [[18, 60, 0.5], [61, 70, 0.5]]}}
  visits: {poisson: "where(plan == 'full', 4, 1)"}
  weight: {mean: 75, log_deviation: 0.2, step: 0.5, minimum: 50, missing: visits == 0}
  note: {levels: [a, b], chance: 0.5, missing: 1, missing_text: none}
  left:
    levels: ["0", "1"]
    chance:
      rate: rate
      terms: {visits / 10: -2, today - joined > 365: 1, is_missing(weight): 1, pull: 1}
    as: integer
"""


def document(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(GYM)
    return {**found, **changes}


def with_column(name: str, **column: Any) -> dict[str, Any]:
    found = document()
    found["columns"][name] = column
    return found


def test_a_kind_needs_no_code() -> None:
    members = simulate(parse_kind(document()), 400, seed=3).customers
    assert members["member"].str.fullmatch(r"M-\d{3}").all()
    assert members["joined"].dropna().between("2024-12-27", "2026-01-21").all()
    assert members["joined"].isna().mean() == pytest.approx(0.2, abs=0.06)
    assert members["plan"].value_counts().tolist() == [300, 100]
    assert members.groupby("plan")["age"].max().to_dict() == {"full": 70, "off-peak": 80}
    assert (members["weight"].dropna() % 0.5 == 0).all()
    assert members["weight"].isna().equals(members["visits"] == 0)
    assert members["note"].eq("none").all()
    assert members["left"].dtype == "int64"
    assert members["left"].mean() == pytest.approx(0.3, abs=0.1)


def test_parameters_are_overridden_by_values_like_them() -> None:
    kind = parse_kind(document())
    later = simulate(kind, 50, 1, {"today": date(2027, 1, 31), "lost": 0}).customers
    assert pd.to_datetime(later["joined"]).min() > pd.Timestamp("2025-12-26")
    assert not later["joined"].isna().any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 1}, "has no parameter 'size'; parameters: today, rate, lost"),
        ({"today": 3}, "today is 3, but must be like 2026-01-31"),
        ({"rate": date(2026, 1, 1)}, "rate is 2026-01-01, but must be like 0.3"),
    ],
)
def test_other_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        simulate(parse_kind(document()), 5, 1, parameters)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (document(colour="red"), "kind.yml: colour: is not a key there"),
        (document(target="gone"), "target is 'gone', which is not a column"),
        (document(target="plan"), "plan must be drawn by a chance"),
        (document(table=["member", "shoe"]), "table is 'shoe', which is not a column"),
        (document(table=[]), "table: "),
        (
            with_column("age", maen=3),
            "columns.age: does not say how it is drawn; give one of shares",
        ),
        (with_column("age", mean=3, sd=1), "columns.age.sd: is not a key there"),
        (with_column("age", bands=[[5, 1, 1]]), r"columns.age.bands: .* each above the one before"),
        (with_column("age", bands=[[1, 5, 1], [5, 9, 1]]), "each above the one before"),
        (with_column("plan", shares={True: 1}), "is true or false to YAML, not a text"),
        (with_column("left", levels=["a", "b"], chance={"luck": 0.1}), "luck needs a rate"),
        ([], "kind.yml must be a mapping of keys"),
    ],
)
def test_malformed_kinds_get_one_sentence(wrong: Any, message: str) -> None:
    with pytest.raises(SimulationError, match=message) as error:
        parse_kind(wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"mean": "days + hours"}, "columns.age: 'days [+] hours' names 'hours', which is none of"),
        ({"mean": "days +"}, "is not an expression"),
        ({"mean": "plan * 2"}, "plan is a text; compare it with one of its levels"),
        ({"mean": "plan > 'full'"}, "a text can only be compared with its levels"),
        ({"mean": "plan == 'gold'"}, "'gold' is not a level of plan; levels: off-peak, full"),
        ({"mean": "plan == days"}, "'days' is compared with plan, but is not one of its levels"),
        ({"mean": "member + 1"}, "member is an identifier"),
        ({"by": "days", "bands": {"a": [[1, 2, 1]]}}, "for each level of the category 'days'"),
        ({"pattern": "#"}, "has 10 texts, fewer than 50"),
        (
            {"levels": ["x"], "moves": [{"from": "x", "to": "y"}]},
            "'y' is not a level of age; levels: x",
        ),
    ],
)
def test_formulas_that_cannot_be_evaluated_get_one_sentence(
    column: dict[str, Any], message: str
) -> None:
    with pytest.raises(SimulationError, match=message):
        simulate(parse_kind(with_column("age", **column)), 50, 1)


def test_files_that_are_no_kind_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "gym.yml").write_text(GYM)
    with pytest.raises(SimulationError, match=r"shop.yml does not exist; kinds there: gym"):
        read_kind(tmp_path / "shop.yml")
    (tmp_path / "gym.yml").write_text(GYM + "id: other\n")
    with pytest.raises(SimulationError, match="the key 'id' occurs twice"):
        read_kind(tmp_path / "gym.yml")
    (tmp_path / "gym.yml").write_text("a: [")
    with pytest.raises(SimulationError, match=r"gym.yml is not valid YAML"):
        read_kind(tmp_path / "gym.yml")


def test_the_catalog_reads_a_kind_and_never_writes_it(tmp_path: Path) -> None:
    (tmp_path / "gym.yml").write_text(GYM)
    dataset = KindDataset(filepath=str(tmp_path / "gym.yml"))
    assert dataset.load() == read_kind(tmp_path / "gym.yml")
    with pytest.raises(Exception, match="written by hand"):
        dataset.save({})  # type: ignore[arg-type]


def test_the_examples_of_the_documentation_can_be_drawn(root: Path) -> None:
    text = (root / "docs/simulation.md").read_text(encoding="utf-8")
    gym, panel = (yaml.safe_load(part) for part in re.findall(r"```yaml\n(.*?)```", text, re.S))
    members = simulate(parse_kind(gym), 2000, 1)
    assert members.truth["churn_probability"].mean() == pytest.approx(0.2, abs=0.001)
    del gym["columns"]["left"]
    parameters = {
        "first_snapshot": date(2026, 1, 31),
        "snapshots": 3,
        "drift": 1,
        "label_delay": 30,
    }
    gym["parameters"] |= parameters
    gym["table"] += ["snapshot_date", "called"]
    drawn = simulate(parse_kind(gym | panel), 2000, 1)
    assert drawn.customers["snapshot_date"].nunique() == 3
    assert (drawn.truth["treatment_effect"] < 0).all()


def test_months_end_on_their_last_day() -> None:
    start = (date(2023, 12, 31) - date(1970, 1, 1)).days
    ends = [date.fromordinal(date(1970, 1, 1).toordinal() + day) for day in month_ends(start, 3)]
    assert ends == [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]
