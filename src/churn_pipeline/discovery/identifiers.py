"""What is doubtful about ids: digits that a program has lost, names that are taken."""

from collections.abc import Sequence

import numpy as np

from churn_pipeline.contract.limits import LARGEST_EXACT_INTEGER
from churn_pipeline.contract.reserved import why_reserved
from churn_pipeline.discovery.keys import Keys
from churn_pipeline.discovery.plan import Cost, Notes, listed, percent, quoted
from churn_pipeline.discovery.reading import Reading
from churn_pipeline.errors import DataError

_SCIENTIFIC = r"^[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+$"


def refuse_reserved(columns: Sequence[str], keys: Keys, source: str) -> None:
    """Refuse columns with the names of the project's own.

    Raises
    ------
    DataError
        In one sentence with the remedy.
    """
    flags = {keys.id: "--id", keys.snapshot: "--snapshot"}
    for name in columns:
        why = why_reserved(name, name in flags)
        if why is not None:
            other = f", or take another column by {flags[name]}" if name in flags else ""
            raise DataError(
                f"the column {name!r} of {source} cannot keep its name: {why}; rename it in the "
                f"file{other}"
            )


def ask_ids(reading: Reading, notes: Notes, required: bool) -> None:
    """Ask about ids that a spreadsheet or a program has rounded or cut.

    ``required``: whether the contract rejects rows without one.
    """
    name, texts, counts = reading.name, reading.known.texts, reading.known.counts
    if not len(texts):
        return
    if reading.n_missing and reading.missing_share < 1:
        rows = "row has" if reading.n_missing == 1 else "rows have"
        what = "is rejected" if required else "counts as a customer of its own"
        notes.warn(f"{reading.n_missing:,} {rows} no {name}; without it a row {what}.")
    is_scientific = texts.str.contains(_SCIENTIFIC, regex=True).to_numpy(dtype=bool)
    values = None if reading.numbers is None else np.abs(reading.numbers.values)
    as_text = f"export {quoted(name)} as text, with all digits"
    if counts[is_scientific].sum() > 0.01 * reading.known.n_rows and texts[
        is_scientific
    ].str.contains(r"[.+]", regex=True).any():  # fmt: skip
        notes.ask(
            f"Which digits did {name} have? {percent(counts[is_scientific].sum() / counts.sum())} "
            f"of its cells are rounded by a program ({listed(texts[is_scientific][:3])}); files "
            "with all digits will not match.",
            as_text,
            Cost.KEY,
        )
        return
    is_float = texts.str.contains(r"^[0-9]+\.0+$", regex=True).to_numpy(dtype=bool)
    if is_float.any():
        if values is not None and np.nanmax(values) >= LARGEST_EXACT_INTEGER:
            notes.ask(
                f"Are the last digits of {name} right? It was stored as a float "
                f"({listed(texts[is_float][:2])}), which is exact for 15 digits only.",
                as_text,
                Cost.KEY,
            )
        else:
            notes.warn(
                f"{name} is written as a float ({listed(texts[is_float][:2])}) and read as whole "
                "numbers, also in later files and requests."
            )
    digits = texts[texts.str.contains(r"^[0-9]+$", regex=True)]
    has_zero = digits.str.startswith("0") & (digits.str.len() > 1)
    lengths = digits.str.len()
    if has_zero.any() and len(digits) > 0.9 * len(texts):
        usual = int(lengths[has_zero].mode().iloc[0])
        short = digits[~has_zero & (lengths < usual)]
        if len(short) and (lengths[has_zero] == usual).mean() > 0.9:
            notes.ask(
                f"Have some {name} lost their leading zeros? Most have {usual} digits, such as "
                f"{listed(digits[has_zero][:2])}, {len(short):,} have fewer, such as "
                f"{listed(short[:2])}; they would not match other files.",
                as_text,
                Cost.KEY,
            )
