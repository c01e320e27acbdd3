"""Questions about single cells of a column: codes, strays, spellings, signs, zones."""

import numpy as np

from churn_pipeline.contract.limits import LARGEST_NUMBER
from churn_pipeline.discovery import names
from churn_pipeline.discovery.dates import epoch_unit, zones
from churn_pipeline.discovery.missing import repeated_end, sentinels
from churn_pipeline.discovery.near import near_equal, numbers_among_words
from churn_pipeline.discovery.numbers import half_read
from churn_pipeline.discovery.plan import (
    Cost,
    Notes,
    Plan,
    flags_of_missing,
    listed,
    percent,
    quoted,
)
from churn_pipeline.discovery.reading import Reading

_MOST_SHOWN = 5
_ALL_READ = 0.995


def ask_strays(reading: Reading, notes: Notes) -> None:
    """Ask what the texts among a column's numbers mean."""
    stray = list(reading.stray)
    huge = [text for text in stray if _is_beyond(text)]
    if huge:
        doubt = f"numbers too large to compute with, such as {listed(huge[:3])}"
    else:
        doubt = f"{listed(stray[:_MOST_SHOWN])} among its numbers"
    if reading.is_broken:
        action = "it is left out"
    elif set(stray) <= set(reading.missing):
        action = "they are read as missing"
    else:
        action = "these rows will be rejected"
    if reading.is_broken or action.startswith("these"):
        answer = flags_of_missing(reading.name, stray[:2]) + "  and so on, or correct the file"
    else:
        answer = f"--drop {quoted(reading.name)}  if they mean something else, or correct the file"
    cost = Cost.LOST if reading.is_broken else Cost.CODE
    notes.ask(f"{reading.name} has {doubt}: what do they mean? For now, {action}.",
              answer, cost)  # fmt: skip


def _is_beyond(text: str) -> bool:
    try:
        size = abs(float(text))
    except ValueError:
        return False
    return size > LARGEST_NUMBER or 0 < size < 1e-300


def ask_half_read(reading: Reading, plan: Plan, notes: Notes) -> None:
    """Ask about a column of texts of which at least half could be numbers, or dates."""
    if names.is_personal(reading.name) or names.identifier_score(reading.name) >= 2:
        return
    taken = "It is left out" if plan.roles == ["ignored"] else "It is read as a category"
    is_lost = plan.roles == ["ignored"] or plan.keys.get("open", False)
    cost = Cost.LOST if is_lost else Cost.SMALL
    half = half_read(reading.known)
    if half is not None and half.beyond:
        notes.ask(
            f"{reading.name} has numbers too large to compute with, such as "
            f"{listed(half.beyond)}. {taken}.",
            "a column of smaller numbers in the file, such as their logarithms",
            cost,
        )
    elif half is not None and half.units:
        notes.ask(
            f"{reading.name} contains numbers in several units ({', '.join(half.units)}), such as "
            f"{listed(reading.known.by_frequency(3).texts)}. {taken}.",
            "a column with one unit in the file",
            cost,
        )
    elif half is not None and half.share < _ALL_READ and half.unreadable:
        notes.ask(
            f"{percent(half.share)} of {reading.name} can be read as numbers; what does "
            f"{listed(half.unreadable)} mean? {taken}.",
            flags_of_missing(reading.name, list(half.unreadable[:2]))
            + "  and so on where they mean missing, or correct the file",
            cost,
        )
    elif half is not None and half.has_both_marks:
        notes.ask(
            f"{reading.name} has points and commas that cannot all be decimal separators, such as "
            f"{listed(reading.known.by_frequency(3).texts)}. {taken}.",
            "numbers in one format in the file",
            cost,
        )
    elif half is None:
        _ask_half_dates(reading, taken, cost, notes)


def _ask_half_dates(reading: Reading, taken: str, cost: Cost, notes: Notes) -> None:
    is_date = reading.known.texts.str.contains(_DATE, regex=True).to_numpy(dtype=bool)
    share = reading.known.counts[is_date].sum() / reading.known.n_rows
    if 0.5 <= share <= 1 and is_date.any():
        others = reading.known.keep(~is_date).by_frequency(3).texts
        sample = others if len(others) else reading.known.texts[:3]
        notes.ask(
            f"{percent(share)} of {reading.name} look like dates, but not all can be read as such: "
            f"{listed(sample)}. {taken}.",
            flags_of_missing(reading.name, list(sample[:2]))
            + "  and so on where they mean missing, or one form in the file",
            cost,
        )


_DATE = (
    r"^(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{2}){1,2})(?:\b|T|$)"
)


def ask_negative(reading: Reading, notes: Notes) -> None:
    """Ask whether debits or credits are the negative numbers."""
    assert reading.numbers is not None
    style = reading.numbers.style
    if not style.negative:
        return
    pattern = "|".join(style.negative)
    samples = reading.known.texts[reading.known.texts.str.contains(pattern, regex=True)]
    notes.ask(
        f"{reading.name} has {listed(samples[:2])}, read as negative: is that correct?",
        f'`negative: []` and `strip: ["{style.negative[0]}"]` under columns.{reading.name}',
        Cost.STYLE,
    )


