from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.serving.http.networks import parse_network
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.identity import key_store
from churn_pipeline.serving.identity.caller import Unauthorized
from churn_pipeline.serving.identity.guarded_files import GuardedFileError
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key, update_key
from churn_pipeline.serving.identity.key_file import (
    ApiKey,
    KeyFileError,
    read_keys,
    to_text,
    to_time,
)
from churn_pipeline.serving.identity.key_store import KeyStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "local" / "api_keys.json"


def bearer(token: str) -> bytes:
    return b"Bearer " + token.encode()


def refusal(store: KeyStore, authorization: bytes | None) -> str:
    with pytest.raises(Unauthorized) as caught:
        store.authenticate(authorization)
    return str(caught.value)


def test_a_key_is_known_by_its_token(path: Path) -> None:
    token, key = create_key(path, "billing", ["score", "explain"], 5.0, 9)
    create_key(path, "other", ["admin"])
    found = KeyStore(path).authenticate(bearer(token))
    assert found == key
    assert found == ApiKey(
        key_id=token[6:14],
        name="billing",
        scopes=frozenset({"score", "explain"}),
        sha256=hashlib.sha256(token[15:].encode()).hexdigest(),
        created=key.created,
        requests_per_second=5.0,
        burst=9,
    )
    assert KeyStore(path).authenticate(b"bearer " + token.encode()) == key  # RFC 9110, 11.1


def test_tokens_have_their_form_and_never_repeat(path: Path) -> None:
    tokens = [create_key(path, "x", ["score"])[0] for _ in range(30)]
    assert len({token[15:] for token in tokens}) == len({token[6:14] for token in tokens}) == 30
    store = KeyStore(path)
    for token in tokens:
        assert len(token) == 58
        store.authenticate(bearer(token))


def test_the_file_holds_no_secret_and_is_private(path: Path) -> None:
    token, _ = create_key(path, "billing", ["score"])
    assert token[15:] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    revoke_key(path, token[6:14])
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == [".api_keys.json.lock", path.name]


def test_whoever_brings_no_good_key_is_refused(path: Path) -> None:
    token, _ = create_key(path, "billing", ["score"])
    other, _ = create_key(path, "other", ["score"])
    store = KeyStore(path)
    assert "header is missing" in refusal(store, None)
    swapped = "B" if token[-1] == "A" else "A"
    wrong = [token[:-1] + swapped, token[:15] + other[15:], "churn_00000000_" + token[15:]]
    for guess in wrong:
        message = refusal(store, bearer(guess))
        assert "not known" in message
        assert guess[15:] not in message
    for attempt in (b"", b"Bearer", b"Basic dTpw", token.encode(), bearer(token) + b" ",
                    b"Bearer " + b"\xff" * 58, bearer(token).replace(b"_", b"-"),
                    bearer(token[:-1]), b"Token  " + token.encode()[:58]):  # fmt: skip
        message = refusal(store, attempt)
        assert "Bearer churn_<key id>_<secret>" in message
        assert token[15:] not in message


def test_a_revoked_key_is_refused_as_such_only_to_its_owner(path: Path) -> None:
    token, key = create_key(path, "billing", ["score"])
    store = KeyStore(path)
    store.authenticate(bearer(token))
    assert revoke_key(path, key.key_id).revoked is not None
    store.authenticate(bearer(token))  # not seen yet
    assert store.refresh()
    assert "revoked" in refusal(store, bearer(token))
    assert "revoked" not in refusal(store, bearer(token[:15] + "A" * 43))


def test_new_keys_are_found_by_a_refresh(path: Path) -> None:
    store = KeyStore(path)
    message = refusal(store, None)
    assert "No API key exists yet" in message
    assert "key_commands create" in message
    assert not store.refresh()
    token, key = create_key(path, "billing", ["score"])
    assert store.refresh()
    assert not store.refresh()
    assert store.authenticate(bearer(token)) == key


def test_a_new_key_is_found_by_its_first_request(path: Path) -> None:
    for store in (KeyStore(path), KeyStore(path)):  # without and with a file
        token, key = create_key(path, "billing", ["score"])
        assert store.authenticate(bearer(token)) == key
        assert not store.refresh()


def test_unknown_keys_do_not_make_the_file_be_looked_at_each_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(path, "billing", ["score"])
    store = KeyStore(path)
    looks = []
    monkeypatch.setattr(key_store, "signature", lambda path: looks.append(path))
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    for _ in range(50):
        refusal(store, b"Bearer churn_00000000_" + b"x" * 43)
    assert len(looks) <= 2


