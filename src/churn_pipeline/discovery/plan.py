"""What is decided about one column, and why."""

import re
import shlex
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_.,:/@%+=-]+")
_QUOTABLE = re.compile(r"[^\"$`\\!]+")


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


class Cost(IntEnum):
    """What a wrong answer to a question may cost: the report asks the most costly first."""

    FILE = 110  # rows or texts are read as what they are not
    TARGET = 100  # the model learns something else
    LEAK = 90  # figures that no customer will confirm
    KEY = 80  # customers on both sides of the split, scores that do not join
    LOST = 70  # a column that could have said much
    CODE = 60  # numbers or groups that do not exist
    STYLE = 50  # a column read in another way than it was written
    SPELLING = 40
    SMALL = 20


@dataclass(frozen=True)
class Question:
    """What the table alone cannot tell, and the flag or key that answers it."""

    text: str
    answer: str
    cost: Cost


@dataclass
class Notes:
    """What the user should know of the decisions, in the order in which it was found."""

    warnings: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Add a warning, a whole sentence."""
        self.warnings.append(text)

    def ask(self, text: str, answer: str, cost: Cost) -> None:
        """Add a question and what answers it."""
        self.questions.append(Question(text, answer, cost))

    def hint(self, text: str) -> None:
        """Add what the user may want to use, a whole sentence."""
        self.hints.append(text)

    def ranked(self) -> list[Question]:
        """Return the questions, the most costly first."""
        return sorted(self.questions, key=lambda question: -question.cost)


def percent(share: float) -> str:
    """Write a share so that neither end is rounded to none or all."""
    return f"{share:.0%}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{share:.2%}"


def shown_name(name: str) -> str:
    """Return a name on one line: what does not print, and blanks in a row, become one blank.

    Flags find a column by this form as well.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def quoted(text: str) -> str:
    """Return a name or value as it is given to a flag in a shell."""
    text = shown_name(text)
    if _BARE.fullmatch(text):
        return text
    return f'"{text}"' if _QUOTABLE.fullmatch(text) else shlex.quote(text)


def flags_of_missing(name: str, texts: list[str]) -> str:
    """Return the flags that say that texts of a column mean missing."""
    return " ".join(f"--missing {quoted(f'{shown_name(name)}={text}')}" for text in texts)


def listed(texts: object) -> str:
    """List some cells for a sentence, long ones cut."""
    shown = (text if len(text) <= 30 else f"{text[:29]}…" for text in texts)  # type: ignore[attr-defined]
    return ", ".join(repr(text) for text in shown)
