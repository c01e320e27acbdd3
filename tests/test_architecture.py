from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "churn_pipeline"
ABOVE = {"cli", "pipelines"}  # they call the others and are called by none
LIBRARIES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
LIBRARIES = [name for name in LIBRARIES if name not in ABOVE]


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_import_neither_pipelines_nor_commands(library: str) -> None:
    for path in (SOURCE / library).rglob("*.py"):
        above = {name for name in imports(path) if name.split(".")[1:2] in [[a] for a in ABOVE]}
        assert not above, path


def test_no_module_is_long() -> None:
    lines = {path: path.read_text("utf-8").count("\n") for path in SOURCE.rglob("*.py")}
    assert [str(path) for path, count in lines.items() if count > 300] == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("churn_pipeline.contract", {"pandas", "sklearn", "kedro", "pandera", "scipy", "mlflow"}),
        ("churn_pipeline.contract.derivation", {"pandas", "sklearn", "kedro", "scipy", "mlflow"}),
        ("churn_pipeline.splits.splitting", {"pandas", "sklearn", "kedro", "scipy", "mlflow"}),
        (
            "churn_pipeline.modeling.candidates",
            {"pandas", "sklearn", "kedro", "scipy", "mlflow", "lightgbm", "xgboost", "catboost"},
        ),
        ("churn_pipeline.evaluation.metrics", {"pandas", "sklearn", "kedro", "scipy", "mlflow"}),
    ],
)
def test_light_modules_stay_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*{heavy!r} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == ""


TOKENS = {"jwt", "cryptography"}  # for those who configure them
TRAINING = {"pandas", "sklearn", "kedro", "mlflow", "scipy", "onnx"}
TRAINING |= {"xgboost", "lightgbm", "catboost"}

SCORE = """
import sys
from pathlib import Path
from churn_pipeline.scorer import load_scorer
scorer = load_scorer(Path(sys.argv[1]))
customer = scorer.read(scorer.example)
assert 0 < scorer.score([customer])[0].churn_probability < 1
assert scorer.explain([customer])[0].contributions
"""


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (SCORE, TRAINING | {"bentoml", "starlette", "prometheus_client", "churn_pipeline.serving"}),
        ("import churn_pipeline.serving.service", TRAINING | TOKENS),
        (
            "import churn_pipeline.serving.http.app, churn_pipeline.serving.docs.documents",
            TRAINING | TOKENS,
        ),
        ("import churn_pipeline.serving.key_commands", TRAINING | TOKENS | {"bentoml"}),
    ],
    ids=["scorer", "service", "routes", "key commands"],
)
def test_what_is_shipped_loads_nothing_of_the_training_side(
    code: str, heavy: set[str], bundle_folder: Path
) -> None:
    code = f"{code}\nimport sys; print(*{heavy!r} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle_folder)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=SOURCE.parents[1],
    )
    assert done.stdout.strip() == ""


def test_what_is_shipped_imports_only_what_the_container_has() -> None:
    own = {"commands", "environments", "errors", "named_files", "staging"}
    own |= {"contract", "scorer", "serving"}
    others = {"numpy", "onnxruntime", "msgspec", "yaml", "click", "prometheus_client", "starlette"}
    bentoml = {"bentoml", "_bentoml_sdk", "uvicorn", "uvloop", "httptools"}
    bentoml |= {"cryptography", "httpx", "jwt", "redis"}
    for package in ("scorer", "serving", "contract"):
        allowed = others | (bentoml if package == "serving" else set())
        for path in (SOURCE / package).rglob("*.py"):
            for name in imports(path):
                top, _, rest = name.partition(".")
                if top == "churn_pipeline":
                    assert rest.split(".")[0] in own, f"{path}: {name}"
                    assert package == "serving" or "serving" not in name, f"{path}: {name}"
                else:
                    assert top in allowed | sys.stdlib_module_names, f"{path}: {name}"


def tracked_files(root: Path) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    return [root / name for name in done.stdout.split("\0") if (root / name).is_file()]


def test_no_tracked_file_leaves_a_task_behind(root: Path) -> None:
    marks = tuple(word.encode() for word in ("TO" + "DO", "FIX" + "ME"))
    files = tracked_files(root)
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(mark in content for mark in marks), path


def test_locked_dependencies_come_from_no_fixed_address(root: Path) -> None:
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    assert "scikit-learn==" in lock
    assert not re.search(r"https?:|file:|git\+|/home/", lock)


def test_every_locked_package_has_hashes(root: Path) -> None:
    lock = (root / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = [line for line in lock.splitlines() if re.match(r"[\w.-]+(\[[\w,-]+\])?==", line)]
    assert len(pinned) > 50
    assert all("--hash=sha256:" in line for line in pinned)
