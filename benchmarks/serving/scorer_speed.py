"""The scorer alone: `python -m benchmarks.serving.scorer_speed BUNDLE RECORDS` prints JSON.

A process of its own, without the libraries of the other benchmarks.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from churn_pipeline.scorer import load_scorer

_SCORED = 5000
_EXPLAINED = 1000
_BATCHES = 20
BATCH_CUSTOMERS = 1000


def main(bundle: Path, records: Path) -> int:
    scorer = load_scorer(bundle)
    customers = [json.loads(line) for line in records.read_text("utf-8").splitlines()]

    def score(record: Any) -> None:
        scorer.score([scorer.read(record)])

    def explain(record: Any) -> None:
        scorer.explain([scorer.read(record)])

    def batch(start: int) -> None:
        scorer.score([scorer.read(record) for record in _cycled(customers, start, BATCH_CUSTOMERS)])

    seconds = _median_seconds(batch, range(0, _BATCHES * BATCH_CUSTOMERS, BATCH_CUSTOMERS))
    found = {
        "candidate": scorer.description["candidate"],
        "score_microseconds": 1e6 * _median_seconds(score, _cycled(customers, 0, _SCORED)),
        "explain_microseconds": 1e6 * _median_seconds(explain, _cycled(customers, 0, _EXPLAINED)),
        "customers_per_second": BATCH_CUSTOMERS / seconds,
    }
    print(json.dumps(found))
    return 0


def _cycled(customers: list[Any], start: int, count: int) -> list[Any]:
    return [customers[(start + i) % len(customers)] for i in range(count)]


def _median_seconds(call: Callable[[Any], None], arguments: Iterable[Any]) -> float:
    todo = list(arguments)
    for argument in islice(todo, max(1, len(todo) // 10)):  # to warm up
        call(argument)
    seconds = []
    for argument in todo:
        start = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
