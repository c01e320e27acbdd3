from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import yaml

_QUESTION = """
import os
for name in [n for n in os.environ if "TELEMETRY" in n or "TRACK" in n or n == "CI"]:
    del os.environ[name]
import {first}
import churn_pipeline_startup
churn_pipeline_startup.init()
import mlflow.telemetry, warnings
print(mlflow.telemetry.get_telemetry_client())
warnings.warn("Add type hints to the `predict` method, please")
warnings.warn("something else")
"""


def answer(first: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _QUESTION.format(first=first)],
        cwd=root / "src",
        capture_output=True,
        text=True,
        check=True,
    )


def test_telemetry_is_off_whenever_mlflow_was_imported(root: Path) -> None:
    for first in ("sys", "mlflow"):
        assert answer(first, root).stdout.strip() == "None", first


def test_one_warning_is_dropped_and_others_are_not(root: Path) -> None:
    shown = answer("sys", root).stderr
    assert "something else" in shown
    assert "type hints" not in shown


def test_the_tools_own_settings_say_no(root: Path) -> None:
    assert yaml.safe_load((root / ".telemetry").read_text(encoding="utf-8")) == {"consent": False}
    dvc = configparser.ConfigParser()
    dvc.read(root / ".dvc/config")
    assert not dvc.getboolean("core", "analytics")
    assert not dvc.getboolean("core", "check_update")
