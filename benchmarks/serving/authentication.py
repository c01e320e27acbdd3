"""CPU time that finding out who asks costs: ``python -m benchmarks.serving.authentication``."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.identity.token_settings import TokenSettings
from churn_pipeline.serving.identity.tokens import Tokens
from tests.serving.identity.provider import AUDIENCE, ISSUER, public_jwk, signed

ROUNDS = 15


async def microseconds(ask: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the least CPU time of one question over several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(times):
            await ask()
        rounds.append((time.process_time() - begin) / times * 1e6)
    return min(rounds)


async def main() -> None:
    """Print a line for each way to prove who asks."""
    folder = Path(tempfile.mkdtemp())
    token, _ = create_key(folder / "api_keys.json", "benchmark", ["score"])
    store, header = KeyStore(folder / "api_keys.json"), b"Bearer " + token.encode()

    async def key() -> object:
        return store.authenticate(header, "127.0.0.1")

    print(f"API key: {await microseconds(key, 10_000):.2f} µs")
    algorithms = ("RS256", "ES256", "EdDSA")
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public_jwk(name) for name in algorithms]}))
    tokens = Tokens(
        TokenSettings(
            issuer=ISSUER,
            audience=(AUDIENCE,),
            jwks=jwks,
            scopes={"churn:score": frozenset({"score"})},
            revoked=folder / "revoked.json",
        )
    )
    for name in algorithms:
        bearer = b"Bearer " + signed(name).encode()

        async def known(bearer: bytes = bearer) -> object:
            return await tokens.authenticate(bearer)

        async def unknown(bearer: bytes = bearer) -> object:
            tokens._known.clear()
            return await tokens.authenticate(bearer)

        first, later = await microseconds(unknown, 200), await microseconds(known, 10_000)
        print(f"{name} token of {len(bearer)} bytes: {first:.0f} µs, then {later:.2f} µs")


if __name__ == "__main__":
    asyncio.run(main())
