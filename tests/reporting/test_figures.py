from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from churn_pipeline.evaluation import curves
from churn_pipeline.reporting import figures

P = np.linspace(0.01, 0.99, 200)
Y = (np.random.default_rng(0).random(200) < P).astype(int)
METRIC = {"value": 0.8, "low": 0.7, "high": 0.9}


def draw_all() -> dict[str, Figure]:
    return {
        "roc": figures.roc(curves.roc_curve(Y, P), METRIC),
        "precision_recall": figures.precision_recall(
            curves.precision_recall_curve(Y, P), METRIC, 0.5
        ),
        "calibration": figures.calibration(curves.calibration_curve(Y, P, 5), METRIC),
        "gains": figures.gains(curves.gains_curve(Y, P)),
        "confusion": figures.confusion(curves.confusion(Y, P >= 0.5)),
    }


@pytest.mark.parametrize("name", ["roc", "precision_recall", "calibration"])
def test_legend_tells_the_metric_with_its_interval(name: str) -> None:
    legend = draw_all()[name].axes[0].get_legend()
    assert legend is not None
    assert any("0.800 [0.700, 0.900]" in text.get_text() for text in legend.get_texts())


def test_lines_are_the_points() -> None:
    points = curves.roc_curve(Y, P)
    line = draw_all()["roc"].axes[0].get_lines()[1]
    np.testing.assert_array_equal(line.get_xdata(), points["false_positive_rate"])
    np.testing.assert_array_equal(line.get_ydata(), points["true_positive_rate"])
    gains = draw_all()["gains"].axes[0].get_lines()[1]
    assert np.asarray(gains.get_xdata())[0] == np.asarray(gains.get_ydata())[0] == 0


def test_the_decision_is_marked_on_the_gains() -> None:
    (axes,) = figures.gains(curves.gains_curve(Y, P), (0.5, 0.8)).axes
    (marked,) = [line for line in axes.get_lines() if "decision" in str(line.get_label())]
    assert marked.get_label() == "decision: 50% find 80%"
    np.testing.assert_array_equal(marked.get_xydata(), [[0.5, 0.8]])


def test_confusion_shows_counts_and_shares_of_the_actual_class() -> None:
    table = pd.DataFrame(
        {
            "actual": ["churned"] * 4 + ["stayed"] * 6,
            "predicted": ["churned"] * 3 + ["stayed"] * 7,
        }
    )
    texts = [text.get_text() for text in figures.confusion(table).axes[0].texts]
    assert texts == ["3\n75%", "1\n25%", "0\n0%", "6\n100%"]


def test_every_axis_is_named() -> None:
    for name, figure in draw_all().items():
        (axes,) = figure.axes
        assert axes.get_xlabel(), name
        assert axes.get_ylabel(), name
        assert axes.get_title(loc="left"), name


def test_same_points_give_the_same_picture() -> None:
    def picture(figure: Figure) -> bytes:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    one, two = draw_all(), draw_all()
    for name, figure in one.items():
        assert picture(figure) == picture(two[name]), name
