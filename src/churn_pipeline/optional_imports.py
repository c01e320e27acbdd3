"""Import a library without what it imports only if that happens to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let the library that is imported within take these packages for missing ones.

    Pandera and kedro-datasets import optional packages at once, and do without where they are not
    installed. Packages that have been imported before are found as ever.

    Parameters
    ----------
    *names : str
        Top-level packages.
    """

    class Refusal:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> None:
            if name in names:
                raise ModuleNotFoundError(f"{name} is not needed here", name=name)

    sys.meta_path.insert(0, Refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(Refusal)
