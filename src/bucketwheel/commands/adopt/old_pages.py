"""The pages of a project without a manifest: another tool's, or our own after the manifest was lost.

They tell which links clients could follow until now, and what was yanked. The digests on them are compared, never
believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from bucketwheel.errors import Problem, Refused
from bucketwheel.format.pages.mark import mark_of
from bucketwheel.format.parsed_names import is_distribution
from bucketwheel.names import Sha256, printable
from bucketwheel.places import Place, S3Place
from bucketwheel.protocol.repository import Repository
from bucketwheel.sources.pages import Link, UnreadablePage, read_index
from bucketwheel.storage import Key, Object

__all__ = ["OldLink", "OldPages", "read_old_pages", "refuse_flat_root"]

# Links are resolved as if the bucket were served from here; a page may be linked to over plain http, so not https.
_HOST: Final = "http://bucket.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldLink:
    """A link of a page under one file's name."""

    key: Key | None
    """None if it leads out of the repository, at least by its address."""
    address: str = ""
    """Printable; empty for what is in the repository."""
    sha256: Sha256 | None = None
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldPages:
    """All that another tool's pages of a project said before it was ours."""

    links: Mapping[str, list[OldLink]] = field(default_factory=dict)
    """By file name."""
    at: Key | None = None
    """The key of the first page."""

    def yanked(self, filename: str) -> str | None:
        """Return why a file was yanked; None if it was not."""
        reasons = (link.yanked for link in self.links.get(filename, ()))
        return next((reason for reason in reasons if reason is not None), None)


def read_old_pages(repository: Repository, keys: Iterable[Key], read_before: Mapping[Key, Object]) -> OldPages:
    """Read the pages at these keys, unless they were read before; one that cannot be read as a page says nothing."""
    stored_pages = ((key, read_before.get(key) or repository.storage.read(key)) for key in keys)
    read = [(key, stored) for key, stored in stored_pages if stored is not None]
    links: dict[str, list[OldLink]] = defaultdict(list)
    for key, stored in read:
        for filename, link in _links(stored, key, repository.target.place):
            links[filename].append(link)
    return OldPages(links=links, at=next((key for key, _ in read), None))


def refuse_flat_root(repository: Repository) -> None:
    """Refuse to replace a root page that lists files itself: clients follow it by --find-links."""
    storage, layout, place = repository.storage, repository.layout, repository.target.place
    if storage.stat(layout.root_json_key) is not None:
        return
    for key in layout.root_html_keys:
        stored = storage.read(key)
        if stored is not None and mark_of(stored) is None and any(_links(stored, key, place)):
            raise Refused(
                Problem(
                    subject=f"{place}: {key}",
                    what="lists files itself, for --find-links, and our root page would replace it",
                    remedy="put the index elsewhere with `bucketwheel init --set simple=simple/`, or remove that page",
                )
            )


def _links(stored: Object, key: Key, place: Place) -> Iterator[tuple[str, OldLink]]:
    prefix = place.prefix if isinstance(place, S3Place) else ""
    media_type = "application/json" if key.endswith(".json") else "text/html"
    try:
        page = read_index(stored.body, media_type, f"{_HOST}/{quote(prefix + key)}")
    except UnreadablePage:
        return
    for link in page.links:
        if is_distribution(link.filename):
            yield link.filename, _old_link(link, prefix)
    for unusable in page.unusable:
        if is_distribution(unusable.filename):
            yield unusable.filename, OldLink(key=None, address=f"an address that {unusable.reason}")


def _old_link(link: Link, prefix: str) -> OldLink:
    address, path = printable(str(link.url)), unquote(link.url.path)
    inside = address.startswith(_HOST) and path.startswith(f"/{prefix}")
    if inside:
        return OldLink(key=Key(path.removeprefix(f"/{prefix}")), sha256=link.sha256, yanked=link.yanked)
    return OldLink(key=None, address=address.removeprefix(_HOST), sha256=link.sha256, yanked=link.yanked)
