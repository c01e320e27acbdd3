"""Where the public keys of the identity provider come from, and when they are asked for."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.serving.identity.guarded_files import read_guarded, signature
from churn_pipeline.serving.identity.jwks import (
    MAX_JWKS_BYTES,
    JwksError,
    SigningKeys,
    read_jwks,
)
from churn_pipeline.serving.identity.token_settings import TokenSettings

_LOGGER = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
"""An answer of the provider may take so long, all in all."""
PAUSE_SECONDS = 10.0
"""Tokens that name unknown keys make the service ask so often on average, in each worker."""
ASKED_IN_VAIN = 3
"""Questions in a row that may bring nothing new."""
WAITERS = 100
"""Tokens that may wait for an answer; their connections would else fill the worker."""
_FILE_SECONDS = 0.5
_FILE_PAUSE_SECONDS = 0.05


class KeySource:
    """Keeps the keys of a file or an address up to date, in the background.

    Parameters
    ----------
    settings : TokenSettings
    changed : callable
        Called in the event loop when the keys are others than before.
    failed : callable
        Called with ``token_keys`` when the provider gave no keys.

    Attributes
    ----------
    good_until : float
        Until when the keys may be used, by the monotonic clock.

    Raises
    ------
    ChurnPipelineError
        If a file cannot be used. An address is not asked yet.
    """

    def __init__(
        self,
        settings: TokenSettings,
        changed: Callable[[], None] = lambda: None,
        failed: Callable[[str], None] = lambda kind: None,
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._failed = failed
        self._keys = SigningKeys()
        self._content: bytes | None = None
        self._complaint = ""
        # when tokens made it ask for nothing
        self._in_vain: deque[float] = deque(maxlen=ASKED_IN_VAIN)
        self._question: asyncio.Task[None] | None = None
        self._waiting = 0
        self.good_until = 0.0
        jwks = settings.jwks
        self._file = jwks if isinstance(jwks, Path) else None
        self._seen = None
        if self._file is not None:
            self._seen = signature(self._file)
            self._take(*self._read(_file_content(self._file)))

    @property
    def keys(self) -> SigningKeys:
        """The keys; none once they are too old."""
        return self._keys if time.monotonic() < self.good_until else SigningKeys()

    async def follow(self) -> None:
        """Ask again and again, without end."""
        try:
            while True:
                await asyncio.wait([self._ask()])
                pause = self._settings.refresh_seconds
                if self._file is not None:
                    pause = _FILE_SECONDS
                elif self._complaint:
                    pause = min(pause, PAUSE_SECONDS)
                await asyncio.sleep(pause)
        finally:
            if self._question is not None:
                self._question.cancel()

    async def renewed(self) -> bool:
        """Ask now, unless that was in vain lately; return whether the keys may be others."""
        pause = PAUSE_SECONDS if self._file is None else _FILE_PAUSE_SECONDS
        now = time.monotonic()
        is_spent = len(self._in_vain) == ASKED_IN_VAIN
        if self._question is None and is_spent and now - self._in_vain[0] < pause * ASKED_IN_VAIN:
            return False
        if self._waiting >= WAITERS:
            return False
        before, had_keys = self._keys.keys, now < self.good_until
        is_first = self._question is None
        self._waiting += 1
        try:
            await asyncio.wait([self._ask()], timeout=FETCH_SECONDS + 1)
        finally:
            self._waiting -= 1
        if self._keys.keys != before or (not had_keys and time.monotonic() < self.good_until):
            return True
        if is_first:  # one question, however many wait for its answer
            self._in_vain.append(now)
        return False

    def _ask(self) -> asyncio.Task[None]:
        """Start to ask, or join the question that is under way."""
        if self._question is None:
            self._question = asyncio.create_task(self._renew())
        return self._question

    async def _renew(self) -> None:
        try:
            if self._file is None:
                content = await fetch(str(self._settings.jwks))
            else:
                seen = signature(self._file)
                if seen == self._seen:
                    if self._complaint:
                        self._failed("token_keys")
                    return
                content = await asyncio.to_thread(_file_content, self._file)
                self._seen = seen
            keys, content = await asyncio.to_thread(self._read, content)
            self._take(keys, content)
            if self._complaint:
                _LOGGER.warning("%s gives keys again", self._settings.jwks)
            self._complaint = ""
        except ChurnPipelineError as error:
            self._complain(str(error))
        except Exception as error:
            self._complain(f"{self._settings.jwks} cannot be used ({type(error).__name__})")
        finally:
            self._question = None

    def _read(self, content: bytes) -> tuple[SigningKeys, bytes]:
        settings = self._settings
        if content == self._content:
            return self._keys, content
        try:
            return read_jwks(content, settings.algorithms, str(settings.jwks)), content
        except JwksError as error:
            raise JwksError(f"{settings.jwks} {error}") from None

    def _take(self, keys: SigningKeys, content: bytes) -> None:
        # of the keys, as some providers write them in another order each time
        is_changed = keys.keys != self._keys.keys
        self._keys, self._content = keys, content
        self.good_until = (
            float("inf")
            if self._file is not None
            else time.monotonic() + self._settings.max_age_seconds
        )
        if is_changed:
            self._changed()

    def _complain(self, complaint: str) -> None:
        self._failed("token_keys")
        if complaint != self._complaint:
            left = max(self.good_until - time.monotonic(), 0.0)
            stays = "as long as the service runs" if self._file else f"for {left:.0f} s more"
            _LOGGER.error("%s; the keys known so far stay in use %s", complaint, stays)
        self._complaint = complaint


def _file_content(path: Path) -> bytes:
    try:
        return read_guarded(path)
    except FileNotFoundError:
        raise JwksError(f"{path} is missing; serving.tokens.jwks names the file") from None


async def fetch(address: str) -> bytes:
    """Ask an address for its content, within bounds of time and size; redirects are not followed.

    Raises
    ------
    JwksError
        If it gives none.
    """
    # loading the certificates takes tens of milliseconds
    context = await asyncio.to_thread(httpx.create_ssl_context)
    content = bytearray()
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(
                verify=context,
                timeout=FETCH_SECONDS,
                # http is for this machine, where no proxy is asked
                trust_env=urlsplit(address).scheme == "https",
                headers={"accept": "application/json", "accept-encoding": "identity"},
            ) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code != 200:
                raise JwksError(f"{address} answers {answer.status_code} instead of 200")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise JwksError(f"{address} answers compressed, which was not asked for")
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > MAX_JWKS_BYTES:
                    raise JwksError(f"{address} answers more than {MAX_JWKS_BYTES} bytes")
    except TimeoutError:
        raise JwksError(f"{address} did not answer within {FETCH_SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise JwksError(f"{address} cannot be reached ({type(error).__name__})") from None
    return bytes(content)
