from __future__ import annotations

import pytest
from mlflow import MlflowClient

from churn_pipeline.errors import RegistryError
from churn_pipeline.tracking.promotion import Promotion, history, promote, rollback
from churn_pipeline.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    alias,
    registered_model,
)

MODEL_NAME = "churn_pipeline"

PASSED = {"gates": "passed", "failed_gates": ""}
FAILED = {"gates": "failed", "failed_gates": "roc_auc, speed"}


def add_version(store: MlflowClient, tags: dict[str, str]) -> None:
    if registered_model(store, MODEL_NAME) is None:
        store.create_registered_model(MODEL_NAME)
    version = store.create_model_version(MODEL_NAME, "file:///nowhere", tags=tags)
    store.set_registered_model_alias(MODEL_NAME, CHALLENGER, version.version)


@pytest.fixture
def four_versions(store: MlflowClient) -> MlflowClient:
    for tags in (PASSED, PASSED, PASSED, FAILED):
        add_version(store, tags)
    return store


def promoted(store: MlflowClient, version: str | None, force: bool = False) -> Promotion:
    return promote(
        store, MODEL_NAME, version, who="Ada", when="2026-01-02", why="better", force=force
    )


def rolled_back(store: MlflowClient) -> Promotion:
    return rollback(store, MODEL_NAME, who="Ada", when="2026-01-03", why="worse")


def champion(store: MlflowClient) -> str | None:
    model = registered_model(store, MODEL_NAME)
    assert model is not None
    return alias(model, CHAMPION)


def test_promotion_moves_the_alias_and_is_recorded(four_versions: MlflowClient) -> None:
    promoted(four_versions, "1")
    promoted(four_versions, "3")
    assert champion(four_versions) == "3"
    assert history(registered_model(four_versions, MODEL_NAME)) == [
        Promotion("promote", "Ada", "2026-01-02", "better", None, "1", "passed"),
        Promotion("promote", "Ada", "2026-01-02", "better", "1", "3", "passed"),
    ]


def test_the_challenger_is_the_default(store: MlflowClient) -> None:
    add_version(store, PASSED)
    add_version(store, PASSED)
    assert promoted(store, None).to_version == "2"


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (None, "version 4 failed these gates: roc_auc, speed; "),
        ("5", "version 5 has not been checked by the gates; "),
        ("9", "has no version 9"),
        ("1", "version 1 is the champion already"),
    ],
)
def test_refused_promotions_change_nothing(
    four_versions: MlflowClient, version: str | None, sentence: str
) -> None:
    promoted(four_versions, "1")
    four_versions.create_model_version(MODEL_NAME, "file:///nowhere")
    with pytest.raises(RegistryError, match=sentence):
        promoted(four_versions, version)
    assert champion(four_versions) == "1"
    assert len(history(registered_model(four_versions, MODEL_NAME))) == 1


@pytest.mark.parametrize(
    ("compared_with", "then"), [("none", "there was no champion"), ("3", "it was 3")]
)
def test_a_version_must_have_been_compared_with_the_present_champion(
    compared_with: str, then: str, four_versions: MlflowClient
) -> None:
    promoted(four_versions, "1")
    four_versions.set_model_version_tag(MODEL_NAME, "2", "compared_with", compared_with)
    sentence = f"version 1 is the champion now, but when version 2 was checked by the gates {then};"
    with pytest.raises(RegistryError, match=sentence):
        promoted(four_versions, "2")
    assert champion(four_versions) == "1"
    promoted(four_versions, "2", force=True)
    assert champion(four_versions) == "2"


@pytest.mark.parametrize("compared_with", ["1", ""])  # "": that gate is off
def test_a_version_compared_with_the_present_champion_is_promoted(
    compared_with: str, four_versions: MlflowClient
) -> None:
    promoted(four_versions, "1")
    four_versions.set_model_version_tag(MODEL_NAME, "2", "compared_with", compared_with)
    assert promoted(four_versions, "2").to_version == "2"


def test_a_forced_promotion_keeps_what_the_gates_said(four_versions: MlflowClient) -> None:
    assert promoted(four_versions, None, force=True).gates == "failed: roc_auc, speed"
    assert champion(four_versions) == "4"


