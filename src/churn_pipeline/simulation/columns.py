"""How a column is drawn; each class is one way, identified by its keys in the kind's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from churn_pipeline.simulation.draws import (
    PROBABILITY_DIGITS,
    are_bands,
    draw_bands,
    draw_levels,
    draw_texts,
    intercept_for,
    logistic,
    power_shares,
    systematic_sample,
)
from churn_pipeline.simulation.population import Formula, Population

_FINEST = 1e-6  # step of a number that names none


def _level(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is true or false to YAML, not a text; put it in quotes")
    return str(value) if isinstance(value, int | float) else value


Level = Annotated[str, BeforeValidator(_level)]
Band = tuple[int, int, float]


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
            of_levels = _number(deviation, population) * rng.standard_normal(len(levels))
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


class Model(Section):
    """A logistic model.

    Attributes
    ----------
    among
        Who takes part at all; everyone if 1.
    intercept
        Log-odds where every term is zero.
    terms
        Log-odds added per unit of each term, which is a formula.
    """

    among: Formula = 1.0
    intercept: float = 0.0
    terms: dict[str, float] = {}

    @field_validator("terms", mode="before")
    @classmethod
    def _texts(cls, terms: object) -> object:
        return {str(term): value for term, value in terms.items()} if terms else {}  # type: ignore[attr-defined]


class Move(Model):
    """A logistic model that moves customers between two levels.

    Attributes
    ----------
    origin, target
        ``from`` and ``to`` in the file: customers at the one move to the other with the model's
        probability.
    """

    origin: Level = Field(alias="from")
    target: Level = Field(alias="to")


class Moves(Column):
    """A category that starts at a level and is moved between levels, step by step.

    How many customers a move concerns differs from the expectation by less than one.

    Attributes
    ----------
    levels
        All levels; customers start at the first.
    start
        Per level the condition under which customers start there instead.
    moves
        One after the other.
    """

    levels: list[Level]
    start: dict[Level, Formula] = {}
    moves: list[Move]

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        population.levels[name] = tuple(self.levels)
        codes = np.zeros(population.size, dtype=np.int8)
        for level, condition in self.start.items():
            codes[population.holds(condition)] = population.code(name, level)
        population.values[name] = codes
        for move in self.moves:
            candidates = codes == population.code(name, move.origin)
            if move.among != 1:
                candidates &= population.holds(move.among)
            rows = np.flatnonzero(candidates)
            chance = logistic(population.log_odds(move.intercept, move.terms, rows))
            codes[rows[systematic_sample(chance, rng)]] = population.code(name, move.target)


class Odds(Model):
    """A logistic model whose mean can be set.

    Attributes
    ----------
    rate
        Mean probability of those who take part, to which the intercept is set (in a panel that of
        the first snapshot); None to take the intercept as it is.
    luck
        Share of customers to whom it happens with probability ``rate``, whatever the terms say.
    """

    rate: Formula | None = None
    luck: Formula = 0.0

    @model_validator(mode="after")
    def _needs_a_rate(self) -> Odds:
        if self.luck != 0 and self.rate is None:
            raise ValueError("luck needs a rate")
        return self


class Chance(Column):
    """A category of two levels, drawn for each customer with a chance of their own.

    Attributes
    ----------
    levels
        What happens to a customer is the second.
    chance
        Probability of the second level: a formula or a logistic model.
    """

    levels: Annotated[list[Level], Field(min_length=2, max_length=2)]
    chance: Odds | Formula

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        chances = self.chances(name, population)
        population.levels[name] = tuple(self.levels)
        population.values[name] = (rng.random(population.size) < chances).astype(np.int8)
        population.chances[name] = chances

    def chances(self, name: str, population: Population) -> NDArray[np.float64]:
        """Probability of the second level for each customer, rounded to 9 decimals."""
        if not isinstance(self.chance, Odds):
            given: NDArray[np.float64] = np.nan_to_num(population.evaluate(self.chance))
            return given.clip(0, 1).round(PROBABILITY_DIGITS)
        odds = self.chance
        probability = np.zeros(population.size)
        rows = np.flatnonzero(population.holds(odds.among))
        log_odds = population.log_odds(odds.intercept, odds.terms, rows)
        if odds.rate is None:
            probability[rows] = logistic(log_odds)
            return probability
        rate, luck = _number(odds.rate, population), _number(odds.luck, population)
        if name not in population.intercepts and rows.size:
            population.intercepts[name] = intercept_for(rate, log_odds)
        reasoned = logistic(log_odds + population.intercepts.get(name, 0))
        probability[rows] = np.round((1 - luck) * reasoned + luck * rate, PROBABILITY_DIGITS)
        return probability


class Bands(Column):
    """Whole numbers from bands of equally likely ones.

    Attributes
    ----------
    bands
        First number, last number and share of each band; if ``by`` is given, per level of it.
    by
        A category drawn before.
    """

    bands: list[Band] | dict[Level, list[Band]]
    by: str | None = None

    @field_validator("bands")
    @classmethod
    def _in_order(cls, bands: list[Band] | dict[str, list[Band]]) -> Any:
        for each in bands.values() if isinstance(bands, dict) else [bands]:
            if not are_bands(each):
                raise ValueError("bands are [first, last, share], each above the one before")
        return bands

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        if not isinstance(self.bands, dict):
            values = draw_bands(self.bands, population.size, rng)
        else:
            by = str(self.by)
            if by not in population.levels or set(population.levels[by]) != set(self.bands):
                raise ValueError(f"bands must be given for each level of the category {by!r}")
            values = np.zeros(population.size, dtype=np.int64)
            for code, level in enumerate(population.levels[by]):
                own = np.flatnonzero(population.values[by] == code)
                values[own] = draw_bands(self.bands[level], own.size, rng)
        population.values[name] = values


class Number(Column):
    """A number that a formula gives, with or without a deviation.

    Attributes
    ----------
    mean
        The number, or the mean of a normal distribution.
    deviation
        Its standard deviation.
    log_deviation
        Instead, the standard deviation of the logarithm of a lognormal distribution, whose median
        is ``mean``: a heavy tail.
    step
        The number is a multiple of it.
    minimum, maximum
        Numbers beyond become these.
    """

    mean: Formula
    deviation: Formula = 0.0
    log_deviation: Formula = 0.0
    step: Annotated[float, Field(gt=0)] = _FINEST
    minimum: Formula | None = None
    maximum: Formula | None = None

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        values = population.evaluate(self.mean)
        if self.deviation != 0:
            spread = population.evaluate(self.deviation)
            values = values + spread * rng.standard_normal(population.size)
        elif self.log_deviation != 0:
            spread = population.evaluate(self.log_deviation)
            values = values * np.exp(spread * rng.standard_normal(population.size))
        values = round_to(values, self.step)
        if self.minimum is not None:
            values = np.maximum(values, population.evaluate(self.minimum))
        if self.maximum is not None:
            values = np.minimum(values, population.evaluate(self.maximum))
        population.values[name] = values


class Count(Column):
    """A Poisson-distributed count.

    Attributes
    ----------
    poisson
        Its mean.
    """

    poisson: Formula

    def draw(self, name: str, population: Population, rng: np.random.Generator) -> None:
        """Add the column to the population."""
        mean = np.maximum(np.nan_to_num(population.evaluate(self.poisson)), 0)
        population.values[name] = rng.poisson(mean).astype(np.int64)


DRAWS = {
    "shares": Shares,
    "distinct": Words,
    "pattern": Identifier,
    "moves": Moves,
    "chance": Chance,
    "bands": Bands,
    "mean": Number,
    "poisson": Count,
}


def _key(section: object) -> str | None:
    keys = section if isinstance(section, Mapping) else {}
    return next((key for key in DRAWS if key in keys), None)


AnyColumn = Annotated[
    Annotated[Shares, Tag("shares")]
    | Annotated[Words, Tag("distinct")]
    | Annotated[Identifier, Tag("pattern")]
    | Annotated[Moves, Tag("moves")]
    | Annotated[Chance, Tag("chance")]
    | Annotated[Bands, Tag("bands")]
    | Annotated[Number, Tag("mean")]
    | Annotated[Count, Tag("poisson")],
    Discriminator(
        _key,
        custom_error_type="unknown_draw",
        custom_error_message=f"does not say how it is drawn; give one of {', '.join(DRAWS)}",
    ),
]


def round_to(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Round to multiples of ``step``, without the dust of 3 * 0.1."""
    if step < 1:
        per_unit = round(1 / step)
        return np.rint(values * per_unit) / per_unit
    return np.rint(values / step) * step


def _number(formula: Formula, population: Population) -> float:
    """Value of a formula of parameters alone."""
    values = population.evaluate(formula)
    return float(values[0]) if values.size else 0.0
