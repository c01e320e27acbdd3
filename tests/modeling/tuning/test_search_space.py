from __future__ import annotations

import warnings
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.tuning.search_space import parse_search_space


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"low": 1, "high": 6}, IntDistribution(1, 6)),
        ({"low": 2, "high": 64, "log": True, "default": 8}, IntDistribution(2, 64, log=True)),
        ({"low": 0, "high": 100, "step": 10}, IntDistribution(0, 100, step=10)),
        ({"low": 0.1, "high": 1.0}, FloatDistribution(0.1, 1.0)),
        ({"low": 0.01, "high": 10, "log": True}, FloatDistribution(0.01, 10.0, log=True)),
        ({"low": 0, "high": 1, "step": 0.25}, FloatDistribution(0.0, 1.0, step=0.25)),
        ({"low": 0, "high": 1, "default": 0.5}, FloatDistribution(0.0, 1.0)),
        ({"low": "1e-3", "high": 1.0}, FloatDistribution(0.001, 1.0)),  # YAML reads 1e-3 as text
        ({"low": 3, "high": 3}, IntDistribution(3, 3)),
        ({"choices": [True, None, "a", 0.5]}, CategoricalDistribution([True, None, "a", 0.5])),
    ],
)  # fmt: skip
def test_mappings_are_searched(setting: dict[str, Any], expected: BaseDistribution) -> None:
    space = parse_search_space("forest", {"depth": setting})
    assert space.searched == {"depth": expected}
    assert space.fixed == {}


def test_values_stay_fixed_and_defaults_are_kept() -> None:
    space = parse_search_space(
        "forest",
        {
            "trees": 80,
            "kind": None,
            "names": ["a", "b"],
            "depth": {"low": 1, "high": 6, "default": 3},
            "share": {"choices": [None, 0.5], "default": None},
            "rate": {"low": 0.0, "high": 1.0},
        },
    )
    assert space.fixed == {"trees": 80, "kind": None, "names": ["a", "b"]}
    assert space.starts == ({"depth": 3, "share": None},)
    assert list(space.searched) == ["depth", "share", "rate"]


def test_lists_of_defaults_are_tried_one_after_the_other() -> None:
    space = parse_search_space(
        "forest",
        {
            "depth": {"low": 1, "high": 8, "default": [3, 8]},
            "rate": {"low": 0.0, "high": 1.0, "default": 0.5},
        },
    )
    assert space.starts == ({"depth": 3, "rate": 0.5}, {"depth": 8, "rate": 0.5})


def test_every_default_of_a_list_lies_in_the_range() -> None:
    with pytest.raises(ParameterError, match=r"depth\.default is 9, which is outside the range"):
        parse_search_space("forest", {"depth": {"low": 1, "high": 8, "default": [3, 9]}})


@pytest.mark.parametrize("settings", [None, {}])
def test_no_settings_are_an_empty_space(settings: dict[str, Any] | None) -> None:
    space = parse_search_space("forest", settings)
    assert (space.fixed, space.searched, space.starts) == ({}, {}, ({},))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({}, "is a mapping without 'low'"),
        ({"low": 1}, "is a mapping without 'high'"),
        ({"low": 1, "high": 2, "steps": 1}, r"depth\.steps is not a key .*: default, high, log"),
        ({"choices": [1], "low": 1}, r"depth\.low is not a key .* valid keys: choices, default"),
        ({"low": 2, "high": 1}, "low <= high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low > 0"),
        ({"low": 1, "high": 2, "log": "yes"}, "log is 'yes', not true or false"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "step"),
        ({"low": 1, "high": 9, "step": 3}, "not divisible"),
        ({"low": 1, "high": 9, "step": 0}, "step > 0"),
        ({"low": True, "high": 2}, "low is True, not a number"),
        ({"low": 0.1, "high": float("inf")}, "high is inf, not a number"),
        ({"low": float("nan"), "high": 1.0}, "low is nan, not a number"),
        ({"low": None, "high": 1.0}, "is not a valid search space"),
        ({"low": "a", "high": 1.0}, "'a'"),
        ({"low": 1, "high": 6, "default": 7}, r"depth\.default is 7, which is outside the range"),
        ({"low": 0, "high": 1, "step": 0.5, "default": 0.3}, r"default is 0\.3, which"),
        ({"choices": ["a"], "default": "b"}, r"default is 'b', which"),
        ({"choices": "abc"}, "choices is 'abc', not a list"),
        ({"choices": []}, "one or more elements"),
        ({"choices": [[1], [2]]}, "type list"),
    ],
)
def test_mistakes_are_one_sentence_that_names_the_key(
    setting: dict[str, Any], message: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is said but the sentence
        with pytest.raises(ParameterError, match=message) as caught:
            parse_search_space("forest", {"depth": setting})
    assert str(caught.value).startswith("params.yaml: candidates.forest.depth")
    assert "\n" not in str(caught.value)
