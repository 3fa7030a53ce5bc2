"""What must hold after every step, whoever died, whatever is still on its way: invariants I1 to I4 and I7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from bucketwheel.format.layout import SETTINGS_KEY, Layout, page_mark, run_of
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile
from bucketwheel.format.settings import decode_settings
from bucketwheel.names import ProjectName
from bucketwheel.storage import Object
from support.memory import MemoryStorage
from support.simulation.evidence import Link, is_root, links_of, page_key, projects_of
from support.simulation.history import History, key_of

__all__ = ["Laws", "Violation", "layout_of", "project_pages"]


class Violation(AssertionError):
    """A promise was broken; `law` is its number in the design."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law


class Laws:
    """Sees every write, and judges it by all that was ever true."""

    def __init__(self, store: MemoryStorage, history: History) -> None:
        self.acknowledged: set[str] = set()
        """Calls that ended with exit 0."""
        self._store = store
        self._history = history
        self._released: dict[tuple[str, str], str] = {}
        self._removed_by_hand: dict[str, float] = {}
        """Keys that a person emptied, with the revision that has it on record: infinite while none has."""
        self._promised: dict[ProjectName, int] = {}

    def removed_by_hand(self, key: str) -> None:
        """Excuse what still names an object that a person removed, until a manifest calls it missing."""
        self._removed_by_hand[key] = float("inf")

    def promise(self, project: ProjectName, number: int) -> None:
        """Take exit 0 at its word: from now on, pages show this revision or a later one."""
        if number:
            self._promised[project] = max(number, self._promised.get(project, 0))
            self.hold()

    # After a write: what is there follows from what was there ---------------------------------------------------------

    def file_follows(self, key: str, before: Object | None, after: Object | None) -> None:
        """I2: an object, once added, never has other bytes."""
        if before is not None and after is not None:
            raise Violation("I2", f"{key} was written over")

    def page_follows(self, key: str, before: Object | None, after: Object | None) -> None:
        """I4: a page never goes back, and a root never forgets a project."""
        if before is None:
            return
        if after is None:
            self._is_retired(key)
            return
        if _shown_revision(after) < _shown_revision(before):
            raise Violation("I4", f"{key} went from revision {_shown_revision(before)} to {_shown_revision(after)}")
        if is_root(key) and (lost := projects_of(key, before.body) - projects_of(key, after.body)):
            raise Violation("I7", f"{key} no longer lists {', '.join(lost)}")

    def _is_retired(self, key: str) -> None:
        page, layout = page_key(key), layout_of(self._store)
        assert page is not None
        if key not in layout.retired_html_keys(page.project):
            raise Violation("I4", f"{key} was removed")

    def manifest_follows(self, after: Manifest) -> None:
        """I2, I3: revisions rise, nothing is forgotten, a name keeps its bytes and its key, a deleted one stays so."""
        before = self._history.now(after.project).manifest
        if after.revision <= before.revision:
            raise Violation("I3", f"{after.project} went from revision {before.revision} to {after.revision}")
        if lost := (set(before.names) - set(after.names)) | (set(before.dead_keys) - set(after.dead_keys)):
            raise Violation("I3", f"revision {after.revision} of {after.project} forgets {', '.join(sorted(lost))}")
        if {file.filename for file in before.deleted} - {file.filename for file in after.deleted}:
            raise Violation("I2", f"revision {after.revision} of {after.project} revives a deleted name")
        entries: list[PublishedFile | DeletedFile] = [*after.files, *after.missing, *after.deleted]
        for entry in entries:
            if self._released.setdefault((after.project, entry.filename), entry.sha256) != entry.sha256:
                raise Violation("I2", f"{entry.filename} was released before, with other bytes")
        keys = {file.filename: file.key for file in before.files}
        for file in after.files:
            if keys.get(file.filename, file.key) != file.key:
                raise Violation("I2", f"{file.filename} moved to another key")
        for file in set(after.missing) - set(before.missing):
            self._goes_missing(after, file)

    def _goes_missing(self, manifest: Manifest, file: PublishedFile) -> None:
        """I5: what an acknowledged call put there, or found there, is not called missing while it lies there."""
        key = key_of(manifest, file)
        found = self._store.objects.get(key)
        if found is not None and run_of(found.marks) in self.acknowledged:
            raise Violation("I5", f"{file.filename} is called missing, though an acknowledged call's object lies there")
        if self._removed_by_hand.get(key) == float("inf"):
            self._removed_by_hand[key] = manifest.revision

    # At any moment: what is there agrees ------------------------------------------------------------------------------

    def hold(self) -> None:
        """I1, I4, I5, I7: nothing dangles, pages show what was and stay at what was promised, roots list them."""
        for project in self._history.projects:
            now = self._history.now(project)
            self._nothing_dangles(f"the manifest of {project}", now.number, now.entries)
            self._promise_is_kept(project)
        for key, stored in _pages(self._store):
            page = page_key(key)
            assert page is not None
            if page.project is None:
                self._root_names_pages(key, stored)
            else:
                self._page_is_true(key, page.project, stored)
                if page.is_json:
                    self._roots_list(page.project)

    def _nothing_dangles(self, view: str, revision: int, links: Iterable[Link]) -> None:
        for link in links:
            found = self._store.objects.get(link.key)
            if found is None or found.version != link.sha256 or len(found.body) != link.size:
                if revision < self._removed_by_hand.get(link.key, 0):
                    continue
                raise Violation("I1", f"{view} names {link.key}, which {'is another' if found else 'is not there'}")
            sidecar = self._store.objects.get(f"{link.key}.metadata")
            if link.metadata_sha256 and (sidecar is None or sidecar.version != link.metadata_sha256):
                raise Violation("I1", f"{view} names {link.key}.metadata, which is not there or another")
            if link.signed and f"{link.key}.asc" not in self._store.objects:
                raise Violation("I1", f"{view} says that {link.key} is signed, and no signature is there")

    def _root_names_pages(self, key: str, stored: Object) -> None:
        for project in map(ProjectName, projects_of(key, stored.body)):
            if not any(page in self._store.objects for page in layout_of(self._store).html_keys(project)):
                raise Violation("I1", f"the root {key} names {project}, which has no HTML page")

    def _page_is_true(self, key: str, project: ProjectName, stored: Object) -> None:
        number = _shown_revision(stored)
        revision, links = self._history.at(project, number), links_of(key, stored.body)
        self._nothing_dangles(key, number, links)
        if revision is None or links != revision.visible:
            raise Violation("I4", f"{key} does not show what the manifest said at revision {number}")

    def _promise_is_kept(self, project: ProjectName) -> None:
        promised = self._promised.get(project)
        if promised is None:
            return
        wanted = {revision.visible for revision in self._history.since(project, 1) if revision.number >= promised}
        for key in project_pages(self._store, project):
            page = self._store.objects.get(key)
            if page is None or links_of(key, page.body) not in wanted:
                raise Violation("I5", f"{key} does not show what exit 0 promised: revision {promised} of {project}")

    def _roots_list(self, project: ProjectName) -> None:
        layout = layout_of(self._store)
        for key in (layout.root_json_key, *layout.root_html_keys):
            root = self._store.objects.get(key)
            if root is None or project not in projects_of(key, root.body):
                raise Violation("I7", f"{project} has a JSON page, and the root {key} does not list it")


def _shown_revision(stored: Object) -> int:
    """The revision that a page's mark says it shows."""
    mark = page_mark(stored.marks or {})
    assert mark is not None, "a page without a mark"
    return mark.revision


def layout_of(store: MemoryStorage) -> Layout:
    """Where the repository's own settings put things."""
    return _layout(store.objects[SETTINGS_KEY].body)


def project_pages(store: MemoryStorage, project: ProjectName) -> tuple[str, ...]:
    """The keys of a project's pages."""
    layout = layout_of(store)
    return (*layout.html_keys(project), layout.json_key(project))


@lru_cache
def _layout(settings: bytes) -> Layout:
    return decode_settings(settings).layout


def _pages(store: MemoryStorage) -> Iterator[tuple[str, Object]]:
    for key, found in store.objects.items():
        if page_key(key) is not None:
            yield key, Object(body=found.body, version=found.version, marks=found.marks)
