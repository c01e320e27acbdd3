from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8")
)["groups"][0]["rules"]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed; scripts/install_promtool.sh does it")
    return subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_configuration_is_valid() -> None:
    result = promtool("check", "config", "--lint=all", "--lint-fatal", "deploy/prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_rules_are_valid() -> None:
    result = promtool("check", "rules", "--lint=all", "--lint-fatal", "deploy/alerts.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_alerts_fire_when_they_should_and_only_then() -> None:
    result = promtool("test", "rules", "tests/deploy/alerts_test.yml")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_alerts_ask_for_metrics_that_the_service_has(rule: dict[str, Any]) -> None:
    from prometheus_client import CollectorRegistry

    from churn_pipeline.serving.metrics import Metrics

    registry = CollectorRegistry()
    Metrics(registry)
    labels = {}
    for family in registry.collect():
        ending = {"counter": "_total", "histogram": "_bucket"}.get(family.type, "")
        labels[family.name + ending] = family.name
    asked = set(re.findall(r"\bchurn_\w+", rule["expr"]))
    assert asked or "up{" in rule["expr"]
    assert asked <= set(labels)


def test_every_alert_has_a_case_that_fires() -> None:
    cases = yaml.safe_load((ROOT / "tests/deploy/alerts_test.yml").read_text(encoding="utf-8"))
    fired = {
        case["alertname"]
        for test in cases["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in RULES}
