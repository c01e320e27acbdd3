from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.reporting import economics_figures

POINTS = pd.DataFrame(
    {"contacted_share": [0, 0.25, 0.75, 1], "profit_per_customer": [0, 14, 25, 22]}
)


def policy(share: float, value: float) -> dict[str, Any]:
    return {"contacted_share": share, "profit_per_customer": {"value": value}}


@pytest.fixture
def economics() -> dict[str, Any]:
    return {
        "best_share": 0.75,
        "policies": {
            "model": policy(0.6, 21.5),
            "contact_everyone": policy(1, 22),
            "contact_no_one": policy(0, 0),
            "random": policy(0.6, 13.2),
        },
    }


def test_the_curve_and_the_decision_are_drawn(economics: dict[str, Any]) -> None:
    (axes,) = economics_figures.profit(POINTS, economics, "$").axes
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    curve = lines["highest expected profit first"]
    np.testing.assert_array_equal(curve.get_xydata(), POINTS.to_numpy())
    np.testing.assert_array_equal(lines["decision: 60%, 21.50"].get_xydata(), [[0.6, 21.5]])
    assert np.asarray(lines["best share: 75%"].get_xdata()).tolist() == [0.75, 0.75]
    assert np.asarray(lines["contact everyone: 22.00"].get_ydata()).tolist() == [22, 22]
    assert np.asarray(lines["contact no one: 0.00"].get_ydata()).tolist() == [0, 0]


def test_everything_is_named(economics: dict[str, Any]) -> None:
    (axes,) = economics_figures.profit(POINTS, economics, "$").axes
    assert axes.get_title(loc="left") == "What contacting customers earns"
    assert axes.get_xlabel() == "Share of customers contacted"
    assert axes.get_ylabel() == r"Profit per customer (\$)"
    legend = axes.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == len(axes.get_lines()) == 5