@pytest.mark.parametrize("authorization", [None, b"Bearer churn_00000000_" + b"x" * 43])
def test_unknown_keys_do_not_make_a_broken_file_be_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, authorization: bytes | None
) -> None:
    store = KeyStore(path)
    create_key(path, "billing", ["score"])
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    reads = []

    def read(path: Path) -> Any:
        reads.append(path)
        return read_keys(path)

    monkeypatch.setattr(key_store, "read_keys", read)
    monkeypatch.setattr(key_store, "_LOOK_SECONDS", 0.0)
    for _ in range(50):
        refusal(store, authorization)
    assert len(reads) == 1
    path.write_bytes(good)
    assert store.refresh()  # as a worker does twice a second
    assert len(reads) == 2


def test_an_expired_key_is_refused_as_such_only_to_its_owner(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = to_time("2030-01-02T03:04:05Z")
    token, key = create_key(path, "billing", ["score"], expires=end)
    store = KeyStore(path)
    monkeypatch.setattr(time, "time", lambda: end.timestamp() - 1)
    assert store.authenticate(bearer(token)) == key
    monkeypatch.setattr(time, "time", end.timestamp)
    assert "expired at 2030-01-02T03:04:05Z" in refusal(store, bearer(token))
    assert "expired" not in refusal(store, bearer(token[:15] + "A" * 43))
    update_key(path, key.key_id, expires=to_text(end + timedelta(days=1)))
    store.refresh()
    store.authenticate(bearer(token))


def test_a_key_may_be_used_from_its_networks_only(path: Path) -> None:
    networks = [parse_network("10.0.0.0/8"), parse_network("2001:db8::/32")]
    token, key = create_key(path, "billing", ["score"], networks=networks)
    store = KeyStore(path)
    for client in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"):
        assert store.authenticate(bearer(token), client) == key
    for stranger in ("11.0.0.1", "::1", None):
        with pytest.raises(Refusal) as caught:
            store.authenticate(bearer(token), stranger)
        assert (caught.value.status, caught.value.reason) == (403, "key_network")
    wrong = bearer(token[:15] + "A" * 43)
    assert "not known" in refusal(store, wrong)  # whoever has no key learns nothing of its networks
    update_key(path, key.key_id, networks=())
    store.refresh()
    store.authenticate(bearer(token), "11.0.0.1")


def test_keys_are_described_without_their_hashes(path: Path) -> None:
    networks = [parse_network("10.0.0.0/8")]
    _, key = create_key(path, "billing", ["explain", "score"], 5.0, 9, networks=networks)
    store = KeyStore(path)
    assert store.keeps_audit_key
    assert store.known == {
        key.key_id: {
            "scopes": ["score", "explain"],
            "networks": ["10.0.0.0/8"],
            "expires": None,
            "revoked": None,
            "requests_per_second": 5.0,
            "burst": 9,
        }
    }
    assert store.revoked == frozenset()
    revoke_key(path, key.key_id)
    store.refresh()
    assert store.revoked == {key.key_id}
    assert not KeyStore(path.with_name("absent")).keeps_audit_key


def test_used_keys_are_noted(path: Path) -> None:
    token, key = create_key(path, "billing", ["score"])
    revoked, other = create_key(path, "other", ["score"])
    revoke_key(path, other.key_id)
    store = KeyStore(path)
    assert store.used == set()
    refusal(store, bearer(revoked))
    refusal(store, bearer(token[:15] + "A" * 43))
    store.authenticate(bearer(token))
    assert store.used == {key.key_id}


def test_a_file_of_an_earlier_release_is_read_and_written_alike(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(good_document()))
    path.chmod(0o600)
    create_key(path, "other", ["score"])
    entries = json.loads(path.read_text())["keys"]
    assert [set(entry) for entry in entries] == [
        {*good_document()["keys"][0], "revoked", "requests_per_second", "burst"}
    ] * 2


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o606])
def test_a_file_that_others_can_write_is_refused_at_the_start(path: Path, mode: int) -> None:
    create_key(path, "billing", ["score"])
    path.chmod(mode)
    with pytest.raises(GuardedFileError, match=f"{path} .*mode 0{mode:o}.*chmod 600 {path}"):
        KeyStore(path)
    with pytest.raises(GuardedFileError):
        create_key(path, "other", ["score"])  # which would hide what others wrote


