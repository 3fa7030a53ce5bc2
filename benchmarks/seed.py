"""Write the objects of a repository that is there before a benchmark begins, to standard output, for `/-/load`.

    seed.py ours SETTINGS PROJECTS FILES [bodies]   bucketwheel's, with the settings in this file
    seed.py s3pypi PROJECTS FILES                   s3pypi's pages
    seed.py stick PROJECTS FILES                    stick's manifests
    seed.py stick-files PROJECTS FILES              what `stick reindex` reads
    seed.py foreign PROJECTS FILES                  s3pypi's pages and files
    seed.py known PROJECTS FILES                    the same with digests that S3 verified, and sidecars
    seed.py container FILES SIZE                    a page with wheels of one project, to fetch

Projects are `proj-00000` and so on, each with so many files, each of a version of its own. FILES may be two numbers,
`10,2000`, of which the second is that of the last project; ours may be `2000@20`, of so many versions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.wheels import metadata, wheel, wheel_name

Record = tuple[str, bytes, Mapping[str, str]]
_HTML = {"content-type": "text/html; charset=utf-8"}


def projects(count: int, files: str) -> Iterator[tuple[str, int]]:
    """Yield the names of the projects, and how many files each has."""
    usual, _, last = files.partition(",")
    for number in range(count):
        yield f"proj-{number:05}", int(last if last and number == count - 1 else usual)


def versions(count: int) -> list[str]:
    """Return so many versions, each with one file."""
    return [f"1.{number}" for number in range(count)]


def builds(count: int, distinct: int) -> Iterator[tuple[str, str]]:
    """Yield the version and the Python tag of so many files, of so many versions."""
    for number in range(count):
        yield f"1.{number % distinct}", f"py3{number // distinct}" if number >= distinct else "py3"


def ours(settings_path: str, count: str, files: str, bodies: str = "") -> Iterator[Record]:
    """Write manifests and pages as bucketwheel would have left them."""
    from bucketwheel.format import layout as keys  # noqa: PLC0415 - only here bucketwheel is needed
    from bucketwheel.format.manifest import Manifest, PublishedFile, encode_manifest  # noqa: PLC0415
    from bucketwheel.format.pages.html import render_project_html, render_root_html  # noqa: PLC0415
    from bucketwheel.format.pages.json import render_project_json, render_root_json  # noqa: PLC0415
    from bucketwheel.format.pages.listing import project_listing  # noqa: PLC0415
    from bucketwheel.format.pages.mark import RENDERER  # noqa: PLC0415
    from bucketwheel.format.settings import decode_settings  # noqa: PLC0415
    from bucketwheel.names import ProjectName, sha256_of  # noqa: PLC0415
    from bucketwheel.storage import ObjectHeaders  # noqa: PLC0415

    settings = decode_settings(Path(settings_path).read_bytes())
    layout = settings.layout

    def headers(served: ObjectHeaders, marks: Mapping[str, str], body: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        named = {f"x-amz-meta-{name}": value for name, value in marks.items()}
        return named | {
            "content-type": served.content_type,
            "cache-control": served.cache_control,
            "x-amz-checksum-sha256": digest,
        }

    names = []
    files, _, distinct = files.partition("@")
    for name, number in projects(int(count), files):
        project = ProjectName(name)
        names.append(project)
        entries = []
        for version, tag in builds(number, int(distinct or number)):
            filename = wheel_name(name, version, tag)
            described = metadata(name, version)
            body = wheel(name, version, tag) if bodies else f"{filename}\n".encode()
            digest = sha256_of(body)
            entries.append(
                PublishedFile(
                    filename=filename,
                    version=version,
                    sha256=digest,
                    size=len(body),
                    upload_time="2026-01-01T00:00:00.000000Z",
                    by="0123456789abcdef0123456789abcdef",
                    requires_python=">=3.9",
                    metadata_sha256=sha256_of(described),
                )
            )
            if bodies:
                marks = keys.file_marks(repository=settings.id, run_id=entries[-1].by, sha256=digest)
                key = layout.usual_key(project, filename)
                yield key, body, headers(layout.distribution(), marks, body)
                yield f"{key}.metadata", described, headers(layout.metadata(), marks, described)
        manifest = Manifest(project=project, revision=1, files=tuple(sorted(entries, key=lambda entry: entry.filename)))
        body = encode_manifest(manifest)
        yield keys.manifest_key(project), body, headers(layout.record(), {}, body)
        mark = keys.PageMark(revision=1, renderer=RENDERER, manifest=sha256_of(body), repository=settings.id)
        listing = project_listing(manifest, layout, settings.base_url)
        for key in layout.html_keys(project):
            page = render_project_html(listing, mark)
            yield key, page, headers(layout.html(), keys.page_marks(mark), page)
        page = render_project_json(listing, mark)
        yield layout.json_key(project), page, headers(layout.json(), keys.page_marks(mark), page)
    mark = keys.PageMark(revision=len(names), renderer=RENDERER)
    page = render_root_json(names)
    yield layout.root_json_key, page, headers(layout.json(), keys.page_marks(mark), page)
    page = render_root_html(names)
    for key in layout.root_html_keys:
        yield key, page, headers(layout.html(), keys.page_marks(mark), page)


def s3pypi(count: str, files: str) -> Iterator[Record]:
    """Write the pages of s3pypi 2.0.1, which are all that it reads."""
    for name, number in projects(int(count), files):
        lines = []
        for version in versions(number):
            filename = wheel_name(name, version)
            digest = hashlib.sha256(wheel(name, version)).hexdigest()
            lines.append(f'    <a href="{filename}#sha256={digest}">{filename}</a>')
        yield f"{name}/", _page("<br>\n".join(lines)), _HTML


def foreign(count: str, files: str, *, known: bool = False) -> Iterator[Record]:
    """Write the pages and the files of s3pypi."""
    yield from s3pypi(count, files)
    for name, number in projects(int(count), files):
        for version in versions(number):
            body, described = wheel(name, version), metadata(name, version)
            key = f"{name}/{wheel_name(name, version)}"
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            yield (
                key,
                body,
                {"content-type": "application/x-gzip"} | ({"x-amz-checksum-sha256": digest} if known else {}),
            )
            if known:
                yield f"{key}.metadata", described, {"content-type": "binary/octet-stream"}


def known(count: str, files: str) -> Iterator[Record]:
    """Write the same files with digests and sidecars."""
    return foreign(count, files, known=True)


def stick(count: str, files: str) -> Iterator[Record]:
    """Write the manifests of stick 0.5.4, which are all that it reads on upload."""
    for name, number in projects(int(count), files):
        entries = [_stick_entry(name, version) for version in versions(number)]
        yield f"simple/{name}/manifest.json", json.dumps(entries).encode(), {"content-type": "application/json"}


def stick_files(count: str, files: str) -> Iterator[Record]:
    """Write the files that `stick reindex` reads."""
    for name, number in projects(int(count), files):
        for version in versions(number):
            yield f"simple/{name}/{wheel_name(name, version)}", wheel(name, version), {}


def _stick_entry(name: str, version: str) -> dict[str, object]:
    body = wheel(name, version)
    md5, sha256 = hashlib.md5(body, usedforsecurity=False).hexdigest(), hashlib.sha256(body).hexdigest()
    absent = ("author", "author_email", "comment_text", "description_content_type", "home_page", "keywords", "license")
    return dict.fromkeys((*absent, "maintainer", "maintainer_email"), None) | {
        "classifiers": [],
        "description": metadata(name, version).decode().partition("\n\n")[2],
        "digests": {"md5": md5, "sha256": sha256},
        "etag": f'"{md5}"',
        "filename": wheel_name(name, version),
        "has_sig": False,
        "md5_digest": md5,
        "name": name,
        "packagetype": "bdist_wheel",
        "platform": "UNKNOWN",
        "project_urls": [],
        "python_version": "py3",
        "requires_dist": [],
        "requires_python": ">=3.9",
        "size": len(body),
        "summary": "A benchmark",
        "upload_time": "2026-01-01T00:01:00",
        "version": version,
    }


def container(files: str, size: str) -> Iterator[Record]:
    """Write a page with links to wheels of one project, as CI jobs leave them."""
    lines = []
    for number in range(int(files)):
        filename, body = wheel_name("demo", f"1.{number}"), wheel("demo", f"1.{number}", size=int(size))
        lines.append(f'<a href="{filename}#sha256={hashlib.sha256(body).hexdigest()}">{filename}</a>')
        yield filename, body, {}
    yield "index.html", _page("<br>\n".join(lines)), _HTML


def _page(body: str) -> bytes:
    head = '<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset="UTF-8">\n    <title>Package Index</title>\n  </head>'
    return f"{head}\n  <body>\n{body}\n  </body>\n</html>".encode()


_KINDS: dict[str, Callable[..., Iterator[Record]]] = {
    "ours": ours,
    "s3pypi": s3pypi,
    "stick": stick,
    "stick-files": stick_files,
    "foreign": foreign,
    "known": known,
    "container": container,
}


def main(kind: str, *words: str) -> None:
    """Write the records of one kind."""
    for key, body, headers in _KINDS[kind](*words):
        head = json.dumps({"key": key, "size": len(body), "headers": headers})
        sys.stdout.buffer.write(head.encode() + b"\n" + body)


if __name__ == "__main__":
    main(*sys.argv[1:])
