"""Build the Bento: the accepted bundle, the code that serves it, and its locked dependencies.

What goes in is listed in ``bentos/bentofile.yaml``; the result is in ``bentos/store``, under a
version made of the model's version and a hash of everything packed, so that the same content has
the same tag. Two builds of the same content differ in ``creation_time`` of ``bento.yaml`` only.

Another data set (``KEDRO_ENV``) brings its own bundle and its own ``params.yaml``.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from churn_pipeline.environments import dvc_root, params_file, params_name, read_dataset
from churn_pipeline.errors import ChurnPipelineError, GateError
from churn_pipeline.locking import WAIT, hold, place
from churn_pipeline.packaging.verdict import passed_gates
from churn_pipeline.scorer import Scorer, load_scorer
from churn_pipeline.scorer.bundle import read_bundle
from churn_pipeline.serving.models.variants import check_gates

ROOT = Path(__file__).resolve().parents[1]
STORE = Path("bentos/store")
_BENTOFILE = Path("bentos/bentofile.yaml")
_PARAMS = "/params.yaml"  # as the Bento file lists it: of the built-in data set
_BUNDLE = "data/06_models/bundle/"
_BASE_IMAGE = "docker.io/library/python:3.11-slim"


class BentoError(ChurnPipelineError):
    """There is nothing that could be packed; the message names the remedy."""


def check(root: Path, stale: bool = False, env: str | None = None) -> Scorer:
    """Refuse what must not be shipped.

    Parameters
    ----------
    root : Path
        The project.
    stale : bool
        True packs a bundle that was made by other code or parameters than the present ones.
    env : str, optional
        The data set; by default the built-in one.

    Returns
    -------
    Scorer
        The bundle's.

    Raises
    ------
    ChurnPipelineError
        If the bundle is missing or damaged, was not accepted, or is not of the present code.
    """
    folder = Path(read_dataset(params_file(root, env)).folder)
    stages = dvc_root(root, env)
    bundle, gates = folder / "06_models/bundle", folder / "08_reporting/gates.json"
    repro = f"make repro ENV={env}" if env else "make repro"
    scorer = load_scorer(root / bundle)
    try:
        # not what the acceptance left: a later evaluation may have failed
        verdict = json.loads((root / gates).read_text(encoding="utf-8"))
        passed_gates(verdict, read_bundle(root / bundle), str(scorer.description.get("candidate")))
    except FileNotFoundError:
        raise GateError(
            f"{gates} is missing: no model has passed the gates; run `{repro}`"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise GateError(f"{gates} is damaged; run `{repro}`") from None
    check_gates(scorer, str(bundle))
    if not stale and (changes := changed_since(root, bundle, stages)):
        shown = ", ".join(changes[:3]) + (", …" if len(changes) > 3 else "")
        raise BentoError(
            f"{bundle} is not what the present code makes (changed since: {shown}); "
            f"run `{repro}`, or pack it as it is with --stale"
        )
    return scorer


def changed_since(root: Path, out: Path, dvc_project: Path | None = None) -> list[str]:
    """Return what changed since DVC made an output: code, configuration, parameters, or itself.

    Data are left out, since a machine that only serves need not hold them.

    Parameters
    ----------
    root : Path
        The project.
    out : Path
        The output, from there.
    dvc_project : Path, optional
        The DVC project of the data set, by default the root.
    """
    folder = dvc_project or root
    own = os.path.relpath(root / out, folder)
    try:
        # DVC names paths as seen from the working folder
        with contextlib.chdir(folder), Repo(str(folder)) as repo:
            # by the stage's name: by the output's, DVC leaves out what the stage depends on
            (found,) = repo.find_outs_by_path(own)
            status = repo.status(targets=[found.stage.addressing], with_deps=True)
    except DvcException as error:
        raise BentoError(
            f"DVC cannot say whether {out} is up to date ({error}); "
            "run `make repro`, or pack it as it is with --stale"
        ) from None

    def from_root(path: str) -> str:
        return Path(os.path.relpath(folder / path, root)).as_posix()

    return sorted(set(_changes(status, out, from_root)))


def _changes(
    status: Mapping[str, Sequence[Any]], out: Path, from_root: Callable[[str], str]
) -> Iterator[str]:
    for stage, entries in status.items():
        for entry in entries:
            if not isinstance(entry, Mapping):
                yield f"the stage {stage.rpartition(':')[2]}"
                continue
            for key, how in entry.get("changed deps", {}).items():
                path = from_root(key)
                if isinstance(how, Mapping):
                    yield from (f"{parameter} in {path}" for parameter in how)
                elif not path.startswith("data/"):
                    yield path
            if str(out) in map(from_root, entry.get("changed outs", {})):
                yield str(out)


def packed_files(root: Path, env: str | None = None) -> dict[Path, Path]:
    """Return the files that ``bentofile.yaml`` lists, sorted.

    Returns
    -------
    dict of Path to Path
        Path in the Bento → path of the file, both relative to the project; they differ for the
        params file of another data set, which becomes the Bento's ``params.yaml``.

    Raises
    ------
    BentoError
        If one of the listed paths does not exist.
    """
    params = params_file(root, env)
    files = {}
    for listed in yaml.safe_load(_bentofile(root, env))["include"]:
        path = params if listed == _PARAMS else root / listed.strip("/")
        if not path.exists():
            raise BentoError(f"{_BENTOFILE} lists {listed}, which does not exist")
        found = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
        for item in found:
            source = item.relative_to(root)
            if "__pycache__" not in source.parts:
                files[Path(_PARAMS.strip("/")) if item == params else source] = source
    return {target: files[target] for target in sorted(files)}


def _bentofile(root: Path, env: str | None) -> str:
    """Return the text of ``bentofile.yaml`` with the data set's bundle in it."""
    text = (root / _BENTOFILE).read_text(encoding="utf-8")
    folder = read_dataset(params_file(root, env)).folder
    return text.replace(f"- {_BUNDLE}\n", f"- {folder}/06_models/bundle/\n")


