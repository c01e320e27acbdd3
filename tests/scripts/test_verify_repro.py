"""What a second machine would differ in."""

from pathlib import Path

import pytest

from churn_pipeline.arithmetic import SETTINGS
from scripts.verify_repro import Surroundings, newer_than_avx2, switches


def test_features_of_every_processor_with_avx2_stay() -> None:
    assert newer_than_avx2(["X86_V2", "X86_V3"]) == []
    assert newer_than_avx2(["X86_V3", "X86_V4", "AVX10"]) == ["X86_V4", "AVX10"]


def test_what_a_new_numpy_finds_is_hidden_though_the_project_does_not_know_it() -> None:
    hidden = switches(["X86_V4", "AVX10"], without_avx2=False)
    assert hidden["NPY_DISABLE_CPU_FEATURES"].split() == ["X86_V4", "AVX10"]
    assert "AVX10" not in SETTINGS["NPY_DISABLE_CPU_FEATURES"]  # else this would show nothing


def test_a_processor_before_avx2_is_not_what_the_project_sets() -> None:
    hidden = switches([], without_avx2=True)
    for name, value in SETTINGS.items():
        assert hidden[name] != value
    assert "X86_V3" in hidden["NPY_DISABLE_CPU_FEATURES"].split()
    assert "-AVX2,-FMA" in hidden["GLIBC_TUNABLES"]


def test_commands_get_no_variable_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    surroundings = Surroundings("first", "C", "UTC", 0, 0o022, 1)
    environment = surroundings.environment(tmp_path, tmp_path / "first")
    assert "OPENBLAS_CORETYPE" not in environment  # the project has to set it by itself
    assert "NPY_DISABLE_CPU_FEATURES" not in environment
    assert environment["PYTHONPATH"] == str(tmp_path / "first" / "src")
    assert str(surroundings).endswith("umask 022, 1 core, folder 'first'")
