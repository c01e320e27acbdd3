from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from churn_pipeline.serving.api_keys import KeyStore, read_keys
from churn_pipeline.serving.audit.key_changes import folder_beside
from churn_pipeline.serving.audit.verification import verify_folder
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


def test_the_audit_log_knows_who_changed_which_key(path: Path) -> None:
    run("create", "--name", "x", "--scope", "score", "--scope", "admin", "--file", path)
    file = read_keys(path)
    assert file is not None
    key_id = file.keys[0].key_id
    run("revoke", key_id, "--file", path)
    folder = folder_beside(path)
    lines = [json.loads(line) for p in folder.glob("audit-cli-*") for line in p.open()]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert [
        (line["event"], line["os_user"], line["key"], line["from"], line["to"])
        for line in lines[1:]
    ] == [
        ("key_created", user, key_id, [], ["score", "admin"]),
        ("key_revoked", user, key_id, ["score", "admin"], []),
    ]
    secrets = file.keys[0].sha256
    assert all(secrets not in json.dumps(line) for line in lines)
    (report,) = verify_folder(folder, [bytes.fromhex(file.audit_key)])
    assert report.problems == []


def test_without_file_the_change_is_in_the_audit_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    assert run("create", "--name", "x", "--scope", "score").exit_code == 0
    assert list((tmp_path / "data/09_serving/audit").glob("audit-cli-*.jsonl"))


def test_no_key_is_changed_where_nobody_would_know(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_beside(path).write_text("")  # no folder
    done = run("create", "--name", "x", "--scope", "score", "--file", path)
    assert done.exit_code == 1
    assert "nobody would know" in done.output
    assert not path.exists()
