"""The invariants of the write protocol, compared after every write, after every exit, and once all have ended.

It does not matter who died and which requests are still on their way. Numbers are those of the design.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

from bucketwheel.errors import Damaged, Refused
from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.layout import (
    MANIFESTS,
    SETTINGS_KEY,
    Layout,
    PageMark,
    page_mark,
    people_key,
    project_of,
    run_of,
)
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, decode_manifest
from bucketwheel.format.settings import RepositorySettings, decode_settings
from bucketwheel.names import ProjectName
from bucketwheel.protocol.views import version_keys, view_keys
from bucketwheel.storage import Key, Object
from support.memory import MemoryStorage
from support.simulation.commands import Adopt, Publish, Reindex, is_respelled
from support.simulation.history import PERSON, History, Revision, key_of
from support.simulation.pages import Link, links_of, page_key, projects_of
from support.simulation.shared import (
    SHARED,
    assets_of,
    catalogue_lines,
    latest_of,
    releases_in,
    shown_projects,
    shown_releases,
)
from support.simulation.tasks import Actor
from support.simulation.views import expected_in, shown_in
from support.view_pages import ViewKey, parsed_view_key

__all__ = ["Invariants", "Violation"]


class Violation(AssertionError):
    """A broken invariant, named by its number."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


class Invariants:
    """The judge of a simulation, who knows all that was ever committed, acknowledged and removed."""

    def __init__(self, store: MemoryStorage, history: History) -> None:
        self._store = store
        self._history = history
        self._acknowledged: set[str] = set()
        """Runs that ended with exit 0."""
        self._promised: dict[ProjectName, int] = {}
        """The revision that exit 0 promised on the pages of a project: this one or a later one."""
        self._promised_documents: dict[tuple[ProjectName, str], int] = {}
        """The same of the document of a version."""
        self._promised_lines: dict[ProjectName, int] = {}
        """The same of the project's line in the catalogue."""
        self._later_lines: dict[ProjectName, int] = {}
        """The same of lines that wait for the first `reindex` to end, which makes the catalogue."""
        self._reindexed = False
        self._released: dict[tuple[str, str], str] = {}
        """The digest of each filename ever released, by project."""
        self._removed_by_hand: dict[str, float] = {}
        """Keys that a person emptied, with the revision that records it: infinite before that."""
        self._restored_at: dict[ProjectName, int] = {}
        """When a person last restored an older manifest, or lost one: since then revisions are no order any more."""
        self._ever: set[tuple[str, str]] = set()
        """Every filename that a manifest ever had."""
        self._kept: set[tuple[str, str]] = set()
        """The filenames that runs released that ended with exit 0, by project."""

    @property
    def restored(self) -> bool:
        """Return whether a person restored or lost a manifest."""
        return bool(self._restored_at)

    def excuse(self, key: str) -> None:
        """Excuse what still names an object that a person removed, until a manifest calls it missing."""
        self._removed_by_hand[key] = math.inf

    def restore(self, manifest: Manifest) -> None:
        """Record that a person put a manifest back: what neither it nor a page remembers may happen again."""
        project = manifest.project
        pages = [(key, self._store.objects.get(key)) for key in self._page_keys(project)]
        listed = {link.key.rpartition("/")[2] for key, page in pages if page for link in links_of(key, page.body)}
        known = {(project, name) for name in (*manifest.names, *listed)}
        self._released = {key: sha256 for key, sha256 in self._released.items() if key[0] != project or key in known}
        self._history.record(PERSON, manifest)
        self._restored_at[project] = self._history.commits(project)

    def end_excuses(self) -> None:
        """Record that a repair ended: it calls missing what a person removed, and no page names that any more."""
        self._removed_by_hand = dict.fromkeys(self._removed_by_hand, 0)

    # After a write ----------------------------------------------------------------------------------------------------

    def check_write(self, actor: Actor, key: str, before: Object | None, after: Object | None) -> None:
        """Compare an object before and after a change, record a commit, and check all that holds at any moment."""
        if key.startswith(MANIFESTS):
            self._check_manifest(actor, key, after)
        elif page_key(key) is not None:
            self._check_page_change(key, before, after)
        elif parsed_view_key(key) is not None or key in SHARED:
            self._check_view_change(key, before, after)
        elif key == CATALOGUE_KEY:
            self._check_catalogue_change(before, after)
        elif key.startswith("simple/") and before is not None and after is not None:
            raise Violation("I2", f"{key} was overwritten")
        self.check_store()

    def _check_page_change(self, key: str, before: Object | None, after: Object | None) -> None:
        """I4: a page never goes back. I7: a root never loses a project."""
        page = page_key(key)
        if before is None or page is None:
            return
        if after is None:
            if key not in self._layout.retired_html_keys(page.project):
                raise Violation("I4", f"{key} was removed")
            return
        if _revision_on(after) < _revision_on(before):
            raise Violation("I4", f"{key} went from revision {_revision_on(before)} to {_revision_on(after)}")
        if page.project is None and (lost := projects_of(key, before.body) - projects_of(key, after.body)):
            raise Violation("I7", f"{key} does not list {', '.join(lost)} any more")

    def _check_view_change(self, key: str, before: Object | None, after: Object | None) -> None:
        """I4: a view never goes back, and one that is on is never removed."""
        if after is None:
            raise Violation("I4", f"{key} was removed")
        if before is not None and _revision_on(after) < _revision_on(before):
            raise Violation("I4", f"{key} went from revision {_revision_on(before)} to {_revision_on(after)}")

    def _check_catalogue_change(self, before: Object | None, after: Object | None) -> None:
        """I4: no line goes back, and each shows what its revision says."""
        if after is None:
            raise Violation("I4", "the catalogue was removed")
        old, new = catalogue_lines(before.body) if before else {}, catalogue_lines(after.body)
        for name, (number, latest) in new.items():
            if number < old.get(name, (0, ""))[0] and not self.restored:
                raise Violation("I4", f"the line of {name} went from revision {old[name][0]} to {number}")
            if all(latest != latest_of(each.manifest) for each in self._history.at(ProjectName(name), number)):
                raise Violation("I4", f"the line of {name} does not show what revision {number} says")
        if (lost := old.keys() - new.keys()) and not self.restored:
            raise Violation("I4", f"the catalogue lost {', '.join(sorted(lost))}")

    def _check_promised_line(self, project: ProjectName) -> None:
        promised, catalogue = self._promised_lines.get(project, 0), self._store.objects.get(CATALOGUE_KEY)
        if catalogue is None or self.restored:
            return
        if catalogue_lines(catalogue.body).get(project, (0, ""))[0] < promised:
            raise Violation("I5", f"the catalogue does not show what exit 0 promised: {promised} of {project}")

    def _check_shared(self, after: str) -> None:
        """I6: after a reindex the catalogue has all projects as they are, and its pages show what it says."""
        catalogue = self._store.objects.get(CATALOGUE_KEY)
        if catalogue is None:
            return
        lines = catalogue_lines(catalogue.body)
        now = {str(project): self._history.now(project).manifest for project in self._history.projects}
        if lines != {name: (manifest.revision, latest_of(manifest)) for name, manifest in now.items()}:
            raise Violation("I6", f"the catalogue is behind after {after}")
        releases = {(name, file.version) for name, manifest in now.items() for file in manifest.visible}
        if releases_in(catalogue.body) != releases:
            raise Violation("I6", f"the catalogue has other releases than the manifests after {after}")
        projects = {name for name, manifest in now.items() if manifest.visible}
        for key in SHARED.intersection(self._store.objects):
            body = self._store.objects[key].body
            if shown_releases(key, body) not in (None, releases) or shown_projects(key, body) not in (None, projects):
                raise Violation("I6", f"{key} is behind after {after}")

    def _check_manifest(self, actor: Actor, key: str, after: Object | None) -> None:
        project = project_of(Key(key))
        assert project is not None
        if after is None:
            raise Violation("I3", f"the manifest of {project} was removed")
        try:
            manifest = decode_manifest(after.body, project)
        except Damaged as error:
            raise Violation("I2", str(error)) from error
        before = self._history.now(project).manifest
        self._check_names(actor, before, manifest)
        self._check_spellings(actor, before, manifest)
        for file in set(manifest.missing) - set(before.missing):
            self._check_missing(manifest, file)
        self._check_author(actor, before, manifest)
        self._history.record(actor.run_id, manifest)
        self._ever |= {(project, name) for name in manifest.names}

    def _check_names(self, actor: Actor, before: Manifest, after: Manifest) -> None:
        """I3: revisions rise and forget nothing. I2: a name keeps its bytes and its key, and stays deleted."""
        if after.revision <= before.revision:
            raise Violation("I3", f"{after.project} went from revision {before.revision} to {after.revision}")
        if lost := (set(before.names) - set(after.names)) | (set(before.dead_keys) - set(after.dead_keys)):
            raise Violation("I3", f"revision {after.revision} of {after.project} forgets {', '.join(sorted(lost))}")
        if {file.filename for file in before.deleted} - {file.filename for file in after.deleted}:
            raise Violation("I2", f"revision {after.revision} of {after.project} brings a deleted name back")
        entries: list[PublishedFile | DeletedFile] = [*after.files, *after.missing, *after.deleted]
        for entry in entries:
            if entry.sha256 is None:  # the record of a deleted name, shrunk
                continue
            if self._has_two_lines(actor, after.project, entry):
                continue
            if self._released.setdefault((after.project, entry.filename), entry.sha256) != entry.sha256:
                raise Violation("I2", f"{entry.filename} was released before, with other bytes")
        keys = {file.filename: key_of(before, file) for file in before.files}
        for file in after.files:
            key = keys.get(file.filename)
            if key not in {None, key_of(after, file), *self._removed_by_hand} and not self.restored:
                raise Violation("I2", f"{file.filename} moved to another key")

    def _has_two_lines(self, actor: Actor, project: ProjectName, entry: PublishedFile | DeletedFile) -> bool:
        """Return whether a name may have two bytes, because a restore began a second line of revisions.

        A commit cannot see what was restored after its run looked at the pages; of two bytes a repair hides one.
        """
        if project not in self._restored_at:
            return False
        looked_before = actor.began.get(project, 0) < self._restored_at[project]
        return looked_before or (isinstance(entry, PublishedFile) and entry.hidden)

    def _check_spellings(self, actor: Actor, before: Manifest, after: Manifest) -> None:
        """I2: what is gone stays gone in every spelling; only adoption finds two spellings of one distribution."""
        new = [file for file in after.files if file.filename not in before.names]
        used = {file.filename for file in before.deleted}
        used |= {file.filename for file in before.files if isinstance(actor.command, Publish)}
        for file in () if self.restored else new:
            other_bytes = {old.filename for old in after.missing if old.sha256 != file.sha256}
            for name in used | other_bytes:
                if is_respelled(file.filename, name):
                    raise Violation("I2", f"{name} was used before, and comes back as {file.filename}")

    def _check_missing(self, manifest: Manifest, file: PublishedFile) -> None:
        """I5: a file is not called missing while its object is there, if an acknowledged run added it."""
        key = key_of(manifest, file)
        found = self._store.objects.get(key)
        if found is not None and run_of(found.marks) in self._acknowledged:
            raise Violation("I5", f"{file.filename} is called missing, but the object of an acknowledged run is there")
        if self._removed_by_hand.get(key) == math.inf and not self.restored:
            self._removed_by_hand[key] = manifest.revision

    def _check_author(self, actor: Actor, before: Manifest, after: Manifest) -> None:
        """I8: a refused run commits nothing, however late. I10: all files of a run are committed at once."""
        if isinstance(actor.command, Adopt):
            self._check_adopted(before, after)
        if actor.exit == 1 and _is_work_of(actor, after):
            raise Violation("I8", f"{actor.run_id} ended with 1, and is committed at revision {after.revision}")
        if isinstance(actor.command, Publish) and after.names_run(actor.run_id) and not actor.command.shown_by(after):
            raise Violation("I10", f"revision {after.revision} of {after.project} has half of {actor.run_id}")

    def _check_adopted(self, before: Manifest, after: Manifest) -> None:
        """I10: only its publisher commits what a publisher uploaded, unless it was released before."""
        for file in after.files:
            found = self._store.objects.get(key_of(after, file))
            if (after.project, file.filename) in self._ever:
                continue
            if file.filename not in before.names and found is not None and run_of(found.marks) is not None:
                raise Violation("I10", f"{file.filename} was adopted, but its publisher has not finished")

    # At any moment ----------------------------------------------------------------------------------------------------

    def check_store(self) -> None:
        """I1, I4, I5, I7: links lead somewhere, pages show a revision, the promised one or later, and roots list them.

        Compares everything in the store.
        """
        for project in self._history.projects:
            now = self._history.now(project)
            if not self.restored:
                self._check_links(f"the manifest of {project}", now.number, now.entries)
            self._check_promise(project)
            self._check_promised_line(project)
        for key in list(self._store.objects):
            if (view := parsed_view_key(key)) is not None:
                self._check_view(key, view)
            if key in SHARED or (view is not None and view.view == "people"):
                self._check_references(key)
            page = page_key(key)
            if page is None:
                continue
            found = self._store.read(Key(key))
            assert found is not None
            if page.project is None:
                self._check_root(key, found)
            else:
                self._check_page(key, page.project, found)
                if page.is_json:
                    self._check_listed(page.project)

    def _check_links(self, view: str, revision: int, links: Iterable[Link]) -> None:
        for link in links:
            found = self._store.objects.get(link.key)
            if found is None or found.version != link.sha256 or len(found.body) != link.size:
                if revision < self._removed_by_hand.get(link.key, 0):
                    continue
                raise Violation("I1", f"{view} names {link.key}, which {'is another' if found else 'is absent'}")
            sidecar = self._store.objects.get(f"{link.key}.metadata")
            if link.metadata_sha256 and (sidecar is None or sidecar.version != link.metadata_sha256):
                raise Violation("I1", f"{view} names {link.key}.metadata, which is absent or another")
            excused = revision < self._removed_by_hand.get(link.key, 0)
            if link.signed and f"{link.key}.asc" not in self._store.objects and not excused:
                raise Violation("I1", f"{view} says that {link.key} is signed, and the signature is absent")

    def _check_root(self, key: str, root: Object) -> None:
        for project in map(ProjectName, projects_of(key, root.body)):
            if not any(page in self._store.objects for page in self._layout.html_keys(project)):
                raise Violation("I1", f"the root {key} names {project}, which has no HTML page")

    def _check_page(self, key: str, project: ProjectName, page: Object) -> None:
        number = _revision_on(page)
        revisions, links = self._history.at(project, number), links_of(key, page.body)
        self._check_links(key, number, links)
        if all(links != revision.visible for revision in revisions):
            raise Violation("I4", f"{key} does not show what the manifest said at revision {number}")

    def _check_view(self, key: str, view: ViewKey) -> None:
        """I1: what a view names is there. I4: it shows what its revision says."""
        page = self._store.objects[key]
        number, shown = _mark_of(page.marks).revision, shown_in(key, page.body)
        for name, sha256, _ in shown if view.view != "feeds" else ():
            found = self._store.objects.get(name)
            if (found is None or found.version != sha256) and number >= self._removed_by_hand.get(name, 0):
                raise Violation("I1", f"{key} names {name}, which {'is another' if found else 'is absent'}")
        if all(
            shown != expected_in(view, each.manifest) for each in self._history.at(ProjectName(view.project), number)
        ):
            raise Violation("I4", f"{key} does not show what the manifest said at revision {number}")

    def _check_references(self, key: str) -> None:
        """I1: what a page for people refers to is there: style and script, and the page of each project."""
        body = self._store.objects[key].body
        projects = {project for project, _ in shown_releases(key, body) or ()} | (shown_projects(key, body) or set())
        wanted = assets_of(body) if key.endswith(".html") else set()
        if "people" in self._settings.views:
            wanted = wanted | {people_key(ProjectName(project)) for project in projects}
        if absent := sorted(wanted - self._store.objects.keys()):
            raise Violation("I1", f"{key} refers to {absent[0]}, which is absent")

    def _check_promised_views(self, project: ProjectName, promised: int) -> None:
        later = [each.manifest for each in self._history.since(project, 1) if each.number >= promised]
        for key in view_keys(self._settings, project):
            self._check_shows(key, later, promised)

    def _check_promised_documents(self, project: ProjectName) -> None:
        for (named, version), promised in self._promised_documents.items():
            if named == project:
                later = [each.manifest for each in self._history.since(project, 1) if each.number >= promised]
                for key in version_keys(self._settings, project, [version]):
                    self._check_shows(key, later, promised)

    def _check_shows(self, key: str, manifests: Iterable[Manifest], promised: int) -> None:
        view, page = parsed_view_key(key), self._store.objects.get(key)
        assert view is not None
        shown = None if page is None else shown_in(key, page.body)
        if all(shown != expected_in(view, manifest) for manifest in manifests):
            raise Violation("I5", f"{key} does not show what exit 0 promised: revision {promised} of {view.project}")

    def _check_promise(self, project: ProjectName) -> None:
        promised = self._promised.get(project)
        if promised is None:
            return
        expected = {revision.visible for revision in self._history.since(project, 1) if revision.number >= promised}
        for key in self._page_keys(project):
            if self._links_on(key) not in expected:
                raise Violation("I5", f"{key} does not show what exit 0 promised: revision {promised} of {project}")
        self._check_promised_views(project, promised)
        self._check_promised_documents(project)

    def _check_listed(self, project: ProjectName) -> None:
        for key in self._root_keys:
            if project not in self._projects_on(key):
                raise Violation("I7", f"{project} has a JSON page, and the root {key} does not list it")

    # After an exit ----------------------------------------------------------------------------------------------------

    def check_exit(self, actor: Actor) -> None:
        """I5: 0 means committed and visible. I8: 1 means that nothing is, for a reason. I9: all finish."""
        revisions = list(self._seen_by(actor))
        if actor.exit == 0:
            self._acknowledge(actor)
        elif actor.exit == 1:
            for revision in revisions:
                if revision.run_id == actor.run_id and _is_work_of(actor, revision.manifest):
                    raise Violation("I8", f"{actor.run_id} ended with 1, but had committed revision {revision.number}")
        if self.restored:
            return  # it may have noticed that
        if any(actor.command.stopped_by(revision.manifest) for revision in revisions):
            return
        if actor.exit and not actor.disturbed:
            raise Violation("I9", f"{actor.run_id} had no trouble, and ended with {actor.exit}: {actor.error}")
        if isinstance(actor.error, Refused):
            raise Violation("I8", f"{actor.run_id} was refused without a reason: {actor.error}")

    def _acknowledge(self, actor: Actor) -> None:
        self._acknowledged.add(actor.run_id)
        if isinstance(actor.command, Reindex):
            self._reindexed = True
            for project, number in self._later_lines.items():
                self._promised_lines[project] = max(number, self._promised_lines.get(project, 0))
            self._later_lines.clear()
        for project in actor.command.projects or self._history.projects:
            self._take_promise(actor, project)
            if isinstance(actor.command, Publish):
                self._check_visible(actor, actor.command, project)

    def _take_promise(self, actor: Actor, project: ProjectName) -> None:
        revisions = self._history.since(project, actor.began.get(project, 0))
        own = [revision for revision in revisions if revision.run_id == actor.run_id]
        showing = [revision for revision in revisions if actor.command.shown_by(revision.manifest)]
        if not showing:
            raise Violation("I5", f"{actor.run_id} ended with 0, and no revision of {project} shows its work")
        # Without a restore the first of them is the lowest.
        number = own[-1].number if own else min(revision.number for revision in showing)
        if number:
            self._promised[project] = max(number, self._promised.get(project, 0))
            promised_now = actor.catalogued or self._reindexed
            if not (promised_now and actor.warned):
                lines = self._promised_lines if promised_now else self._later_lines
                lines[project] = max(number, lines.get(project, 0))
            for version in self._versions_of(actor, project):
                known = self._promised_documents.get((project, version), 0)
                self._promised_documents[project, version] = max(number, known)
            self.check_store()

    def _versions_of(self, actor: Actor, project: ProjectName) -> set[str]:
        """Return the versions that a command is about: those that it names, and those that its commits changed."""
        versions = set(actor.command.versions(project))
        revisions = self._history.since(project, 0)
        for before, after in pairwise(revisions):
            if after.run_id == actor.run_id:
                changed = set(before.manifest.visible) ^ set(after.manifest.visible)
                versions |= {file.version for file in changed}
        return versions

    def _check_visible(self, actor: Actor, command: Publish, project: ProjectName) -> None:
        """I5: what was published is on the pages, unless somebody took it off them meanwhile."""
        since = self._history.since(project, actor.began.get(project, 0))
        for upload in (upload for upload in command.uploads if upload.name.project == project):
            if any(_is_off_pages(revision.manifest, upload.filename) for revision in since):
                continue
            self._kept.add((project, upload.filename))
            for key in self._page_keys(project):
                page = self._store.objects.get(key)
                listed = {link.key.rpartition("/")[2] for link in links_of(key, page.body)} if page else set()
                if upload.filename not in listed:
                    raise Violation("I5", f"{actor.run_id} ended with 0, and {upload.filename} is not on {key}")

    def _seen_by(self, actor: Actor) -> Iterator[Revision]:
        for project in actor.command.projects or self._history.projects:
            yield from self._history.since(project, actor.began.get(project, 0))

    # Once all have ended ----------------------------------------------------------------------------------------------

    def check_settled(self, after: str) -> None:
        """I6: every page shows its manifest as it is. I7: both roots list every project."""
        if not self._history.projects:
            return
        for project, filename in self._kept:
            revisions = self._history.since(ProjectName(project), 1)
            forgettable = any(_is_off_pages(revision.manifest, filename) for revision in revisions)
            if not forgettable and filename not in revisions[-1].manifest.names:
                raise Violation("I5", f"{filename} was published with exit 0, and the manifest of {project} forgot it")
        for project in self._history.projects:
            now = self._history.now(project)
            self._check_links(f"the manifest of {project}", now.number, now.entries)
            self._check_shown(project, now, after)
        for key in self._root_keys:
            if self._projects_on(key) != set(self._history.projects):
                raise Violation("I7", f"{key} does not list every project after {after}")
        if after == "a reindex":
            self._check_shared(after)

    def _check_shown(self, project: ProjectName, now: Revision, after: str) -> None:
        for key in self._page_keys(project):
            if self._links_on(key) != now.visible:
                raise Violation("I6", f"{key} is behind revision {now.number} after {after}")
        for key in self._view_keys(project):
            page, view = self._store.objects.get(key), parsed_view_key(key)
            assert view is not None
            if page is None or shown_in(key, page.body) != expected_in(view, now.manifest):
                raise Violation("I6", f"{key} is behind revision {now.number} after {after}")

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return _layout_in(self._store.objects[SETTINGS_KEY].body)

    def _page_keys(self, project: ProjectName) -> tuple[str, ...]:
        return (*self._layout.html_keys(project), self._layout.json_key(project))

    @property
    def _settings(self) -> RepositorySettings:
        return _settings_in(self._store.objects[SETTINGS_KEY].body)

    def _view_keys(self, project: ProjectName) -> list[str]:
        """Return the keys of all views of a project, and of the documents that it must have and those that it has."""
        versions = {file.version for file in self._history.now(project).manifest.visible}
        keys = {*view_keys(self._settings, project), *version_keys(self._settings, project, versions)}
        keys |= {Key(key) for key in self._store.objects if key.startswith(f"pypi/{project}/")}
        return sorted(keys)

    def _links_on(self, key: str) -> tuple[Link, ...] | None:
        page = self._store.objects.get(key)
        return None if page is None else links_of(key, page.body)

    def _projects_on(self, key: str) -> frozenset[str]:
        root = self._store.objects.get(key)
        return frozenset() if root is None else projects_of(key, root.body)

    @property
    def _root_keys(self) -> tuple[str, ...]:
        return (*self._layout.root_html_keys, self._layout.root_json_key)


@lru_cache
def _settings_in(settings: bytes) -> RepositorySettings:
    return decode_settings(settings)


@lru_cache
def _layout_in(settings: bytes) -> Layout:
    return decode_settings(settings).layout


def _is_off_pages(manifest: Manifest, filename: str) -> bool:
    hidden = {file.filename for file in manifest.files if file.hidden}
    gone = {file.filename for file in manifest.deleted} | {file.filename for file in manifest.missing}
    return filename in hidden | gone or manifest.status.status == "quarantined"


def _revision_on(page: Object) -> int:
    return _mark_of(page.marks or {}).revision


def _mark_of(marks: Mapping[str, str]) -> PageMark:
    mark = page_mark(marks)
    assert mark is not None, "a page without a mark"
    return mark


def _is_work_of(actor: Actor, manifest: Manifest) -> bool:
    # A publisher that was overtaken raises the revision, and releases nothing.
    return not isinstance(actor.command, Publish) or manifest.names_run(actor.run_id)
