"""What a column holds, in a few words."""

import numpy as np

from churn_pipeline.discovery import names
from churn_pipeline.discovery.plan import listed, percent
from churn_pipeline.discovery.reading import Reading

_FEW_OF_ALL = 0.2  # share of different texts; above, a report would show customers


def describe(reading: Reading) -> str:
    """Say what a column holds."""
    known = reading.known
    n = len(known)
    if reading.kind == "empty":
        return "only missing cells"
    if reading.flag is not None:
        text = f"flag: {listed(list(known.by_frequency().texts[:8]))}"
    elif reading.dates is not None:
        days = reading.dates.values[~np.isnat(reading.dates.values)].astype("datetime64[D]")
        text = f"dates from {days.min()} to {days.max()}"
    elif reading.numbers is not None:
        values = reading.numbers.values[~np.isnan(reading.numbers.values)]
        text = f"{n:,} different numbers from {plain(values.min())} to {plain(values.max())}"
    elif names.is_personal(reading.name) or n > _FEW_OF_ALL * known.n_rows:
        text = f"{n:,} different texts"  # none is shown: they may name persons
    else:
        few = listed(list(known.by_frequency(6).texts))
        text = f"{n:,} different text{'s' if n > 1 else ''}: {few}{', …' if n > 6 else ''}"
    share = reading.missing_share
    if share:
        text += f"; {percent(share)} missing"
    return text


def plain(value: float) -> str:
    """Write a number without needless digits."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"
