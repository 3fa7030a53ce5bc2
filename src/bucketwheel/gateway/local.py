"""A gateway for the life of one command, on this machine and behind a password that was made for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from bucketwheel.config.resolution import Settings
from bucketwheel.events import Event, Report, RequestSent, Warned
from bucketwheel.gateway import Gateway
from bucketwheel.gateway.access import Access, digest_of
from bucketwheel.gateway.addresses import LOOPBACK, hosts_of, index_url
from bucketwheel.gateway.releases import Releases
from bucketwheel.gateway.uploads import Uploads
from bucketwheel.gateway.web import THREADS, bind, running
from bucketwheel.protocol.repository import Repository, open_target, open_to_read
from bucketwheel.storage import PassesOn

__all__ = ["LocalGateway", "gateway_to", "local_gateway", "open_to_pass_on", "uploads_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalGateway:
    """A running gateway."""

    url: str
    """Of its index, ending in a slash, without the password."""
    password: str = field(repr=False)
    user: str = "bucketwheel"

    @property
    def url_with_password(self) -> str:
        """The URL of its index for clients that take the password there: a secret."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{self.user}:{self.password}@{parts.netloc}").geturl()


def open_to_pass_on(settings: Settings, report: Report) -> Repository:
    """Open what must be a repository, with as many connections as a gateway uses; raises Refused if it is none."""
    jobs = max(settings.jobs, THREADS)
    return open_to_read(open_target(replace(settings, jobs=jobs), requests_only(report)))


def requests_only(report: Report) -> Report:
    """Return a report without what makes bars, which would be over the output of a client."""

    def pass_on(event: Event) -> None:
        if isinstance(event, RequestSent | Warned):
            report(event)

    return pass_on


def uploads_to(
    repository: Repository,
    gateway: Gateway,
    access: Access,
    settings: Settings,
    report: Report,
    *,
    folder: Path,
    largest_file: int,
) -> Uploads:
    """Return the way into a repository; files are kept in a folder until they are released."""
    settings = replace(settings, sign=False)  # the server vouches for nobody
    return Uploads(
        gateway=gateway,
        access=access,
        releases=Releases(repository.target, settings, requests_only(report)),
        settings=settings,
        report=report,
        requests=requests_only(report),
        folder=folder,
        largest_file=largest_file,
    )


def gateway_to(repository: Repository, access: Access, *, fallback: str | None, report: Report) -> Gateway:
    """Return the gateway to a repository."""
    storage = repository.storage
    if not isinstance(storage, PassesOn):
        raise TypeError("this storage passes nothing on")
    return Gateway(storage=storage, layout=repository.layout, access=access, report=report, fallback=fallback)


@contextmanager
def local_gateway(repository: Repository, *, port: int, fallback: str | None, report: Report) -> Iterator[LocalGateway]:
    """Run a gateway to a repository while the context lasts; port 0 is any that is free."""
    password = secrets.token_urlsafe(24)
    listening = bind(LOOPBACK, port)
    port = listening.getsockname()[1]
    access = Access(hosts=hosts_of(LOOPBACK, port), digests=(digest_of(password),))
    with running(gateway_to(repository, access, fallback=fallback, report=report), listening):
        yield LocalGateway(url=index_url(LOOPBACK, port, repository.layout.simple), password=password)
