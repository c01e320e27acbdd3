"""Rows at the end of a table that are no customers: totals, counts, notes."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from churn_pipeline.io.readers.contents import Contents, Remark

_LAST = 6  # rows at the end that may be a footer
_SHOWN = 60
_TOTAL = re.compile(
    r"(grand |sub-?)?totals?\b|sum\b|sums\b|average\b|mean\b|rows?\b|records?\b|end of\b|"
    r"(gesamt)?summe\b|gesamt\b|insgesamt\b|total(e|es|i|t|en|sumo)?\b|totaal\b|suma\b|razem\b|"
    r"ogółem\b|celkem\b|spolu\b|összesen\b|toplam\b|yhteensä\b|somme\b|итого\b|всего\b|сумма\b|"
    r"усього\b|σύνολο\b|合计|总计|總計|合計|小计|총계|합계|المجموع|סה\"כ",
    re.IGNORECASE,
)


def look_for_footer(contents: Contents) -> tuple[tuple[str, ...], Contents]:
    """Find totals and the like at the end of a table, and how their rows begin."""
    cells = contents.cells
    if cells.shape[1] < 2 or len(cells) < 2 * _LAST:
        return (), contents
    filled = (cells.tail(200) != "").sum(axis=1)
    typical = int(filled.median())
    tail: list[tuple[int, list[str]]] = [
        (int(line), row)
        for line, row in zip(
            contents.lines[-_LAST:], cells.tail(_LAST).to_numpy().tolist(), strict=True
        )
    ]
    last = contents.malformed.tail(_LAST)
    tail += [
        (int(line), [text.strip(" \"'")])
        for line, text in zip(last["line"], last["text"], strict=True)
    ]
    found: list[str] = []
    shown = ""
    for _, row in sorted(tail, reverse=True):
        texts = [cell.strip() for cell in row if cell.strip()]
        if not texts or (len(row) > 1 and not _is_footer(texts, typical)):
            break
        start = re.match(r"[^\d]*", texts[0])[0].strip() if texts else ""  # type: ignore[index]
        start = re.split(r"[,;\t|]", start)[0].strip()
        is_short = len(row) == 1 and not (_TOTAL.match(start) or start[:2] in ("--", "==", "**"))
        if len(start) < 2 or is_short or _stands_elsewhere(cells, start):
            break
        shown = " | ".join(texts)[:_SHOWN]
        if start not in found:
            found.append(start)
    if not found:
        return (), contents
    footer = tuple(sorted(found))
    remark = Remark(
        f"Is the end of the table ({shown!r}) a footer? Rows at the end that begin like this are "
        "left out.",
        "--footer TEXT (key file.footer)",
    )
    return footer, contents.found_out(remark, footer=footer)


def _is_footer(texts: list[str], typical: int) -> bool:
    if _TOTAL.match(texts[0]):
        return True
    return len(texts) == 1 and typical > 2


def _stands_elsewhere(cells: pd.DataFrame, start: str) -> bool:
    first = cells.iloc[:-_LAST, 0]
    return bool(first.str.strip().str.startswith(start).any())


def without_footer(contents: Contents, footer: tuple[str, ...]) -> Contents:
    """Leave rows at the end out whose first cell with a value begins with one of these texts."""
    keep = np.ones(len(contents.cells), dtype=bool)
    keep_malformed = np.ones(len(contents.malformed), dtype=bool)
    row, bad = len(keep) - 1, len(keep_malformed) - 1
    while row >= 0 or bad >= 0:
        is_row = bad < 0 or (
            row >= 0 and contents.lines[row] > contents.malformed["line"].iloc[bad]
        )
        if is_row:
            texts = [cell.strip() for cell in contents.cells.iloc[row] if cell.strip()]
        else:
            texts = [contents.malformed["text"].iloc[bad].strip(" \t,;|\"'")]
        is_footer = bool(texts) and texts[0].startswith(footer)
        if texts and not is_footer:
            break
        if is_row:
            keep[row] = False
            row -= 1
        else:
            keep_malformed[bad] = False
            bad -= 1
    if keep.all() and keep_malformed.all():
        return contents
    malformed = contents.malformed[keep_malformed].reset_index(drop=True)
    return replace(contents.keep(keep), malformed=malformed)
