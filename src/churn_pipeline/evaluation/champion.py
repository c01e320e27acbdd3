"""The model in use as the gates see it; apart from the gates, which import scikit-learn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churn_pipeline.modeling.model import ChurnModel


@dataclass(frozen=True)
class Champion:
    """The model in use.

    Attributes
    ----------
    model : ChurnModel
    split : mapping of str to str
        Key → value of section ``split`` of the parameters that it was trained with, as texts;
        empty where nobody noted them.
    """

    model: "ChurnModel"
    split: Mapping[str, str] = field(default_factory=dict)

    def other_split(self, split: Mapping[str, Any]) -> str | None:
        """Say how its split differs from this one; None if it does not, as far as is known.

        With another split it was trained on customers of the test set, so that it looks better
        on them than it is.
        """
        changed = [
            f"split.{key} {self.split[key]}, now {value}"
            for key, value in split.items()
            if self.split.get(key, str(value)) != str(value)
        ]
        return ", ".join(changed) or None


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
