"""The commands that fail half way, each with the place it is run in: real verbs with real settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
from bucketwheel.storage import NO_MARKS, Key, Object, ObjectVersion, Storage
from faults.integrity import Snapshot, take_snapshot
from support.archives import make_sdist, make_wheel

__all__ = ["COMMANDS", "Command", "Distributions", "User", "make_distributions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributions:
    """Files to publish."""

    first: Path
    next: Path
    several: tuple[Path, ...]
    """Two wheels and an sdist of a third version."""
    other: Path
    """Of another project."""


def make_distributions(directory: Path) -> Distributions:
    """Build the files."""
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
class User:
    """A user who gives commands about one repository."""

    repository: str
    endpoint_url: str
    files: Distributions
    storage: Storage
    """Direct access, for what a person does by hand."""
    options: Mapping[str, object] = field(default_factory=lambda: {"jobs": 1})
    """Other settings; with one job the requests of a command have the same order every time."""

    def publish(self, *paths: Path) -> None:
        """Publish files."""
        publish(paths, self.settings())

    def yank(self) -> None:
        """Yank the first version."""
        yank("demo-pkg", "1.0", self.settings(), reason="broken")

    def unyank(self) -> None:
        """Unyank the first version."""
        unyank("demo-pkg", "1.0", self.settings())

    def reindex(self) -> None:
        """Rebuild all pages."""
        reindex(self.settings())

    def delete(self) -> None:
        """Delete the first version for ever."""
        delete("demo-pkg", self.settings(), version="1.0", at_once=True)

    def prune(self) -> None:
        """Keep the newest version only."""
        prune(["demo-*"], self.settings(), retention=KeepNewest(count=1), all_releases=True)

    def prune_orphans(self) -> None:
        """Remove what a dead run left, however young."""
        prune_orphans(["demo-*"], self.settings(), older_than=timedelta())

    def archive(self) -> None:
        """Close the project to new files."""
        set_status("demo-pkg", "archived", self.settings(), reason="done")

    def adopt(self) -> None:
        """Record what others put there or removed."""
        adopt(self.settings())

    def promote(self) -> None:
        """Release the first version in another repository, within the same place."""
        promote([("demo-pkg", "1.0")], self.settings(), self.release_settings())

    def release_settings(self) -> Settings:
        """Return the settings of a command about the target of a promotion."""
        return replace(self, repository=f"{self.repository}/_release").settings()

    def init(self, **changes: str) -> None:
        """Make the repository, or change its settings."""
        initialise(self.settings(), changes={key.replace("_", "-"): value for key, value in changes.items()})

    def snapshot(self) -> Snapshot:
        """Read all that is there."""
        return take_snapshot(self.storage)

    def put(self, key: str, body: bytes, marks: Mapping[str, str] = NO_MARKS) -> None:
        """Create an object, as another tool does: without our marks, if none are given."""
        assert self.storage.add(Key(key), body, sha256=sha256_of(body), headers=Layout().html(), marks=marks)

    def overwrite(self, key: str, body: bytes, marks: Mapping[str, str] = NO_MARKS) -> None:
        """Replace an object's bytes, as a person does."""
        self.storage.swap(Key(key), body, expected=self._version(key), headers=Layout().html(), marks=marks)

    def remove(self, key: str) -> None:
        """Remove an object, as a person does."""
        self.storage.remove(Key(key), expected=self._version(key))

    def object(self, key: str) -> Object:
        """Read an object that is there."""
        stored = self.storage.read(Key(key))
        assert stored is not None
        return stored

    def _version(self, key: str) -> ObjectVersion:
        info = self.storage.stat(Key(key))
        assert info is not None
        return info.version

    def settings(self) -> Settings:
        """Return the settings of a command about the repository."""
        place = {"repository": self.repository, "endpoint-url": self.endpoint_url}
        return load_settings(options=place | dict(self.options), environ={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, and what prepares the place for it."""

    run: Callable[[User], None]
    prepare: Callable[[User], None]


def _nothing(_user: User) -> None:
    """Leave the place empty."""


def _one_release(user: User) -> None:
    user.publish(user.files.first)


def _two_releases(user: User) -> None:
    user.publish(user.files.first)
    user.publish(user.files.next)


def _promotable(user: User) -> None:
    """Make the target of the promotion, which is inside the repository: only init does that."""
    user.publish(user.files.first)
    initialise(user.release_settings(), changes={})


def _yanked(user: User) -> None:
    user.publish(user.files.first)
    user.yank()


def _outdated_pages(user: User) -> None:
    """Take the pages of the last release back to the one before: its publisher died after the commit."""
    user.publish(user.files.first)
    old = {key: user.object(key) for key in ("simple/demo-pkg/", "simple/demo-pkg/index.json")}
    user.publish(user.files.next)
    for key, stored in old.items():
        user.overwrite(key, stored.body, stored.marks or {})


def _orphans(user: User) -> None:
    """Put other bytes at the key of the next release, as a publisher does that dies before its commit."""
    user.publish(user.files.first)
    released = user.object(f"simple/demo-pkg/{user.files.first.name}")
    user.put(f"simple/demo-pkg/{user.files.next.name}", released.body, released.marks or {})


def _foreign_file(user: User) -> None:
    """Put a file there by hand, as `aws s3 cp` does."""
    _two_releases(user)
    wheel = user.files.several[1]
    user.put(f"simple/demo-pkg/{wheel.name}", wheel.read_bytes())


def _foreign_file_with_views(user: User) -> None:
    _with_views(user)
    wheel = user.files.several[1]
    user.put(f"simple/demo-pkg/{wheel.name}", wheel.read_bytes())


def _damaged_pages(user: User) -> None:
    """Edit a page, remove others, and damage the root."""
    user.publish(user.files.first, user.files.other)
    user.overwrite("simple/demo-pkg/", b"<!DOCTYPE html><title>by hand</title>")
    user.remove("simple/demo-pkg/index.json")
    user.remove("simple/other/")
    user.overwrite("simple/index.json", b'{"half a pa')
    user.remove("simple/")


def _with_views(user: User) -> None:
    """Publish two releases into a repository in which all views are on."""
    user.init(views="json,json-versions,people,feeds", base_url="https://index.example/")
    _two_releases(user)


def _views_switched_on(user: User) -> None:
    _two_releases(user)
    user.init(views="json,json-versions,people,feeds", base_url="https://index.example/")


def _views_switched_off(user: User) -> None:
    """Switch views off one after the other, so that the store is proven to remove pages when the last ones go."""
    _with_views(user)
    user.init(views="json,people")
    user.reindex()
    user.init(views="json")


COMMANDS = {
    "init": Command(run=User.init, prepare=_nothing),
    "init that changes a setting": Command(run=lambda user: user.init(cache_control="no-cache"), prepare=_one_release),
    "publish into an empty place": Command(run=lambda user: user.publish(user.files.first), prepare=_nothing),
    "publish a new project": Command(run=lambda user: user.publish(user.files.other), prepare=_one_release),
    "publish the next version": Command(run=lambda user: user.publish(user.files.next), prepare=_one_release),
    "publish several files": Command(run=lambda user: user.publish(*user.files.several), prepare=_one_release),
    "publish several projects": Command(
        run=lambda user: user.publish(user.files.next, user.files.other), prepare=_one_release
    ),
    "publish where a dead run left files": Command(run=lambda user: user.publish(user.files.next), prepare=_orphans),
    "publish the same again": Command(run=lambda user: user.publish(user.files.first), prepare=_one_release),
    "publish the same again after a dead run": Command(
        run=lambda user: user.publish(user.files.next), prepare=_outdated_pages
    ),
    "yank": Command(run=User.yank, prepare=_one_release),
    "unyank": Command(run=User.unyank, prepare=_yanked),
    "delete": Command(run=User.delete, prepare=_two_releases),
    "prune": Command(run=User.prune, prepare=_two_releases),
    "prune orphans": Command(run=User.prune_orphans, prepare=_orphans),
    "status": Command(run=User.archive, prepare=_one_release),
    "adopt": Command(run=User.adopt, prepare=_foreign_file),
    "promote": Command(run=User.promote, prepare=_promotable),
    "reindex what is as it should be": Command(run=User.reindex, prepare=_one_release),
    "reindex damaged pages": Command(run=User.reindex, prepare=_damaged_pages),
    "publish with views": Command(run=lambda user: user.publish(*user.files.several), prepare=_with_views),
    "yank with views": Command(run=User.yank, prepare=_with_views),
    "delete with views": Command(run=User.delete, prepare=_with_views),
    "adopt with views": Command(run=User.adopt, prepare=_foreign_file_with_views),
    "reindex views that are on": Command(run=User.reindex, prepare=_views_switched_on),
    "reindex views that are off": Command(run=User.reindex, prepare=_views_switched_off),
}