def test_nothing_to_promote_or_roll_back(store: MlflowClient) -> None:
    with pytest.raises(RegistryError, match="`dvc repro` trains"):
        promoted(store, None)
    with pytest.raises(RegistryError, match="no champion to roll back"):
        rolled_back(store)
    add_version(store, PASSED)
    promoted(store, "1")
    with pytest.raises(RegistryError, match="version 1 is the first champion"):
        rolled_back(store)
    assert champion(store) == "1"


def test_rollbacks_go_further_back_each_time(four_versions: MlflowClient) -> None:
    for number in ("1", "2", "3"):
        promoted(four_versions, number)
    assert rolled_back(four_versions).to_version == "2"
    assert rolled_back(four_versions).to_version == "1"
    with pytest.raises(RegistryError, match="first champion"):
        rolled_back(four_versions)
    promoted(four_versions, "3")
    assert rolled_back(four_versions).to_version == "1"
    assert champion(four_versions) == "1"
    assert [
        (p.action, p.from_version, p.to_version)
        for p in history(registered_model(four_versions, MODEL_NAME))
    ] == [
        ("promote", None, "1"),
        ("promote", "1", "2"),
        ("promote", "2", "3"),
        ("rollback", "3", "2"),
        ("rollback", "2", "1"),
        ("promote", "1", "3"),
        ("rollback", "3", "1"),
    ]


def test_a_champion_of_the_past_can_return(four_versions: MlflowClient) -> None:
    for number in ("1", "2", "1"):
        promoted(four_versions, number)
    assert [rolled_back(four_versions).to_version for _ in range(2)] == ["2", "1"]


def test_rollback_passes_over_deleted_versions(four_versions: MlflowClient) -> None:
    for number in ("1", "2", "3"):
        promoted(four_versions, number)
    four_versions.delete_model_version(MODEL_NAME, "2")
    assert rolled_back(four_versions).to_version == "1"


def test_rollback_from_a_champion_that_was_deleted(four_versions: MlflowClient) -> None:
    for number in ("1", "2"):
        promoted(four_versions, number)
    four_versions.delete_model_version(MODEL_NAME, "2")
    assert champion(four_versions) is None
    done = rolled_back(four_versions)
    assert (done.from_version, done.to_version) == (None, "1")
    assert champion(four_versions) == "1"


def test_a_champion_made_by_other_means_is_rolled_back_to_the_recorded_one(
    four_versions: MlflowClient,
) -> None:
    promoted(four_versions, "1")
    four_versions.set_registered_model_alias(MODEL_NAME, CHAMPION, "2")
    promoted(four_versions, "3")
    assert rolled_back(four_versions).to_version == "2"
    four_versions.set_registered_model_alias(MODEL_NAME, CHAMPION, "4")
    assert rolled_back(four_versions).to_version == "2"


@pytest.mark.parametrize(
    ("promotions_after", "rollbacks"), [([], ["1"]), (["4"], ["2", "1"])], ids=["at once", "later"]
)
def test_rollback_never_goes_forward(
    promotions_after: list[str], rollbacks: list[str], four_versions: MlflowClient
) -> None:
    for number in ("1", "2", "3"):
        promoted(four_versions, number)
    # a promotion killed before its alias moved looks the same
    four_versions.set_registered_model_alias(MODEL_NAME, CHAMPION, "2")
    for number in promotions_after:
        promoted(four_versions, number, force=True)
    assert [rolled_back(four_versions).to_version for _ in rollbacks] == rollbacks


def test_promotions_at_the_same_time_are_both_recorded(four_versions: MlflowClient) -> None:
    model = registered_model(four_versions, MODEL_NAME)
    assert model is not None
    at_once = [
        Promotion("promote", who, "2026-01-02", "better", None, to, "passed")
        for who, to in (("Ada", "1"), ("Charles", "2"))
    ]
    for item in at_once:
        item.record(four_versions, model)
    recorded = history(registered_model(four_versions, MODEL_NAME))
    assert sorted(recorded, key=lambda item: item.who) == at_once
    promoted(four_versions, "3")
    assert history(registered_model(four_versions, MODEL_NAME))[-1].to_version == "3"
