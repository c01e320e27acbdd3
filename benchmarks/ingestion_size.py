"""Seconds and memory of the ingestion of a large table.

Writes a CSV file of 25 numbers, 10 categories, 3 dates, an id and a target, and runs the ingestion
pipeline on it in a process of its own, with Parquet outputs as in the catalog. Reading alone is
measured too, in another process. Exits 1 if the peak is above --limit.
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

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from churn_pipeline.contract import parse_contract
from churn_pipeline.io.atomic import JSONDataset, ParquetDataset
from churn_pipeline.io.raw_table import RawTableDataset
from churn_pipeline.pipelines.ingestion import create_pipeline

_NUMBERS, _CATEGORIES, _DATES = 25, 10, 3
_ROWS_A_PART = 100_000
_GB = 1e9


def contract_of(levels: int) -> dict[str, Any]:
    """Return the contract of the table."""
    columns: dict[str, Any] = {"customer": {"type": "text", "role": "id"}}
    columns |= {f"number_{i}": {"type": "number", "nullable": True} for i in range(_NUMBERS)}
    values = [f"level {i}" for i in range(levels)]
    columns |= {f"category_{i}": {"type": "category", "values": values} for i in range(_CATEGORIES)}
    columns |= {f"date_{i}": {"type": "date"} for i in range(_DATES)}
    columns["churned"] = {
        "type": "category", "role": "target", "values": ["no", "yes"], "positive": "yes"
    }  # fmt: skip
    return {
        "name": "large",
        "columns": {name: {"meaning": "m", **column} for name, column in columns.items()},
    }


def write_table(path: Path, rows: int, levels: int) -> None:
    """Write the file, a part at a time."""
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, _ROWS_A_PART):
        n = min(_ROWS_A_PART, rows - start)
        table: dict[str, Any] = {"customer": [f"C{start + i:09d}" for i in range(n)]}
        for i in range(_NUMBERS):
            values = np.round(rng.lognormal(3, 1, n), 2)
            table[f"number_{i}"] = pa.array(values, mask=rng.random(n) < 0.05)
        for i in range(_CATEGORIES):
            table[f"category_{i}"] = [f"level {code}" for code in rng.integers(0, levels, n)]
        for i in range(_DATES):
            days = np.datetime64("2020-01-01") + rng.integers(0, 2000, n)
            table[f"date_{i}"] = days.astype(str)
        table["churned"] = np.where(rng.random(n) < 0.1, "yes", "no")
        part = pa.table(table)
        writer = writer or pyarrow.csv.CSVWriter(path, part.schema)
        writer.write_table(part)
    if writer:
        writer.close()


def _measured(work: Any, folder: Path, results: Any) -> None:
    start = time.perf_counter()
    work(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    results.put({"seconds": round(time.perf_counter() - start, 1), "peak_gb": round(peak / _GB, 2)})


def _read(folder: Path) -> None:
    RawTableDataset(filepath=str(folder / "large.csv")).load()


def _ingest(folder: Path) -> None:
    contract = json.loads((folder / "contract.json").read_text())
    datasets: dict[str, AbstractDataset[Any, Any]] = {
        "raw_customers@source": RawTableDataset(filepath=str(folder / "large.csv")),
        "contract": MemoryDataset(parse_contract(contract)),
        "rejected_customers": ParquetDataset(filepath=str(folder / "rejected.parquet")),
        "data_quality": JSONDataset(filepath=str(folder / "data_quality.json")),
        "customers": ParquetDataset(filepath=str(folder / "customers.parquet")),
        "params:ingestion.max_rejected_share": MemoryDataset(0.05),
    }
    SequentialRunner().run(create_pipeline(), DataCatalog(datasets))


def main() -> None:
    """Measure, print as JSON and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--levels", type=int, default=50, help="of each category")
    parser.add_argument("--limit", type=float, default=6.0, help="peak in GB (10^9 bytes)")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    report: dict[str, Any] = {"rows": arguments.rows, "levels": arguments.levels}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "large.csv", arguments.rows, arguments.levels)
        (folder / "contract.json").write_text(json.dumps(contract_of(arguments.levels)))
        report["file_gb"] = round((folder / "large.csv").stat().st_size / _GB, 2)
        for step, work in (("reading", _read), ("ingestion", _ingest)):
            results = context.Queue()
            process = context.Process(target=_measured, args=(work, folder, results))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(f"{step} failed with exit code {process.exitcode}")
            report[step] = results.get()
        accepted = pd.read_parquet(folder / "customers.parquet", columns=["customer"])
        report["accepted"] = len(accepted)
    print(json.dumps(report))
    if report["ingestion"]["peak_gb"] > arguments.limit:
        sys.exit(f"the peak is above {arguments.limit} GB")


if __name__ == "__main__":
    main()
