from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date

import pytest

from churn_pipeline.errors import LedgerError
from churn_pipeline.ledger import erasure
from churn_pipeline.ledger.erasure import forget, rows_of, scrub
from churn_pipeline.ledger.outcomes import Told, append_outcomes
from churn_pipeline.ledger.schema import OF_A_CUSTOMER, metadata
from tests.ledger.books import Book, scores

SOME_DAY = date(2026, 2, 10)


def named(n: int, day: str) -> object:
    table = scores(n, day).sample(frac=1, random_state=1)
    return table.assign(customer=table["customer"] + "-x", row_id=table["row_id"] + "-x")


def erase(book: Book, customer: str, data_set: str = "bank") -> dict[str, int]:
    with book.ledger.writing() as opened:
        return forget(opened, data_set, customer, customer_hash="ab12", by="me")


def test_every_table_with_customers_is_gone_through() -> None:
    named_so = {table.name for table in metadata.sorted_tables if "customer" in table.columns}
    assert {table.name for table in OF_A_CUSTOMER} == named_so >= {"scores", "outcomes", "contacts"}


def test_a_customer_is_erased_from_one_data_set_and_that_is_recorded(book: Book) -> None:
    for day in ("2026-01-31", "2026-02-28"):
        book.dataset().save(named(200, day))
        book.dataset("shop").save(named(10, day))
    told = [Told(name, "churned", SOME_DAY, SOME_DAY) for name in ("C000007-x", "C000008-x")]
    with book.ledger.writing() as opened:
        append_outcomes(opened, told, data_set="bank", source="file")
    with book.ledger.reading() as opened:
        assert rows_of(opened, "bank", "C000007-x") == {"scores": 2, "outcomes": 1, "contacts": 0}
    assert erase(book, "C000007-x") == {"scores": 2, "outcomes": 1, "contacts": 0}
    assert book.run(
        "select count(*), count(distinct customer) from scores where data_set = 'bank'"
    )[0] == (398, 199)
    kept = "select count(*) from scores where data_set = 'shop' and customer = 'C000007-x'"
    assert book.run(kept) == [(2,)]
    record = "select data_set, customer_hash, erased_by, rows_erased from erasures"
    assert book.run(record) == [("bank", "ab12", "me", 3)]
    assert erase(book, "C000007-x") == {"scores": 0, "outcomes": 0, "contacts": 0}
    assert book.run(record) == [("bank", "ab12", "me", 3)]


def test_the_id_is_in_no_file_afterwards(file_book: Book) -> None:
    for day in ("2026-01-31", "2026-02-28", "2026-03-31"):
        file_book.dataset().save(named(1500, day))
    pages = file_book.path.read_bytes()
    for place in (3, 700, 1499):
        customer = f"C{place:06d}-x"
        assert customer.encode() in pages
        assert erase(file_book, customer)["scores"] == 3
        scrub(file_book.ledger.address, customer)
        for path in file_book.path.parent.iterdir():
            assert customer.encode() not in path.read_bytes(), path
    assert file_book.run("pragma integrity_check") == [("ok",)]
    assert file_book.run("select count(*) from scores") == [(3 * 1497,)]


def test_copies_in_space_that_is_not_in_use_are_removed_too(file_book: Book) -> None:
    file_book.dataset().save(named(1500, "2026-01-31"))
    customer = "C000700-x"
    with closing(sqlite3.connect(file_book.path, isolation_level=None)) as database:
        database.execute("pragma secure_delete = off")
        database.execute("delete from scores where customer = ?", (customer,))
        database.execute("pragma wal_checkpoint(truncate)")
    assert customer.encode() in file_book.path.read_bytes()
    scrub(file_book.ledger.address, customer)
    assert customer.encode() not in file_book.path.read_bytes()
    assert file_book.run("select count(*) from scores") == [(1499,)]


def test_a_reader_that_keeps_old_pages_is_told_of(
    file_book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_book.dataset().save(named(300, "2026-01-31"))
    monkeypatch.setattr(erasure, "SECONDS_TO_CONNECT", 0.2)
    with closing(sqlite3.connect(file_book.path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from scores").fetchone()
        erase(file_book, "C000007-x")
        with pytest.raises(LedgerError, match="another program has ledger") as caught:
            scrub(file_book.ledger.address, "C000007-x")
        assert "run the same command again" in str(caught.value)
    scrub(file_book.ledger.address, "C000007-x")
    assert all(b"C000007-x" not in p.read_bytes() for p in file_book.path.parent.iterdir())


def test_an_erasure_that_fails_removes_nothing(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.dataset().save(named(20, "2026-01-31"))

    class Fails:
        def insert(self) -> None:
            raise RuntimeError

    monkeypatch.setattr(erasure, "erasures", Fails())
    with pytest.raises(RuntimeError):
        erase(book, "C000007-x")
    assert book.run("select count(*) from scores where customer = 'C000007-x'") == [(1,)]
