"""What Prometheus learns of the service: counts, latencies, scores, and the models that answer.

In BentoML's multiprocess mode each increment of ``prometheus_client`` writes into a file that is
mapped into memory; the four of one request took 15 µs. So a request is counted in plain numbers
and a worker adds these up into the files once in a while.

What an alert waits for is exported as 0 from the start: Prometheus sees no increase in a counter
that appears with its first event.
"""

import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import multiprocess
from prometheus_client.metrics import MetricWrapperBase

from churn_pipeline.serving import metric_labels
from churn_pipeline.serving.models.variants import Deployment

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Tally:
    """Observations of one histogram that have not been added to it yet.

    Parameters
    ----------
    bounds : tuple of float
        Upper ends of the buckets, each belonging to its bucket; one more follows for larger values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0


class Metrics:
    """The metrics of one worker.

    Import this module in a worker only: ``prometheus_client`` looks for the folder of the
    multiprocess mode when it is imported.

    Parameters
    ----------
    registry : CollectorRegistry
        Where the metrics belong.
    """

    def __init__(
        self, registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY
    ) -> None:
        self._registry = registry
        self._requests: defaultdict[tuple[str, int, str], int] = defaultdict(int)
        self._scores: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._errors: defaultdict[tuple[str], int] = defaultdict(int)
        self._rejected: defaultdict[tuple[str], int] = defaultdict(int)
        self._unauthorized: defaultdict[tuple[str], int] = defaultdict(int)
        self._audit_lost: defaultdict[tuple[()], int] = defaultdict(int)
        self._shadow: defaultdict[tuple[str], int] = defaultdict(int)
        self._worker_restarts: defaultdict[tuple[()], int] = defaultdict(int)
        self._seconds: dict[str, Tally] = {}
        self._probabilities: dict[str, Tally] = {}

        def counter(name: str, text: str, *labels: str) -> prometheus_client.Counter:
            return prometheus_client.Counter(name, text, labels, registry=registry)

        self._counters: list[tuple[defaultdict[Any, int], prometheus_client.Counter]] = [
            (
                self._requests,
                counter("churn_requests", "Requests answered.", "route", "status", "variant"),
            ),
            (self._scores, counter("churn_scores", "Customers scored.", "tier", "variant")),
            (self._errors, counter("churn_errors", "What went wrong in the service.", "kind")),
            (self._rejected, counter("churn_rejected", "Requests refused.", "reason")),
            (
                self._unauthorized,
                counter(
                    "churn_unauthorized",
                    "Requests without a good key or token, or from an address that is not allowed, "
                    "whether answered by 401, 403 or 429.",
                    "cause",
                ),
            ),
            (
                self._audit_lost,
                counter("churn_audit_lost", "Answers and events that the audit log does not hold."),
            ),
            (
                self._shadow,
                counter("churn_shadow", "Customers for a silent challenger.", "outcome"),
            ),
            (
                self._worker_restarts,
                counter("churn_worker_restarts", "Workers that took the place of a dead one."),
            ),
        ]
        known = {
            "errors": metric_labels.ERROR_KINDS,
            "rejected": metric_labels.REASONS,
            "shadow": metric_labels.OUTCOMES,
            "unauthorized": metric_labels.CAUSES,
        }
        for _, labelled in self._counters:
            for value in known.get(labelled._name.removeprefix("churn_"), ()):
                labelled.labels(value)
        self._histograms = [
            (
                self._seconds,
                prometheus_client.Histogram(
                    "churn_request_seconds",
                    "Time from a request's headers to its answer.",
                    ["route"],
                    buckets=SECONDS,
                    registry=registry,
                ),
            ),
            (
                self._probabilities,
                prometheus_client.Histogram(
                    "churn_probability",
                    "Churn probabilities of scored customers.",
                    ["variant"],
                    buckets=PROBABILITIES,
                    registry=registry,
                ),
            ),
        ]

        def gauge(name: str, text: str, mode: Any, *labels: str) -> prometheus_client.Gauge:
            return prometheus_client.Gauge(
                name, text, labels, multiprocess_mode=mode, registry=registry
            )

        # "live": of workers that have died nothing counts, see started()
        self._models = gauge(
            "churn_model_info",
            "1 for the models that answer or score silently in a worker, 0 for those before.",
            "livemax",
            *("version", "candidate", "variant"),
        )
        self._is_loaded = gauge(
            "churn_model_loaded", "0 while a worker has no model to answer with.", "livemin"
        )
        self._key_file = gauge(
            "churn_key_file_broken",
            "1 while the file of the keys cannot be read and those known before stay in use.",
            "livemax",
        )
        self._began = gauge("churn_start_time_seconds", "When the service started.", "min")
        self._certificate = gauge(
            "churn_certificate_expiry_seconds",
            "When the certificate in use expires, in seconds of the epoch; 0 without TLS.",
            "livemax",
        )

    def started(self, start: str, worker: int) -> None:
        """Begin to count as a worker of a start of the service; forget workers that have died."""
        self._began.set(time.time())
        self._is_loaded.set(0)
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if folder is None:
            return
        for file in Path(folder).glob("gauge_live*_*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _is_alive(pid):
                multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
        mark = Path(folder) / f"started-{start}-{worker}"
        if mark.exists():
            self._worker_restarts[()] += 1
        mark.touch()

    def answered(self, route: str, status: int, variant: str, seconds: float) -> None:
        """Count an answered request; ``variant`` is empty where no model was asked."""
        self._requests[route, status, variant] += 1
        tally = self._seconds.get(route)
        if tally is None:
            tally = self._seconds[route] = Tally(SECONDS)
        tally.counts[bisect_left(SECONDS, seconds)] += 1
        tally.total += seconds

    def scored(self, tier: str, variant: str, probability: float) -> None:
        """Count a scored customer."""
        self.scored_many(variant, ({"churn_probability": probability, "tier": tier},))

    def scored_many(self, variant: str, answers: Iterable[Mapping[str, Any]]) -> None:
        """Count scored customers by the probability and tier of each answer."""
        scores = self._scores
        tally = self._probabilities.get(variant)
        if tally is None:
            tally = self._probabilities[variant] = Tally(PROBABILITIES)
        counts = tally.counts
        for answer in answers:
            probability = answer["churn_probability"]
            scores[answer["tier"], variant] += 1
            counts[bisect_left(PROBABILITIES, probability)] += 1
            tally.total += probability

    def failed(self, kind: str) -> None:
        """Count a fault of the service, or of what it stands on."""
        self._errors[(kind,)] += 1

    def rejected(self, reason: str) -> None:
        """Count a refused request."""
        self._rejected[(reason,)] += 1

    def unauthorized(self, cause: str) -> None:
        """Count a request without a good key or token, or from an address that is not allowed."""
        self._unauthorized[(cause,)] += 1

    def audit_lost(self, count: int) -> None:
        """Count answers that were sent, and events that passed, without a line."""
        self._audit_lost[()] += count

    def shadowed(self, outcome: str, count: int = 1) -> None:
        """Count customers by what became of their silent score."""
        self._shadow[(outcome,)] += count

    def key_file_broken(self, is_broken: bool) -> None:
        """Say whether the file of the keys can be used."""
        self._key_file.set(is_broken)

    def certificate(self, expiry: float) -> None:
        """Say when the certificate in use expires, in seconds of the epoch."""
        self._certificate.set(expiry)

    def deployed(self, before: Deployment | None, now: Deployment) -> None:
        """Name the models of a new deployment."""
        for deployment, value in ((before, 0), (now, 1)):
            for variant in deployment.variants if deployment else ():
                candidate = str(variant.scorer.description.get("candidate", ""))
                self._models.labels(variant.version, candidate, variant.name).set(value)
        self._is_loaded.set(1)

    def flush(self) -> None:
        """Add up what has been counted since the last time."""
        for counts, counter in self._counters:
            for labels, count in counts.items():
                if count:
                    (counter.labels(*labels) if labels else counter).inc(count)
                    counts[labels] = 0
        for tallies, histogram in self._histograms:
            for label, tally in tallies.items():
                if any(tally.counts):
                    _add(histogram.labels(label), tally)

    def render(self) -> bytes:
        """Return the metrics of all workers as Prometheus reads them; takes milliseconds.

        May be called in a thread; what was counted since :meth:`flush` is not in it.
        """
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = prometheus_client.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(registry)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True


def _add(histogram: MetricWrapperBase, tally: Tally) -> None:
    # As Histogram.observe() does for one value, which has no public form for many
    for bucket, count in zip(histogram._buckets, tally.counts, strict=True):  # type: ignore[attr-defined]
        if count:
            bucket.inc(count)
    histogram._sum.inc(tally.total)  # type: ignore[attr-defined]
    tally.counts = [0] * len(tally.counts)
    tally.total = 0.0
