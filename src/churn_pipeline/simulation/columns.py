"""How a column is drawn: what all have in common, categories and identifiers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from churn_pipeline.simulation.draws import draw_levels, draw_texts, power_shares
from churn_pipeline.simulation.population import Formula, Population


def _level(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is true or false to YAML, not a text; put it in quotes")
    return str(value) if isinstance(value, int | float) else value


Level = Annotated[str, BeforeValidator(_level)]


class Section(BaseModel):
    """A section of a kind's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Column(Section):
    """What every column may have.

    Attributes
    ----------
    missing
        Chance that the value is missing.
    missing_text
        How a missing value is written; blank if None.
    written
        ``as`` in the file: ``text`` (a number without trailing zeros), ``integer``, ``number`` or
        ``date`` (of days since 1970-01-01).
    """

    missing: Formula = 0.0
    missing_text: str | None = None
    written: Literal["text", "integer", "number", "date"] | None = Field(None, alias="as")

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        raise NotImplementedError

    def blank(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Make some values of the drawn column missing; if all is certain, nothing is drawn."""
        if self.missing == 0:
            return
        chance = population.evaluate(self.missing)
        if ((chance > 0) & (chance < 1)).any():
            is_missing = rng.random(population.size) < chance
        else:
            is_missing = chance > 0
        blank = -1 if name in population.levels else np.nan
        population.values[name] = np.where(is_missing, blank, population.values[name])


class _Category(Column):
    """A category whose levels may have traits: hidden numbers that formulas can name.

    Attributes
    ----------
    traits
        Per trait its standard deviation between levels.
    """

    traits: dict[str, Formula] = {}

    def _add(
        self,
        name: str,
        population: Population,
        levels: tuple[str, ...],
        codes: NDArray[Any],
        rng: np.random.Generator,
    ) -> None:
        population.levels[name] = levels
        population.values[name] = codes.astype(np.int8 if len(levels) < 128 else np.int32)
        for trait, deviation in self.traits.items():
            of_levels = number_of(deviation, population) * rng.standard_normal(len(levels))
            population.values[trait] = np.round(of_levels, 6)[codes]


class Shares(_Category):
    """A category whose levels have given shares.

    Attributes
    ----------
    shares
        Share of each level, or the levels alone if their shares are equal.
    """

    shares: Annotated[dict[Level, float] | list[Level], Field(min_length=1)]

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        equal = dict.fromkeys(self.shares, 1.0)
        shares = self.shares if isinstance(self.shares, dict) else equal
        codes = draw_levels(list(shares.values()), population.size, rng)
        self._add(name, population, tuple(shares), codes, rng)


class Words(_Category):
    """A category of many levels whose texts follow a pattern.

    Attributes
    ----------
    pattern, parts
        See :func:`~churn_pipeline.simulation.draws.draw_texts`.
    distinct
        Number of levels.
    skew
        The k-th level has a share in proportion to k ** -skew.
    """

    pattern: str
    parts: dict[str, list[Level]] = {}
    distinct: Annotated[int, Field(ge=1)]
    skew: Annotated[float, Field(ge=0)] = 0.0

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        levels = tuple(draw_texts(self.pattern, self.parts, self.distinct, rng).tolist())
        shares = power_shares(self.distinct, self.skew).tolist()
        self._add(name, population, levels, draw_levels(shares, population.size, rng), rng)


class Identifier(Column):
    """Different texts of a pattern.

    Attributes
    ----------
    pattern, parts
        See :func:`~churn_pipeline.simulation.draws.draw_texts`.
    """

    pattern: str
    parts: dict[str, list[Level]] = {}

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        population.values[name] = draw_texts(self.pattern, self.parts, population.size, rng)


def number_of(formula: Formula, population: Population) -> float:
    """Value of a formula of parameters alone."""
    values = population.evaluate(formula)
    return float(values[0]) if values.size else 0.0
