from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from churn_pipeline.serving.audit.key_changes import folder_beside
from churn_pipeline.serving.audit.verification import verify_folder
from churn_pipeline.serving.identity.key_changes import update_key
from churn_pipeline.serving.identity.key_file import ApiKey, read_keys, to_time
from churn_pipeline.serving.identity.key_options import expiry
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.identity.key_use import KeyUse
from churn_pipeline.serving.identity.revocations import Revocations, read_revocations
from churn_pipeline.serving.identity.verification import subject_id
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
        (["create", "--name", "x", "--scope", "score", "--expires", "1y"], "90d"),
        (["create", "--name", "x", "--scope", "score", "--network", "10.0.0.1/8"], "10.0.0.0/8?"),
        (["revoke", "deadbeef"], "Error: "),
        (["rotate", "deadbeef"], "Error: "),
        (["rotate", "deadbeef", "--overlap", "soon"], "12h"),
        (["update", "deadbeef"], "say what to change"),
        (["update", "deadbeef", "--burst", "0"], "--burst"),
        (["update", "deadbeef", "--burst", "3"], "Error: "),
    ],
)
def test_mistakes_are_named_and_change_nothing(path: Path, arguments: list[str], part: str) -> None:
    done = run(*arguments, "--file", path)
    assert done.exit_code != 0
    assert part in done.output
    assert not path.exists()


def created(path: Path, *more: str) -> str:
    done = run("create", "--name", "x", "--scope", "score", "--quiet", *more, "--file", path)
    found = TOKEN.fullmatch(done.output.strip())
    assert found, done.output
    return found[1]


def key(path: Path, key_id: str) -> ApiKey:
    file = read_keys(path)
    assert file is not None
    return next(key for key in file.keys if key.key_id == key_id)


def test_the_list_shows_networks_ends_and_last_uses(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = created(path, "--network", "10.0.0.0/8", "--network", "::1", "--expires", "90d")
    created(path, "--expires", "36h")
    table = run("list", "--file", path).output
    assert "10.0.0.0/8, ::1/128" in table
    assert re.search(r"in use until 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", table)
    assert ", in 1 days" in table
    assert table.count("unknown") == 2
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    KeyUse(tmp_path / "data/09_serving/key_use.json", lambda: when).note([first])
    table = run("list", "--file", path).output
    assert "2026-01-02T03:04Z" in table
    assert "never" in table
    past = {"expires": "2020-01-01T00:00:00Z"}
    update_key(path, first, **past)
    assert "expired 2020-01-01T00:00:00Z" in run("list", "--file", path).output


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("90d", datetime(2026, 4, 1, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-01T13:00:00Z", datetime(2026, 1, 1, 13, tzinfo=UTC)),
    ],
)
def test_ends_are_durations_days_or_times(text: str, end: datetime) -> None:
    assert expiry(text, datetime(2026, 1, 1, 12, tzinfo=UTC)) == end


@pytest.mark.parametrize(
    "text", ["", "d", "0d", "1y", "-3d", "1.5d", "2025-12-31", "2026-01-01T11:00:00Z", "2026-02-30",
             "9999999d", "999999w", "9999-12-31", "2026-01-01T13:00:00"]
)  # fmt: skip
def test_other_ends_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        expiry(text, datetime(2026, 1, 1, 12, tzinfo=UTC))


def test_a_key_is_updated_and_keeps_its_secret(path: Path) -> None:
    key_id = created(path, "--burst", "7", "--network", "10.0.0.0/8")
    before = key(path, key_id)
    done = run("update", key_id, "--name", "new", "--scope", "admin", "--expires", "2099-01-01",
               "--network", "any", "--burst", "default", "--requests-per-second", "2.5",
               "--file", path)  # fmt: skip
    assert done.output == f"the key {key_id} is now that of new, for admin, until "\
        "2099-01-02T00:00:00Z\n"  # fmt: skip
    after = key(path, key_id)
    assert after == replace(
        before,
        name="new",
        scopes=frozenset({"admin"}),
        expires="2099-01-02T00:00:00Z",
        networks=(),
        burst=None,
        requests_per_second=2.5,
    )
    run("update", key_id, "--expires", "never", "--file", path)
    assert key(path, key_id) == replace(after, expires=None)


def test_a_key_is_rotated_with_an_overlap(path: Path) -> None:
    old_id = created(path, "--burst", "7", "--network", "10.0.0.0/8", "--expires", "90d")
    old = key(path, old_id)
    done = run("rotate", old_id, "--overlap", "12h", "--file", path)
    found = TOKEN.search(done.output)
    assert found
    new = key(path, found[1])
    assert (new.name, new.scopes, new.networks, new.burst) == (
        old.name, old.scopes, old.networks, old.burst,
    )  # fmt: skip
    assert old.expires is not None
    assert new.expires is not None
    assert to_time(new.expires) - to_time(new.created) == timedelta(days=90)
    ended = key(path, old_id).expires
    assert ended is not None
    left = to_time(ended) - datetime.now(UTC)
    assert timedelta(hours=11) < left <= timedelta(hours=12)
    assert ended in done.output
    # a second time, the old one does not live longer for it
    run("rotate", old_id, "--overlap", "99w", "--file", path)
    assert key(path, old_id).expires == ended
    run("rotate", new.key_id, "--overlap", "0", "--file", path)
    done = run("rotate", new.key_id, "--file", path)
    assert f"the key {new.key_id} expired at" in done.output
    assert done.exit_code == 1


def test_tokens_are_revoked_and_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "serving.tokens is null" in run("revoke-token", "--jti", "a").output
    tokens = "serving: {tokens: {issuer: i, audience: a, jwks: jwks.json, scopes: {x: score}}}\n"
    (tmp_path / "params.yaml").write_text(tokens)
    file = tmp_path / "conf/local/revoked_tokens.json"
    assert run("revoke-token", "--jti", "a").output == "the token 'a' is revoked\n"
    assert run("revoke-token", "--subject", "b").output == "the subject 'b' is revoked\n"
    found = read_revocations(file)
    assert found is not None
    assert (set(found.tokens), set(found.subjects)) == ({"a"}, {"b"})
    assert abs(found.tokens["a"] - time.time()) < 60
    assert "no longer" in run("restore-token", "--jti", "a").output
    assert "does not name the token 'a'" in run("restore-token", "--jti", "a").output
    assert read_revocations(file) == Revocations({}, frozenset("b"))
    assert run("id-of", "b").output == subject_id("i", "b") + "\n"
    for arguments in ([], ["--jti", "a", "--subject", "b"]):
        assert "either --jti or --subject" in run("revoke-token", *arguments).output


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
        (line["event"], line["os_user"], line["key"], bool(line["to"]["revoked"]))
        for line in lines[1:]
    ] == [("key_created", user, key_id, False), ("key_revoked", user, key_id, True)]
    assert lines[1]["from"] is None
    assert lines[1]["to"]["scopes"] == lines[2]["from"]["scopes"] == ["score", "admin"]
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
