"""A mapping of a document with the path of its key, so that every mistake can name its key."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from churn_pipeline.contract.dates import days_of_text
from churn_pipeline.contract.expressions import Expression
from churn_pipeline.errors import ContractError


class Section:
    """A mapping of the document together with the path of its key, for the messages.

    Methods that read a key raise a :class:`ContractError` that names it if it is wrong.
    """

    def __init__(self, value: object, source: str, path: str) -> None:
        self.source = source
        self.path = path
        if not isinstance(value, Mapping):
            raise ContractError(f"{source}: {path or 'the file'} must be a mapping of keys")
        self.values: Mapping[str, Any] = value

    def fail(self, key: str, problem: str) -> None:
        """Raise the error that this key has a problem."""
        path = f"{self.path}.{key}" if self.path else key
        raise ContractError(f"{self.source}: {path} {problem}")

    def only(self, keys: Collection[str]) -> None:
        """Refuse other keys than these."""
        for key in self.values:
            if key not in keys:
                self.fail(str(key), f"is not a key; valid keys: {', '.join(sorted(keys))}")

    def sections(self, key: str) -> list[tuple[str, "Section"]]:
        """Return the mappings under a key, by their names."""
        path = f"{self.path}.{key}" if self.path else key
        inner = Section(self.values.get(key) or {}, self.source, path)
        for name in inner.values:
            if not isinstance(name, str):
                self.fail(key, f"has the key {name!r}, which YAML does not read as text; quote it")
        return [
            (str(name), Section(value, self.source, f"{path}.{name}"))
            for name, value in inner.values.items()
        ]

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default the key is needed."""
        value = self.values.get(key, default)
        if value is None:
            self.fail(key, "is missing; a text is needed")
        if not isinstance(value, str):
            self.fail(key, f"must be a text in quotes, not {value!r}")
        return str(value)

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        """Return a list of different, trimmed texts."""
        value = self.values.get(key, default if default is not None else [])
        if not isinstance(value, list):
            self.fail(key, f"must be a list of texts, not {value!r}")
        for item in value:
            if not isinstance(item, str):
                self.fail(
                    key, f"holds {item!r}, which YAML does not read as text; put it in quotes"
                )
        if len(set(value)) != len(value):
            self.fail(key, "names a value twice")
        for item in value:
            if item != item.strip():
                self.fail(
                    key, f"holds {item!r}; cells are compared after surrounding blanks are removed"
                )
        return list(value)

    def number(self, key: str) -> float | None:
        """Return a finite number, None where the key is left out."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"must be a number, not {value!r}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(key, "must be a finite number; leave it out if there is no limit")
        return number

    def whole(self, key: str, least: int) -> int | None:
        """Return a whole number from ``least`` on, None where the key is left out."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(key, f"must be a whole number of at least {least}, not {value!r}")
        return int(value)

    def date(self, key: str) -> str | None:
        """Return an ISO date, as text, None where the key is left out."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str) or days_of_text(value) is None:
            self.fail(key, f'must be a date in quotes, such as "2026-01-31", not {value!s}')
        return str(value)

    def text_lists(self, key: str) -> dict[str, list[str]]:
        """Return a mapping of texts to lists of texts."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            self.fail(key, f"must give a list of texts for each value, not {value!r}")
        for name in value:
            if not isinstance(name, str):
                self.fail(key, f"has the key {name!r}, which YAML does not read as text; quote it")
        inner = Section(value, self.source, f"{self.path}.{key}")
        return {str(name): inner.texts(name) for name in value}

    def flag(self, key: str) -> bool:
        """Return true or false, which is the default."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, f"must be true or false, not {value!r}")
        return bool(value)

    def choice(self, key: str, value: object, options: Collection[str]) -> Any:
        """Return the value, which is to be one of the options."""
        if value not in options:
            self.fail(key, f"is {value!r}; valid options: {', '.join(options)}")
        return value

    def expression(self, key: str) -> Expression:
        """Return an expression, which is needed."""
        try:
            return Expression(self.text(key))
        except ValueError as error:
            self.fail(key, f"cannot be read: {error}")
            raise
