"""Uploads through a gateway in this process: forms as clients write them, and requests as they are on the wire."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import bucketwheel
from bucketwheel.events import Event, Uploaded
from bucketwheel.gateway.access import Access, digest_of
from bucketwheel.gateway.addresses import LOOPBACK, hosts_of
from bucketwheel.gateway.local import gateway_to, open_to_pass_on, uploads_to
from bucketwheel.gateway.uploads import LARGEST_FILE
from bucketwheel.gateway.web import bind, running
from bucketwheel.names import distribution_name

__all__ = [
    "BOUNDARY",
    "READ_TOKEN",
    "TOKEN",
    "Answered",
    "UploadServer",
    "basic",
    "fields_of",
    "form",
    "form_of",
    "run_uploads",
]

TOKEN = "an-upload-token-of-some-length"  # noqa: S105 - a test's
READ_TOKEN = "a-read-token-of-some-length"  # noqa: S105 - a test's
BOUNDARY = "the-boundary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadServer:
    """A running gateway that takes uploads."""

    port: int
    folder: Path
    events: list[Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address that clients send to."""
        return f"http://127.0.0.1:{self.port}/legacy/"

    def post(self, body: bytes, *, path: str = "/legacy/", **headers: str) -> Answered:
        """Send a form with the token, unless other headers are given; names are written with underscores."""
        given = {"Authorization": basic(), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path, body, {name: value for name, value in given.items() if value})
            return _answered(connection.getresponse())

    def get(self, path: str, **headers: str) -> Answered:
        """Ask for a page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", path, headers=headers)
            return _answered(connection.getresponse())

    def upload(self, path: Path, **more: bytes) -> Answered:
        """Send a file as twine does."""
        return self.post(form_of(path, **more))

    @contextmanager
    def raw(self, head: Sequence[str], *, token: str = TOKEN) -> Iterator[socket.socket]:
        """Connect and send the head of an upload with these further lines."""
        lines = ["POST /legacy/ HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Authorization: {basic(token)}"]
        lines += [f"Content-Type: multipart/form-data; boundary={BOUNDARY}", *head, "", ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall("\r\n".join(lines).encode())
            yield connection

    @property
    def logged(self) -> list[Uploaded]:
        """What was reported of uploads."""
        return [event for event in self.events if isinstance(event, Uploaded)]


def _answered(response: http.client.HTTPResponse) -> Answered:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answered(status=response.status, reason=response.reason, headers=headers, body=response.read().decode())


def basic(password: str = TOKEN, user: str = "__token__") -> str:
    """Write a header of basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def form(*parts: tuple[str, bytes], filename: str = "", filename_of: str = "content") -> bytes:
    """Write a form with these fields, in order."""
    lines: list[bytes] = []
    for name, value in parts:
        file = f'; filename="{filename}"' if name == filename_of else ""
        lines += [f"--{BOUNDARY}".encode(), f'Content-Disposition: form-data; name="{name}"{file}'.encode(), b"", value]
    return b"\r\n".join([*lines, f"--{BOUNDARY}--".encode(), b""])


def fields_of(path: Path, **more: bytes) -> dict[str, bytes]:
    """Return the fields that clients send with a file."""
    name, content = distribution_name(path.name), path.read_bytes()
    return {
        ":action": b"file_upload",
        "protocol_version": b"1",
        "name": name.project.encode(),
        "version": str(name.version).encode(),
        "sha256_digest": hashlib.sha256(content).hexdigest().encode(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest().encode(),
        "md5_digest": b"not looked at",
        **more,
        "content": content,
    }


def form_of(path: Path, **more: bytes) -> bytes:
    """Write the form of a file."""
    return form(*fields_of(path, **more).items(), filename=path.name)


@contextmanager
def run_uploads(
    settings: bucketwheel.Settings,
    *,
    silence: float = 60.0,
    largest_file: int = LARGEST_FILE,
    open_to_read: bool = True,
) -> Iterator[UploadServer]:
    """Run a gateway that takes uploads into a repository, while the context lasts."""
    events: list[Event] = []
    repository = open_to_pass_on(settings, events.append)
    listening = bind(LOOPBACK, 0)
    port = listening.getsockname()[1]
    hosts = hosts_of(LOOPBACK, port)
    readers = () if open_to_read else (digest_of(READ_TOKEN),)
    gateway = gateway_to(repository, Access(hosts=hosts, digests=readers), fallback=None, report=events.append)
    with tempfile.TemporaryDirectory() as folder:
        uploads = uploads_to(
            repository,
            gateway,
            Access(hosts=hosts, digests=(digest_of(TOKEN),)),
            settings,
            events.append,
            folder=Path(folder),
            largest_file=largest_file,
        )
        with running(gateway, listening, replace(uploads, silence=silence)):
            yield UploadServer(port=port, folder=Path(folder), events=events)
