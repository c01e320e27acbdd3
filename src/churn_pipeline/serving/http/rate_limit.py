"""How often a key may ask, counted over all workers; how often an address may fail."""

import errno
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Callable
from ipaddress import IPv6Network
from pathlib import Path

from churn_pipeline.serving.http.networks import parse_address

# one slot: the key's id as bytes, padded with zeros; its theoretical arrival time
_SLOT = struct.Struct("16sd")
_ID_BYTES = 16
_SLOTS = 4096
_FLOATS = _SLOT.size // 8  # a slot counted in float64
_NOWHERE = (0, b"")
_ROUNDING = 1e-6  # seconds; clocks of machines that run for years have no finer steps


class RateLimiter:
    """Generic cell rate algorithm over a file that all workers map into their memory.

    For each key one number is kept: the theoretical arrival time of the next request if they came
    evenly. A request is let through if it is not more than ``burst`` intervals ahead of that time
    (ITU-T Recommendation I.371, annex A). Two workers that read the number of one key in the same
    microsecond let one request too many through; in return no request waits for a lock.

    The times are those of the machine's monotonic clock. What a file holds from before a restart
    of the machine lies in the past, or further ahead than the limit allows and is ignored, or it
    delays a key by ``burst / rate`` seconds at most.

    Parameters
    ----------
    path : Path
        The shared file, on a local disk (or in memory); created when missing, with its folder.
    clock : callable
        Seconds that only rise, the same in all processes.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        size = _SLOTS * _SLOT.size
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        if os.fstat(self._file).st_size != size:
            # not truncated to size: a write to a hole of a full disk would kill the process
            if os.pwrite(self._file, bytes(size), 0) < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.ftruncate(self._file, size)
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._memory = mmap.mmap(self._file, size)
        self._times = memoryview(self._memory).cast("d")
        self._slots: dict[str, tuple[int, bytes]] = {}  # place of the time, bytes before it

    def allow(self, key_id: str, rate: float, burst: int) -> float:
        """Count one request of a key.

        Parameters
        ----------
        key_id : str
        rate : float
            Requests per second that may last.
        burst : int
            Requests at once after a pause; at least 1.

        Returns
        -------
        float
            0.0 if it is allowed, else the seconds to wait (and nothing is counted).
        """
        position, name = self._slots.get(key_id, _NOWHERE)
        start = 8 * position - _ID_BYTES
        # another worker may have given the slot to another key meanwhile
        if not position or self._memory[start : start + _ID_BYTES] != name:
            position = self._find(key_id)
        now = self._clock()
        interval = 1.0 / rate
        horizon = now + burst * interval + _ROUNDING
        arrival = self._times[position]
        if not now < arrival <= horizon:  # idle, or left by another limit, boot or torn write
            arrival = now
        arrival += interval
        if arrival > horizon:
            return arrival - horizon + _ROUNDING
        self._times[position] = arrival
        return 0.0

    def _find(self, key_id: str) -> int:
        """Return the place of the key's time, counted in float64; take a free slot at first."""
        name = key_id.encode()[:_ID_BYTES].ljust(_ID_BYTES, b"\0")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            for slot in range(_SLOTS):
                start = slot * _SLOT.size
                found = self._memory[start : start + _ID_BYTES]
                if found == name:
                    break
                if not any(found):
                    self._memory[start : start + _ID_BYTES] = name
                    break
            else:  # more callers than slots: the one that has been idle longest gives its up
                times = self._times[_position(0) :: _FLOATS].tolist()
                slot = times.index(min(times))
                start = slot * _SLOT.size
                self._memory[start : start + _ID_BYTES] = name
                self._times[_position(slot)] = 0.0
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        if len(self._slots) >= 2 * _SLOTS:  # most of these have lost their slots
            self._slots.clear()
        self._slots[key_id] = _position(slot), name
        return _position(slot)

    def close(self) -> None:
        """Let go of the file."""
        self._times.release()
        self._memory.close()
        os.close(self._file)


def _position(slot: int) -> int:
    """Return the place of a slot's time, counted in float64."""
    return slot * _FLOATS + _ID_BYTES // 8


class FailureLimiter:
    """How often an address may present no or a wrong key; counted in each worker by itself.

    Keys cannot be guessed, so this only keeps a client that tries, or is misconfigured, from
    filling logs. Ask it after a key was refused: then a good key is never shut out by a bad
    neighbour behind the same proxy.

    Parameters
    ----------
    burst : int
        Failures in a row.
    per_second : float
        Failures that may last.
    addresses : int
        Addresses remembered; the one that failed longest ago is forgotten first.
    clock : callable
        Seconds that only rise.
    """

    def __init__(
        self,
        burst: int = 20,
        per_second: float = 0.5,
        addresses: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._interval = 1.0 / per_second
        self._addresses = addresses
        self._clock = clock
        self._times: dict[str, float] = {}

    def failed(self, address: str | None) -> float:
        """Count a failure.

        Returns
        -------
        float
            0.0 while the address may fail, else the seconds it should wait.
        """
        source = source_of(address)
        now = self._clock()
        arrival = max(self._times.pop(source, now), now)
        wait = arrival + self._interval - (now + self._burst * self._interval + _ROUNDING)
        self._times[source] = arrival + (self._interval if wait <= 0 else 0.0)
        if len(self._times) > self._addresses:
            del self._times[next(iter(self._times))]
        return max(wait, 0.0)


def source_of(address: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that IPv6 sites are given."""
    try:
        parsed = parse_address(address or "")
    except ValueError:
        return ""
    return str(parsed) if parsed.version == 4 else str(IPv6Network((int(parsed), 64), strict=False))
