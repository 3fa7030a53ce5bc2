"""The commands that are disturbed, each on the ground it is given there: real verbs with real settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bucketwheel import (
    KeepNewest,
    Settings,
    adopt,
    delete,
    initialise,
    load_settings,
    promote,
    prune,
    prune_orphans,
    publish,
    reindex,
    set_status,
    unyank,
    yank,
)
from bucketwheel.format.layout import Layout
from bucketwheel.names import sha256_of
from bucketwheel.storage import NO_MARKS, Key, Storage
from support.archives import make_sdist, make_wheel

__all__ = ["COMMANDS", "Command", "Desk", "Distributions", "make_distributions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributions:
    """What there is to publish."""

    first: Path
    next: Path
    several: tuple[Path, ...]
    """Two wheels and an sdist of a third version."""
    other: Path
    """Of another project."""


def make_distributions(directory: Path) -> Distributions:
    """Build them."""
    return Distributions(
        first=make_wheel(directory, version="1.0"),
        next=make_wheel(directory, version="1.1"),
        several=(
            make_wheel(directory, version="1.2", tag="py2-none-any"),
            make_wheel(directory, version="1.2"),
            make_sdist(directory, version="1.2"),
        ),
        other=make_wheel(directory, "other"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Somebody who gives commands about one place."""

    repository: str
    endpoint_url: str
    files: Distributions
    storage: Storage
    """Straight to the place, for what a person does by hand."""
    options: Mapping[str, object] = field(default_factory=lambda: {"jobs": 1})
    """Other settings; with one job at a time the requests of a command come in the same order every time."""

    def publish(self, *paths: Path) -> None:
        """Publish."""
        publish(paths, self._settings())

    def yank(self) -> None:
        """Yank the first version."""
        yank("demo-pkg", "1.0", self._settings(), reason="broken")

    def unyank(self) -> None:
        """Take that back."""
        unyank("demo-pkg", "1.0", self._settings())

    def reindex(self) -> None:
        """Rebuild all pages."""
        reindex(self._settings())

    def delete(self) -> None:
        """Delete the first version for ever."""
        delete("demo-pkg", self._settings(), version="1.0", at_once=True)

    def prune(self) -> None:
        """Keep the newest version only."""
        prune(["demo-*"], self._settings(), retention=KeepNewest(count=1), all_releases=True)

    def prune_orphans(self) -> None:
        """Remove what a dead run left, however young."""
        prune_orphans(["demo-*"], self._settings(), older_than=timedelta())

    def archive(self) -> None:
        """Close the project to new files."""
        set_status("demo-pkg", "archived", self._settings(), reason="done")

    def adopt(self) -> None:
        """Take in what others put there, and miss what they removed."""
        adopt(self._settings())

    def promote(self) -> None:
        """Make the first version a release of another repository, which lies within the same place."""
        target = load_settings(
            options={"repository": f"{self.repository}/_release", "endpoint-url": self.endpoint_url, "jobs": 1},
            environ={},
        )
        promote([("demo-pkg", "1.0")], self._settings(), target)

    def init(self, **changes: str) -> None:
        """Make the repository, or change its settings."""
        initialise(self._settings(), changes={key.replace("_", "-"): value for key, value in changes.items()})

    def overwrite(self, key: str, body: bytes) -> None:
        """Put other bytes there, as a person does, without our marks."""
        seen = self.storage.stat(Key(key))
        assert seen is not None
        self.storage.swap(Key(key), body, expected=seen.version, headers=Layout().html(), marks=NO_MARKS)

    def remove(self, key: str) -> None:
        """Remove an object, as a person does."""
        seen = self.storage.stat(Key(key))
        assert seen is not None
        self.storage.remove(Key(key), expected=seen.version)

    def _settings(self) -> Settings:
        place = {"repository": self.repository, "endpoint-url": self.endpoint_url}
        return load_settings(options=place | dict(self.options), environ={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, and the ground on which it is given."""

    run: Callable[[Desk], None]
    before: Callable[[Desk], None]


def _nothing(_desk: Desk) -> None:
    """Leave the place empty."""


def _one_release(desk: Desk) -> None:
    desk.publish(desk.files.first)


def _yanked(desk: Desk) -> None:
    desk.publish(desk.files.first)
    desk.yank()


def _pages_behind(desk: Desk) -> None:
    """Take the pages of the last release back to the one before: its publisher died after the commit."""
    keys = ("simple/demo-pkg/", "simple/demo-pkg/index.json")
    desk.publish(desk.files.first)
    old = {key: desk.storage.read(Key(key)) for key in keys}
    desk.publish(desk.files.next)
    for key, stored in old.items():
        seen = desk.storage.stat(Key(key))
        assert stored is not None
        assert stored.marks is not None
        assert seen is not None
        desk.storage.swap(Key(key), stored.body, expected=seen.version, headers=Layout().html(), marks=stored.marks)


def _orphans(desk: Desk) -> None:
    """Leave other bytes where the next release wants to lie: of a publisher that died before its commit."""
    _one_release(desk)
    key, kind = Key(f"simple/demo-pkg/{desk.files.next.name}"), Layout().distribution()
    orphan = desk.files.first.read_bytes()
    released = desk.storage.stat(Key(f"simple/demo-pkg/{desk.files.first.name}"))
    assert released is not None
    assert released.marks is not None
    assert desk.storage.add(key, orphan, sha256=sha256_of(orphan), headers=kind, marks=released.marks)


def _spoilt_pages(desk: Desk) -> None:
    """Edit a page, remove others, and damage the root."""
    desk.publish(desk.files.first, desk.files.other)
    desk.overwrite("simple/demo-pkg/", b"<!DOCTYPE html><title>by hand</title>")
    desk.remove("simple/demo-pkg/index.json")
    desk.remove("simple/other/")
    desk.overwrite("simple/index.json", b'{"half a pa')
    desk.remove("simple/")


def _two_releases(desk: Desk) -> None:
    desk.publish(desk.files.first)
    desk.publish(desk.files.next)


def _strangers(desk: Desk) -> None:
    """Put a file there by hand, as `aws s3 cp` does."""
    _two_releases(desk)
    body, key = desk.files.several[1].read_bytes(), Key(f"simple/demo-pkg/{desk.files.several[1].name}")
    assert desk.storage.add(key, body, sha256=sha256_of(body), headers=Layout().distribution(), marks=NO_MARKS)


COMMANDS = {
    "init": Command(run=Desk.init, before=_nothing),
    "init that changes a setting": Command(run=lambda desk: desk.init(cache_control="no-cache"), before=_one_release),
    "publish into an empty place": Command(run=lambda desk: desk.publish(desk.files.first), before=_nothing),
    "publish a new project": Command(run=lambda desk: desk.publish(desk.files.other), before=_one_release),
    "publish the next version": Command(run=lambda desk: desk.publish(desk.files.next), before=_one_release),
    "publish several files": Command(run=lambda desk: desk.publish(*desk.files.several), before=_one_release),
    "publish several projects": Command(
        run=lambda desk: desk.publish(desk.files.next, desk.files.other), before=_one_release
    ),
    "publish where a dead run left files": Command(run=lambda desk: desk.publish(desk.files.next), before=_orphans),
    "publish the same again": Command(run=lambda desk: desk.publish(desk.files.first), before=_one_release),
    "publish the same again after a dead run": Command(
        run=lambda desk: desk.publish(desk.files.next), before=_pages_behind
    ),
    "yank": Command(run=Desk.yank, before=_one_release),
    "unyank": Command(run=Desk.unyank, before=_yanked),
    "delete": Command(run=Desk.delete, before=_two_releases),
    "prune": Command(run=Desk.prune, before=_two_releases),
    "prune orphans": Command(run=Desk.prune_orphans, before=_orphans),
    "status": Command(run=Desk.archive, before=_one_release),
    "adopt": Command(run=Desk.adopt, before=_strangers),
    "promote": Command(run=Desk.promote, before=_one_release),
    "reindex what is as it should be": Command(run=Desk.reindex, before=_one_release),
    "reindex spoilt pages": Command(run=Desk.reindex, before=_spoilt_pages),
}
