from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from churn_pipeline.reporting import explanation_figures

LONG = "How the customer pays, by which card, bank or cheque and on which day; and then some."


def importance_table(inputs: int = 3) -> pd.DataFrame:
    size = np.linspace(0.9, 0.01, inputs)
    return pd.DataFrame(
        {
            "input": [f"input {i}" for i in range(inputs)],
            "meaning": [LONG, *["Kind of internet connection."] * (inputs - 1)],
            "mean_absolute_shap": size,
            "share": size / size.sum(),
        }
    )


def dependence_table(**values: list[object]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"input": name, "value": column, "shap": np.linspace(-1, 1, len(column))})
        for name, column in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def tick_labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def scattered(axes: Axes) -> np.ndarray:
    drawn = [
        np.asarray(part.get_offsets())
        for part in axes.collections
        if type(part).__name__ == "PathCollection"
    ]
    return np.concatenate(drawn)


def test_bars_are_the_importances_with_the_largest_on_top() -> None:
    table = importance_table()
    (axes,) = explanation_figures.importance(table).axes
    assert [bar.get_width() for bar in axes.containers[0]] == table["mean_absolute_shap"].tolist()
    for text, name in zip(axes.texts, table["input"], strict=True):
        assert f"  {name}: " in text.get_text()
    bottom, top = axes.get_ylim()
    assert bottom > top
    assert "log-odds" in axes.get_xlabel()


def test_bars_tell_share_and_meaning_in_short() -> None:
    (axes,) = explanation_figures.importance(importance_table()).axes
    first, second, _ = (text.get_text() for text in axes.texts)
    assert first.startswith("66%  input 0: How the customer pays, by which card")
    assert first.endswith("…")
    assert second.endswith("  input 1: Kind of internet connection")


def test_only_so_many_bars_are_drawn() -> None:
    (axes,) = explanation_figures.importance(importance_table(40)).axes
    assert len(axes.patches) == 15


@pytest.mark.parametrize("inputs", [1, 3, 40])
def test_words_of_the_bars_neither_overlap_nor_leave_the_picture(inputs: int) -> None:
    figure = explanation_figures.importance(importance_table(inputs))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    for upper, lower in pairwise(boxes):
        assert upper.y0 >= lower.y1


def test_importances_of_0_can_be_drawn() -> None:
    table = importance_table().assign(mean_absolute_shap=0.0, share=0.0)
    explanation_figures.importance(table).draw_without_rendering()


@pytest.mark.parametrize(
    ("meaning", "short"),
    [
        ("Kind of connection.", "Kind of connection"),
        ("Logarithm of the tenure; falls steeply.", "Logarithm of the tenure"),
        ("word " * 30, ("word " * 11).strip() + " …"),
    ],
)
def test_meaning_is_cut_between_words(meaning: str, short: str) -> None:
    assert explanation_figures.shorten(meaning, 60) == short


def test_a_name_that_leaves_no_room_stands_alone() -> None:
    table = importance_table(2).assign(input=["x" * 90, "a long name of words " * 4])
    figure = explanation_figures.importance(table)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert max(text.get_window_extent().x1 for text in axes.texts) <= figure.bbox.x1
    assert all(text.get_text().endswith("…") for text in axes.texts)


def test_dollars_are_no_formulas() -> None:
    table = importance_table(2).assign(input=["fee $a$", "$x_1$"])
    explanation_figures.importance(table).draw_without_rendering()
    drawn = explanation_figures.dependence(
        dependence_table(fee=["$1$", "a$b$"]).assign(input="$x$")
    )
    drawn.draw_without_rendering()
    assert tick_labels(drawn.axes[0]) == [r"\$1\$", r"a\$b\$"]


def test_one_plot_an_input_in_the_given_order() -> None:
    figure = explanation_figures.dependence(dependence_table(b=["x", "y"], a=["1", "2"], c=["z"]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["b", "a", "c"]
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert "log-odds" in axes.get_ylabel()


@pytest.mark.parametrize("as_read", [False, True])
def test_numbers_are_drawn_at_their_values(as_read: bool) -> None:
    table = dependence_table(tenure=[str(i * 1.5) for i in range(20)])
    if as_read:  # a CSV file of numbers only gives numbers
        table = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    (axes,) = explanation_figures.dependence(table).axes
    np.testing.assert_allclose(scattered(axes)[:, 0], np.arange(20) * 1.5)
    np.testing.assert_allclose(scattered(axes)[:, 1], table["shap"])


@pytest.mark.parametrize("empty", ["", np.nan, None])
def test_missing_numbers_stand_left_of_the_others(empty: object) -> None:
    table = dependence_table(charges=[empty, *map(str, range(100, 120)), empty])
    figure = explanation_figures.dependence(table)
    (axes,) = figure.axes
    places = scattered(axes)[:, 0]
    assert (places < 100).sum() == 2
    assert "missing" in tick_labels(axes)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_categories_are_ordered_by_their_median_and_missing_is_last() -> None:
    table = pd.DataFrame(
        {"input": "plan", "value": ["up", "", "down", "up", "down"], "shap": [2, 0, -1, 3, -2]}
    )
    (axes,) = explanation_figures.dependence(table).axes
    assert tick_labels(axes) == ["down", "up", "missing"]
    found = scattered(axes)
    assert sorted(np.rint(found[:, 0])) == [0, 0, 1, 1, 2]
    assert found[np.rint(found[:, 0]) == 1][:, 1].tolist() == [2, 3]


def test_numbers_of_few_values_are_levels_in_their_order() -> None:
    (axes,) = explanation_figures.dependence(dependence_table(flag=["10", "9", "10", "9"])).axes
    assert tick_labels(axes) == ["9", "10"]


def test_rare_levels_share_a_place() -> None:
    values = [name for name in "abcdefgh" for _ in range(2 if name < "e" else 1)]
    (axes,) = explanation_figures.dependence(dependence_table(plan=list(values))).axes
    assert tick_labels(axes) == ["a", "b", "c", "d", "others"]
    assert len(scattered(axes)) == len(values)


def test_long_levels_do_not_overlap() -> None:
    payment: list[object] = [
        "Electronic check",
        "Bank transfer (automatic)",
        "Cash in an envelope under the door mat",
        "Kreditkartenabbuchungsauftrag",
        "x" * 40,
    ]
    figure = explanation_figures.dependence(dependence_table(a=payment, b=["1"], c=["2"]))
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_same_tables_give_the_same_pictures() -> None:
    def pictures() -> list[bytes]:
        table = dependence_table(a=["x", "y", "x"], b=[str(i) for i in range(20)])
        drawn: list[Figure] = [
            explanation_figures.importance(importance_table()),
            explanation_figures.dependence(table),
        ]
        buffers = []
        for figure in drawn:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png")
            buffers.append(buffer.getvalue())
        return buffers

    assert pictures() == pictures()
