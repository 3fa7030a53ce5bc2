"""The simple index of an index made from a list: PEP 503 and PEP 691, with any hash and without what no one stated.

It is written by hand and not by an encoder, because an index may have a hundred thousand files. Their names, hashes and
upload times need no quoting: a list with others is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from json.encoder import encode_basestring

from bucketwheel.format.views.projects import ViewedFile, ViewedProject, from_folder
from bucketwheel.names import ProjectName

__all__ = ["render_find_links", "render_html", "render_json", "render_root_html", "render_root_json"]

_API_VERSION, _WITHOUT_SIZES = "1.4", "1.0"
_FOOT = "</body>\n</html>\n"


def render_html(viewed: ViewedProject) -> tuple[bytes, bytes]:
    """Write a project's HTML page, and the lines of the page with all files, which lead to the same from the root."""
    near, far = [], []
    known, here, there = None, "", ""
    for release in viewed.releases:
        for file in release.files:
            folder, slash, name = file.url.rpartition("/")
            if folder != known:
                known, here = folder, escape(folder + slash)
                there = escape(from_folder(folder + slash, viewed.project, 0))
            rest = _after_folder(name, file)
            near.append(f'<a href="{here}{rest}')
            far.append(f'<a href="{there}{rest}')
    return _html(f"Links for {viewed.project}", near), _encoded(far)


def render_json(viewed: ViewedProject) -> bytes:
    """Write a project's JSON page; of API 1.0 where a size is unknown, because from 1.1 on each file has one."""
    files = [file for release in viewed.releases for file in release.files]
    sized = None not in [file.size for file in files]
    written = ",".join([_file(file, sized=sized) for file in files])
    versions = ",".join([f'"{release.version}"' for release in viewed.releases])
    return (
        f'{{"meta":{{"api-version":"{_API_VERSION if sized else _WITHOUT_SIZES}"}},"name":"{viewed.project}",'
        + (f'"versions":[{versions}],' if sized else "")
        + f'"files":[{written}]}}\n'
    ).encode("utf-8", "replace")


def render_root_html(projects: Iterable[ProjectName]) -> bytes:
    """Write the HTML page that lists all projects."""
    return _html("Simple index", [f'<a href="{name}/">{name}</a><br>\n' for name in sorted(projects)])


def render_root_json(projects: Iterable[ProjectName]) -> bytes:
    """Write the JSON page that lists all projects."""
    names = [{"name": name} for name in sorted(projects)]
    page = {"meta": {"api-version": _API_VERSION}, "projects": names}
    return (json.dumps(page, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")


def render_find_links(anchors: Sequence[bytes]) -> bytes:
    """Write one page with all files, at the root: for `pip --find-links` and uv's flat format."""
    return b"".join([_head("All files").encode(), *anchors, _FOOT.encode()])


def _html(title: str, anchors: Sequence[str]) -> bytes:
    return _encoded([_head(title), *anchors, _FOOT])


def _head(title: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{_API_VERSION}">\n<title>{title}</title>\n'
        f"</head>\n<body>\n<h1>{title}</h1>\n"
    )


def _encoded(texts: Iterable[str]) -> bytes:
    return "".join(texts).encode("utf-8", "replace")


# Files of one project mostly say the same.
_escaped = lru_cache(maxsize=1 << 10)(escape)
_quoted = lru_cache(maxsize=1 << 10)(encode_basestring)


def _after_folder(name: str, file: ViewedFile) -> str:
    # One hash only: that is all that a fragment can carry.
    digest = ""
    for algorithm, value in file.hashes.items():
        digest = f"#{algorithm}={value}"
        break
    return f'{name}{digest}"{_attributes(file)}>{file.filename}</a><br>\n'


def _attributes(file: ViewedFile) -> str:
    text = f' data-requires-python="{_escaped(file.requires_python)}"' if file.requires_python else ""
    if file.core_metadata:
        value = "true"
        if isinstance(file.core_metadata, Mapping):
            value = next(f"{name}={digest}" for name, digest in file.core_metadata.items())
        text += f' data-core-metadata="{value}" data-dist-info-metadata="{value}"'
    if file.yanked is not None:
        text += f' data-yanked="{_escaped(file.yanked)}"'
    if file.size is not None:
        text += f' data-size="{file.size}"'
    return text if file.upload_time is None else f'{text} data-upload-time="{file.upload_time}"'


def _file(file: ViewedFile, *, sized: bool) -> str:
    folder, slash, name = file.url.rpartition("/")
    text = f'{{"filename":"{file.filename}","url":{_quoted(folder + slash)[:-1]}{name}","hashes":{_hashes(file.hashes)}'
    if sized:
        text += f',"size":{file.size}'
    if file.upload_time is not None:
        text += f',"upload-time":"{file.upload_time}"'
    if file.yanked is None:
        text += ',"yanked":false'
    else:
        text += f',"yanked":{_quoted(file.yanked) if file.yanked else "true"}'
    if file.requires_python:
        text += f',"requires-python":{_quoted(file.requires_python)}'
    if file.core_metadata:
        known = "true" if file.core_metadata is True else _hashes(file.core_metadata)
        text += f',"core-metadata":{known},"dist-info-metadata":{known}'
    return f"{text}}}"


def _hashes(hashes: Mapping[str, str]) -> str:
    text = ""
    for algorithm, value in hashes.items():
        text += f',"{algorithm}":"{value}"'
    return f"{{{text[1:]}}}"
