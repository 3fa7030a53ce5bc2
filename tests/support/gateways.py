"""A gateway in this process, and requests to it as they are written on the wire."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import bucketwheel
from bucketwheel.events import Event, RequestSent, Warned
from bucketwheel.gateway.local import LocalGateway, local_gateway, open_to_pass_on
from bucketwheel.places import DirectoryPlace
from support.ministack import TestBucket

__all__ = ["JSON", "Got", "TestGateway", "run_gateway", "settings_for"]

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TestGateway:
    """A running gateway, with what it reported."""

    __test__ = False

    local: LocalGateway
    events: list[Event] = field(default_factory=list)

    @property
    def netloc(self) -> str:
        """The host and port."""
        return urlsplit(self.local.url).netloc

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> Got:
        """Send a request with the password, unless other headers are given; names are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        password = f"x:{self.local.password}".encode()
        given.setdefault("Authorization", f"Basic {base64.b64encode(password).decode()}")
        with closing(http.client.HTTPConnection(self.netloc, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            headers_got = {name.lower(): value for name, value in answer.getheaders()}
            return Got(status=answer.status, headers=headers_got, body=answer.read())

    @property
    def warnings(self) -> list[str]:
        """What the user was told."""
        return [event.message for event in self.events if isinstance(event, Warned)]

    def read(self, beginning: str = "") -> list[str]:
        """Return the keys that were asked of the store."""
        found = (event.target for event in self.events if isinstance(event, RequestSent))
        return [target for target in found if not target.startswith("/") and target.startswith(beginning)]


def settings_for(place: Path | TestBucket, *, endpoint_url: str | None = None) -> bucketwheel.Settings:
    """Return settings for a repository in a directory or a bucket."""
    if isinstance(place, Path):
        return bucketwheel.Settings(repository=DirectoryPlace(path=place))
    connection = bucketwheel.Connection(
        region=place.connection.region, endpoint_url=endpoint_url or place.connection.endpoint_url
    )
    return bucketwheel.Settings(repository=place.place, connection=connection)


@contextmanager
def run_gateway(settings: bucketwheel.Settings, *, fallback: str | None = None) -> Iterator[TestGateway]:
    """Run a gateway to a repository while the context lasts."""
    events: list[Event] = []
    repository = open_to_pass_on(settings, events.append)
    with local_gateway(repository, port=0, fallback=fallback, report=events.append) as local:
        yield TestGateway(local=local, events=events)
