"""A champion that cannot be compared with; apart from the gates, which import scikit-learn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LostChampion:
    """A champion that the registry names but cannot give, or a registry that cannot be read.

    Attributes
    ----------
    reason : str
    is_known : bool
        Whether there is a champion; False where the registry cannot be read.
    """

    reason: str
    is_known: bool = True
