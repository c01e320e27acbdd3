"""The folder of a campaign: what was planned, whom to contact, and what came of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.draft import CONTACT, REASONS, Draft, Terms
from churn_pipeline.campaigns.planning import Limits
from churn_pipeline.errors import DataError
from churn_pipeline.io.storage import writing
from churn_pipeline.staging import replacing, replacing_folder

DOCUMENT, LIST, WORKBOOK = "campaign.json", "actions.csv", "actions.xlsx"
_NEEDED = {
    *("campaign", "purpose", "as_of", "actions", "customers", "limits", "expected", "test"),
    *("held_out_share", "contact_days", "days_between", "horizon_days", "model_version"),
}
SUPPRESSED, RESULT = "suppressed.json", "result.json"
_COLUMNS = (
    "rank", "customer", "churn_probability", "value_at_risk", "action", "expected_profit",
    *REASONS, "contact_by",
)  # fmt: skip
_DECIMALS = {"churn_probability": 6, "value_at_risk": 2, "expected_profit": 2}
_FORMATS = {"churn_probability": "0.0%", "value_at_risk": "#,##0.00", "expected_profit": "#,##0.00"}
_WIDTHS = {"customer": 20, "action": 14, "contact_by": 12, **dict.fromkeys(REASONS, 44)}


def write_draft(folder: Path, draft: Draft, suppressed: Mapping[str, str]) -> None:
    """Write a draft's folder, in place of an earlier draft of the name.

    Parameters
    ----------
    folder : Path
    draft : Draft
        Its list has no held-out customers: nobody is to contact them.
    suppressed : mapping of str to str
        Customers whom a file excluded → why; the campaign is confirmed with the same.
    """
    table = contact_list(draft)
    with writing(folder), replacing_folder(folder) as staged:
        (staged / DOCUMENT).write_text(_json(draft.document), encoding="utf-8")
        (staged / SUPPRESSED).write_text(_json(dict(suppressed)), encoding="utf-8")
        table.to_csv(staged / LIST, index=False, lineterminator="\n")
        _write_workbook(staged / WORKBOOK, table, str(draft.document["campaign"]))


def contact_list(draft: Draft) -> pd.DataFrame:
    """Return whom to contact, the most profitable first."""
    treated = draft.contacts[draft.contacts["arm"] == CONTACT]
    table = treated[list(_COLUMNS)].reset_index(drop=True)
    return table.round(_DECIMALS)


def read_document(folder: Path) -> dict[str, Any]:
    """Return a draft's ``campaign.json``.

    Raises
    ------
    DataError
        If there is no draft there.
    """
    found = _read(folder / DOCUMENT, folder)
    if not isinstance(found, dict) or _NEEDED - found.keys():
        raise DataError(f"{folder / DOCUMENT} is not what was planned; plan the campaign again")
    return found


def read_suppressed(folder: Path) -> dict[str, str]:
    """Return whom a file excluded when the draft was made."""
    return _read(folder / SUPPRESSED, folder)


def write_result(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write what came of a campaign into its folder."""
    target = folder / RESULT
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as staged:
            staged.write_text(_json(result), encoding="utf-8")
    return target


def terms_of(document: Mapping[str, Any]) -> Terms:
    """Return the terms that a draft was planned by."""
    limits = {limit["name"]: limit["limit"] for limit in document["limits"]}
    return Terms(
        name=document["campaign"],
        purpose=document["purpose"],
        actions=[
            Action.of(action["name"], action, {**action, "customer_lifetime_value": 0.0})
            for action in document["actions"]
        ],
        limits=Limits(limits.get("budget"), limits.get("contacts")),
        held_out_share=document["held_out_share"],
        contact_days=document["contact_days"],
        horizon_days=document["horizon_days"],
        days_between=document["days_between"],
    )


def _write_workbook(path: Path, table: pd.DataFrame, title: str) -> None:
    import openpyxl  # type: ignore[import-untyped]  # takes a second

    write_only_cell = openpyxl.cell.WriteOnlyCell
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title=title[:31])
    sheet.freeze_panes = "A2"
    for place, name in enumerate(table, start=1):
        sheet.column_dimensions[openpyxl.utils.get_column_letter(place)].width = _WIDTHS.get(
            str(name), 18
        )
    heads = []
    for name in table:
        cell = write_only_cell(sheet, value=str(name).replace("_", " "))
        cell.font = openpyxl.styles.Font(bold=True)
        heads.append(cell)
    sheet.append(heads)
    for row in table.itertuples(index=False):
        cells = []
        for name, value in zip(table, row, strict=True):
            cell = write_only_cell(sheet, value=None if pd.isna(value) else value)
            if isinstance(value, str):
                cell.data_type = "s"  # or an id that begins with = would be a formula
            elif name in _FORMATS:
                cell.number_format = _FORMATS[str(name)]
            cells.append(cell)
        sheet.append(cells)
    book.save(path)


def _read(path: Path, folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"there is no draft of a campaign in {folder}; `kedro campaign plan {folder.name}` "
            "makes one"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); plan the campaign again") from None
    return found


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