def content_hash(root: Path, files: Mapping[Path, Path]) -> str:
    """Return the first eight hex digits of the sha256 of everything that shapes the Bento."""
    total = hashlib.sha256()
    shaping = {path: path for path in (_BENTOFILE, Path("bentos/requirements.lock"))} | {**files}
    named = [(str(target), root / source) for target, source in shaping.items()]
    for path, file in [*named, ("", Path(__file__))]:
        total.update(f"{path}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:8]


def build(root: Path, scorer: Scorer, env: str | None = None) -> tuple[str, Path]:
    """Build the Bento into the store, unless the same is already there.

    Returns
    -------
    tuple of str and Path
        Its tag and its folder.
    """
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ["BENTOML_HOME"] = str(root / STORE)
    (root / STORE).mkdir(parents=True, exist_ok=True)
    # after the variable that says where its store is
    import bentoml
    from bentoml.exceptions import NotFound

    files = packed_files(root, env)
    version = f"{scorer.version}-{content_hash(root, files)}"
    try:
        bento = bentoml.get(f"churn:{version}")
    except NotFound:
        with tempfile.TemporaryDirectory() as folder:
            # only what is packed: BentoML walks through everything in the folder
            context = Path(folder)
            lock = Path("bentos/requirements.lock")
            for target, source in [*files.items(), (lock, lock)]:
                (context / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / source, context / target)
            (context / _BENTOFILE).write_text(_bentofile(root, env), encoding="utf-8")
            bento = _build(context, version, scorer)
    return str(bento.tag), Path(bento.path)


def _build(context: Path, version: str, scorer: Scorer) -> Any:
    import bentoml.bentos
    from bentoml._internal.service.loader import import_service

    config = yaml.safe_load((context / _BENTOFILE).read_text(encoding="utf-8"))
    service: Any = import_service(config["service"])
    # "slim" is none of BentoML's distributions, which bring compilers and git into the image
    service.image = bentoml.images.Image(
        base_image=_BASE_IMAGE,
        distro="slim",
        python_version="3.11",
        commands=[f"command -v uv >/dev/null || pip install {_locked_uv()}"],
    )
    return bentoml.bentos.build_bentofile(
        str(context / _BENTOFILE),
        version=version,
        labels={"model": scorer.version, "candidate": scorer.description["candidate"]},
        build_ctx=str(context),
    )


def _locked_uv() -> str:
    """Return ``uv==<version>`` with the version of the project's lock."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return next(line.split()[0] for line in lock.splitlines() if line.startswith("uv=="))


def main() -> None:
    """Build it and print its tag, size and folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stale", action="store_true", help="pack a bundle of older code")
    parser.add_argument("--tag", action="store_true", help="print the tag and nothing else")
    parser.add_argument(
        "--env",
        default=os.environ.get("KEDRO_ENV"),
        metavar="NAME",
        help="the data set, a folder of conf/; by default the built-in one",
    )
    arguments = parser.parse_args()
    try:
        env = params_name(ROOT, arguments.env)
        with hold([place(ROOT, env)], option=f"{WAIT}=1"):
            tag, folder = build(ROOT, check(ROOT, arguments.stale, env), env)
    except ChurnPipelineError as error:
        sys.exit(f"{error}")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    where = folder.relative_to(ROOT)
    print(tag if arguments.tag else f"{tag}: {size / 1e6:.1f} MB in {where}")


if __name__ == "__main__":
    main()
