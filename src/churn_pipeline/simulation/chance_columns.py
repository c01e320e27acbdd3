"""Columns that logistic models decide: moves between levels, and chances."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from churn_pipeline.simulation.columns import Column, Level, Section, number_of
from churn_pipeline.simulation.draws import (
    PROBABILITY_DIGITS,
    intercept_for,
    logistic,
    systematic_sample,
)
from churn_pipeline.simulation.population import Formula, Population


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
    terms: dict[str, float] = Field(default_factory=dict)

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
    start: dict[Level, Formula] = Field(default_factory=dict)
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
        rate, luck = number_of(odds.rate, population), number_of(odds.luck, population)
        if name not in population.intercepts and rows.size:
            population.intercepts[name] = intercept_for(rate, log_odds)
        reasoned = logistic(log_odds + population.intercepts.get(name, 0))
        probability[rows] = np.round((1 - luck) * reasoned + luck * rate, PROBABILITY_DIGITS)
        return probability
