"""Processes that write to a ledger; each is forked from one that has imported what they need."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd

from churn_pipeline.io.frames import Frames
from tests.ledger.books import Book, scores
from tests.servers import PostgreSQL

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.ledger.writers", "churn_pipeline.ledger.appending"])


def _write(pipe: Connection, book: Book, first: int, last: int, chunk: int, is_run: bool) -> None:
    dataset = book.dataset()
    pipe.send("ready")
    pipe.recv()
    if not chunk:
        with book.ledger.writing():
            return
    if is_run:
        dataset.save(Frames(partial(_parts, pipe, first, last, chunk)))
        pipe.send(last)
        return
    for start in range(first, last, chunk):
        dataset.save(scores(chunk, start=start))
        pipe.send(start + chunk)


def _parts(pipe: Connection, first: int, last: int, chunk: int) -> Iterator[pd.DataFrame]:
    for start in range(first, last, chunk):
        pipe.send(0)
        yield scores(chunk, start=start)


class Writer:
    """A process that saves scores of customers ``first`` to ``last``, ``chunk`` at a time.

    With a chunk of 0 it only opens the ledger for writing. As a run it saves all parts at once.
    """

    def __init__(
        self, book: Book, first: int = 0, last: int = 0, chunk: int = 0, *, is_run: bool = False
    ) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process: Any = _context.Process(
            target=_write, args=(theirs, _copy(book), first, last, chunk, is_run)
        )
        self._process.start()
        theirs.close()
        assert self._pipe.recv() == "ready"

    def go(self) -> None:
        self._pipe.send("go")

    def finish(self, seconds: float = 240) -> None:
        self._process.join(seconds)
        assert self._process.exitcode == 0

    def wait_for_a_save(self, seconds: float = 120) -> None:
        assert self._pipe.poll(seconds)

    def wait_for_part(self, number: int, seconds: float = 120) -> None:
        """Wait until a run is asked for this part, so all those before are written."""
        for _ in range(number + 1):
            assert self._pipe.poll(seconds)
            self._pipe.recv()

    def kill(self) -> int:
        """Kill it; return how many customers it had saved, by its own account."""
        self._process.kill()
        self._process.join()
        saved = 0
        try:
            while self._pipe.poll():
                saved = int(self._pipe.recv())
        except (EOFError, OSError):
            pass
        return saved


def _copy(book: Book) -> Book:
    server = PostgreSQL(book.server.port) if book.server else None
    return Book(Path(book.path).parents[1], server)
