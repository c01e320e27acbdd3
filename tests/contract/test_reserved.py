from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.contract import parse_contract
from churn_pipeline.contract.reserved import KEY_NAMES
from churn_pipeline.errors import ContractError, DataError
from tests.discovery.tables import N, ids, infer

SOURCE = Path(__file__).resolve().parents[2] / "src" / "churn_pipeline"
# where the id stands beside fields of the project, and the functions that put them there
MIXED = {
    "serving/http/scoring.py": ("_scored", "_explained", "_one", "_part"),
    "scorer/decisions.py": ("Score",),
    "pipelines/scoring/scores.py": ("_score", "score_customers", "_ranked"),
    "pipelines/evaluation/nodes.py": ("score_test_customers",),
    "pipelines/evaluation/explanations.py": ("explain_test_customers",),
    "pipelines/publishing/nodes.py": ("version_features",),
    "economics/profit.py": ("add_decisions",),
}


def own_fields(path: str, functions: tuple[str, ...]) -> set[str]:
    """Return the names of fields that functions make: keys, new columns, attributes."""
    found: set[str] = set()
    for top in ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8"))):
        if not isinstance(top, ast.FunctionDef | ast.ClassDef) or top.name not in functions:
            continue
        for node in ast.walk(top):
            if isinstance(node, ast.Dict):
                found |= {str(k.value) for k in node.keys if isinstance(k, ast.Constant)}
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "assign":
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found |= {str(node.slice.value)} if isinstance(node.slice, ast.Constant) else set()
            if isinstance(node, ast.AnnAssign) and isinstance(top, ast.ClassDef):
                found |= {node.target.id} if isinstance(node.target, ast.Name) else set()
    return found


@pytest.mark.parametrize("path", MIXED)
def test_every_field_beside_the_id_is_reserved(path: str) -> None:
    found = own_fields(path, MIXED[path])
    assert found
    assert found <= KEY_NAMES


def document(name: str, role: str) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "c": {"type": "text", "role": "id", "meaning": "m"},
        "x": {"type": "number", "role": "feature", "meaning": "m"},
        "y": {"type": "category", "role": "target", "values": ["n", "p"], "positive": "p",
              "meaning": "m"},
    }  # fmt: skip
    if role == "id":
        columns[name] = columns.pop("c")
    else:
        kind = "date" if role == "snapshot" else "number"
        columns[name] = {"type": kind, "role": role, "meaning": "m"}
    return {"name": "n", "columns": columns}


@pytest.mark.parametrize("name", sorted(KEY_NAMES))
def test_a_key_of_such_a_name_is_refused_in_one_sentence(name: str) -> None:
    for role in ("id", "snapshot"):
        with pytest.raises(ContractError, match=rf"columns\.{name} cannot have its name"):
            parse_contract(document(name, role))
    assert name in parse_contract(document(name, "feature")).columns


@pytest.mark.parametrize("name", ["tier", "index", "churn_probability", "reason_1"])
def test_inference_says_so_before_it_writes(name: str) -> None:
    with pytest.raises(DataError, match=f"'{name}' of table.csv cannot keep its name"):
        infer({name: ids(N)}, id=name)


@pytest.mark.parametrize("name", ["customer", "fold", "row", "level_0", "position"])
def test_other_names_are_free(name: str) -> None:
    assert infer({name: ids(N)}, id=name).keys.id == name
