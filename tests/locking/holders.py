"""Processes that hold the lock of a data set until they are told to end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = """
import subprocess, sys
from pathlib import Path
from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking import Place, hold
try:
    with hold([Place("north", Path(sys.argv[1]))], writes=sys.argv[2] == "writes"):
        print("held", flush=True)
        if sys.argv[3:]:
            print(subprocess.run(sys.argv[3:], capture_output=True, text=True).stdout, flush=True)
        sys.stdin.read()
except ChurnPipelineError as error:
    print("refused:", error, flush=True)
"""


def command(folder: Path, kind: str = "writes", *child: str) -> list[str]:
    """Return the command of a holder, which may start a child while it holds."""
    return [sys.executable, "-c", _HOLD, str(folder), kind, *child]


@contextmanager
def holder(
    folder: Path, kind: str = "writes", *child: str, stage: bool = False
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start one; yield the process and the first line it says."""
    environment = {key: value for key, value in os.environ.items() if key != "DVC_STAGE"}
    process = subprocess.Popen(
        command(folder, kind, *child),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **({"DVC_STAGE": "x"} if stage else {})},
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
