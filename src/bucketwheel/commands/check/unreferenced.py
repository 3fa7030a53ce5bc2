"""What lies there and no manifest names: whose it is, by its marks and its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from packaging.utils import canonicalize_name

from bucketwheel.commands.check.files import named_objects
from bucketwheel.commands.check.findings import Finding
from bucketwheel.format.layout import SIDECARS, Layout, PageMark, repository_of
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import LEGACY_ENDINGS, InvalidName, ProjectName, distribution_name, printable
from bucketwheel.storage import Key, ListEntry, ObjectInfo

__all__ = [
    "Stray",
    "Terms",
    "accounted_for",
    "check_elsewhere",
    "check_records",
    "check_strays",
    "check_unseen",
    "strays",
]

_MOST_NAMES = 5
# Old sdists end in `.zip` too, and may have a name that cannot be read today.
_LEGACY = (*LEGACY_ENDINGS, ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """An object that nobody names, as a look showed it."""

    key: Key
    seen: ObjectInfo
    page: PageMark | None = None
    """Its mark, if it is a page of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What tells ours from others' in this repository."""

    layout: Layout
    repository_id: str
    adopt: str
    """The command that takes in what others put there."""


def accounted_for(manifest: Manifest, layout: Layout) -> frozenset[Key]:
    """Every key at which this manifest explains what lies there: released, deleted, missing, dead, or a page."""
    project = manifest.project
    files = [
        *(layout.key_of(project, missing) for missing in manifest.missing),
        *(layout.key_of(project, deleted) for deleted in manifest.deleted),
        *manifest.dead_keys,
    ]
    return frozenset(
        {
            *(named.key for named in named_objects(manifest, layout)),
            *_with_sidecars(files),
            *layout.html_keys(project),
            layout.json_key(project),
        }
    )


def check_records(manifest: Manifest, layout: Layout, objects: Mapping[Key, ListEntry]) -> Iterator[Finding]:
    """Say what lies where nothing should lie any more, and what does not lie where it is awaited."""
    project = manifest.project
    alive = {layout.key_of(project, file) for file in manifest.files}
    for deleted in manifest.deleted:
        key = layout.key_of(project, deleted)
        if key not in alive and any(each in objects for each in _with_sidecars([key])):
            release = f"{project}=={printable(deleted.version)} {printable(deleted.filename)}"
            what, remedy = "was deleted, and still lies there", f"run `bucketwheel delete {release}`, which finishes it"
            yield _finding("deleted-remains", key, what, remedy)
    for key in manifest.dead_keys:
        if key not in alive and any(each in objects for each in _with_sidecars([key])):
            what, remedy = "was given up by prune, and still lies there", f"run {_prune(project)}, which finishes it"
            yield _finding("deleted-remains", key, what, remedy)
    for missing in manifest.missing:
        key = layout.key_of(project, missing)
        back = "lies there again" if key in objects else "was removed by somebody"
        adopt = f"`bucketwheel reindex --adopt {project}`"
        remedy = (
            f"run {adopt}, which takes it back if it is the same"
            if key in objects
            else f"publish the same bytes again, or run `bucketwheel delete {project}=={printable(missing.version)} "
            f"{printable(missing.filename)}`"
        )
        yield _finding("file-lost", key, f"was taken off the pages because it was missing, and {back}", remedy)


def strays(folder: Iterable[Key], accounted: frozenset[Key]) -> tuple[Key, ...]:
    """What nobody names; of an unnamed file and its sidecars only the file."""
    unnamed = set(folder) - accounted
    return tuple(sorted(key for key in unnamed if _file_of(key) not in unnamed or _file_of(key) == key))


def check_strays(manifest: Manifest, found: Sequence[Stray], terms: Terms) -> Iterator[Finding]:
    """Say what each stray of a project's folder is; what is no distribution and not ours is counted in one finding."""
    folder = terms.layout.folder(manifest.project)
    pages = [stray for stray in found if stray.page is not None]
    if pages and not manifest.revision:
        # Without the manifest every file would look like an orphan, and may be all but that.
        yield from (_lost_manifest(manifest, page, terms) for page in pages)
        return
    files = {named.key for named in named_objects(manifest, terms.layout)}
    leftovers: list[str] = []
    for stray in found:
        finding = _check_stray(stray, manifest.project, files, terms)
        if finding is None:
            leftovers.append(stray.key.removeprefix(folder) or "its page")
        else:
            yield finding
    if leftovers:
        yield _others(folder, leftovers, terms)


