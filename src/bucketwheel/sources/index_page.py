"""What an index page lists, whichever of its shapes it came in."""

from __future__ import annotations

from dataclasses import dataclass

from bucketwheel.names import Sha256, is_sha256
from bucketwheel.sources.urls import InvalidUrl, WebUrl, filename_of, follow

__all__ = ["IndexPage", "Link", "ProjectLink", "UnreadablePage", "Unusable", "link_to"]


class UnreadablePage(ValueError):
    """A body that is no index page; the message continues the page's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file that a page lists; whether the name that the page gives it is a good one is not judged yet."""

    url: WebUrl
    filename: str
    sha256: Sha256 | None = None
    """As the page states it; weaker algorithms prove nothing and are left out."""
    size: int | None = None
    yanked: str | None = None
    """Why it was yanked (PEP 592), empty where the page gives no reason; None: not yanked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLink:
    """A project that a root page lists."""

    url: WebUrl
    name: str
    """As the page spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A file that a page lists in such a way that it must not be fetched."""

    filename: str
    reason: str
    """Continues the file name: "leads from https to http"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """All that a page lists, in its order."""

    url: WebUrl
    links: tuple[Link, ...] = ()
    projects: tuple[ProjectLink, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    asks_password: bool = False
    """Whether it has a field for a password, as login pages do."""


def link_to(
    base: WebUrl,
    reference: str,
    *,
    filename: str | None = None,
    sha256: str | None,
    size: int | None = None,
    yanked: str | None = None,
) -> Link | Unusable:
    """Resolve one entry of a page; where the page gives no file name it is the last segment of the URL's path."""
    try:
        url = follow(base, reference)
    except InvalidUrl as error:
        return Unusable(filename=filename or filename_of(reference.partition("?")[0]), reason=str(error))
    named = filename if filename is not None else filename_of(url.path)
    if sha256 is not None and not is_sha256(sha256.lower()):
        return Unusable(filename=named, reason="is listed with a sha256 that is none")
    digest = None if sha256 is None else Sha256(sha256.lower())
    return Link(url=url, filename=named, sha256=digest, size=size, yanked=yanked)
