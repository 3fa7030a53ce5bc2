"""What a check judges: a listing and manifests in, findings out. Pure; `bucketwheel.verbs.check` looks and asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from itertools import chain

from bucketwheel.commands.check.files import Named, check_versions, named_objects
from bucketwheel.commands.check.findings import Finding, in_order
from bucketwheel.commands.check.inspection import Examined, check_served_page, check_whole, examine, look_at_stray
from bucketwheel.commands.check.inventory import Ground, body_of, sort_out, survey_alone, survey_listed
from bucketwheel.commands.check.pages import check_root, listed_by
from bucketwheel.commands.check.public import meet_as_client
from bucketwheel.commands.check.unreferenced import Terms, check_elsewhere, check_strays, check_unseen
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Denied, Refused
from bucketwheel.events import Report, Stage, Warned, ignore
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_root_html
from bucketwheel.format.settings import unsafe_store
from bucketwheel.names import InvalidName, ProjectName, named_project, not_there, printable, project_name
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read
from bucketwheel.storage import KeepsUploads, KeepsVersions, Key, Object

__all__ = ["Checked", "check", "check_at"]

_MOST_LOOKS = 1000
"""At how many objects that nobody names a check looks itself; a bucket full of them is for adopt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check looked at and what it found."""

    repository: Place
    projects: int
    files: int
    """How many files their manifests name."""
    deep: bool
    findings: tuple[Finding, ...]
    """The gravest first; none: all is as it should be."""


def check(settings: Settings, *, projects: Sequence[str] = (), deep: bool = False, report: Report = ignore) -> Checked:
    """Compare what lies in the repository with what the manifests of these projects, or of all, say.

    `deep` reads every file to its end, and looks at how each object and page is served. Raises Refused for a project
    that is not there, Denied or Unavailable where something cannot be read.
    """
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return check_at(site, projects, deep=deep, workers=workers, report=report)


def check_at(
    site: Target, projects: Sequence[str], *, deep: bool, workers: Workers, report: Report = ignore
) -> Checked:
    """Snapshot, judge, and look at what seems wrong."""
    wanted = tuple(dict.fromkeys(map(named_project, projects)))
    repository = open_to_read(site)
    ground = None if wanted else sort_out(repository.storage.list(""), repository.layout)
    examined = _examine(repository, wanted, ground, workers, report)
    manifests = [each.manifest for each in examined if each.manifest.revision]
    known = [manifest.project for manifest in manifests] if ground is None else list(ground.manifests)
    root = _read_root(repository, ground)
    findings = [
        *_check_store(repository),
        *chain.from_iterable(each.findings for each in examined),
        *_check_strays(repository, examined, workers),
        *(_check_around(repository, ground, manifests) if ground is not None else ()),
        *(check_root(repository.layout, root, known, all_of_them=ground is not None) if known else ()),
        *_check_uploads(repository, wanted, report),
        *(_check_deep(repository, examined, workers, report) if deep else ()),
        *_check_served(repository, manifests if deep or wanted else manifests[:1], root, workers, report),
    ]
    return Checked(
        repository=site.place,
        projects=len(known),
        files=sum(len(manifest.files) for manifest in manifests),
        deep=deep,
        findings=in_order(findings),
    )


# Projects ------------------------------------------------------------------------------------------------------------


def _examine(
    repository: Repository,
    wanted: Sequence[ProjectName],
    ground: Ground | None,
    workers: Workers,
    report: Report,
) -> list[Examined]:
    """Examine the projects that were named, or else all that a listing shows."""
    if ground is None:
        report(Stage(doing="checking", count=len(wanted)))
        examined = workers.map(
            partial(examine, repository, project, partial(survey_alone, repository, project)) for project in wanted
        )
        if absent := [each.manifest.project for each in examined if each.clean and not each.manifest.revision]:
            raise Refused(*(not_there(project, repository.site.place) for project in absent))
        return examined
    shown_folders = {project for folder in ground.folders if (project := _as_project(folder)) is not None}
    projects = sorted(shown_folders | set(ground.manifests))
    report(Stage(doing="checking", count=len(projects)))
    return workers.map(
        partial(examine, repository, project, partial(survey_listed, repository, project, ground))
        for project in projects
    )


def _as_project(folder: str) -> ProjectName | None:
    """The project whose folder this is; None for one that no project has."""
    try:
        return project_name(folder) if project_name(folder) == folder else None
    except InvalidName:
        return None


def _check_strays(repository: Repository, examined: Iterable[Examined], workers: Workers) -> Iterator[Finding]:
    terms = _terms(repository)
    keys = [key for each in examined for key in each.strays][:_MOST_LOOKS]
    looks = dict(zip(keys, workers.map(partial(look_at_stray, repository, key) for key in keys), strict=True))
    for each in examined:
        strays = [stray for key in each.strays if (stray := looks.get(key)) is not None]
        yield from check_strays(each.manifest, strays, terms)
        if unseen := sum(key not in looks for key in each.strays):
            yield check_unseen(each.manifest, unseen, terms)


def _terms(repository: Repository) -> Terms:
    # In a directory nothing tells whose a file is: there somebody must say that it may be taken in.
    consent = " --yes" if isinstance(repository.site.place, DirectoryPlace) else ""
    return Terms(
        layout=repository.layout,
        repository_id=repository.settings.id,
        adopt=f"bucketwheel reindex --adopt{consent}",
    )


# The repository ------------------------------------------------------------------------------------------------------


def _check_store(repository: Repository) -> Iterator[Finding]:
    place, proof = printable(str(repository.site.place)), repository.settings.conditional_writes
    if proof is None:
        what = "has made no proof that its store honours conditional writes, without which nothing is published"
        remedy = f"run `bucketwheel init {place}`, which makes it"
        yield Finding(code="store-unproven", subject=place, what=what, remedy=remedy)
    elif proof == "ignored" and not repository.site.single_writer:
        problem = unsafe_store(place)
        yield Finding(code="store-unsafe", subject=place, what=problem.what, remedy=problem.remedy)


def _check_around(repository: Repository, ground: Ground, manifests: Iterable[Manifest]) -> Iterator[Finding]:
    """Judge what lies outside of the folders that projects can have."""
    layout, terms = repository.layout, _terms(repository)
    named = {named.key for manifest in manifests for named in named_objects(manifest, layout)}
    odd = (keys for folder, keys in ground.folders.items() if _as_project(folder) is None)
    retired = set(layout.retired_html_keys(None)) & set(ground.root)
    ours = {stray.key for key in retired if (stray := look_at_stray(repository, key)) is not None and stray.page}
    explained = {*named, *ours, *layout.root_html_keys, layout.root_json_key}
    for key in sorted(ours):
        what, remedy = "is our root page in a style that is not in use", "run `bucketwheel reindex`"
        yield Finding(code="page-retired", subject=printable(key), what=what, remedy=remedy)
    yield from check_elsewhere((key for key in chain(ground.root, *odd) if key not in explained), terms, layout.simple)
    yield from check_elsewhere((key for key in ground.elsewhere if key not in explained), terms)


def _read_root(repository: Repository, ground: Ground | None) -> dict[Key, bytes | None]:
    """The roots' bytes, by key; an HTML root that is listed as what it must be is not read."""
    layout, storage = repository.layout, repository.storage
    json = _body(storage.read(layout.root_json_key))
    html = render_root_html(listed_by(json))
    return {layout.root_json_key: json} | {
        key: _body(storage.read(key)) if ground is None else body_of(repository, key, ground.objects.get(key), html)
        for key in layout.root_html_keys
    }


