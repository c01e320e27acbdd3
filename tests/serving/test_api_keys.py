from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.serving import api_keys
from churn_pipeline.serving.api_keys import (
    ApiKey,
    KeyFileError,
    KeyStore,
    Unauthorized,
    create_key,
    read_keys,
    revoke_key,
)


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
    assert "no API key exists yet" in message
    assert "key_commands create" in message
    assert not store.refresh()
    token, key = create_key(path, "billing", ["score"])
    assert store.refresh()
    assert not store.refresh()
    assert store.authenticate(bearer(token)) == key


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
        unreadable.setattr(api_keys, "read_keys", refuse)
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
        (lambda d: d["keys"][0].update(burst=0), "burst of the key '0123abcd'"),
        (lambda d: d["keys"].append(d["keys"][0]), "two keys have the same id"),
    ],
)
def test_a_malformed_file_is_refused_at_the_start(path: Path, change: Any, part: str) -> None:
    document = good_document()
    path.parent.mkdir()
    path.write_text(json.dumps(document))
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
        "from churn_pipeline.serving.api_keys import create_key\n"
        "for _ in range(15): create_key(Path(sys.argv[1]), 'x', ['score'])\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    file = read_keys(path)
    assert file is not None
    assert len(file.keys) == 45
