"""Compare simulated customers with the real ones and print one line per realism target.

    python -m benchmarks.simulator_realism --real path/to/telco.csv --seeds 1 2 3

Exits with status 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from benchmarks.telco import simulate_customers
from benchmarks.telco.realism import measure
from benchmarks.telco.reference import telco_path


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Compare simulated customers with the real ones.",
        epilog="Exits with status 1 if a target is missed.",
    )
    parser.add_argument(
        "--real",
        type=Path,
        default=telco_path(),
        help="the reference CSV file (default: %(default)s)",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds to try")
    parser.add_argument(
        "--customers", type=int, nargs="+", default=[7043], help="population sizes to try"
    )
    return parser.parse_args()


def main() -> int:
    """Print the table of measurements and return the exit status."""
    args = parse_arguments()
    if not args.real.is_file():
        print(f"There is no reference file at {args.real}; name it with --real.", file=sys.stderr)
        return 2
    real = pd.read_csv(args.real)
    print(f"{'customers':>9} {'seed':>5}  {'target':<31} {'value':>7}  {'limit':>8}  result")
    failures = 0
    for customers in args.customers:
        for seed in args.seeds:
            simulated = simulate_customers(customers, seed).customers
            for m in measure(real, simulated):
                limit = f"{'<=' if m.at_most else '>='} {m.limit:.3f}"
                result = "PASS" if m.passed else "FAIL"
                where = f"  ({m.detail})" if m.detail else ""
                row = f"{customers:>9} {seed:>5}  {m.target:<31} {m.value:>7.4f}"
                print(f"{row}  {limit:>8}  {result}{where}", flush=True)
                failures += not m.passed
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