def _body(stored: Object | None) -> bytes | None:
    return None if stored is None else stored.body


def _check_uploads(repository: Repository, wanted: Sequence[ProjectName], report: Report) -> list[Finding]:
    if not isinstance(repository.storage, KeepsUploads):
        return []
    folders = tuple(repository.layout.folder(project) for project in wanted) or ("",)
    try:
        uploads = [one for one in repository.storage.unfinished_uploads() if one.key.startswith(folders)]
    except Denied as error:
        report(Warned(message=f"unfinished uploads were not looked for: {error}"))
        return []
    return [
        Finding(
            code="upload-unfinished",
            subject=printable(upload.key),
            what=f"has an upload in parts since {upload.begun.astimezone(UTC):%Y-%m-%d %H:%M} UTC: its publisher is "
            "still at work, or was stopped",
            remedy="abort it (aws s3api abort-multipart-upload), and have the bucket do so after a day "
            "(lifecycle rule AbortIncompleteMultipartUpload)",
        )
        for upload in uploads
    ]


# More than a listing tells -------------------------------------------------------------------------------------------


def _check_deep(
    repository: Repository, examined: Sequence[Examined], workers: Workers, report: Report
) -> list[Finding]:
    layout = repository.layout
    present = [one for each in examined for one in each.present]
    report(Stage(doing="reading", count=len(present), total_bytes=sum(size for _, size in present)))
    pages = dict.fromkeys(layout.root_html_keys, layout.html()) | {layout.root_json_key: layout.json()}
    for project in (each.manifest.project for each in examined if each.manifest.revision):
        pages |= dict.fromkeys(layout.html_keys(project), layout.html()) | {layout.json_key(project): layout.json()}
    judged = workers.map(
        [
            *(partial(check_whole, repository, named, size, report) for named, size in present),
            *(partial(check_served_page, repository, key, kind) for key, kind in pages.items()),
        ]
    )
    return [*chain.from_iterable(judged), *_check_overwritten(repository, [named for named, _ in present], report)]


def _check_overwritten(repository: Repository, present: Iterable[Named], report: Report) -> list[Finding]:
    if not isinstance(repository.storage, KeepsVersions):
        return []
    try:
        overwritten = set(repository.storage.overwritten(""))
    except Denied as error:
        report(Warned(message=f"earlier versions of files were not looked for: {error}"))
        return []
    return [check_versions(named) for named in present if named.is_file and named.key in overwritten]


def _check_served(
    repository: Repository,
    manifests: Sequence[Manifest],
    root: Mapping[Key, bytes | None],
    workers: Workers,
    report: Report,
) -> list[Finding]:
    base_url = repository.settings.base_url
    if base_url is None or not manifests:
        return []
    listed = listed_by(root[repository.layout.root_json_key])
    return meet_as_client(repository, base_url, manifests, listed, workers, report)
