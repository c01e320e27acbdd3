"""What in the table could say what a customer is worth."""

from collections.abc import Mapping, Sequence

import numpy as np

from churn_pipeline.discovery import names
from churn_pipeline.discovery.plan import Notes, Plan
from churn_pipeline.discovery.reading import Reading

_MONEY = frozenset(("USD", "EUR", "GBP", "JPY", "INR", "CHF", "CNY", "BRL", "CAD", "AUD"))


def hint_lifetime_value(
    plans: Sequence[Plan], readings: Mapping[str, Reading], notes: Notes, data_set: str
) -> None:
    """Name the column of money that may be the customers' lifetime value, if there is one.

    Only one that can be used: numbers of the contract, never missing, never negative.
    """
    usable = [plan for plan in plans if _is_usable(plan, readings.get(plan.name))]
    ranked = sorted(usable, key=lambda plan: not names.is_lifetime_value(plan.name))
    if not ranked:
        return
    name = ranked[0].name
    is_said = names.is_lifetime_value(name)
    notes.hint(
        f"{name} {'says' if is_said else 'may say'} the value of each customer. To use it instead "
        "of one value for all"
        + ("" if is_said else ", provided that it is the value of the customer's entire future")
        + f": `customer_lifetime_value: {_yaml(name)}` under `economics` in "
        f"conf/{data_set}/params.yaml."
    )


def _is_usable(plan: Plan, reading: Reading | None) -> bool:
    if reading is None or reading.numbers is None or plan.keys["type"] not in ("integer", "number"):
        return False
    if plan.keys.get("nullable") or reading.n_missing or np.nanmin(reading.numbers.values) < 0:
        return False
    is_money = plan.keys.get("unit") in _MONEY or names.is_worth(plan.name)
    return is_money or names.is_lifetime_value(plan.name)


def _yaml(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name[0].isalpha() else f'"{name}"'
