"""Keys and tokens as users bring them: to a ``bentoml serve`` process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.identity.key_use import read_uses
from tests.serving.identity.provider import (
    AUDIENCE,
    ISSUER,
    IdentityProvider,
    identity_provider,
    public_jwk,
    signed,
)
from tests.serving.support import Server, make_bundles, poll, serving, write_settings


@pytest.fixture(scope="module")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    return make_bundles(folder, customers, contract, bundle="logistic_regression")


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        provider.pause.clear()  # it does not answer while the service starts
        yield provider


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, bundles: Path, provider: IdentityProvider
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(bundles, folder / "data/06_models")
    tokens = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": provider.address,
        "scopes": {"churn:score": "score"},
    }
    write_settings(folder, tokens=tokens)
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def example(bundles: Path) -> dict[str, Any]:
    return dict(load_scorer(bundles / "bundle").example)


def status(server: Server, example: dict[str, Any], token: str) -> int:
    with server.client(token) as client:
        return client.post("/v1/score", json=example).status_code


def command(server: Server, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "churn_pipeline.serving.key_commands", *arguments],
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_keys_and_tokens_from_start_to_revocation(
    server: Server, provider: IdentityProvider, example: dict[str, Any]
) -> None:
    # the service is ready though the provider does not answer; keys are served meanwhile
    assert status(server, example, server.token) == 200
    for _ in range(3):
        token, key = create_key(server.folder / "conf/local/api_keys.json", "new", ["score"])
        assert status(server, example, token) == 200  # with its first request
    provider.pause.set()
    first = signed()
    poll(lambda: status(server, example, first) == 200, 20)
    provider.keys = [public_jwk("ES256", 1)]
    second = signed("ES256", 1, jti="second")
    assert status(server, example, second) == 200
    assert status(server, example, first) == 401  # its key is no longer published
    command(server, "revoke-token", "--jti", "second")
    poll(lambda: status(server, example, second) == 401, 20)
    answer = httpx.post(
        f"{server.url}/v1/score", json=example, headers={"Authorization": f"Bearer {second}"}
    )
    assert answer.headers["www-authenticate"] == 'Bearer realm="churn", error="invalid_token"'
    assert server.metrics()['churn_unauthorized_total{cause="token_revoked"}'] >= 1
    assert status(server, example, signed("ES256", 1, jti="third")) == 200
    server.stop()
    assert server.process.returncode == 0
    uses = read_uses(server.folder / "data/09_serving/key_use.json")
    assert uses is not None
    assert key.key_id in uses
    assert uses[key.key_id] in command(server, "list")
    for secret in (first, second, token):
        assert secret.rpartition("_" if secret is token else ".")[2] not in server.log
    assert "Traceback" not in server.log


def test_a_key_file_that_others_can_write_ends_the_start(tmp_path: Path, bundles: Path) -> None:
    shutil.copytree(bundles, tmp_path / "data/06_models")
    write_settings(tmp_path, api_keys="keys.json")
    create_key(tmp_path / "keys.json", "billing", ["score"])
    (tmp_path / "keys.json").chmod(0o666)
    with (
        pytest.raises(AssertionError, match=r"(^|\n)Error: .*chmod 600 .*keys\.json`\n$"),
        serving(tmp_path),
    ):
        pytest.fail("it started")
