"""What is decided about one column, and why."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plan:
    """The decision about one column.

    Attributes
    ----------
    name : str
    keys : dict
        Keys of the column in the contract, in their order there.
    found : str
        What the column holds, a sentence without a full stop.
    why : str
        Why it was decided so.
    """

    name: str
    keys: dict[str, Any]
    found: str
    why: str = ""

    @property
    def roles(self) -> list[str]:
        """The roles of the column."""
        role = self.keys["role"]
        return [role] if isinstance(role, str) else list(role)


@dataclass(frozen=True)
class Question:
    """What the table alone cannot tell, and the flag or key that answers it."""

    text: str
    answer: str


@dataclass
class Notes:
    """What the user should know of the decisions, in the order in which it was found."""

    warnings: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Add a warning, a whole sentence."""
        self.warnings.append(text)

    def ask(self, text: str, answer: str) -> None:
        """Add a question and what answers it."""
        self.questions.append(Question(text, answer))


def percent(share: float) -> str:
    """Write a share so that neither end is rounded to none or all."""
    return f"{share:.0%}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{share:.2%}"
