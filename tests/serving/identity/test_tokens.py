"""Tokens, checked by the keys of a real server on the loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from churn_pipeline.serving.identity import key_source, tokens, verification
from churn_pipeline.serving.identity.caller import Caller, Unauthorized
from churn_pipeline.serving.identity.guarded_files import GuardedFileError
from churn_pipeline.serving.identity.jwks import JwksError
from churn_pipeline.serving.identity.revocations import restore, revoke
from churn_pipeline.serving.identity.token_settings import TokenSettings, read_token_settings
from churn_pipeline.serving.identity.tokens import Tokens
from churn_pipeline.serving.identity.verification import subject_id
from tests.serving.identity.provider import (
    AUDIENCE,
    ISSUER,
    IdentityProvider,
    claims,
    private_key,
    public_jwk,
    signed,
)


def settings_of(jwks: str, folder: Path, **changes: Any) -> TokenSettings:
    section = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": jwks,
        "scopes": {"churn:score": "score", "churn:all": ["score", "explain"]},
        "leeway": 2,
        **changes,
    }
    settings = read_token_settings(section)
    assert settings is not None
    return settings.located(folder, folder / "api_keys.json")


def authorization(token: str) -> bytes:
    return b"Bearer " + token.encode()


class Service:
    """Tokens in an event loop, with the tasks that a worker runs."""

    def __init__(self, settings: TokenSettings) -> None:
        self.settings = settings
        self.failures: list[str] = []
        self.tokens = Tokens(settings, self.failures.append)

    async def caller(self, token: str) -> Caller:
        return await self.tokens.authenticate(authorization(token))

    async def refusal(self, token: str) -> Unauthorized:
        with pytest.raises(Unauthorized) as caught:
            await self.caller(token)
        assert caught.value.status == 401
        assert not any(len(p) > 9 and p in caught.value.sentence for p in token.split("."))
        return caught.value

    async def cause(self, token: str) -> str:
        return (await self.refusal(token)).cause


def run(service: Service, steps: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        following = asyncio.create_task(service.tokens.follow_keys())
        try:
            await steps()
        finally:
            following.cancel()

    asyncio.run(main())


@pytest.fixture
def service(provider: IdentityProvider, tmp_path: Path) -> Service:
    return Service(settings_of(provider.address, tmp_path))


@pytest.fixture(scope="module")
def file_service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with the keys in a file, for what needs no server."""
    folder = tmp_path_factory.mktemp("keys")
    keys = [public_jwk("RS256"), public_jwk("ES256"), public_jwk("EdDSA")]
    (folder / "jwks.json").write_text(json.dumps({"keys": keys}))
    return Service(settings_of("jwks.json", folder))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_good_token_is_its_subjects(service: Service, algorithm: str) -> None:
    async def steps() -> None:
        caller = await service.caller(signed(algorithm))
        assert caller.name == "billing"
        assert caller.scopes == {"score"}
        assert caller.key_id == subject_id(ISSUER, "service-17")
        assert len(caller.key_id) == 16  # as the rate limits hold
        other = await service.caller(signed(algorithm, jti="token-2"))
        assert other == caller
        assert (await service.caller(signed(algorithm, sub="service-18"))).key_id != caller.key_id

    run(service, steps)


@pytest.mark.parametrize(
    ("claim", "changes", "scopes"),
    [
        ("scope", {"scope": "churn:all"}, {"score", "explain"}),
        ("scope", {"scope": ["churn:score", "x", 5, None]}, {"score"}),
        ("scope", {"scope": "openid score explain admin"}, set()),
        ("scope", {"scope": None}, set()),
        ("scope", {"scope": {"churn:all": True}}, set()),
        ("roles", {"roles": ["churn:score"]}, {"score"}),
        ("realm_access.roles", {"realm_access": {"roles": ["churn:all"]}}, {"score", "explain"}),
        ("realm_access.roles", {"realm_access": ["churn:all"]}, set()),
        ("https://x.org/roles", {"https://x.org/roles": ["churn:score"]}, {"score"}),
        (["resource", "a.b"], {"resource": {"a.b": "churn:score"}}, {"score"}),
    ],
)
def test_scopes_are_mapped_from_the_claim(
    provider: IdentityProvider, tmp_path: Path, claim: Any, changes: Any, scopes: set[str]
) -> None:
    (tmp_path / "jwks.json").write_bytes(provider.document)
    service = Service(settings_of("jwks.json", tmp_path, scope_claim=claim))

    async def steps() -> None:
        assert (await service.caller(signed("EdDSA", **changes))).scopes == scopes

    run(service, steps)


