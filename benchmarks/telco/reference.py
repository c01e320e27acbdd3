"""Where the real Telco file is looked for."""

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def telco_path() -> Path:
    """Return the path of IBM's Telco file, whether or not it exists.

    ``$CHURN_TELCO_CSV`` where it is set; else ``../shared/data/telco.csv`` beside the project
    where that exists; else ``data/01_raw/telco.csv``, where ``make telco`` puts it.
    """
    named = os.environ.get("CHURN_TELCO_CSV")
    if named:
        return Path(named)
    shared = _ROOT.parent / "shared/data/telco.csv"
    return shared if shared.is_file() else _ROOT / "data/01_raw/telco.csv"
