"""TLS to S3: who is believed, and how often the certificates of authorities are read to know it."""

from __future__ import annotations

import shutil
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from bucketwheel.errors import Unavailable
from bucketwheel.events import ignore
from bucketwheel.parallel import Workers
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage import Key
from bucketwheel.storage.s3 import S3Storage, connect
from support.http_server import Certificate, Exchange, WebServer, answer, make_certificate, serve, serve_proxy

CONNECTIONS = 4
pytestmark = pytest.mark.usefixtures("_sdk_models")
UNTRUSTED = r"no secure connection to .* \(certificate not trusted: self-signed certificate\); .* AWS_CA_BUNDLE"
OF_ANOTHER = r"no secure connection to .* \(the certificate is for another host\); "


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give the certificate of a private authority."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Give a list that grows with each file of certificates that any context reads."""
    seen: list[object] = []
    read = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:  # noqa: ANN401 - as the method's
        read(context, cafile, capath, cadata)
        seen.append(cafile)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    return seen


def believe(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> str:
    """Name a file of certificates as AWS_CA_BUNDLE."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates))
    return str(certificates)


def storage_at(server: WebServer) -> S3Storage:
    """Return a storage of a bucket at a server, with its own client."""
    connection = Connection(region="us-east-1", endpoint_url=server.root)
    return connect(S3Place(bucket="bucket"), connection, jobs=CONNECTIONS, report=ignore)


def read_at_once(storage: S3Storage, server: WebServer) -> list[int]:
    """Read as many objects at once as there may be connections; return the ports of those that were used."""
    together, ports = threading.Barrier(CONNECTIONS), []

    def behave(exchange: Exchange) -> None:
        together.wait(30)  # each in its own connection
        ports.append(exchange.client_address[1])
        answer(b"body", ETag='"x"')(exchange)

    keys = [Key(f"{number}") for number in range(CONNECTIONS)]
    for key in keys:
        server.put(f"/bucket/{key}", behave)
    with Workers(CONNECTIONS) as workers:
        read = workers.map([lambda key=key: storage.read(key) for key in keys])  # type: ignore[misc]  # inferred late
    assert [found.body for found in read if found] == [b"body"] * CONNECTIONS
    return ports


def test_all_connections_use_certificates_that_were_read_once(
    certificate: Certificate, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading them takes longer than a connection; each client reads those that are named when it is made."""
    bundle = believe(monkeypatch, certificate.certificate)
    with serve(certificate=certificate) as server:
        storage = storage_at(server)
        assert len(set(read_at_once(storage, server))) == CONNECTIONS
        assert readings == [bundle]
        read_at_once(storage_at(server), server)
    assert readings == [bundle, bundle]


def test_connections_through_a_proxy_read_them_once_too(
    certificate: Certificate, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK has other connections for each proxy."""
    bundle = believe(monkeypatch, certificate.certificate)
    with serve(certificate=certificate) as server, serve_proxy() as (url, asked):
        monkeypatch.setenv("HTTPS_PROXY", url)
        read_at_once(storage_at(server), server)
        assert len(asked) == CONNECTIONS
    assert readings == [bundle]


def test_every_connection_is_verified(
    certificate: Certificate, readings: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another authority's certificate is believed by none, not by the later ones either."""
    other = make_certificate(tmp_path)
    believe(monkeypatch, other.certificate)
    with serve(certificate=certificate) as server:
        storage = storage_at(server)
        for _ in range(2):
            with pytest.raises(Unavailable, match=UNTRUSTED):
                storage.read(Key("key"))
        assert server.asked == []
    assert len(readings) == 1


def test_a_server_is_believed_by_one_client_only(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one client was told to believe says nothing to the next."""
    with serve(certificate=certificate) as server:
        believe(monkeypatch, certificate.certificate)
        first = storage_at(server)
        read_at_once(first, server)
        believe(monkeypatch, make_certificate(tmp_path).certificate)
        with pytest.raises(Unavailable, match=UNTRUSTED):
            storage_at(server).read(Key("key"))
        read_at_once(first, server)


def test_the_host_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is believed is one for the names in it."""
    elsewhere = make_certificate(tmp_path, names="DNS:localhost")
    believe(monkeypatch, elsewhere.certificate)
    with serve(certificate=elsewhere) as server:
        storage = storage_at(server)
        for _ in range(2):
            with pytest.raises(Unavailable, match=OF_ANOTHER):
                storage.read(Key("key"))
        assert server.asked == []


@pytest.mark.usefixtures("readings")
def test_a_file_that_could_not_be_read_is_read_again(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only certificates that were read are remembered."""
    bundle = tmp_path / "bundle.pem"
    believe(monkeypatch, bundle)
    with serve(certificate=certificate) as server:
        storage = storage_at(server)
        with pytest.raises(Unavailable):
            storage.read(Key("key"))
        shutil.copy(certificate.certificate, bundle)
        read_at_once(storage, server)


def test_another_sdk_reads_certificates_as_it_does(
    certificate: Certificate, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the connections of a client do not share a context that we know, each one reads and verifies by itself."""
    bundle = believe(monkeypatch, certificate.certificate)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session._get_ssl_context", lambda _: None)
    with serve(certificate=certificate) as server:
        read_at_once(storage_at(server), server)
    assert readings == [bundle] * CONNECTIONS
