"""What serving costs: this project's service beside a bare constant and what people write first.

Every server is a process of its own with one worker on one processor; `wrk` on another one sends
it simulated customers. Rounds are interleaved, figures are medians. Prints Markdown tables and
exits 1 if a target is missed. Needs a bundle (`make repro`) and wrk (`apt-get install wrk`).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.serving.closed_loop import require_wrk
from benchmarks.serving.machine import this_machine
from benchmarks.serving.parts import PARTS, Plan
from benchmarks.serving.report import check_table
from benchmarks.serving.servers import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each load in a round")
    parser.add_argument(
        "--endurance-seconds", type=int, default=60, help="of each of its two loads"
    )
    parser.add_argument(
        "--bundles",
        type=Path,
        nargs="+",
        default=[ROOT / "data/06_models/bundle"],
        metavar="FOLDER",
        help="the one to serve; any others are for the scorer alone",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="compare servers so named only"
    )
    parser.add_argument("--port", type=int, default=21300)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    parser.add_argument(
        "--quick", action="store_true", help="a minute or two to see that all works, no verdict"
    )
    arguments = parser.parse_args()
    require_wrk()
    for bundle in arguments.bundles:
        if not bundle.is_dir():
            raise SystemExit(f"{bundle} is no bundle; make it with `make repro`")
    checks, figures = [], {}
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            machine=this_machine(Path(folder), arguments.port),
            bundles=arguments.bundles,
            only=arguments.only,
            rounds=1 if arguments.quick else arguments.rounds,
            seconds=1 if arguments.quick else arguments.seconds,
            endurance_seconds=3 if arguments.quick else arguments.endurance_seconds,
        )
        for name in arguments.parts:
            result = PARTS[name](plan)
            print(f"{result.text}\n", flush=True)
            checks += result.checks
            figures[name] = result.figures
    print(check_table(checks))
    if arguments.json is not None:
        arguments.json.write_text(f"{json.dumps(figures, indent=2)}\n", encoding="utf-8")
    missed = [check.name for check in checks if not check.is_met]
    return int(bool(missed) and not arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
