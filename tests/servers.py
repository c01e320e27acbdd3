"""Servers that tests start for themselves: PostgreSQL, Redis, and S3 by moto."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.request import urlopen

import pytest

USER, PASSWORD = "owner", "s3cret w%rd"


@dataclass(frozen=True)
class PostgreSQL:
    """A server on the loopback that asks for a password."""

    port: int

    @property
    def address(self) -> str:
        return f"postgresql://127.0.0.1:{self.port}/postgres"

    @property
    def credentials(self) -> dict[str, Any]:
        return {"user": USER, "password": PASSWORD}

    def run(self, *statements: str) -> list[Any]:
        """Execute SQL; return the rows of the last statement."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="postgres", user=USER, password=PASSWORD
        ) as opened:
            for statement in statements:
                cursor = opened.execute(statement)
            return cursor.fetchall() if cursor.description else []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _postgresql_programs() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = folders[-1] if folders else Path(shutil.which("initdb") or "/absent/initdb").parent
    if not (found / "initdb").is_file() or not (found / "postgres").is_file():
        pytest.skip("PostgreSQL is not installed; run scripts/install_postgresql.sh as root")
    return found


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Start a server of its own with an empty database; skip the test where there is none."""
    programs = _postgresql_programs()
    # not pytest's folder, which other users cannot enter: the server refuses to run as root
    folder = Path(mkdtemp(prefix="churn_postgresql_"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        owner = names.get("postgres") or names.get("nobody")
        if owner is None:
            pytest.skip("PostgreSQL refuses to run as root, and there is no other user")
        as_user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, password, port = folder / "data", folder / "password", free_port()
    password.write_text(PASSWORD)
    if as_user:
        os.chown(password, as_user["user"], as_user["group"])
    subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", USER, "--pwfile", password, "--no-sync"),
            *("-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8"),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "port": port,
    }
    settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    with (folder / "log").open("wb") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            [programs / "postgres", "-D", data, *settings],
            stdout=log,
            stderr=log,
            cwd=folder,
            **as_user,
        )
    try:
        ready = PostgreSQL(port)
        _wait(lambda: ready.run("select 1"), server)
        yield ready
    finally:
        server.send_signal(2)  # fast: sessions are ended
        server.wait(30)
        shutil.rmtree(folder)


class RedisServer:
    """A server on the loopback without a file of its own; may be stopped and started again."""

    def __init__(self, program: str) -> None:
        self.port = free_port()
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--save", "", "--appendonly", "no"]
        self.start()

    def start(self) -> None:
        """Start it, with no data."""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait(lambda: socket.create_connection(("127.0.0.1", self.port)).close(), self.process)

    def stop(self) -> None:
        """Stop it; its data are gone."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Start a Redis server of its own; skip the test where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed; run scripts/install_redis.sh as root")
    server = RedisServer(program)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def s3_server() -> Iterator[str]:
    """Start moto's server; yield its address."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: urlopen(f"{address}/moto-api/").read(), server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait(ask: Any, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            ask()
        except Exception:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
