"""Warehouse's JSON API: one document a project and one a version, with every key that PyPI's has.

What is not known is null as at PyPI, except where its readers break on null: `home_page` is then empty, `project_urls`
an empty object, and a file's `size` and upload times are absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import TypeAlias

from bucketwheel.format.documents import json_text
from bucketwheel.format.views.projects import (
    FOLDERS,
    NO_FACTS,
    CoreFacts,
    ReleaseView,
    ViewedFile,
    ViewedProject,
    from_folder,
    newest,
)
from bucketwheel.names import ProjectName

__all__ = ["WAREHOUSE_RENDERER", "render_documents", "render_project", "render_version"]

WAREHOUSE_RENDERER = 1
"""Increase this whenever the bytes of these documents change for the same project."""

_AroundUrls: TypeAlias = Sequence[tuple[str, str]]
_OWNERSHIP = '{"organization":null,"roles":[]}'
_BEFORE_NAME = (
    *("author", "author_email", "classifiers", "description", "description_content_type", "download_url", "dynamic"),
    *("home_page", "keywords", "license", "license_expression", "license_files", "maintainer", "maintainer_email"),
)
_VALUES_BEFORE_NAME = attrgetter(*_BEFORE_NAME)
_IN_FULL = len("2026-01-01T00:00:00.000000Z")
_NOTHING = {
    "bugtrack_url": None,
    "docs_url": None,
    "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
}
"""What Warehouse says of every project."""


def render_project(viewed: ViewedProject, *, page: str | None = None) -> bytes:
    """Write `pypi/<project>/json`: the newest version and all releases. `page` is the URL of the page for people."""
    return _project(viewed, [_around_urls(release) for release in viewed.releases], page)


def render_documents(
    viewed: ViewedProject, facts_of: Callable[[ReleaseView], CoreFacts], *, page: str | None = None
) -> Iterator[bytes]:
    """Write the document of a project, then that of each version, the oldest first: each file is written once."""
    around = [_around_urls(release) for release in viewed.releases]
    yield _project(viewed, around, page)
    for release, texts in zip(viewed.releases, around, strict=True):
        yield _version(viewed.project, release, texts, facts_of(release), 0, page)


def _project(viewed: ViewedProject, around: Sequence[_AroundUrls], page: str | None) -> bytes:
    shown = newest(viewed.releases)
    files = {
        release.version: _files(viewed.project, release, texts, FOLDERS)
        for release, texts in zip(viewed.releases, around, strict=True)
    }
    releases = ",".join(f"{_text(version)}:{written}" for version, written in files.items())
    info = _info(viewed.project, shown, viewed.facts, page)
    return _document(
        info, viewed.revision, "[]" if shown is None else files[shown.version], f'"releases":{{{releases}}},'
    )


def render_version(
    project: ProjectName, release: ReleaseView, *, facts: CoreFacts = NO_FACTS, serial: int = 0, page: str | None = None
) -> bytes:
    """Write `pypi/<project>/<version>/json`, which names nothing outside of its version."""
    return _version(project, release, _around_urls(release), facts, serial, page)


def _version(
    project: ProjectName, release: ReleaseView, around: _AroundUrls, facts: CoreFacts, serial: int, page: str | None
) -> bytes:
    return _document(_info(project, release, facts, page), serial, _files(project, release, around, FOLDERS + 1))


# By hand and not by an encoder, because an index has a document for each of a hundred thousand versions. All keys are
# in order, so that equal means byte-equal.


def _document(info: str, serial: int, urls: str, releases: str = "") -> bytes:
    return (
        f'{{"info":{info},"last_serial":{serial},"ownership":{_OWNERSHIP},{releases}"urls":{urls},"vulnerabilities":[]}}'
    ).encode("utf-8", "replace")


def _info(project: ProjectName, release: ReleaseView | None, facts: CoreFacts, page: str | None) -> str:
    version, requires_python = (None, None) if release is None else (release.version, release.requires_python)
    yanked, reason = (False, None) if release is None else (release.is_yanked, release.yanked_reason)
    return (
        f"{{{_before_name(_VALUES_BEFORE_NAME(facts))},{_around_name(project, facts, _text(page))},"
        f'"requires_dist":{_texts(facts.requires_dist)},"requires_python":{_text(requires_python)},'
        f'"summary":{_text(facts.summary)},"version":{_text(version)},"yanked":{_flag(yanked)},'
        f'"yanked_reason":{_text(reason)}}}'
    )


def _around_name(project: ProjectName, facts: CoreFacts, page: str) -> str:
    return (
        f'"name":"{project}","package_url":{page},"platform":{_text(facts.platform)},"project_url":{page},'
        f'"project_urls":{_table(facts.project_urls)},"provides_extra":{_texts(facts.provides_extra)},"release_url":{page}'
    )


@lru_cache(maxsize=64)
def _before_name(values: tuple[object, ...]) -> str:
    known = dict(zip(_BEFORE_NAME, values, strict=True)) | _NOTHING
    return json_text(dict(sorted(known.items())))[1:-1]


def _files(project: ProjectName, release: ReleaseView, around: _AroundUrls, depth: int) -> str:
    if len(around) == 1:  # most versions have one file
        ((before, after),) = around
        return f"[{before}{encode_basestring(from_folder(release.files[0].url, project, depth))}{after}]"
    texts = [
        f"{before}{encode_basestring(from_folder(file.url, project, depth))}{after}"
        for file, (before, after) in zip(release.files, around, strict=True)
    ]
    return f"[{','.join(texts)}]"


def _around_urls(release: ReleaseView) -> _AroundUrls:
    """Write what is before and after the URL of each file: that depends on where the document is, the rest does not."""
    return [(_before_url(file), _after_url(file)) for file in release.files]


def _before_url(file: ViewedFile) -> str:
    metadata = "false" if file.core_metadata is False else _metadata(file.core_metadata)
    hashes, python = file.hashes, file.python_version
    size = "" if file.size is None else f'"size":{file.size},'
    return (
        f'{{"comment_text":null,"core-metadata":{metadata},"digests":{_table(hashes)},"downloads":-1,'
        f'"filename":{encode_basestring(file.filename)},"has_sig":false,"md5_digest":{_text(hashes.get("md5"))},'
        f'"packagetype":"{"bdist_wheel" if file.is_wheel else "sdist"}",'
        f'"python_version":{encode_basestring(python)},'
        f'"requires_python":{_text(file.requires_python)},{size}{_times(file.upload_time)}"url":'
    )


def _metadata(known: Mapping[str, str] | bool) -> str:  # noqa: FBT001 - it is the value
    return _flag(known) if isinstance(known, bool) else _table(known)


def _after_url(file: ViewedFile) -> str:
    if file.yanked is None:
        return ',"yanked":false,"yanked_reason":null}'
    return f',"yanked":true,"yanked_reason":{_text(file.yanked or None)}}}'


def _times(upload_time: str | None) -> str:
    if upload_time is None:
        return ""
    if len(upload_time) == _IN_FULL:
        return f'"upload_time":"{upload_time[:19]}","upload_time_iso_8601":"{upload_time}",'
    second, _, fraction = upload_time.removesuffix("Z").partition(".")
    return f'"upload_time":"{upload_time[:19]}","upload_time_iso_8601":"{second}.{fraction:0<6}Z",'


def _text(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def _texts(texts: Iterable[str] | None) -> str:
    return "null" if texts is None else f"[{','.join(map(encode_basestring, texts))}]"


def _table(table: Mapping[str, str]) -> str:
    if len(table) == 1:
        for key, value in table.items():
            return f"{{{encode_basestring(key)}:{encode_basestring(value)}}}"
    return f"{{{','.join(f'{encode_basestring(key)}:{encode_basestring(value)}' for key, value in table.items())}}}"


def _flag(value: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if value else "false"
