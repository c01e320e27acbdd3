from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.reporting import formats


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.number(0.844256), "0.844"),
        (formats.number(0.0256), "0.0256"),
        (formats.number(12.3456), "12.3"),
        (formats.number(1437), "1,437"),
        (formats.number(0), "0"),
        (formats.number(-0.5), "−0.500"),
        (formats.number(None), "–"),
        (formats.number(0.00000012), "0.000000"),
        (formats.signed(0.00163), "+0.0016"),
        (formats.signed(-0.00001), "0.0000"),
        (formats.percent(0.2735), "27.4%"),
        (formats.percent(None), "–"),
        (formats.exact_percent(0.07), "7%"),
        (formats.exact_percent(0.025), "2.5%"),
        (formats.points(-0.0312), "−3.1"),
        (formats.plain(200), "200"),
        (formats.plain(0.05), "0.05"),
        (formats.plain(True), "on"),
        (formats.plain(None), "none"),
        (formats.p_value(0.00794), "0.0079"),
        (formats.p_value(0.000001), "<\u00a00.0001"),
    ],
)
def test_numbers_are_written_for_people(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"value": 0.0257, "low": 0.0, "high": 0.0364}, "0.0257 [0.0000, 0.0364]"),
        ({"value": 9.4, "low": 8.1, "high": 10.7}, "9.4 [8.1, 10.7]"),
        ({"value": 0.0, "low": 0.0, "high": 0.0}, "0 [0, 0]"),
        (None, "–"),
    ],
)
def test_an_interval_has_the_same_decimals_throughout(metric: Any, expected: str) -> None:
    assert formats.interval(metric).replace("\u00a0", " ") == expected
