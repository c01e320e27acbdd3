"""What a server that ends TLS itself speaks, seen by a client that tries everything."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from churn_pipeline.serving.http.tls import CIPHERS, Certificate, expiry
from tests.serving.support import Server, poll, serving, write_settings

EXPIRY = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
OF_RSA = {name for name in CIPHERS.split(":") if "-RSA-" in name}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "churn")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(EXPIRY - timedelta(days=36500))
        .not_valid_after(EXPIRY)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def client(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that offers every suite that OpenSSL knows, and verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


def spoken(port: int, context: ssl.SSLContext) -> tuple[str, str] | None:
    """Return suite and version that both sides agree on; None if there is none."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain) as secured,
        ):
            cipher = secured.cipher()
            assert cipher is not None
            return cipher[0], secured.version() or ""
    except (ssl.SSLError, ConnectionError):
        return None


def accepted(port: int) -> set[str]:
    """Try each suite of TLS 1.2 alone."""
    known = {suite["name"] for suite in client(ssl.TLSVersion.TLSv1_2).get_ciphers()}
    found = set()
    for name in known:
        context = client(ssl.TLSVersion.TLSv1_2)
        try:
            context.set_ciphers(f"{name}:@SECLEVEL=0")
        except ssl.SSLError:  # of TLS 1.3
            continue
        if answer := spoken(port, context):
            found.add(answer[0])
    return found


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, bundles: Path, certificate: tuple[Path, Path]
) -> Iterator[Server]:
    """A service with copies of the certificate and its key in its folder, which may change."""
    folder = tmp_path_factory.mktemp("server")
    write_settings(folder, champion=str(bundles / "champion"))
    files = [str(shutil.copy(file, folder)) for file in certificate]
    arguments = ("--ssl-certfile", files[0], "--ssl-keyfile", files[1])
    with serving(folder, arguments=arguments) as server:
        yield server


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_speaks_modern_tls_only(server: Server) -> None:
    assert accepted(server.port) == OF_RSA
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert spoken(server.port, client(old)) is None
    answer = spoken(server.port, client(ssl.TLSVersion.TLSv1_3))
    assert answer is not None
    assert answer[1] == "TLSv1.3"
    text = httpx.get(f"{server.url}/metrics", verify=False).text
    (line,) = [x for x in text.splitlines() if x.startswith("churn_certificate_expiry_seconds ")]
    assert float(line.split()[1]) == EXPIRY.timestamp()


def hardened(files: tuple[Path, Path], **options: Any) -> ssl.SSLContext:
    config = uvicorn.Config(lambda: None, ssl_certfile=files[0], ssl_keyfile=files[1], **options)
    Certificate(lambda _: None).harden(config)
    config.load()
    assert config.ssl is not None
    return config.ssl


def of_tls_1_2(context: ssl.SSLContext) -> list[str]:
    suites = [suite for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
    return [suite["name"] for suite in suites]


def test_suites_can_be_chosen(certificate: tuple[Path, Path]) -> None:
    chosen = "ECDHE-RSA-AES256-GCM-SHA384"
    assert of_tls_1_2(hardened(certificate, ssl_ciphers=chosen)) == [chosen]
    assert of_tls_1_2(hardened(certificate, ssl_ciphers="TLSv1")) == CIPHERS.split(":")


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS:DeprecationWarning")
def test_no_version_option_leads_below_tls_1_2(certificate: tuple[Path, Path]) -> None:
    context = hardened(certificate, ssl_version=ssl.PROTOCOL_TLS)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_without_a_certificate_nothing_changes() -> None:
    config = uvicorn.Config(lambda: None)
    certificate = Certificate(lambda _: pytest.fail("there is no certificate"))
    certificate.harden(config)
    asyncio.run(certificate.refresh())
    config.load()
    assert config.ssl is None


def test_the_first_certificate_of_a_chain_is_the_servers(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificate[0].read_bytes() * 2)
    assert expiry(chain) == EXPIRY.timestamp()


def test_without_tls_no_cryptography_is_loaded() -> None:
    check = "import sys, churn_pipeline.serving.http.tls; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_policy_of_the_system_that_asks_for_more_stays(certificate: tuple[Path, Path]) -> None:
    def strict() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    config = uvicorn.Config(lambda: None, ssl_certfile=certificate[0], ssl_keyfile=certificate[1])
    Certificate(lambda _: None).harden(config)
    assert config.ssl_context_factory is not None
    context = config.ssl_context_factory(config, strict)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def make_certificate(folder: Path, name: str, days: int) -> tuple[Path, Path]:
    """Let OpenSSL make one, as certbot or cert-manager write it."""
    files = folder / "cert.pem", folder / "key.pem"
    folder.mkdir(exist_ok=True)
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new += ["-nodes", "-subj", f"/CN={name}", "-days", str(days)]
    subprocess.run(
        [*new, "-out", str(files[0]), "-keyout", str(files[1])], check=True, capture_output=True
    )
    return files


def presented(port: int) -> str:
    """Return the name in the certificate that a new connection gets."""
    text = ssl.get_server_certificate(("127.0.0.1", port), timeout=20)
    (name,) = x509.load_pem_x509_certificate(text.encode()).subject
    return str(name.value)


def test_a_renewed_certificate_is_presented_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    files = make_certificate(tmp_path / "live", "first", 30)
    renewed = make_certificate(tmp_path / "renewed", "second", 60)
    expiries: list[float] = []
    certificate = Certificate(expiries.append)
    config = uvicorn.Config(
        lambda: None, ssl_certfile=files[0], ssl_keyfile=files[1], ssl_ciphers="TLSv1"
    )
    certificate.harden(config)
    config.load()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def steps() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=config.ssl)
        port = server.sockets[0].getsockname()[1]

        async def name() -> str:
            return await asyncio.to_thread(presented, port)

        await certificate.refresh()
        assert await name() == "first"
        shutil.copyfile(renewed[0], files[0])  # its key is not there yet
        for _ in range(2):
            await certificate.refresh()
        assert await name() == "first"
        assert len(expiries) == 1
        assert len([r for r in caplog.records if "the certificate before" in r.message]) == 1
        files[1].unlink()
        await certificate.refresh()
        assert await name() == "first"
        files[1].symlink_to(renewed[1])
        await certificate.refresh()
        assert await name() == "second"
        files[0].write_text("no certificate")
        await certificate.refresh()
        assert await name() == "second"
        server.close()

    asyncio.run(steps())
    assert len(expiries) == 2
    assert 29 * 86400 < expiries[1] - expiries[0] < 31 * 86400


def test_a_server_takes_a_renewed_certificate_over(server: Server) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    assert presented(server.port) == "churn"
    make_certificate(server.folder, "second", 60)
    poll(lambda: presented(server.port) == "second")
