"""Monthly and total charges, counted in whole steps of five cents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.simulation.facts import Charges
from churn_pipeline.simulation.terms import Codes, factor_values

STEPS_PER_DOLLAR = 20

Steps = NDArray[np.int64]


def draw_monthly_charges(charges: Charges, codes: Codes, rng: np.random.Generator) -> Steps:
    """Draw monthly charges: the prices of a customer's services, each a little off its list price.

    Parameters
    ----------
    charges
        Prices and their noise.
    codes
        Coded columns of n customers.
    rng
        Source of randomness, advanced by the call.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in steps of five cents.
    """
    n = codes["tenure"].size
    cents = np.zeros(n, dtype=np.int64)
    services = np.zeros(n, dtype=np.int64)
    for service, price in charges.prices.items():
        has = factor_values(service, codes)
        cents += round(100 * price) * has
        services += has
    noise = charges.price_noise * np.sqrt(services) * rng.standard_normal(n)
    return np.rint((cents / 100 + noise) * STEPS_PER_DOLLAR).astype(np.int64)


def draw_total_charges(
    charges: Charges, tenure: NDArray[np.int8], monthly: Steps, rng: np.random.Generator
) -> Steps:
    """Draw the sum of all bills, as if the monthly charge had wandered over the tenure.

    The first month is billed at today's charge, so the total equals it at tenure 1. Nobody has
    paid less than one month.

    Parameters
    ----------
    charges
        The size of the wandering.
    tenure
        Months, shape (n,).
    monthly
        Monthly charges in steps of five cents, shape (n,).
    rng
        Source of randomness, advanced by the call.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in steps of five cents; without meaning at tenure 0.
    """
    months = tenure.astype(np.int64)
    later = np.maximum(months - 1, 0)
    spread = charges.total_drift * np.sqrt(monthly / STEPS_PER_DOLLAR * later)
    drift = spread * rng.standard_normal(months.size) * STEPS_PER_DOLLAR
    return np.maximum(np.rint(months * monthly + drift).astype(np.int64), monthly)
