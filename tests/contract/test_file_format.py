from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.contract import parse_contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import ContractError


def document(**file: Any) -> dict[str, Any]:
    return {
        "name": "gym",
        "file": file,
        "columns": {
            "member": {"type": "text", "role": "id", "meaning": "m"},
            "visits": {"type": "integer", "meaning": "m"},
            "left": {
                "type": "category", "role": "target", "values": ["no", "yes"], "positive": "yes",
                "meaning": "m",
            },
        },
    }  # fmt: skip


def test_the_section_is_read_and_written_back() -> None:
    contract = parse_contract(
        document(encoding="cp1251", separator=";", skip_rows=2, header_rows=2, footer=["Total"])
    )
    assert contract.file == FileFormat("cp1251", ";", None, None, 2, 2, ("Total",))
    assert parse_contract(contract_document(contract)) == contract
    assert "file" not in contract_document(parse_contract(document()))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"encodng": "x"}, "file.encodng is not a key; valid keys: encoding, escape, footer"),
        ({"encoding": "klingon"}, "file.encoding is 'klingon', which is not a text encoding"),
        ({"encoding": "base64"}, "file.encoding is 'base64', which is not a text encoding"),
        ({"separator": "||"}, "file.separator is '||'; it must be one ASCII character"),
        ({"quote": "x"}, "file.quote is 'x'; valid options: \", ', none"),
        ({"escape": "\\"}, "file.escape is '\\\\'; valid options: backslash, none"),
        ({"skip_rows": -1}, "file.skip_rows must be a whole number of at least 0"),
        ({"footer": "Total"}, "file.footer must be a list of texts"),
    ],
)
def test_mistakes_name_the_key(file: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(document(**file))
    assert message in str(caught.value)


def test_what_is_left_open_is_taken_from_another() -> None:
    given = FileFormat(encoding="cp1251", skip_rows=0)
    found = FileFormat(encoding="cp1252", skip_rows=3, footer=("Total",))
    assert given.over(found) == FileFormat("cp1251", skip_rows=0, footer=("Total",))
