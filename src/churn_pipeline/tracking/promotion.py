"""Promotion of a challenger to champion, and the way back; both are recorded for good."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal, Self
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from churn_pipeline.errors import RegistryError
from churn_pipeline.evaluation.regression import REGRESSION
from churn_pipeline.named_files import evaluate_again
from churn_pipeline.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    alias,
    registered_model,
    versions,
)

_PREFIX = "promotion."


@dataclass(frozen=True)
class Promotion:
    """A change of the champion.

    Attributes
    ----------
    action : {"promote", "rollback"}
    who, why : str
    when : str
        UTC, ISO 8601.
    from_version, to_version : str or None
        Champion before and after; None where there was none.
    gates : str
        What the gates had said of ``to_version``: ``passed``, ``failed: <names>`` or ``missing``.
    """

    action: Literal["promote", "rollback"]
    who: str
    when: str
    why: str
    from_version: str | None
    to_version: str
    gates: str

    def record(self, client: MlflowClient, model: RegisteredModel) -> Self:
        """Move the alias, after adding to the history: no promotion is left unrecorded."""
        number = 1 + max(map(_number, _keys(model)), default=0)
        # two people at the same time may take the same number: neither may overwrite the other
        key = f"{_PREFIX}{number:06d}.{uuid4().hex[:8]}"
        text = json.dumps(asdict(self), ensure_ascii=False)
        client.set_registered_model_tag(model.name, key, text)
        client.set_registered_model_alias(model.name, CHAMPION, self.to_version)
        return self


def promote(
    client: MlflowClient,
    name: str,
    version: str | None,
    *,
    who: str,
    when: str,
    why: str,
    force: bool,
    unlogged: Mapping[str, str] = MappingProxyType({}),
) -> Promotion:
    """Make a version the champion, if it passed the gates.

    Parameters
    ----------
    client : MlflowClient
    name : str
        The registered model.
    version : str or None
        None means the challenger.
    who, when, why : str
        For the history.
    force : bool
        Whether failed or missing gates are no obstacle.
    unlogged : mapping of str to str
        See :func:`gates_verdict`.

    Raises
    ------
    RegistryError
        If there is no such version, it is the champion already, a gate refuses it, or the gates
        compared it with another champion.
    """
    model = registered_model(client, name)
    number = version or (model and alias(model, CHALLENGER))
    if model is None or number is None:
        raise RegistryError(
            "there is no challenger to promote; `dvc repro` trains and registers a model"
        )
    found = {str(item.version): item for item in versions(client, name)}
    if number not in found:
        raise RegistryError(
            f"{name} has no version {number}; `kedro model list` shows those it has"
        )
    before = alias(model, CHAMPION)
    if number == before:
        raise RegistryError(f"version {number} is the champion already")
    verdict = gates_verdict(found[number], unlogged)
    if not force and verdict == "missing":
        raise RegistryError(
            f"version {number} has not been checked by the gates; run `dvc repro` to the end, or "
            "add --force"
        )
    if not force and verdict != "passed":
        failed = verdict.removeprefix("failed: ")
        other = (
            f", or, if the champion could not be loaded then, check again by {evaluate_again()}"
            if failed == REGRESSION
            else ""
        )
        raise RegistryError(
            f"version {number} failed these gates: {failed}; train a better model{other}, or add "
            "--force"
        )
    compared_with = found[number].tags.get("compared_with")
    if not force and before and compared_with and compared_with != before:
        then = "there was no champion" if compared_with == "none" else f"it was {compared_with}"
        raise RegistryError(
            f"version {before} is the champion now, but when version {number} was checked by the "
            f"gates {then}; in the copy of the project that has its model, {evaluate_again()} "
            "compares the two, or add --force"
        )
    return Promotion("promote", who, when, why, before, number, verdict).record(client, model)


def rollback(client: MlflowClient, name: str, *, who: str, when: str, why: str) -> Promotion:
    """Make the champion before the present one the champion again.

    Rolling back twice goes two champions back. Versions that were deleted are passed over, be it
    the present champion, which leaves none.

    Raises
    ------
    RegistryError
        If there was no champion before.
    """
    model = registered_model(client, name)
    before = model and alias(model, CHAMPION)
    found = {str(item.version): item for item in versions(client, name)}
    champions = [n for n in _champions(history(model)) if n in found]
    if before:
        champions = _up_to(champions, before)
    elif model is None or not champions:
        raise RegistryError(
            "there is no champion to roll back; `kedro model promote` makes the challenger one"
        )
    while champions and champions[-1] == before:
        champions.pop()
    if not champions:
        raise RegistryError(
            f"version {before} is the first champion, there is none before it to roll back to"
        )
    number = champions[-1]
    verdict = gates_verdict(found[number])
    return Promotion("rollback", who, when, why, before, number, verdict).record(client, model)


def history(model: RegisteredModel | None) -> list[Promotion]:
    """Return all promotions and rollbacks, in order."""
    if model is None:
        return []
    return [Promotion(**json.loads(model.tags[key])) for key in _keys(model)]


def gates_verdict(version: ModelVersion, unlogged: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return ``passed``, ``failed: <names>`` or ``missing``.

    Parameters
    ----------
    version : ModelVersion
    unlogged : mapping of str to str
        ``model_sha256`` to the gates that an evaluation found failed of which the registry may not
        know, since it was not logged.
    """
    if later := unlogged.get(version.tags.get("model_sha256", "")):
        return f"failed: {later}"
    verdict = version.tags.get("gates", "missing")
    return f"failed: {version.tags.get('failed_gates')}" if verdict == "failed" else verdict


def _keys(model: RegisteredModel) -> list[str]:
    return sorted(key for key in model.tags if key.startswith(_PREFIX))


def _number(key: str) -> int:
    return int(key.removeprefix(_PREFIX).partition(".")[0])


def _champions(promotions: Sequence[Promotion]) -> list[str]:
    """Return the present champion and those that a rollback would return to, the oldest first."""
    champions: list[str] = []
    for item in promotions:
        if item.action == "promote":
            if item.from_version:
                champions = _up_to(champions, item.from_version)
            champions.append(item.to_version)
        else:
            champions = _up_to(champions, item.to_version)
    return champions


def _up_to(champions: Sequence[str], present: str) -> list[str]:
    """Leave out those recorded after the present champion, and add it if it is not recorded.

    The alias may have been set by other means, or a promotion was killed before it moved.
    """
    after = champions[::-1].index(present) if present in champions else 0
    earlier = champions[: len(champions) - after]
    return [*earlier] if present in earlier[-1:] else [*earlier, present]
