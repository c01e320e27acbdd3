"""How a log's file ends, for whoever goes on writing it."""

import os

import msgspec

from churn_pipeline.serving.audit.chain import End, read_sealed

_TAIL_BYTES = 1_000_000  # longer than any line


class _Head(msgspec.Struct):
    audit_key: str | None = None


class Found(msgspec.Struct):
    """What a file holds: its last whole line (None if damaged), the bytes after it, its key."""

    end: End | None
    torn: int
    key: str | None

    @classmethod
    def read(cls, file: int) -> "Found | None":
        """Look at a file; None if it holds no whole line."""
        size = os.fstat(file).st_size
        start = max(0, size - _TAIL_BYTES)
        tail = os.pread(file, size - start, start)
        whole = tail.rfind(b"\n") + 1
        if not whole:
            return cls(None, 0, None) if start else None
        last = read_sealed(tail[:whole].rsplit(b"\n", 2)[-2])
        try:
            head = msgspec.json.decode(os.pread(file, _TAIL_BYTES, 0).split(b"\n")[0], type=_Head)
        except msgspec.MsgspecError:
            return cls(None, 0, None)
        end = None if last is None else End(last.n, last.hash)
        return cls(end, len(tail) - whole, head.audit_key)
