"""What the verification of an audit log found."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Position:
    """Where a log ended when it was looked at."""

    number: int
    n: int
    hash: str


@dataclass
class LogReport:
    """What was found in one log.

    Attributes
    ----------
    log : str
    files, lines : int
        How many there are.
    problems, notes : list of str
        Sentences: what was changed or removed; what is no fault but worth knowing.
    end : Position or None
    """

    log: str
    files: int = 0
    lines: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    end: Position | None = None
