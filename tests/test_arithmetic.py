"""The arithmetic is fixed in every process of the project before NumPy is imported."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.arithmetic import NEEDED, SETTINGS, settings

FLAGS = b"flags : fpu sse2 fma avx avx2 bmi2 "
SHOW = """
import json, os, sys
assert "numpy" not in sys.modules
{before}
import numpy
from numpy._core._multiarray_umath import __cpu_features__ as features
from threadpoolctl import threadpool_info
names = {names}
print(json.dumps({{
    "set": {{name: os.environ.get(name) for name in names}},
    "wide": [name for name in ("X86_V4", "AVX512_ICL", "AVX512_SPR") if features[name]],
    "blas": [info["architecture"] for info in threadpool_info() if info["user_api"] == "blas"],
}}))
"""

known = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64" and all(
        flag in Path("/proc/cpuinfo").read_bytes().replace(b"\n", b" ") for flag in NEEDED
    )),
    reason="another kind of processor",
)  # fmt: skip


def shown(before: str, *options: str, **environment: str) -> dict[str, object]:
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    code = SHOW.format(before=before, names=sorted(SETTINGS))
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


IN_FORCE = {"set": SETTINGS, "wide": [], "blas": ["Haswell"]}


@known
def test_every_python_of_the_environment_is_fixed() -> None:
    assert shown("") == IN_FORCE
    assert shown("", "-W", "error") == IN_FORCE  # NumPy would warn about unknown names


@known
@pytest.mark.parametrize(
    "before",
    [
        "import churn_pipeline",
        "import churn_pipeline_startup; churn_pipeline_startup.init()",
        "import churn_pipeline.serving.settings",
    ],
)
def test_the_package_fixes_it_where_nothing_else_did(root: Path, before: str) -> None:
    """Without site-packages' line, as in the container."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    before = f"sys.path[:0] = [{str(root / 'src')!r}, {packages!r}]; {before}"
    assert shown(before, "-S", "-E") == IN_FORCE


@known
def test_what_the_user_has_set_is_left_alone() -> None:
    assert shown("", OPENBLAS_CORETYPE="Sandybridge")["blas"] == ["Sandybridge"]
    assert shown("", NPY_ENABLE_CPU_FEATURES="X86_V3")["blas"] == ["Haswell"]


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", FLAGS, SETTINGS),
        ("x86_64", FLAGS.replace(b" avx2", b""), {}),
        ("x86_64", b"", {}),
        ("aarch64", FLAGS, {}),
    ],
)
def test_other_processors_are_left_alone(
    machine: str, flags: bytes, expected: dict[str, str]
) -> None:
    assert settings(machine, flags) == expected
