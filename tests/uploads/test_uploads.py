"""Uploads over HTTP, to a directory and to S3: what is answered, what is released, and what no client sends."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.gateways import run_gateway, settings_for
from support.ministack import TestBucket
from support.releasing import manifest_of, page_json
from support.uploading import (
    READ_TOKEN,
    TOKEN,
    Answered,
    UploadServer,
    basic,
    fields_of,
    form,
    form_of,
    run_uploads,
)
from support.wire import DROP_AFTER, DROP_BEFORE, Exchange, Fault, run_wire, says

ATTESTED = Path(__file__).parent.parent / "signing" / "attested"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository in a directory, with one file in it."""
    root = tmp_path / "repository"
    bucketwheel.publish(make_wheel(tmp_path / "first", version="0.1"), settings_for(root))
    return root


@pytest.fixture
def server(repository: Path) -> Iterator[UploadServer]:
    """Take uploads into it; nothing is left on disk after a test."""
    with run_uploads(settings_for(repository)) as server:
        yield server
        assert list(server.folder.iterdir()) == []


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Give a wheel that is not published yet."""
    return make_wheel(tmp_path / "dist")


def released(repository: Path, project: str = "demo-pkg") -> list[str]:
    """Return what the manifest and the page of a project name."""
    storage = DirectoryStorage(root=repository)
    names = [file.filename for file in manifest_of(storage, project).files]
    assert sorted(names) == sorted(file["filename"] for file in page_json(storage, project)["files"])
    return names


# Answers --------------------------------------------------------------------------------------------------------------


def test_new_same_and_other(server: UploadServer, repository: Path, wheel: Path, tmp_path: Path) -> None:
    """200 after the commit, 200 for the same again; other bytes: 400, in the words that clients look for."""
    assert server.upload(wheel).status == 200
    assert wheel.name in released(repository)
    assert server.upload(wheel).status == 200
    other = make_wheel(tmp_path / "other", members={"demo_pkg/more.py": b""})
    refused = server.upload(other)
    assert refused.status == 400
    assert refused.reason.startswith("File already exists")
    assert refused.body.startswith("File already exists")
    assert str(server.folder) not in refused.body
    assert [(one.filename, one.answer.split()[0]) for one in server.logged] == [
        (wheel.name, "200"),
        (wheel.name, "200"),
        (wheel.name, "400"),
    ]
    assert server.logged[0].sha256.encode() == fields_of(wheel)["sha256_digest"]
    assert server.logged[0].peer == "127.0.0.1"
    assert TOKEN not in repr(server.events)


def test_deleted_and_archived(server: UploadServer, repository: Path, wheel: Path) -> None:
    """The reason is in the first line of the answer, in ASCII, and in its body."""
    settings = settings_for(repository)
    server.upload(wheel)
    bucketwheel.delete("demo-pkg", settings, version="1.0", at_once=True)
    refused = server.upload(wheel)
    assert (refused.status, "was deleted" in refused.reason, "was deleted" in refused.body) == (400, True, True)
    bucketwheel.set_status("demo-pkg", "archived", settings, reason="über")
    refused = server.upload(make_wheel(wheel.parent, version="2.0"))
    assert (refused.status, "is archived" in refused.reason, refused.reason.isascii()) == (400, True, True)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        (basic("wrong"), 403),
        (basic(READ_TOKEN), 403),
        (basic(user="somebody"), 403),
        (f"Bearer {TOKEN}", 403),
        ("Basic !!!", 403),
    ],
)
def test_only_the_token_uploads(repository: Path, wheel: Path, authorization: str, status: int) -> None:
    """As the user __token__; the answer comes though the body was sent, and nothing of that was kept."""
    with run_uploads(settings_for(repository), open_to_read=False) as server:
        refused = server.post(form_of(wheel, description=b"x" * (1 << 20)), Authorization=authorization)
        assert refused.status == status
        assert refused.body.isprintable() or refused.body.endswith("\n")
        assert wheel.name not in released(repository)
        assert list(server.folder.iterdir()) == []


def test_the_upload_token_does_not_read(repository: Path, wheel: Path) -> None:
    """But it sees the page below /legacy/, where Hatch looks before it sends."""
    with run_uploads(settings_for(repository), open_to_read=False) as server:
        assert server.get("/simple/", Authorization=basic()).status == 401
        assert server.get("/simple/", Authorization=basic(READ_TOKEN)).status == 200
        for path in ("/legacy/+simple/demo-pkg/", "/legacy/%2Bsimple/Demo_Pkg/"):
            shown = server.get(path, Authorization=basic())
            assert (shown.status, "demo_pkg-0.1" in shown.body) == (200, True)
            assert server.get(path, Authorization=basic(READ_TOKEN)).status == 403
            assert server.get(path).status == 401
        assert server.get("/legacy/%2Bsimple/absent/", Authorization=basic()).status == 404
        assert server.get("/legacy/%2Bsimple/..%2F../", Authorization=basic()).status == 404
        assert server.get("/_/oidc/audience").status == 404
        assert server.post(form_of(wheel), path="/simple/").status == 404
        assert server.post(form_of(wheel), Host="evil.example").status == 421


def test_without_uploads_post_is_not_allowed(repository: Path) -> None:
    """A gateway without an upload token only reads."""
    with run_gateway(settings_for(repository)) as gateway:
        assert gateway.ask("/legacy/", method="POST").status == 405


def test_a_file_that_is_none(server: UploadServer, repository: Path, wheel: Path) -> None:
    """The core judges it, as `publish` does."""
    wheel.write_bytes(wheel.read_bytes()[:-30])
    refused = server.upload(wheel)
    assert (refused.status, refused.body.startswith(wheel.name)) == (400, True)
    assert wheel.name not in released(repository)


def test_signatures_and_attestations_pass_through(server: UploadServer, repository: Path, wheel: Path) -> None:
    """A bad one refuses the file; a good attestation is published, and a good signature with those of twine."""
    refused = server.upload(wheel, gpg_signature=b"-----BEGIN")
    assert (refused.status, f"{wheel.name}.asc" in refused.reason) == (400, True)
    assert wheel.name not in released(repository)
    sdist = ATTESTED / "pypi_attestations-0.0.19.tar.gz"
    attestation = Path(f"{sdist}.publish.attestation").read_bytes()
    refused = server.upload(sdist, attestations=b"[" + attestation.replace(b"MEUC", b"MEUD", 1) + b",{}]")
    assert (refused.status, "attestation" in refused.reason) == (400, True)
    assert server.upload(sdist, attestations=b"[" + attestation + b"]").status == 200
    stored = repository / "simple/pypi-attestations" / f"{sdist.name}.provenance"
    assert b"trailofbits/pypi-attestations" in stored.read_bytes()


def test_a_server_that_signs_does_not_sign_uploads(repository: Path, wheel: Path) -> None:
    """It vouches for nobody."""
    with run_uploads(replace(settings_for(repository), sign=True, sign_with="no-such-gpg")) as server:
        assert server.upload(wheel).status == 200


# What no client sends ------------------------------------------------------------------------------------------------


def answer_of(connection: object) -> str:
    """Read all that comes until the server closes."""
    received = b""
    while chunk := connection.recv(65536):  # type: ignore[attr-defined]  # a socket
        received += chunk
    return received.decode()


def gone(server: UploadServer, seconds: float = 10) -> None:
    """Wait until nothing of an upload is on disk."""
    deadline = time.monotonic() + seconds
    while list(server.folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(server.folder.iterdir()) == []


def test_a_sender_who_goes_away(server: UploadServer, repository: Path, wheel: Path) -> None:
    """At every border between the parts of a form, and within the file: nothing stays, and the server answers."""
    body = form_of(wheel)
    borders = [*range(0, len(body), 97), len(body) - 1]
    for at in borders:
        with server.raw([f"Content-Length: {len(body)}"]) as connection:
            connection.sendall(body[:at])
    gone(server)
    assert wheel.name not in released(repository)
    assert server.upload(wheel).status == 200


def test_a_length_that_is_wrong(server: UploadServer, repository: Path, wheel: Path) -> None:
    """Too short cuts the form, none and one that is no number cannot be waited for, nor chunks."""
    body = form_of(wheel)
    heads = [
        ["Content-Length: 100", "Connection: close"],
        ["Transfer-Encoding: chunked", "Connection: close"],
        ["Connection: close"],
    ]
    for head in heads:
        with server.raw(head) as connection:
            connection.sendall(b"0\r\n\r\n" if "chunked" in head[0] else body[:100])
            assert answer_of(connection).startswith("HTTP/1.1 400 ")
    with server.raw([f"Content-Length: {10 << 30}"]) as connection:
        assert answer_of(connection).startswith("HTTP/1.1 413 ")
    gone(server)
    assert wheel.name not in released(repository)
    assert server.upload(wheel).status == 200


def test_a_client_that_waits_to_be_asked(server: UploadServer, wheel: Path) -> None:
    """Expect: 100-continue is answered for who may upload; others get their refusal and send nothing."""
    body = form_of(wheel)
    head = [f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"]
    with server.raw(head, token="wrong") as connection:  # noqa: S106 - a test's
        assert answer_of(connection).startswith("HTTP/1.1 403 ")
    with server.raw(head) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert answer_of(connection).startswith("HTTP/1.1 200 ")


def test_slow_and_silent_senders(repository: Path, wheel: Path) -> None:
    """Bytes that come slowly are waited for; a sender who sends nothing more is told so and given up."""
    body = form_of(wheel)
    with run_uploads(settings_for(repository), silence=1.0) as server:
        with server.raw([f"Content-Length: {len(body)}", "Connection: close"]) as connection:
            for at in range(0, len(body), len(body) // 12):
                connection.sendall(body[at : at + len(body) // 12])
                time.sleep(0.1)
            assert answer_of(connection).startswith("HTTP/1.1 200 ")
        with server.raw([f"Content-Length: {len(body)}"]) as connection:
            connection.sendall(body[:500])
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 408 nothing has come for 1 seconds")
        gone(server)


def test_over_the_limits(repository: Path, wheel: Path) -> None:
    """413, with the limit in words."""
    with run_uploads(settings_for(repository), largest_file=100) as server:
        refused = server.upload(wheel)
        assert (refused.status, "more than 100 bytes" in refused.reason) == (413, True)
        refused = server.post(form(("description", b"x" * (2 << 20)), *fields_of(wheel).items(), filename=wheel.name))
        assert refused.status == 413
        assert list(server.folder.iterdir()) == []


# S3 -------------------------------------------------------------------------------------------------------------------


def fails_from(number: int, fault: Fault) -> Callable[[Exchange], Fault | None]:
    """Let every request fail after some."""
    return lambda exchange: fault if exchange.number >= number else None


@pytest.mark.parametrize("number", range(1, 14))
def test_s3_goes_away(bucket: TestBucket, tmp_path: Path, number: int) -> None:
    """At any request of an upload: 503 or 200, and true; the same upload again finishes it."""
    bucketwheel.publish(make_wheel(tmp_path, version="0.1"), settings_for(bucket))
    wheel = make_wheel(tmp_path)
    assert bucket.connection.endpoint_url is not None
    with (
        run_wire(bucket.connection.endpoint_url) as wire,
        run_uploads(settings_for(bucket, endpoint_url=wire.url)) as server,
    ):
        begin = len(wire.log)
        wire.harm = fails_from(begin + number, says(400, "ExpiredToken"))
        answered = server.upload(wheel)
        wire.harm = lambda _: None
        said = wheel.name in [file.filename for file in manifest_of(bucket.storage(), "demo-pkg").files]
        assert answered.status in ({200, 503} if said else {503}), answered
        if answered.status == 503:
            assert answered.headers["retry-after"]
        assert server.upload(wheel).status == 200
    assert wheel.name in [file["filename"] for file in page_json(bucket.storage(), "demo-pkg")["files"]]


@pytest.mark.parametrize(
    "fault", [says(412, "PreconditionFailed"), DROP_AFTER, DROP_BEFORE], ids=["412", "after", "before"]
)
def test_a_write_that_fails_once(bucket: TestBucket, tmp_path: Path, fault: Fault) -> None:
    """A conflict, and an answer that is lost: the upload is true all the same."""
    bucketwheel.publish(make_wheel(tmp_path, version="0.1"), settings_for(bucket))
    wheel = make_wheel(tmp_path)
    seen: set[str] = set()
    lock = threading.Lock()

    def once(exchange: Exchange) -> Fault | None:
        with lock:
            if exchange.verb != "PUT" or exchange.path in seen:
                return None
            seen.add(exchange.path)
        return fault

    assert bucket.connection.endpoint_url is not None
    with (
        run_wire(bucket.connection.endpoint_url, once) as wire,
        run_uploads(settings_for(bucket, endpoint_url=wire.url)) as server,
    ):
        assert server.upload(wheel).status == 200
    assert len(seen) >= 4
    assert wheel.name in [file["filename"] for file in page_json(bucket.storage(), "demo-pkg")["files"]]


def test_sixteen_at_once(bucket: TestBucket, tmp_path: Path) -> None:
    """Files of one project, each by a connection of its own: all are released."""
    bucketwheel.publish(make_sdist(tmp_path), settings_for(bucket))
    wheels = [make_wheel(tmp_path, version=f"1.{number}") for number in range(16)]

    with run_uploads(settings_for(bucket)) as server, ThreadPoolExecutor(16) as pool:

        def upload(path: Path) -> Answered:
            return server.upload(path)

        assert [answered.status for answered in pool.map(upload, wheels)] == [200] * 16
    names = {file["filename"] for file in page_json(bucket.storage(), "demo-pkg")["files"]}
    assert {wheel.name for wheel in wheels} <= names


def test_one_bad_file_among_many(server: UploadServer, repository: Path, tmp_path: Path) -> None:
    """Of those that are released together one is refused alone; of two with one name and other bytes one wins."""
    first = [make_wheel(tmp_path / "a", version=f"1.{number}") for number in range(6)]
    assert server.upload(first[0]).status == 200
    again = [make_wheel(tmp_path / "b", version=f"1.{n}", members={"demo_pkg/more.py": b""}) for n in (0, 1)]
    with ThreadPoolExecutor(16) as pool:
        answered = list(pool.map(server.upload, [*first, *again, *first[2:]]))
    statuses = [each.status for each in answered]
    assert statuses[0] == 200
    assert statuses[6] == 400
    assert sorted([statuses[1], statuses[7]]) == [200, 400]
    assert set(statuses[2:6] + statuses[8:]) == {200}
    assert {wheel.name for wheel in first} <= set(released(repository))


def test_a_disk_that_is_gone(server: UploadServer, repository: Path, wheel: Path) -> None:
    """The sender is told to try again, and nothing is released."""
    shutil.rmtree(server.folder)
    refused = server.upload(wheel)
    server.folder.mkdir()
    assert (refused.status, refused.headers["retry-after"]) == (503, "10")
    assert wheel.name not in released(repository)