def encoded(part: Any) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    return f"{encoded(header)}.{encoded(claims())}.{signature}"


def signed_by_public_key(encoding: Encoding, form: PublicFormat) -> str:
    """Return a token whose HMAC has the published RSA key as its secret."""
    secret = private_key("RS256").public_key().public_bytes(encoding, form)
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "RS256-0"}).removesuffix(".")
    return f"{head}.{encoded(hmac.digest(secret, head.encode(), hashlib.sha256))}"


def now(seconds: float) -> int:
    return int(time.time() + seconds)


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "malformed"),
    "no token": (lambda: "abc", "malformed"),
    "two parts": (lambda: "a.b", "malformed"),
    "encrypted": (lambda: "a.b.c.d.e", "malformed"),
    "not ASCII": (lambda: "é.b.c", "malformed"),
    "header of no object": (lambda: f"{encoded([])}.e30.x", "malformed"),
    "header nested deeply": (lambda: f"{encoded(b'[' * 5000)}.e30.x", "malformed"),
    "none": (lambda: unsigned({"alg": "none", "kid": "RS256-0"}), "algorithm"),
    "None": (lambda: unsigned({"alg": "NoNe", "kid": "RS256-0"}), "algorithm"),
    "no algorithm": (lambda: unsigned({"kid": "RS256-0"}), "algorithm"),
    "list of algorithms": (lambda: unsigned({"alg": ["RS256"]}), "algorithm"),
    "HMAC of PEM": (
        lambda: signed_by_public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "algorithm",
    ),
    "HMAC of DER": (
        lambda: signed_by_public_key(Encoding.DER, PublicFormat.PKCS1),
        "algorithm",
    ),
    "no signature": (lambda: unsigned({"alg": "RS256", "kid": "RS256-0"}), "signature"),
    "another key": (lambda: signed("RS256", 1, {"kid": "RS256-0"}), "signature"),
    "kid of another type": (lambda: signed("RS256", header={"kid": "ES256-0"}), "unknown_key"),
    "unknown kid": (lambda: signed("RS256", 1), "unknown_key"),
    "kid that is a path": (lambda: signed(header={"kid": "../../dev/null"}), "unknown_key"),
    "jku": (lambda: signed(header={"jku": "https://evil.example"}), "header"),
    "x5u": (lambda: signed(header={"x5u": "https://evil.example"}), "header"),
    "jwk": (lambda: signed("RS256", 1, {"jwk": public_jwk("RS256", 1)}), "header"),
    "x5c": (lambda: signed(header={"x5c": []}), "header"),
    "crit": (lambda: signed(header={"crit": ["exp"], "exp": 1}), "header"),
    "crit of b64": (lambda: unsigned({"alg": "RS256", "crit": ["b64"], "b64": False}), "header"),
    "compressed": (lambda: signed(header={"zip": "DEF"}), "header"),
    "kid of no text": (lambda: unsigned({"alg": "RS256", "kid": 5}), "header"),
    "logout token": (lambda: signed(header={"typ": "logout+jwt"}), "type"),
    "proof": (lambda: signed(header={"typ": "dpop+jwt"}), "type"),
    "ID token": (lambda: signed(at_hash="x"), "type"),
    "ID token of Keycloak": (lambda: signed(typ="ID"), "type"),
    "refresh token of Keycloak": (lambda: signed(typ="Refresh"), "type"),
    "bound to a key": (lambda: signed(cnf={"jkt": "x"}), "type"),
    "expired": (lambda: signed(iat=now(-100), exp=now(-3)), "expired"),
    "not yet valid": (lambda: signed(nbf=now(60)), "not_yet_valid"),
    "issued later": (lambda: signed(iat=now(60)), "not_yet_valid"),
    "another audience": (lambda: signed(aud="other"), "audience"),
    "other audiences": (lambda: signed(aud=["other", "churn2"]), "audience"),
    "audience of no text": (lambda: signed(aud={"churn": 1}), "audience"),
    "another issuer": (lambda: signed(iss=ISSUER + "/"), "issuer"),
    "no exp": (lambda: signed(exp=None), "claims"),
    "no iat": (lambda: signed(iat=None), "claims"),
    "no aud": (lambda: signed(aud=None), "claims"),
    "no iss": (lambda: signed(iss=None), "claims"),
    "no sub": (lambda: signed(sub=None), "claims"),
    "blank sub": (lambda: signed(sub=" "), "claims"),
    "long sub": (lambda: signed(sub="x" * 300), "claims"),
    "exp as text": (lambda: signed(exp=str(now(60))), "claims"),
    "exp as truth": (lambda: signed(iat=0, exp=True), "expired"),
    "exp for ever": (lambda: signed(exp=10**400), "claims"),
    "long life": (lambda: signed(exp=now(86_400 + 60)), "lifetime"),
    "too large": (lambda: signed(more="x" * 8000), "too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_that_is_not_good_is_refused(file_service: Service, name: str) -> None:
    make, cause = REFUSED[name]

    async def steps() -> None:
        refusal = await file_service.refusal(make())
        assert refusal.cause == f"token_{cause}"
        assert (b"www-authenticate", b'Bearer realm="churn", error="invalid_token"') in (
            refusal.headers
        )
        assert refusal.sentence[-1] == "."

    run(file_service, steps)


def test_what_is_allowed_beside_is_taken(file_service: Service) -> None:
    async def steps() -> None:
        for token in (
            signed(header={"typ": "at+jwt"}),
            signed(header={"typ": None, "x5t": "thumb"}),
            signed(header={"kid": None}),  # the only RSA key is meant
            signed(aud=["other", AUDIENCE], typ="Bearer", nbf=now(1), jti=None, azp=None),
            signed(iat=now(-100), exp=now(-1)),  # within the leeway
            signed(sub="half a pair \ud800"),
        ):
            caller = await file_service.caller(token)
            caller.name.encode()

    run(file_service, steps)


def test_a_token_is_checked_once_and_remembered_until_it_expires(
    file_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[bytes] = []

    def counted(token: bytes, *rest: Any) -> Any:
        checks.append(token)
        return verification.verify(token, *rest)

    monkeypatch.setattr(tokens, "verify", counted)
    token = signed("ES256", jti="once")
    end = claims()["exp"] + 2.0

    async def steps() -> None:
        for _ in range(5):
            await file_service.caller(token)
        assert len(checks) == 1
        assert await file_service.cause(token[:-6] + "AAAAAA") == "token_signature"
        monkeypatch.setattr(time, "time", lambda: end + 1)
        assert len(checks) == 2
        await file_service.caller(token)  # PyJWT has a clock of its own
        assert len(checks) == 3

    run(file_service, steps)


def test_what_is_remembered_is_bounded(
    file_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 3)
    file_service.tokens._known.clear()

    async def steps() -> None:
        for i in range(6):
            await file_service.caller(signed("EdDSA", jti=str(i)))
        assert len(file_service.tokens._known) == 3

    run(file_service, steps)


def test_a_revoked_token_is_refused_though_it_is_remembered(service: Service) -> None:
    one, two = signed(), signed(jti="token-2", sub="service-18")
    file = service.settings.revoked
    assert file is not None

    async def steps() -> None:
        await service.caller(one)
        await service.caller(two)
        revoke(file, jti="token-1")
        await service.tokens.refresh()
        assert await service.cause(one) == "token_revoked"
        await service.caller(two)
        revoke(file, subject="service-18")
        await service.tokens.refresh()
        assert await service.cause(two) == "token_revoked"
        assert await service.cause(signed(jti="later", sub="service-18")) == "token_revoked"
        assert restore(file, subject="service-18") == 1
        assert restore(file, subject="service-18") == 0
        await service.tokens.refresh()
        await service.caller(two)
        assert await service.cause(one) == "token_revoked"

    run(service, steps)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unauthorized):  # after a restart, too
        run(again := Service(service.settings), lambda: again.caller(one))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("harm", ["gone", "broken", "open to others", "without a name"])
def test_a_broken_list_of_revocations_frees_nobody(
    service: Service, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = service.settings.revoked
    assert file is not None
    revoke(file, jti="token-1")

    async def steps() -> None:
        await service.tokens.refresh()
        if harm == "gone":
            file.unlink()
        elif harm == "broken":
            file.write_text('{"revoked": [')
        elif harm == "without a name":
            file.write_text('{"revoked": [{}]}')
        else:
            file.write_text('{"revoked": []}')
            file.chmod(0o666)
        await service.tokens.refresh()
        await service.tokens.refresh()
        assert await service.cause(signed()) == "token_revoked"

    run(service, steps)
    (record,) = caplog.records
    assert str(file) in record.getMessage()
    if harm != "gone":
        with pytest.raises(GuardedFileError):
            Service(service.settings)


def test_rotated_keys_are_taken_at_once_and_former_ones_refused(
    provider: IdentityProvider, service: Service
) -> None:
    async def steps() -> None:
        await service.caller(signed())
        for number in (1, 2):
            provider.keys = [public_jwk("RS256", number)]
            await service.caller(signed("RS256", number))
            # remembered under the former keys
            assert await service.cause(signed("RS256", number - 1)) == "token_unknown_key"

    run(service, steps)


def test_a_flood_of_unknown_keys_does_not_reach_the_provider(
    provider: IdentityProvider, service: Service
) -> None:
    async def steps() -> None:
        await service.caller(signed())
        asked = provider.asked
        causes = await asyncio.gather(
            *(service.cause(signed(header={"kid": f"unknown-{i}"})) for i in range(200))
        )
        assert set(causes) == {"token_unknown_key"}
        assert provider.asked == asked + 1
        for i in range(50):
            await service.cause(signed(header={"kid": f"unknown-{i}"}))
        assert provider.asked <= asked + key_source.ASKED_IN_VAIN
        provider.keys = [public_jwk("RS256", 1)]
        assert await service.cause(signed("RS256", 1)) == "token_unknown_key"

    run(service, steps)


def test_keys_in_another_order_are_no_news(provider: IdentityProvider, service: Service) -> None:
    async def steps() -> None:
        await service.caller(signed())
        asked = provider.asked
        for i in range(2 * key_source.ASKED_IN_VAIN):
            provider.keys.reverse()
            await service.cause(signed(header={"kid": f"unknown-{i}"}))
        assert provider.asked <= asked + key_source.ASKED_IN_VAIN
        assert service.tokens._known

    run(service, steps)


def test_many_who_wait_for_one_answer_have_asked_once(
    provider: IdentityProvider, service: Service
) -> None:
    async def steps() -> None:
        await service.caller(signed())
        await asyncio.gather(
            *(service.cause(signed(header={"kid": f"unknown-{i}"})) for i in range(20))
        )
        provider.keys = [public_jwk("RS256", 1)]
        await service.caller(signed("RS256", 1))

    run(service, steps)


def test_a_token_is_remembered_once_however_it_is_written(file_service: Service) -> None:
    file_service.tokens._known.clear()
    token = signed("ES256", jti="many")

    async def steps() -> None:
        for scheme in (b"Bearer ", b"bearer ", b"BEARER   "):
            await file_service.tokens.authenticate(scheme + token.encode())
        assert len(file_service.tokens._known) == 1
        for more in ("!", "=", "\n", "~~"):
            assert await file_service.cause(token[:-4] + more + token[-4:]) == "token_malformed"

    run(file_service, steps)


def test_a_broken_file_of_keys_counts_as_long_as_it_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [public_jwk("RS256")]}))
    service = Service(settings_of("jwks.json", tmp_path))

    async def steps() -> None:
        file.write_text("{")
        for _ in range(3):
            await service.tokens._source._ask()
        assert len(service.failures) >= 3
        await service.caller(signed())
        file.write_text(json.dumps({"keys": [public_jwk("RS256", 1)]}))
        await service.caller(signed("RS256", 1))

    run(service, steps)


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Let the monotonic clock of the keys be ahead."""
    ahead = [0.0]
    real = time.monotonic

    class Time:
        monotonic = staticmethod(lambda: real() + ahead[0])
        time = staticmethod(time.time)

    with monkeypatch.context() as patch:
        patch.setattr(key_source, "time", Time)
        patch.setattr(tokens, "time", Time)
        yield ahead


def test_the_last_keys_remain_for_a_time_when_the_provider_is_down(
    provider: IdentityProvider, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        with clock(monkeypatch) as ahead:
            await service.caller(signed())
            provider.status = 503
            ahead[0] = 3500.0
            assert not await service.tokens._source.renewed()
            assert service.failures == ["token_keys"]
            await service.caller(signed())
            await service.caller(signed(jti="other"))
            ahead[0] = 3700.0
            refusal = await service.refusal(signed())
            assert refusal.cause == "token_keys_unavailable"
            provider.status = 200
            ahead[0] = 3800.0
            await service.caller(signed())

    run(service, steps)


def test_the_first_token_waits_for_the_keys_and_nothing_else_does(
    provider: IdentityProvider, service: Service
) -> None:
    async def steps() -> None:
        provider.pause.clear()
        waiting = asyncio.create_task(service.caller(signed()))
        for _ in range(100):  # the event loop goes on
            await asyncio.sleep(0)
        assert not waiting.done()
        provider.pause.set()
        assert (await waiting).name == "billing"

    run(service, steps)


@pytest.mark.parametrize(
    "harm",
    ["slow", "trickle", "huge", "redirect", "compressed", "no JSON", "nested", "no set",
     "many", "empty", "absent"],
)  # fmt: skip
def test_a_faulty_answer_of_the_provider_leaves_the_former_keys(
    provider: IdentityProvider,
    service: Service,
    harm: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def steps() -> None:
        await service.caller(signed())
        if harm in ("slow", "trickle"):
            monkeypatch.setattr(key_source, "FETCH_SECONDS", 1.0)
        if harm == "slow":
            provider.pause.clear()
        elif harm == "trickle":
            provider.trickle = 0.05
        elif harm == "redirect":
            provider.status, provider.headers = 302, {"Location": provider.address}
        elif harm == "compressed":
            provider.headers = {"Content-Encoding": "gzip"}
        elif harm == "many":
            provider.keys = [public_jwk("ES256", kid=str(i)) for i in range(101)]
        elif harm == "absent":
            provider.status = 404
        else:
            provider.body = {
                "huge": b" " * 300_000,
                "no JSON": b"<html>",
                "nested": b"[" * 100_000,
                "no set": b'{"keys": {}}',
                "empty": b'{"keys": []}',
            }[harm]
        asked = provider.asked
        assert await service.cause(signed("RS256", 1)) == "token_unknown_key"
        assert provider.asked == asked + 1
        await service.caller(signed(jti="other"))

    run(service, steps)
    assert service.failures == ["token_keys"]
    assert provider.address in caplog.text
    assert "Traceback" not in caplog.text


def test_few_requests_wait_for_a_slow_provider(
    provider: IdentityProvider, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_source, "WAITERS", 2)

    async def steps() -> None:
        await service.caller(signed())
        provider.pause.clear()
        waiting = [asyncio.create_task(service.cause(signed("RS256", 1))) for _ in range(2)]
        await asyncio.sleep(0)
        assert await service.cause(signed("RS256", 1, jti="more")) == "token_unknown_key"
        assert not any(each.done() for each in waiting)
        provider.pause.set()
        assert await asyncio.gather(*waiting) == ["token_unknown_key"] * 2

    run(service, steps)


def test_the_service_starts_while_the_provider_is_down(tmp_path: Path) -> None:
    service = Service(settings_of("http://127.0.0.1:9/keys", tmp_path))

    async def steps() -> None:
        assert await service.cause(signed()) == "token_keys_unavailable"

    run(service, steps)


@pytest.mark.parametrize(
    "other",
    [
        {**public_jwk("RS256", 1), "kid": "RS256-0", "use": "enc"},
        {**public_jwk("RS256", 1), "kid": "RS256-0", "alg": "PS256"},
        {**public_jwk("RS256", 1), "kid": "RS256-0", "key_ops": ["encrypt"]},
        {**public_jwk("ES256", 1), "kid": "RS256-0"},
        {"kty": "oct", "kid": "RS256-0", "k": "c2VjcmV0"},
        {**public_jwk("RS256", 1), "kid": 5},
        {**public_jwk("RS256", 1), "kid": "RS256-0", "n": "AQAB"},
        {**public_jwk("RS256", 1), "kid": "RS256-0", "d": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "RS256-0", "x": "AA", "y": "AA"},
        public_jwk("RS256"),
        "text",
        None,
    ],
)
def test_keys_of_another_use_or_type_are_left_out(tmp_path: Path, other: Any) -> None:
    jwks = tmp_path / "jwks.json"
    for keys in ([other, public_jwk("RS256")], [public_jwk("RS256"), other]):
        jwks.write_text(json.dumps({"keys": keys}))
        service = Service(settings_of("jwks.json", tmp_path))

        async def steps(service: Service = service) -> None:
            await service.caller(signed())
            for cause in (
                await service.cause(signed("RS256", 1, {"kid": "RS256-0"})),
                await service.cause(unsigned({"alg": "HS256", "kid": "RS256-0"})),
            ):
                assert cause in ("token_signature", "token_algorithm")

        run(service, steps)


def test_two_keys_of_one_name_are_both_left_out(tmp_path: Path) -> None:
    keys = [public_jwk("RS256"), public_jwk("RS256", 1, kid="RS256-0"), public_jwk("ES256")]
    for order in (keys, [keys[1], keys[0], keys[1], keys[2]]):
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": order}))
        service = Service(settings_of("jwks.json", tmp_path))

        async def steps(service: Service = service) -> None:
            assert await service.cause(signed()) == "token_unknown_key"
            assert await service.cause(signed("RS256", 1)) == "token_unknown_key"
            await service.caller(signed("ES256"))

        run(service, steps)


def test_a_file_of_keys_is_read_anew_and_others_must_not_write_it(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    settings = settings_of("jwks.json", tmp_path)
    with pytest.raises(JwksError, match=f"{file} is missing"):
        Service(settings)
    file.write_text(json.dumps({"keys": [public_jwk("RS256")]}))
    file.chmod(0o666)
    with pytest.raises(GuardedFileError, match=f"chmod 600 {file}"):
        Service(settings)
    file.chmod(0o644)
    service = Service(settings)

    async def steps() -> None:
        await service.caller(signed())
        file.write_text(json.dumps({"keys": [public_jwk("RS256", 1)]}))
        file.chmod(0o666)
        assert await service.cause(signed("RS256", 1)) == "token_unknown_key"
        await service.caller(signed())
        file.chmod(0o600)
        await service.caller(signed("RS256", 1))
        assert await service.cause(signed()) == "token_unknown_key"

    run(service, steps)


def test_keys_that_are_too_short_are_left_out(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    jwk = {**RSAAlgorithm.to_jwk(short.public_key(), as_dict=True), "kid": "short"}
    jwk.pop("key_ops")
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    with pytest.raises(JwksError, match="no public key"):
        Service(settings_of("jwks.json", tmp_path))


@pytest.mark.parametrize(
    ("header", "is_token"),
    [
        (b"Bearer a.b.c", True),
        (b"bearer x", True),
        (b"Bearer churn_0123abcd_x", False),
        (b"BEARER CHURN_0123abcd_x", False),
        (b"Basic dTpw", False),
        (b"", False),
    ],
)
def test_keys_are_not_taken_for_tokens(header: bytes, is_token: bool) -> None:
    assert Tokens.takes(header) is is_token
