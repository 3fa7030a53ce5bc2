"""Manifests for tests: one entry written shortly, and hypothesis strategies for whatever a manifest may hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import strategies as st

from bucketwheel.format.manifest import STATUSES, DeletedFile, Manifest, PublishedFile, Status
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.storage import Key, ObjectVersion

__all__ = ["DEMO", "MOMENT", "filenames", "keys", "manifests", "published", "sha256s"]

DEMO = ProjectName("demo-pkg")
MOMENT = "2026-11-20T12:00:00.123456Z"


def published(filename: str, version: str, **facts: object) -> PublishedFile:
    """Make an entry from the facts that matter to a test."""
    entry = PublishedFile(
        filename=filename, version=version, sha256=Sha256("a" * 64), size=4661, upload_time=MOMENT, by="call-1"
    )
    return replace(entry, **facts)  # type: ignore[arg-type]  # mypy cannot see which facts these are


def sha256s() -> st.SearchStrategy[Sha256]:
    """Generate digests."""
    return st.text("0123456789abcdef", min_size=64, max_size=64).map(Sha256)


def filenames() -> st.SearchStrategy[str]:
    """Generate file names as hostile as a manifest may contain: printable, and not leading out of a folder."""
    printable = st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/\\").filter(str.isprintable)
    return st.text(printable, min_size=1, max_size=20).filter(lambda name: name not in {".", ".."})


def keys() -> st.SearchStrategy[Key]:
    """Generate keys as hostile as a manifest may contain."""
    return st.lists(filenames(), min_size=1, max_size=4).map(lambda parts: Key("/".join(parts)))


def manifests() -> st.SearchStrategy[Manifest]:
    """Generate manifests of `DEMO`, with hostile text in every field that accepts any."""
    names = st.lists(filenames(), max_size=6, unique=True)
    return names.flatmap(
        lambda used: st.builds(
            _manifest,
            revision=_numbers(),
            status=st.builds(Status, status=st.sampled_from(STATUSES), reason=st.none() | st.text(max_size=10)),
            files=_entries(used[:4]),
            deleted=st.tuples(*(_deleted(name) for name in used[4:5])),
            missing=_entries(used[5:]),
            dead_keys=st.lists(keys(), max_size=2).map(tuple),
        )
    )


def _manifest(**facts: object) -> Manifest:
    return Manifest(project=DEMO, **facts)  # type: ignore[arg-type]  # mypy cannot see which facts these are


def _entries(names: list[str]) -> st.SearchStrategy[tuple[PublishedFile, ...]]:
    return st.tuples(*(_published(name) for name in names))


def _published(filename: str) -> st.SearchStrategy[PublishedFile]:
    return st.builds(
        PublishedFile,
        filename=st.just(filename),
        version=_versions(),
        sha256=sha256s(),
        size=_numbers(),
        upload_time=_upload_times(),
        by=st.text(max_size=5),
        key=st.none() | keys(),
        url=st.none() | _urls(),
        requires_python=st.none() | st.just(">=3.8,<4") | st.text(max_size=10),
        metadata_sha256=st.none() | sha256s(),
        yanked=st.none() | st.text(max_size=10),
        hidden=st.booleans(),
        gpg_sig=st.booleans(),
        provenance_sha256=st.none() | sha256s(),
        seen=st.none() | st.text(max_size=5).map(ObjectVersion),
    )


def _deleted(filename: str) -> st.SearchStrategy[DeletedFile]:
    shrunk = st.builds(DeletedFile, filename=st.just(filename), by=st.text(max_size=5))
    return shrunk | st.builds(
        DeletedFile,
        filename=st.just(filename),
        version=_versions(),
        sha256=sha256s(),
        by=st.text(max_size=5),
        key=st.none() | keys(),
    )


def _versions() -> st.SearchStrategy[str]:
    return st.from_regex(
        r"([0-9]!)?[0-9]{1,2}(\.[0-9]){0,2}((a|rc|\.dev|\.post)[0-9])?(\+cu[0-9])?", fullmatch=True
    ) | (st.text(max_size=6))


def _numbers() -> st.SearchStrategy[int]:
    return st.integers(0, 2**53 - 1)  # what every JSON reader takes (RFC 7493)


def _upload_times() -> st.SearchStrategy[str]:
    moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001  # hypothesis wants naive bounds
    return st.tuples(moments, st.sampled_from(["", ".5", ".123456"])).map(
        lambda parts: f"{parts[0]:%Y-%m-%dT%H:%M:%S}{parts[1]}Z"
    )


def _urls() -> st.SearchStrategy[str]:
    path = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="#"), max_size=20)
    return path.map(lambda rest: f"https://files.example/{rest}")
