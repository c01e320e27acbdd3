"""Columns of numbers: bands, formulas and counts."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from churn_pipeline.simulation.columns import Column, Level
from churn_pipeline.simulation.draws import are_bands, draw_bands
from churn_pipeline.simulation.population import Formula, Population

_FINEST = 1e-6  # step of a number that names none

Band = tuple[int, int, float]


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


def round_to(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Round to multiples of ``step``, without the dust of 3 * 0.1."""
    if step < 1:
        per_unit = round(1 / step)
        return np.rint(values * per_unit) / per_unit
    return np.rint(values / step) * step
