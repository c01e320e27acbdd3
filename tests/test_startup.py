from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
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


_SESSION = """
import sys
import onnx.helper as make
if sys.argv[1] == "ours":
    import churn_pipeline
import onnxruntime
number = [make.make_tensor_value_info(name, 1, [1]) for name in "xy"]
graph = make.make_graph([make.make_node("Neg", ["x"], ["y"])], "g", number[:1], number[1:])
model = make.make_model(graph, ir_version=8, opset_imports=[make.make_opsetid("", 17)])
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
"""


@pytest.mark.parametrize("who", ["ours", "others"])
def test_onnx_runtime_reports_nothing(root: Path, tmp_path: Path, who: str) -> None:
    kept = {k: v for k, v in os.environ.items() if "TELEMETRY" not in k and k != "CI"}
    hidden = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    subprocess.run(
        [sys.executable, "-c", _SESSION, who],
        cwd=root / "src",
        env={**kept, **hidden, **nowhere},
        check=True,
    )
    # it keeps an identity of the machine where it reports; without it, it cannot
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert bool(left) == (who == "others"), left
