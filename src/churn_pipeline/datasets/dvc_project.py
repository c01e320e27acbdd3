"""The DVC project of a data set: ``.dvc`` and ``dvc.yaml`` in the folder of its outputs."""

import subprocess
from pathlib import Path

from churn_pipeline.environments import environments, own_folder
from churn_pipeline.staging import replacing

_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"
_IGNORED = "/config.local\n/tmp\n/cache\n"  # by git, as `dvc init` writes it
_FORMER = ("dvc.yaml", "dvc.lock")  # in conf/NAME, while all data sets were one DVC project


def write_dvc_project(folder: Path, dvc_yaml: str) -> None:
    """Write the ``dvc.yaml`` of a data set; make its folder a DVC project unless it is one.

    The cache is the project's own: `dvc gc` of one data set cannot remove what another needs.
    """
    settings = folder / ".dvc"
    settings.mkdir(parents=True, exist_ok=True)
    for path, text in ((settings / ".gitignore", _IGNORED), (settings / "config", _CONFIG)):
        if not path.exists():
            _write(path, text)
    _write(folder / "dvc.yaml", dvc_yaml)


def _write(path: Path, text: str) -> None:
    with replacing(path) as staged:
        staged.write_text(text, encoding="utf-8")


def has_former_stages(project: Path, name: str) -> bool:
    """Whether the stages of a data set are in ``conf/NAME``, where the root's DVC sees them.

    That is how they were kept formerly; `kedro dvc-yaml --env NAME` moves them.
    """
    return (project / "conf" / name / "dvc.yaml").exists()


def remove_former_stages(project: Path, name: str) -> None:
    """Remove the stages of a data set from ``conf/NAME``, and its results from git's index.

    No result is touched; the next `make repro ENV=NAME` records them again.
    """
    for file in _FORMER:
        (project / "conf" / name / file).unlink(missing_ok=True)
    # DVC refuses to cache what git tracks; without git there is nothing to remove
    results = f"{own_folder(project, name)}/08_reporting"
    subprocess.run(
        ["git", "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", results],
        cwd=project,
        check=False,
        capture_output=True,
    )


def former_data_sets(project: Path) -> list[str]:
    """Return the data sets whose stages are still in ``conf/NAME``."""
    return [name for name in environments(project) if has_former_stages(project, name)]