def check_unseen(manifest: Manifest, unseen: int, terms: Terms) -> Finding:
    """Say how many strays of a project were not looked at, there being too many of them."""
    what = f"holds {_counted(unseen, 'more object')} that no entry names, too many to look at each"
    remedy = f"run `{terms.adopt} {manifest.project}`, or see `bucketwheel check {manifest.project}`"
    return _finding("file-unnamed", terms.layout.folder(manifest.project), what, remedy)


def check_elsewhere(unnamed: Iterable[Key], terms: Terms, folder: str = "") -> Iterator[Finding]:
    """Say what lies outside of all projects' folders, below this one: one finding for each place."""
    places: dict[str, list[str]] = {}
    for key in unnamed:
        inside = key.removeprefix(folder)
        place = f"{folder}{inside.partition('/')[0]}/" if "/" in inside else folder or "/"
        places.setdefault(place, []).append(inside or "its page")
    yield from (_others(place, names, terms) for place, names in places.items())


def _check_stray(stray: Stray, project: ProjectName, files: set[Key], terms: Terms) -> Finding | None:
    key, marks, adopt = stray.key, stray.seen.marks, f"`{terms.adopt} {project}`"
    if stray.page is not None:
        what = "is a page of ours in a style that is not in use"
        return _finding("page-retired", key, what, f"run `bucketwheel reindex {project}`")
    if _file_of(key) in files:
        what = "lies beside a file whose entry does not name it"
        return _finding("sidecar-unnamed", key, what, f"run {adopt}, or remove it if it is not the file's own")
    if marks is not None and repository_of(marks) == terms.repository_id:
        since = f" since {stray.seen.modified.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if stray.seen.modified else ""
        what = f"lies there{since} unreleased: its publisher is still at work, or was stopped"
        remedy = f"run the same publish again, or {_prune(project)}, which removes what is older than a day"
        return _finding("orphan", key, what, remedy)
    if not _could_be_of(project, key.rpartition("/")[2]):
        return None
    if marks is None:  # a directory, where nothing tells whose a file is
        what = "is named by no entry: a publisher is at work or was stopped, or somebody put it there"
        return _finding("file-unnamed", key, what, f"run {adopt}, which takes it in, or {_prune(project)}")
    return _finding("file-foreign", key, "was put there by somebody else", f"run {adopt}, which takes it in")


def _lost_manifest(manifest: Manifest, page: Stray, terms: Terms) -> Finding:
    project = manifest.project
    what = f"is our page of {project}, which has no manifest any more"
    remedy = f"put back the manifest of {project} from a backup, or run `{terms.adopt} --ours {project}`"
    return _finding("manifest-missing", page.key, what, remedy)


def _others(place: str, names: list[str], terms: Terms) -> Finding:
    """One finding for all that others left in one place, distributions or not."""
    projects = Counter(project for name in names if (project := _project_of(name)) is not None)
    if projects:
        number = _counted(sum(projects.values()), "distribution")
        what = f"holds {number} that no manifest names, of {_some(sorted(projects))}"
        remedy = f"run `{terms.adopt}`, which takes in what it can, and names what it leaves out"
        return _finding("file-foreign", place, what, remedy)
    what = f"holds {_counted(len(names), 'object')} of another tool: {_some(names)}"
    return _finding("leftovers", place, what, "remove them by hand once nobody installs by way of them")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return printable(", ".join(names[:_MOST_NAMES])) + more


def _prune(project: ProjectName) -> str:
    return f"`bucketwheel prune {project} --orphans --yes`"


def _project_of(name: str) -> ProjectName | None:
    try:
        return distribution_name(name.rpartition("/")[2]).project
    except InvalidName:
        return None


def _could_be_of(project: ProjectName, name: str) -> bool:
    """Whether this may be a project's distribution, in a form of today or of old, which adopt may take in too."""
    legacy = name.endswith(_LEGACY) and canonicalize_name(name).startswith(project)
    return legacy or _project_of(name) == project


def _file_of(key: Key) -> Key:
    """The file that a sidecar belongs to; of anything else itself."""
    for ending in SIDECARS:
        if key.endswith(ending):
            return Key(key.removesuffix(ending))
    return key


def _with_sidecars(keys: Iterable[Key]) -> Iterator[Key]:
    return (Key(f"{key}{ending}") for key in keys for ending in ("", *SIDECARS))


def _finding(code: str, where: str, what: str, remedy: str) -> Finding:
    return Finding(code=code, subject=printable(where), what=what, remedy=remedy)
