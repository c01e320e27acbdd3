"""The code knows no table: every name of a column or a value stands in ``conf/`` alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from churn_pipeline.contract import Contract

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
KINDS = sorted((ROOT / "conf/base/simulation").glob("*.yml"))

# of the built-in table, but words of the project as well
ORDINARY = {
    "Contract",  # the class of the data contract
    "Churn",  # begins titles of figures and reports
    "No",  # begins sentences
    "0",  # numbers
    "1",
}
OWN = {"customer_id", "snapshot_date"}  # of the service's feedback, and of generated columns


def code(*endings: str) -> list[Path]:
    files = sorted(path for path in SOURCE.rglob("*") if path.suffix in endings)
    assert len(files) > 20
    return files


def words_in(text: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that stand in a text as words of their own."""
    pattern = "|".join(map(re.escape, sorted(names)))
    for match in re.finditer(rf"(?<!\w)({pattern})(?!\w)", text):
        yield match.group()


def literals_in(text: str) -> set[str]:
    """Return the string literals of a module."""
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return {node.value for node in nodes if isinstance(node.value, str)}


def test_nothing_names_a_column_or_value_of_the_built_in_table(contract: Contract) -> None:
    names = {rule.name for rule in contract.row_rules}
    names |= {column.name for column in contract.derived_columns}
    for column in contract.columns.values():
        names |= {column.name, *column.values}
    assert len(names) > 40
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in code(".py", ".j2", ".yml")
        for name in words_in(path.read_text(encoding="utf-8"), names - ORDINARY)
    }
    assert not found


@pytest.mark.parametrize("kind", KINDS, ids=lambda path: path.stem)
def test_no_literal_is_a_column_of_a_simulated_table(kind: Path) -> None:
    """Of names of several words, since a single one such as ``plan`` means other things too."""
    table = yaml.safe_load(kind.read_text(encoding="utf-8"))["table"]
    names = {name for name in table if re.search(r"\w_\w|[a-z][A-Z]", name)} - OWN
    assert names
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in code(".py")
        for name in literals_in(path.read_text(encoding="utf-8")) & names
    }
    assert not found


def test_a_name_would_be_found() -> None:
    assert [*words_in("the column tenure; tenures", {"tenure"})] == ["tenure"]
    assert "monthly_fee" in literals_in("table['monthly_fee']")
