"""The model registry: every model that a run made is a version, the newest the challenger."""

import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.pyfunc
from mlflow import MlflowClient, MlflowException
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from churn_pipeline.errors import BundleError, RegistryError
from churn_pipeline.evaluation.regression import REGRESSION
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.scorer.bundle import Bundle, read_bundle, write_bundle
from churn_pipeline.tracking.store import CHAMPION_ALIAS

CHALLENGER = "challenger"
CHAMPION = CHAMPION_ALIAS
_BUNDLE = "bundle"
IDENTITY = ("model_sha256", "data_sha256")

_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "xgboost", "lightgbm")


def register(
    client: MlflowClient,
    name: str,
    run_id: str,
    model: ChurnModel,
    path: Path,
    tags: Mapping[str, str],
) -> ModelVersion:
    """Make the model the challenger, as a new version unless it is one already.

    Parameters
    ----------
    client : MlflowClient
    name : str
        The registered model.
    run_id : str
        The active run, which a new version's files go to.
    model : ChurnModel
    path : Path
        Its pickle, which is kept as it is.
    tags : mapping of str to str
        Of a new version. Two models with equal ``model_sha256`` and ``data_sha256`` are one.
    """
    found = find_version(client, name, tags)
    if found is None:
        logged = _log(model, path)
        _create_registered_model(client, name)
        found = client.create_model_version(
            name, logged.model_uri, run_id, dict(tags), model_id=logged.model_id
        )
    client.set_registered_model_alias(name, CHALLENGER, str(found.version))
    return found


def _log(model: ChurnModel, path: Path) -> ModelInfo:
    with warnings.catch_warnings():
        # an example of the input would be a customer's row
        warnings.filterwarnings("ignore", ".*An input example was not provided")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module="churn_pipeline.tracking.pyfunc",
            data_path=str(path),
            # given, or MLflow would start a second Python to find out
            pip_requirements=_requirements(model),
            signature=ModelSignature(
                Schema([ColSpec(AnyType(), name) for name in model.inputs]),
                Schema([ColSpec("double", "churn_probability")]),
            ),
        )


def grade(
    client: MlflowClient, name: str, number: str, gates: Mapping[str, Any], run_id: str
) -> None:
    """Note on a version what the gates say, and of which champion; details are with the run.

    Parameters
    ----------
    client : MlflowClient
    name, number : str
        The registered model and its version.
    gates : mapping
        ``passed`` and, under ``gates``, a mapping each with ``gate`` and ``passed``.
    run_id : str
    """
    failed = [gate["gate"] for gate in gates["gates"] if gate["passed"] is False]
    is_compared = any(gate["gate"] == REGRESSION for gate in gates["gates"])
    model = registered_model(client, name)
    champion = (model and alias(model, CHAMPION)) or "none"
    tags = {
        "gates": "passed" if gates["passed"] else "failed",
        "failed_gates": ", ".join(failed),
        "gates_run_id": run_id,
        "compared_with": champion if is_compared else "",
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, number, key, value)


def attach_bundle(
    client: MlflowClient, name: str, number: str, bundle: Bundle, folder: Path, run_id: str
) -> None:
    """Keep a version's bundle with the run that packaged it.

    Parameters
    ----------
    client : MlflowClient
    name, number : str
        The registered model and its version.
    bundle : Bundle
    folder : Path
        Where it was saved.
    run_id : str
    """
    client.log_artifacts(run_id, str(folder), _BUNDLE)
    for key, value in {"bundle_version": bundle.version, "bundle_run_id": run_id}.items():
        client.set_model_version_tag(name, number, key, value)


def fetch_bundle(
    client: MlflowClient, name: str, wanted: str, folder: Path, force: bool = False
) -> Bundle:
    """Write the bundle of a version to a folder.

    Parameters
    ----------
    client : MlflowClient
    name : str
        The registered model.
    wanted : str
        The version's number or one of its aliases.
    folder : Path
        Its contents are replaced.
    force : bool
        Whether to fetch it although a later evaluation found a failed gate.

    Raises
    ------
    RegistryError
        If there is no such version, it has no bundle, or an evaluation after its packaging found
        that it fails a gate; of the champion that is left to those who chose it.
    BundleError
        If its bundle was changed since.
    """
    model = registered_model(client, name)
    number = wanted if wanted.isdigit() else (model and alias(model, wanted))
    found = next((item for item in versions(client, name) if str(item.version) == number), None)
    if found is None:
        raise RegistryError(
            f"no version of {name} is called {wanted}; `kedro model list` shows all"
        )
    run_id = found.tags.get("bundle_run_id")
    if run_id is None:
        raise RegistryError(
            f"version {number} of {name} has no bundle: it was not packaged, because it failed a "
            "gate or its run stopped earlier; `dvc repro` packages the current model"
        )
    is_champion = model is not None and alias(model, CHAMPION) == number
    if found.tags.get("gates") == "failed" and not (force or is_champion):
        raise RegistryError(
            f"version {number} of {name} has failed these gates since it was packaged: "
            f"{found.tags.get('failed_gates')}; fetch another version, or add --force"
        )
    with TemporaryDirectory() as temporary:
        bundle = read_bundle(Path(client.download_artifacts(run_id, _BUNDLE, temporary)))
    packaged = found.tags.get("bundle_version")
    if bundle.version != packaged:
        raise BundleError(
            f"the bundle of version {number} of {name} is {bundle.version}, but {packaged} "
            "was packaged; `dvc repro` packages the current model"
        )
    write_bundle(bundle, folder)
    return bundle


def find_version(client: MlflowClient, name: str, tags: Mapping[str, str]) -> ModelVersion | None:
    """Return the newest version of the same model from the same data, or None."""
    for found in versions(client, name):
        if all(found.tags.get(key) == tags.get(key) for key in IDENTITY):
            return found
    return None


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, the newest first."""
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(
            f"name = '{name}'", order_by=["version_number DESC"], page_token=token
        )
        found += page
        if not (token := page.token):
            return found


def registered_model(client: MlflowClient, name: str) -> RegisteredModel | None:
    """Return the registered model with its aliases and tags; None before the first version."""
    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def alias(model: RegisteredModel, name: str) -> str | None:
    """Return the version that an alias points to, or None."""
    number = model.aliases.get(name)
    return None if number is None else str(number)


def _create_registered_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _requirements(model: ChurnModel) -> list[str]:
    family = FAMILIES[model.candidate]
    others = set(family.libraries) - {"sklearn", *_LIBRARIES} if family.extra else ()
    return [f"{library}=={_version(library)}" for library in (*_LIBRARIES, *sorted(others))]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return version(f"{library}-cpu")  # the same library without that of graphics cards
