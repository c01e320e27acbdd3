"""Cost and memory of scoring files of many sizes, beside the bare call of the model.

Writes CSV files of simulated customers (blocks of 100,000 different ones, with ids of their own)
and runs the scoring pipeline on each in a process of its own, with files as in the catalog. The
bare call encodes and scores rows that were read, checked and typed before: no file, no reasons.
Exits 1 if a peak is above --limit.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from benchmarks.telco import simulate_customers
from churn_pipeline.contract.model import Contract
from churn_pipeline.io.atomic import JSONDataset
from churn_pipeline.io.bundle_dataset import BundleDataset
from churn_pipeline.io.frames import FramesCSVDataset, FramesParquetDataset
from churn_pipeline.io.raw_stream import RawStreamDataset
from churn_pipeline.io.staged_parts import StagedPartsDataset
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.scoring import create_pipeline
from churn_pipeline.pipelines.scoring.nodes import contract_of_requests
from churn_pipeline.scorer import Scorer, read_bundle

_ROWS_A_BLOCK = 100_000
_GB = 1e9


def write_customers(path: Path, rows: int, contract: Contract) -> None:
    """Write a file of customers, block by block, without the target."""
    block = simulate_customers(min(rows, _ROWS_A_BLOCK), seed=1).customers
    block = block.drop(columns=contract.target.name)
    ids = block[contract.id.name].astype("str")
    for start in range(0, rows, _ROWS_A_BLOCK):
        block[contract.id.name] = f"{start // _ROWS_A_BLOCK}-" + ids
        block[: rows - start].to_csv(
            path, mode="a" if start else "w", header=not start, index=False, float_format="%.12g"
        )


def _score(folder: Path, bundle: Path, path: Path, results: Any) -> None:
    datasets: dict[str, AbstractDataset[Any, Any]] = {
        "customers_to_score": RawStreamDataset(filepath=str(path)),
        "bundle": BundleDataset(filepath=str(bundle)),
        "scoring_parts": StagedPartsDataset(filepath=str(folder / "parts")),
        "scores": FramesCSVDataset(filepath=str(folder / "scores.csv")),
        "scores_sink": MemoryDataset(copy_mode="assign"),
        "rejected_to_score": FramesParquetDataset(filepath=str(folder / "rejected.parquet")),
        "not_scored": FramesParquetDataset(filepath=str(folder / "not_scored.parquet")),
        "scoring_report": JSONDataset(filepath=str(folder / "scoring.json")),
        "params:scoring.sink": MemoryDataset(None),
        "params:scoring.date": MemoryDataset(None),
        "params:scoring.all_snapshots": MemoryDataset(False),
        "params:split.period": MemoryDataset("month"),
    }
    wall, cpu = time.perf_counter(), time.process_time()
    SequentialRunner().run(create_pipeline(), DataCatalog(datasets))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    scored = json.loads((folder / "scoring.json").read_text())["rows"]["scored"]
    results.put({"wall": wall, "cpu": cpu, "peak_gb": round(peak / _GB, 2), "scored": scored})


def _call_model(bundle: Path, path: Path, results: Any) -> None:
    loaded = read_bundle(bundle)
    raw = RawStreamDataset(filepath=str(path)).load()
    contract = contract_of_requests(loaded, raw, None)
    part = next(raw.parts())
    customers, _ = quarantine_customers(part, *check_customers(part, contract), contract)
    scorer, took = Scorer(loaded), []
    for _ in range(5):
        start = time.process_time()
        scorer.churn_probability(scorer.rows(customers))
        took.append(time.process_time() - start)
    results.put(1e6 * min(took) / len(customers))


def _in_a_process(work: Any, *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=work, args=(*arguments, results))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"a measurement failed with exit code {process.exitcode}")
    return results.get()


def main() -> None:
    """Measure, print as JSON and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--bundle", type=Path, default=Path("data/06_models/bundle"))
    parser.add_argument("--limit", type=float, default=2.0, help="peak in GB (10^9 bytes)")
    arguments = parser.parse_args()
    contract = Scorer(read_bundle(arguments.bundle)).contract
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in arguments.rows:
            path = folder / "customers.csv"
            write_customers(path, rows, contract)
            # beside each other, as other work on the machine changes what a second is worth
            bare = _in_a_process(_call_model, arguments.bundle, path)
            found = _in_a_process(_score, folder, arguments.bundle, path)
            cost = 1e6 * found["cpu"] / rows
            peaks.append(found["peak_gb"])
            line = {
                "rows": rows,
                "scored": found["scored"],
                "rows_a_second": round(rows / found["wall"]),
                "cpu_microseconds_a_row": round(cost, 1),
                "bare_call": round(bare, 1),
                "rate_of_the_bare_call": round(bare / cost, 2),
                "peak_gb": found["peak_gb"],
            }
            print(json.dumps(line), flush=True)
    if max(peaks) > arguments.limit:
        sys.exit(f"a peak is above {arguments.limit} GB")


if __name__ == "__main__":
    main()
