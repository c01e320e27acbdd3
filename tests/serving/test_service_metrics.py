from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry

from churn_pipeline import serving
from churn_pipeline.serving.metrics import PROBABILITIES, SECONDS, Metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def test_counts_appear_with_the_flush_and_only_once(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    labels = {"route": "/v1/score", "status": "200", "variant": "champion"}
    for _ in range(3):
        metrics.answered("/v1/score", 200, "champion", 0.001)
    assert registry.get_sample_value("churn_requests_total", labels) is None
    metrics.flush()
    metrics.flush()
    assert registry.get_sample_value("churn_requests_total", labels) == 3
    metrics.answered("/v1/score", 200, "champion", 0.001)
    metrics.flush()
    assert registry.get_sample_value("churn_requests_total", labels) == 4


def test_each_kind_is_counted_by_its_labels(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.scored("high", "challenger", 0.7)
    metrics.failed("shadow")
    metrics.shadowed("dropped", 3)
    metrics.audit_lost(2)
    metrics.rejected("rate_limit")
    metrics.flush()
    value = registry.get_sample_value
    assert value("churn_scores_total", {"tier": "high", "variant": "challenger"}) == 1
    assert value("churn_errors_total", {"kind": "shadow"}) == 1
    assert value("churn_shadow_total", {"outcome": "dropped"}) == 3
    assert value("churn_audit_lost_total", {}) == 2
    assert value("churn_rejected_total", {"reason": "rate_limit"}) == 1


@pytest.mark.parametrize(
    ("name", "bounds", "label"),
    [("churn_request_seconds", SECONDS, "route"), ("churn_probability", PROBABILITIES, "variant")],
)
def test_histograms_equal_those_of_single_observations(
    metrics: Metrics,
    registry: CollectorRegistry,
    name: str,
    bounds: tuple[float, ...],
    label: str,
) -> None:
    generator = random.Random(5)
    values = [*bounds, 0.0, *(generator.random() for _ in range(200))]
    own = CollectorRegistry()
    expected = prometheus_client.Histogram(name, "One by one.", buckets=bounds, registry=own)
    for value in values:
        expected.observe(value)
        if label == "route":
            metrics.answered("x", 200, "", value)
        else:
            metrics.scored("low", "x", value)
    metrics.flush()
    for suffix in ("_sum", "_count"):
        ours = registry.get_sample_value(name + suffix, {label: "x"})
        assert ours == pytest.approx(own.get_sample_value(name + suffix))
    for bound in [*map(str, bounds), "+Inf"]:
        ours = registry.get_sample_value(f"{name}_bucket", {label: "x", "le": bound})
        assert ours == own.get_sample_value(f"{name}_bucket", {"le": bound})


def labels_in_use(function: str, argument: int) -> set[str]:
    """Return the texts that the service passes to a function, by its name alone."""
    found = set()
    for path in Path(serving.__path__[0]).rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and len(call.args) > argument:
                name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
                value = call.args[argument]
                if name == function and isinstance(value, ast.Constant):
                    if isinstance(value.value, str):
                        found.add(value.value)
    return found


@pytest.mark.parametrize(
    ("function", "argument", "name", "label"),
    [
        ("failed", 0, "churn_errors_total", "kind"),
        ("Refusal", 1, "churn_rejected_total", "reason"),
        ("shadowed", 0, "churn_shadow_total", "outcome"),
        ("unauthorized", 0, "churn_unauthorized_total", "cause"),
        ("Unauthorized", 0, "churn_unauthorized_total", "cause"),
        ("UnknownKey", 0, "churn_unauthorized_total", "cause"),
    ],
)
def test_what_is_counted_is_0_from_the_start(
    metrics: Metrics,
    registry: CollectorRegistry,
    function: str,
    argument: int,
    name: str,
    label: str,
) -> None:
    values = labels_in_use(function, argument)
    assert values
    for value in values:
        assert registry.get_sample_value(name, {label: value}) == 0, value


def test_causes_of_bad_tokens_are_0_from_the_start(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    causes = labels_in_use("_refuse", 0)
    assert len(causes) > 8
    for cause in causes:
        labels = {"cause": f"token_{cause}"}
        assert registry.get_sample_value("churn_unauthorized_total", labels) == 0, cause


def test_counters_without_labels_and_states_are_there_from_the_start(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    for name in ("audit_lost_total", "worker_restarts_total", "model_loaded", "key_file_broken"):
        assert registry.get_sample_value(f"churn_{name}") == 0
    metrics.audit_lost(3)
    metrics.flush()
    metrics.flush()
    assert registry.get_sample_value("churn_audit_lost_total") == 3


STARTS = """
import os, sys
from churn_pipeline.serving.metrics import Metrics
start, worker, die = sys.argv[1:]
metrics = Metrics()
metrics.started(start, int(worker))
metrics._models.labels("v1", "", "champion").set(1)
metrics.flush()
if die == "no":
    print(metrics.render().decode())
os._exit(0)  # as if it were killed: nothing is tidied up
"""


def worker(folder: Path, start: str, number: int, die: str = "yes") -> str:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", STARTS, start, str(number), die]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_a_worker_in_place_of_a_dead_one_is_counted_and_the_dead_one_forgotten(
    tmp_path: Path,
) -> None:
    worker(tmp_path, "a", 1)
    text = worker(tmp_path, "a", 2, "no")
    assert "churn_worker_restarts_total 0.0" in text
    text = worker(tmp_path, "a", 1, "no")
    assert "churn_worker_restarts_total 1.0" in text
    assert len(list(tmp_path.glob("gauge_livemax_*.db"))) == 1
    assert text.count("churn_model_info{") == 1
    assert "churn_worker_restarts_total 1.0" in worker(tmp_path, "b", 1, "no"), "another start"
