from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.evaluation.period_metrics import METRICS
from churn_pipeline.reporting.period_figures import by_period


def table(periods: dict[str, list[str]]) -> pd.DataFrame:
    lines = [
        {"side": side, "period": name, "rows": 10, "churners": 2}
        | {
            f"{m}{end}": 0.5 + d
            for m in METRICS
            for end, d in (("", 0), ("_low", -0.1), ("_high", 0.2))
        }
        for side, names in periods.items()
        for name in names
    ]
    return pd.DataFrame(lines)


def test_periods_are_drawn_in_order_of_time_with_their_intervals() -> None:
    figure = by_period(table({"training": ["2025-01", "2025-02"], "test": ["2025-04"]}))
    assert len(figure.axes) == 4
    for axes in figure.axes:
        trained, tested = axes.containers
        assert trained[0].get_xdata().tolist() == [0, 1]
        assert tested[0].get_xdata().tolist() == [2]
        ends = np.array(tested[2][0].get_segments())[0, :, 1]
        assert ends == pytest.approx([0.4, 0.7])
    labels = [text.get_text() for text in figure.axes[3].get_xticklabels()]
    assert labels == ["2025-01", "2025-02", "2025-04"]


def test_many_periods_have_few_labels_and_undefined_figures_are_left_out() -> None:
    names = [f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(100)]
    found = table({"training": names[:90], "test": names[90:]})
    found.loc[95, [name for name in found if str(name).startswith("roc_auc")]] = np.nan
    figure = by_period(found)
    figure.canvas.draw()
    assert 4 <= len(figure.axes[0].get_xticks()) <= 8


def test_one_period_shows_the_sides_beside_each_other() -> None:
    figure = by_period(table({"training": ["all"], "test": ["all"]}))
    for axes in figure.axes:
        trained, tested = axes.containers
        assert trained[0].get_xdata().tolist() == [0]
        assert tested[0].get_xdata().tolist() == [1]
    labels = [text.get_text() for text in figure.axes[3].get_xticklabels()]
    assert labels == ["training, out of fold", "test"]
