from __future__ import annotations

import random

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry

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
