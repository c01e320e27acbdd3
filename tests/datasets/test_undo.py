"""`kedro undo` on projects of one small stage, with real git and DVC."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from churn_pipeline.datasets.dvc_project import write_dvc_project
from churn_pipeline.datasets.undo import plan_undo
from churn_pipeline.errors import UndoError

STAGE = """\
import sys, time, yaml
from pathlib import Path
params, folder = yaml.safe_load(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
for name in ("06_models/model.txt", "06_models/bundle/a", "06_models/bundle/sub/b"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{name} {params['x']}")
if params["x"] > 5:
    (folder / "06_models/extra.txt").write_text("of a large x")
(folder / "08_reporting").mkdir(exist_ok=True)
(folder / "08_reporting/metrics.json").write_text(str(params["x"]))
print("ran", flush=True)
time.sleep(params["seconds"])
"""
DVC_YAML = """\
stages:
  model:
    cmd: {python} {up}stage.py {params} {folder}
    deps: [{up}stage.py]
    params: [{{{params}: [x, seconds]}}]
    outs: [{data}06_models/model.txt, {data}06_models/bundle]
    metrics: [{data}08_reporting/metrics.json{cache}]
"""
PARAMS = "dataset: {{name: {name}, folder: {folder}, contract: c.yml}}\nx: 1\nseconds: 0\n"


def run(project: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "dvc"] if command[0] == "dvc" else [command[0]]
    return subprocess.run(
        [*program, *command[1:]], cwd=project, capture_output=True, text=True, check=check
    )


def write(project: Path, path: str, text: str) -> None:
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text(text, encoding="utf-8")


def edit(project: Path, path: str, old: str, new: str) -> None:
    text = (project / path).read_text(encoding="utf-8")
    assert old in text
    write(project, path, text.replace(old, new))


def files(project: Path, *folders: str) -> dict[str, str]:
    """Return the hash of every file that is no state of git's or DVC's own."""
    return {
        path.relative_to(project).as_posix(): sha256(path.read_bytes()).hexdigest()
        for folder in folders or (".",)
        for path in sorted((project / folder).rglob("*"))
        if path.is_file() and not {".git", "tmp", "cache"} & set(path.relative_to(project).parts)
    }


@pytest.fixture(scope="session")
def committed_project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A project with the data sets built-in and `ext`, both reproduced and committed."""
    project = tmp_path_factory.mktemp("undo") / "project"
    write(project, "stage.py", STAGE)
    write(project, "params.yaml", PARAMS.format(name="churn", folder="data"))
    write(project, "conf/ext/params.yaml", PARAMS.format(name="ext", folder="data/ext"))
    write(project, ".gitignore", (root / ".gitignore").read_text(encoding="utf-8"))
    own = {"python": sys.executable, "up": "", "params": "params.yaml", "folder": "data"}
    write(project, "dvc.yaml", DVC_YAML.format(**own, data="data/", cache=": {cache: false}"))
    ext = {"up": "../../", "params": "../../conf/ext/params.yaml", "folder": "."}
    text = DVC_YAML.format(**{**own, **ext}, data="", cache="")
    write_dvc_project(project / "data/ext", text)
    run(project, "git", "init", "-q", "-b", "main")
    run(project, "git", "config", "user.name", "Tests")
    run(project, "git", "config", "user.email", "tests@example.org")
    run(project, "dvc", "init", "-q")
    for folder in (".", "data/ext"):
        run(project / folder, "dvc", "repro", "-q")
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-qm", "first")
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert "data/ext/08_reporting" not in run(project, "git", "ls-files").stdout
    return project


@pytest.fixture
def project(committed_project: Path, tmp_path: Path) -> Path:
    run(tmp_path, "cp", "-a", str(committed_project), str(tmp_path / "project"))
    return tmp_path / "project"


def undo(project: Path, env: str | None = None) -> None:
    plan_undo(project, env).apply()


def test_nothing_to_undo(project: Path) -> None:
    for env in (None, "ext"):
        assert not plan_undo(project, env).is_needed


@pytest.mark.parametrize("env", [None, "ext"])
def test_results_of_another_run_and_parameters_go_back(project: Path, env: str | None) -> None:
    before = files(project)
    params, data = ("conf/ext/params.yaml", "data/ext") if env else ("params.yaml", "data")
    write(project, "mine.txt", "untracked")
    write(project, f"{data}/07_model_output/scores.csv", "not DVC's")
    edit(project, "stage.py", "large x", "larger x")
    edit(project, params, "x: 1", "x: 9")
    run(project, "git", "add", params)  # as a killed experiment leaves it
    run(project, sys.executable, "stage.py", params, data)
    write(project, f"{data}/06_models/bundle/more", "surplus in a folder")
    plan = plan_undo(project, env)
    assert plan.parameters == [params]
    assert {f"{data}/{name}" for name in (
        "06_models/model.txt", "06_models/bundle", "08_reporting/metrics.json"
    )} == {*plan.results}  # fmt: skip
    assert f"{data}/06_models/model.txt" in plan.unsaved
    plan.apply()
    assert not plan_undo(project, env).is_needed
    after = files(project)
    kept = {"mine.txt", f"{data}/07_model_output/scores.csv", f"{data}/06_models/extra.txt"}
    assert {path: after[path] for path in after.keys() - kept - {"stage.py"}} == {
        path: before[path] for path in before.keys() - {"stage.py"}
    }
    assert kept <= after.keys()
    assert run(project, "git", "diff", "--cached", "--name-only").stdout == ""


def test_a_run_of_dvc_goes_back_although_the_lock_changed(project: Path) -> None:
    before = files(project)
    edit(project, "params.yaml", "x: 1", "x: 2")
    run(project, "dvc", "repro", "-q")
    edit(project, "dvc.lock", "stages", "sta")  # as a kill leaves it
    plan = plan_undo(project, None)
    assert plan.unsaved == []
    plan.apply()
    assert files(project) == before


def test_results_that_the_commit_does_not_have_are_removed(project: Path) -> None:
    before = files(project)
    edit(project, "dvc.yaml", "data/06_models/bundle]", "data/06_models/bundle, data/new.txt]")
    write(project, "data/new.txt", "of another run")
    plan = plan_undo(project, None)
    assert plan.surplus == ["data/new.txt"]
    plan.apply()
    edit(project, "dvc.yaml", ", data/new.txt", "")
    assert files(project) == before


def test_without_the_cache_results_stay_together(project: Path) -> None:
    run(project, "rm", "-rf", ".dvc/cache")
    edit(project, "params.yaml", "x: 1", "x: 2")
    run(project, "dvc", "repro", "-q")
    before = files(project, "data")
    plan = plan_undo(project, None)
    assert {*plan.missing} == {"data/06_models/model.txt", "data/06_models/bundle"}
    plan.apply()
    assert files(project, "data") == before  # the metric with its model
    assert "x: 1\n" in (project / "params.yaml").read_text(encoding="utf-8")
    assert run(project, "git", "status", "--porcelain").stdout.split() == [
        "M", "data/08_reporting/metrics.json", "M", "dvc.lock",
    ]  # fmt: skip


def test_a_remote_gives_what_the_cache_lacks(project: Path, tmp_path: Path) -> None:
    before = files(project, "data")
    run(project, "dvc", "remote", "add", "--local", "-d", "store", str(tmp_path / "store"))
    run(project, "dvc", "push", "-q")
    run(project, "rm", "-rf", ".dvc/cache", "data/06_models/bundle")
    edit(project, "params.yaml", "x: 1", "x: 2")
    undo(project)
    assert files(project, "data") == before


def test_a_killed_experiment_leaves_branch_and_other_data_sets(project: Path) -> None:
    before = files(project)
    edit(project, "conf/ext/params.yaml", "x: 1", "x: 3")  # uncommitted work on another data set
    write(project, "data/ext/06_models/model.txt", "newer than its lock")
    others = files(project, "data/ext", "conf/ext")
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "exp", "run", "-S", "x=9", "-S", "seconds=600"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any(line.startswith("ran") for line in process.stdout)
    with pytest.raises(UndoError, match=rf"working on this data set \(pid {process.pid}\)"):
        plan_undo(project, None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (project / ".git/index.lock").touch()  # killed within a write of git's
    assert run(project, "git", "symbolic-ref", "HEAD", check=False).returncode != 0
    plan = plan_undo(project, None)
    assert plan.branch == "main"
    plan.apply()
    (project / "data/06_models/extra.txt").unlink()  # of no stage
    assert run(project, "git", "symbolic-ref", "--short", "HEAD").stdout == "main\n"
    assert files(project, "data/ext", "conf/ext") == others
    assert files(project) == before | others
    run(project, "dvc", "exp", "run", "-S", "x=2")  # and experiments work again
    assert files(project, "data/ext", "conf/ext") == others


@pytest.mark.parametrize("env", [None, "ext"])
def test_what_a_killed_experiment_added_to_the_index_is_taken_out(
    project: Path, env: str | None
) -> None:
    folder = "data/ext/" if env else ""
    left = f"{folder}.dvc/tmp/repro.dat"  # DVC adds it while it prepares an experiment
    write(project, left, "arguments of the experiment")
    run(project, "git", "add", "--force", left)
    write(project, "mine.txt", "of the user")
    run(project, "git", "add", "mine.txt")
    plan = plan_undo(project, env)
    assert plan.is_needed
    assert plan.staged == [left]
    plan.apply()
    assert run(project, "git", "status", "--porcelain").stdout == "A  mine.txt\n"
    assert not plan_undo(project, env).is_needed


def test_looking_changes_nothing_even_where_the_parameters_are_broken(project: Path) -> None:
    committed = files(project)
    write(project, "conf/ext/params.yaml", "dataset: [")
    before = files(project)
    plan = plan_undo(project, "ext")
    assert files(project) == before
    assert plan.parameters == ["conf/ext/params.yaml"]
    plan.apply()
    assert files(project) == committed


def test_without_git_or_commit_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UndoError, match=r"is not a git repository.*`make repro` creates"):
        plan_undo(tmp_path, None)
    run(tmp_path, "git", "init", "-q")
    with pytest.raises(UndoError, match="nothing is committed yet"):
        plan_undo(tmp_path, None)


def test_dvc_that_was_killed_is_not_at_work(project: Path) -> None:
    gone = max(psutil.pids()) + 100_000
    write(project, ".dvc/tmp/rwlock", f'{{"write": {{"f": {{"pid": {gone}, "cmd": "dvc"}}}}}}')
    assert not plan_undo(project, None).is_needed