def test_a_file_that_others_can_write_changes_nothing_until_that_is_over(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token, key = create_key(path, "billing", ["score"])
    store = KeyStore(path)
    revoke_key(path, key.key_id)
    path.parent.chmod(0o777)
    assert not store.refresh()
    assert not store.refresh()
    store.authenticate(bearer(token))
    (record,) = caplog.records
    assert f"chmod go-w {path.parent}" in record.getMessage()
    path.parent.chmod(0o755)
    assert store.refresh()
    assert "revoked" in refusal(store, bearer(token))


def test_a_broken_file_keeps_the_keys_and_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token, key = create_key(path, "billing", ["score"])
    store = KeyStore(path)
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    with caplog.at_level(logging.ERROR):
        assert not store.refresh()
        assert not store.refresh()
    assert store.authenticate(bearer(token)) == key
    (record,) = caplog.records
    assert str(path) in record.getMessage()
    path.write_bytes(good)
    assert store.refresh()


def test_a_file_that_is_made_readable_again_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, key = create_key(path, "billing", ["score"])
    store = KeyStore(path)
    revoke_key(path, key.key_id)  # by root, so that the service's user cannot read the new file

    def refuse(path: Path) -> None:
        raise KeyFileError(f"{path} cannot be read")

    with monkeypatch.context() as unreadable:
        unreadable.setattr(key_store, "read_keys", refuse)
        assert not store.refresh()
    assert store.authenticate(bearer(token)) == key
    path.chmod(0o644)
    assert store.refresh()
    assert "revoked" in refusal(store, bearer(token))


def test_a_file_that_is_gone_holds_no_keys(path: Path) -> None:
    token, _ = create_key(path, "billing", ["score"])
    store = KeyStore(path)
    path.unlink()
    assert store.refresh()
    assert "not known" in refusal(store, bearer(token))


def test_ids_are_hashed_by_the_files_key_or_one_of_the_process(path: Path) -> None:
    store = KeyStore(path)
    own = store.audit_key
    assert len(own) == 32
    assert KeyStore(path).audit_key != own
    create_key(path, "billing", ["score"])
    first = read_keys(path)
    create_key(path, "other", ["score"])
    assert first is not None
    store.refresh()
    assert store.audit_key == KeyStore(path).audit_key == bytes.fromhex(first.audit_key) != own


def test_an_unknown_or_revoked_key_cannot_be_revoked(path: Path) -> None:
    with pytest.raises(KeyFileError, match="no key 'deadbeef'; keys in use: none"):
        revoke_key(path, "deadbeef")
    _, first = create_key(path, "billing", ["score"])
    _, second = create_key(path, "other", ["score"])
    revoke_key(path, first.key_id)
    with pytest.raises(KeyFileError, match=f"keys in use: {second.key_id}$"):
        revoke_key(path, "deadbeef")
    with pytest.raises(KeyFileError, match=f"{first.key_id} has been revoked"):
        revoke_key(path, first.key_id)


def good_document() -> dict[str, Any]:
    key = {
        "id": "0123abcd",
        "name": "billing",
        "scopes": ["score"],
        "sha256": "0" * 64,
        "created": "2026-01-01T00:00:00Z",
    }
    return {"audit_key": "ab" * 32, "keys": [key]}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda d: d.pop("audit_key"), "audit_key"),
        (lambda d: d.update(audit_key="xyz"), "fromhex"),
        (lambda d: d.update(audit_key="abcd"), "32 to 128 hexadecimal digits"),
        (lambda d: d.update(more=1), "more"),
        (lambda d: d["keys"][0].update(scopes=["everything"]), "everything"),
        (lambda d: d["keys"][0].update(id="0123"), "'0123'"),
        (lambda d: d["keys"][0].update(sha256="00"), "SHA-256"),
        (lambda d: d["keys"][0].update(expires="2030-01-01"), "does not match format"),
        (lambda d: d["keys"][0].update(networks=["10.0.0.1/8"]), "did you mean 10.0.0.0/8?"),
        (lambda d: d["keys"][0].update(burst=0), "burst of the key '0123abcd'"),
        (lambda d: d["keys"].append(d["keys"][0]), "two keys have the same id"),
    ],
)
def test_a_malformed_file_is_refused_at_the_start(path: Path, change: Any, part: str) -> None:
    document = good_document()
    path.parent.mkdir()
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    assert len((read_keys(path) or pytest.fail("no file")).keys) == 1
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError) as caught:
        KeyStore(path)
    assert str(path) in str(caught.value)
    assert part in str(caught.value)
    with pytest.raises(KeyFileError):
        create_key(path, "x", ["score"])


def test_commands_at_once_lose_no_key(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from churn_pipeline.serving.identity.key_changes import create_key\n"
        "for _ in range(15): create_key(Path(sys.argv[1]), 'x', ['score'])\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    file = read_keys(path)
    assert file is not None
    assert len(file.keys) == 45