def ask_zeros(reading: Reading, notes: Notes) -> None:
    """Ask about postcodes of which some are a digit short: a program has taken them for numbers."""
    if not names.is_postcode(reading.name):
        return
    texts = reading.known.texts.str.replace(r"\.0+$", "", regex=True)
    is_number = texts.str.contains(r"^[0-9]{3,9}$", regex=True)
    lengths = texts[is_number].str.len()
    if not len(lengths) or is_number.mean() < _ALL_READ or (usual := int(lengths.max())) < 5:
        return
    short = texts[is_number][lengths == usual - 1]
    if len(short) and (lengths >= usual - 1).all() and len(short) < 0.5 * len(lengths):
        notes.ask(
            f"Have some {reading.name} lost a leading zero? Most have {usual} digits, others one "
            f"fewer, such as {listed(short[:3])}; a file that kept the zeros has other values.",
            "export the column as text, with all digits",
            Cost.SPELLING,
        )


def ask_infinite(reading: Reading, notes: Notes) -> None:
    """Ask about infinite numbers, which are read as missing."""
    found = [text for text in reading.missing if "inf" in text.casefold()]
    if found:
        notes.ask(
            f"{reading.name} has {listed(found)} among its numbers, which cannot be used in "
            "calculations. For now, they are read as missing: is that what they mean?",
            f"--drop {quoted(reading.name)}  or numbers in the file if it is not",
            Cost.CODE,
        )


def ask_codes(reading: Reading, notes: Notes) -> None:
    """Ask whether numbers that are far from all others mean missing."""
    assert reading.numbers is not None
    values, known = reading.numbers.values, reading.known
    if epoch_unit(values, reading.name):
        return
    for value in sentinels(values, known.counts):
        is_code = values == value
        rows = int(known.counts[is_code].sum())
        rest = values[~is_code]
        notes.ask(
            f"Does {_plain(value)} in {reading.name} mean that the value is missing? "
            f"{rows:,} row{'s have' if rows > 1 else ' has'} it, the others are between "
            f"{_plain(rest.min())} and {_plain(rest.max())}. It is read as a number.",
            flags_of_missing(reading.name, known.texts[is_code].tolist()),
            Cost.CODE,
        )


def _plain(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:g}"


def ask_odd_days(reading: Reading, notes: Notes) -> None:
    """Tell which days are read as missing, and ask about one that far too many rows have."""
    assert reading.dates is not None
    never = [text for text in reading.missing if text[:4].isdigit() or text[-4:].isdigit()]
    if never:
        notes.warn(f"{reading.name} has {listed(never[:3])}, read as missing.")
    days = reading.dates.values.astype("datetime64[D]").astype(np.float64)
    place = repeated_end(days, reading.known.counts)
    if place is not None:
        text = str(reading.known.texts.iloc[place])
        notes.ask(
            f"Does {text} in {reading.name} mean that the day is not known? "
            f"{reading.known.counts[place]:,} rows have it, many more than any other day.",
            flags_of_missing(reading.name, [text]),
            Cost.CODE,
        )


def ask_zones(reading: Reading, notes: Notes) -> None:
    """Ask about times of several zones: their days are taken as they are written."""
    found = zones(reading.known)
    if len(found) > 1:
        notes.ask(
            f"{reading.name} has times in several time zones ({', '.join(found[:_MOST_SHOWN])}; "
            "such "
            f"as {listed(reading.known.texts[:2])}). Is the day as written the customer's local "
            "day? It is read that way.",
            "one time zone in the file if it is not",
            Cost.STYLE,
        )


def ask_spellings(reading: Reading, is_sensitive: bool, notes: Notes) -> None:
    """Ask about values of a category that may be one, and about numbers among its words."""
    known = reading.known
    pairs = near_equal(known)
    if pairs:
        rows = dict(zip(known.texts, known.counts.tolist(), strict=True))
        shown = "; ".join(
            f"{second!r} ({rows[second]:,} rows) and {first!r} ({rows[first]:,})"
            for first, second in pairs[:_MOST_SHOWN]
        )
        also = "; fairness would be audited for each of them" if is_sensitive else ""
        first, second = pairs[0]
        notes.ask(
            f"Are these values of {reading.name} the same? {shown}. They are kept separate{also}.",
            f"--same {quoted(f'{reading.name}={second}={first}')}"
            + ("  and so on" if len(pairs) > 1 else ""),
            Cost.CODE if is_sensitive else Cost.SPELLING,
        )
    codes = numbers_among_words(known)
    if codes:
        others = known.keep(~known.texts.isin(codes).to_numpy(dtype=bool)).by_frequency(3).texts
        notes.ask(
            f"Does {listed(codes)} in {reading.name} mean that the value is missing? The others "
            f"are words such as {listed(others)}. It is read as a value.",
            flags_of_missing(reading.name, codes),
            Cost.CODE,
        )
