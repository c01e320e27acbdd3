"""Services that one user starts beside each other: alone by default, in step as a group."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key
from churn_pipeline.serving.identity.revocations import restore, revoke
from tests.servers import redis_server
from tests.serving.identity.provider import AUDIENCE, ISSUER, public_jwk, signed
from tests.serving.support import Server, make_bundles, poll, serving, write_settings


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    """A folder with two bundles and settings."""
    folder = tmp_path_factory.mktemp("project")
    names = {"bundle": "logistic_regression", "second": "xgboost"}
    make_bundles(folder / "data/06_models", customers, contract, **names)
    write_settings(folder)
    return folder


@pytest.fixture(scope="module")
def example(project: Path) -> dict[str, Any]:
    return dict(load_scorer(project / "data/06_models/bundle").example)


Ask = Callable[[Server], str]


@pytest.fixture(scope="module")
def version(example: dict[str, Any]) -> Ask:
    """Says which version a server answers with."""

    def ask(server: Server) -> str:
        with server.client() as client:
            return str(
                client.post("/v1/score", json=example).raise_for_status().json()["model_version"]
            )

    return ask


def requests(server: Server) -> float:
    """Count the scores that the server's metrics tell of."""
    metrics = server.metrics()
    return sum(
        v for n, v in metrics.items() if n.startswith('churn_requests_total{route="/v1/score"')
    )


def of(project: Path, name: str) -> str:
    return load_scorer(project / "data/06_models" / name).version


SECOND = {"CHURN_SERVING_CHAMPION": "data/06_models/second"}


def test_services_of_one_folder_do_not_touch_each_other(
    project: Path, version: Ask, tmp_path: Path
) -> None:
    # TMPDIR, so that the folders of other services of the machine are not looked at
    apart = {"TMPDIR": str(tmp_path)}
    folder = tmp_path / f"churn-{os.getuid()}"
    with serving(project, apart) as one:
        assert version(one) == of(project, "bundle")
        with one.client() as client:
            client.post("/v1/admin/reload", json={"champion": "second"}).raise_for_status()
            client.post("/v1/admin/rollback").raise_for_status()
        poll(lambda: requests(one) == 1, 10)
        with serving(project, {**apart, **SECOND}) as two:
            assert version(two) == of(project, "second")
            poll(lambda: requests(two) == 1, 10)
            assert requests(one) == 1
            assert version(one) == of(project, "bundle")
            with two.client() as client:
                client.post("/v1/admin/reload", json={"champion": "bundle"}).raise_for_status()
            assert version(two) == of(project, "bundle")
            assert len(list(folder.iterdir())) == 2
        poll(lambda: requests(one) == 2, 10)
        assert version(one) == of(project, "bundle")
    assert list(folder.iterdir()) == []


def test_a_group_answers_with_the_same_models_and_shares_limits(
    project: Path, version: Ask, example: dict[str, Any], tmp_path: Path
) -> None:
    keys = project / "conf/local/api_keys.json"
    limited, _ = create_key(keys, "limited", ["score"], requests_per_second=0.01, burst=6)
    stolen, stolen_key = create_key(keys, "stolen", ["score"])
    copy = tmp_path / "api_keys.json"
    shutil.copyfile(keys, copy)

    def statuses(token: str, *servers: Server) -> list[int]:
        found = []
        for server in servers:
            with server.client(token) as client:
                found.append(client.post("/v1/score", json=example).status_code)
        return found

    with redis_server() as redis:
        group = {
            "CHURN_SERVING_DEPLOYMENT_GROUP": "front",
            "CHURN_SERVING_DEPLOYMENT": str(tmp_path / "shared"),
            "CHURN_SERVING_REDIS": redis.address,
        }
        other = {**group, **SECOND, "CHURN_SERVING_API_KEYS": str(copy)}
        with serving(project, group) as one, serving(project, other) as two:
            one.token, two.token = [
                create_key(file, "admin", ["score", "admin"])[0] for file in (keys, copy)
            ]
            poll(lambda: statuses(one.token, one) + statuses(two.token, two) == [200, 200], 10)
            assert version(one) == version(two) == of(project, "bundle")
            with two.client() as client:
                client.post("/v1/admin/reload").raise_for_status()
            assert version(two) == of(project, "second")
            poll(lambda: version(one) == of(project, "second"), 10)
            with one.client() as client:
                client.post("/v1/admin/rollback").raise_for_status()
            poll(lambda: version(two) == of(project, "bundle"), 10)

            assert statuses(limited, *(one, two) * 4) == [200] * 6 + [429] * 2
            assert statuses(stolen, one, two) == [200, 200]
            revoke_key(keys, stolen_key.key_id)  # in the file of the first alone
            poll(lambda: statuses(stolen, one, two) == [401, 401], 10)

            redis.stop()
            assert statuses(limited, *(one, two) * 8) == [200] * 12 + [429] * 4
            poll(lambda: one.metrics().get('churn_errors_total{kind="redis"}', 0) > 0, 10)
            redis.start()
            poll(lambda: "answers again" in one.log, 10)
            assert statuses(stolen, one, two) == [401, 401]


@pytest.mark.full  # two more services; tests/serving/identity shares revocations in one process
def test_a_token_that_one_host_revoked_is_refused_by_the_other(
    project: Path, example: dict[str, Any], tmp_path: Path
) -> None:
    """Both have copies of the file of keys, and files of revoked tokens of their own."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public_jwk("ES256")]}))
    files = [tmp_path / f"revoked-{name}.json" for name in ("one", "two")]
    tokens = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(jwks), "scopes": {"a": "score"}}

    def environment(address: str, revoked: Path) -> dict[str, str]:
        section = json.dumps({**tokens, "revoked": str(revoked)})
        return {"CHURN_SERVING_REDIS": address, "CHURN_SERVING_TOKENS": section}

    first, second = (
        signed("ES256", jti=f"token-{n}", sub=f"service-{n}", scope="a") for n in range(2)
    )

    def statuses(token: str, *servers: Server) -> list[int]:
        found = []
        for server in servers:
            with server.client(token) as client:
                found.append(client.post("/v1/score", json=example).status_code)
        return found

    with (
        redis_server() as redis,
        serving(project, environment(redis.address, files[0])) as one,
        serving(project, {**environment(redis.address, files[1]), **SECOND}) as two,
    ):
        assert statuses(first, one, two) + statuses(second, one, two) == [200] * 4
        revoke(files[0], jti="token-0")
        revoke(files[0], subject="service-1")
        poll(lambda: statuses(first, two) + statuses(second, two) == [401, 401], 10)
        redis.stop()
        answered = [server.log.count("answers again") for server in (one, two)]
        assert statuses(first, one, two) + statuses(second, one, two) == [401] * 4
        redis.start()  # without its data, which both write again
        poll(
            lambda: all(
                server.log.count("answers again") > before
                for server, before in zip((one, two), answered, strict=True)
            ),
            20,
        )
        restore(files[0], subject="service-1")
        poll(lambda: statuses(second, one, two) == [200, 200], 20)
        assert statuses(first, one, two) == [401, 401]
