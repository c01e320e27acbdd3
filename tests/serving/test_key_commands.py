from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from churn_pipeline.serving.identity.key_file import read_keys, to_text, to_time
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.identity.key_use import KeyUse
from churn_pipeline.serving.identity.revocations import read_revocations
from click.testing import CliRunner, Result

from churn_pipeline.serving.key_commands import api_key

TOKEN = re.compile(r"churn_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(api_key, [str(argument) for argument in arguments])


def test_create_list_and_revoke(path: Path) -> None:
    done = run("create", "--name", "billing  app", "--scope", "explain", "--scope", "score",
               "--burst", "7", "--file", path)  # fmt: skip
    assert done.exit_code == 0
    found = TOKEN.search(done.output)
    assert found
    assert "shown only now" in done.output
    KeyStore(path).authenticate(f"Bearer {found.group()}".encode())
    table = run("list", "--file", path).output
    assert found[1] in table
    assert "billing app" in table
    assert "score, explain" in table
    assert "burst 7" in table
    assert "in use" in table
    assert found[2] not in table
    file = read_keys(path)
    assert file is not None
    assert file.keys[0].sha256 not in table
    done = run("revoke", found[1], "--file", path)
    assert done.output == f"the key {found[1]} of billing app is revoked\n"
    assert "revoked 20" in run("list", "--file", path).output


def test_quiet_prints_the_key_alone(path: Path) -> None:
    done = run("create", "--name", "x", "--scope", "admin", "--quiet", "--file", path)
    assert TOKEN.fullmatch(done.output.strip())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["create", "--scope", "score"], "Missing option '--name'"),
        (["create", "--name", "x"], "Missing option '--scope'"),
        (["create", "--name", "x", "--scope", "all"], "'all' is not one of 'score'"),
        (["create", "--name", " ", "--scope", "score"], "say in words whose key it is"),
        (["create", "--name", "a\x1b[31m", "--scope", "score"], "say in words whose key it is"),
        (["create", "--name", "x", "--scope", "score", "--burst", "0"], "--burst"),
        (["create", "--name", "x", "--scope", "score", "--requests-per-second", "0"], "0<x<="),
        (["revoke", "deadbeef"], "Error: "),
    ],
)
def test_mistakes_are_named_and_change_nothing(path: Path, arguments: list[str], part: str) -> None:
    done = run(*arguments, "--file", path)
    assert done.exit_code != 0
    assert part in done.output
    assert not path.exists()


def test_without_keys_the_list_says_how_to_make_one(path: Path) -> None:
    assert "`create` makes one" in run("list", "--file", path).output


def test_as_a_module_it_uses_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("serving: {api_keys: secret/keys.json}\n")
    command = [sys.executable, "-m", "churn_pipeline.serving.key_commands"]
    arguments = ["create", "--name", "x", "--scope", "score", "--quiet"]
    done = subprocess.run(
        [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert TOKEN.fullmatch(done.stdout.strip())
    assert read_keys(tmp_path / "secret" / "keys.json") is not None
    (tmp_path / "params.yaml").write_text("serving: {api_key: secret/keys.json}\n")
    done = subprocess.run([*command, "list"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: params.yaml: serving.api_key is not a key; did you mean")
