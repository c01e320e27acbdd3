"""Columns in which few different texts stand for many rows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray


def coded_texts(texts: Sequence[str], codes: NDArray[np.int64]) -> pd.api.extensions.ExtensionArray:
    """Return a column of texts, (n,), by the place of each row's text; missing where it is -1.

    Examples
    --------
    >>> coded_texts(["low", "high"], np.array([1, -1, 0])).tolist()
    ['high', nan, 'low']
    """
    places = pa.array(codes, mask=codes < 0)
    return pd.array(pa.array(list(texts), pa.large_string()).take(places), dtype="str")
