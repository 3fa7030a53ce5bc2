"""ZIP archives in which two readers would see two different things are refused, each for its own reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.distributions import Distribution, validate
from bucketwheel.distributions import zip as zip_reader
from bucketwheel.errors import Refused
from distributions.zip_bytes import RawMember, described, raw_members, raw_zip, unicode_path, zip64
from support.archives import metadata_text, record_text

_INFO = "demo_pkg-1.0.dist-info"


def _honest() -> list[RawMember]:
    content = {
        "demo_pkg/__init__.py": b'__version__ = "1.0"\n' * 9,
        f"{_INFO}/METADATA": metadata_text("demo-pkg", "1.0").encode(),
        f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return raw_members(content | {f"{_INFO}/RECORD": record_text(content, f"{_INFO}/RECORD").encode()})


def _first(**changes: object) -> list[RawMember]:
    first, *others = _honest()
    return [replace(first, **changes), *others]  # type: ignore[arg-type]  # a table of changes of many types


def _judged(tmp_path: Path, archive: bytes) -> Distribution:
    path = tmp_path / "demo_pkg-1.0-py3-none-any.whl"
    path.write_bytes(archive)
    return validate(path)


def _stored(members: Sequence[RawMember]) -> list[RawMember]:
    return [replace(member, method=0) for member in members]


def _end64_of_size(size: int) -> bytes:
    archive = raw_zip(_honest(), with_zip64=True)
    at = archive.rindex(b"PK\x06\x06")
    return archive[: at + 4] + struct.pack("<Q", size) + archive[at + 12 :]


def _pointing_at(offset: int) -> bytes:
    archive = raw_zip(_honest(), with_zip64=True)
    at = archive.rindex(b"PK\x06\x07")
    return archive[: at + 8] + struct.pack("<Q", offset) + archive[at + 16 :]


def _with_last(signature: bytes, at: int, number: int) -> bytes:
    """Put a 16-bit number into the last header of this kind."""
    archive = raw_zip(_honest())
    start = archive.rindex(signature) + at
    return archive[:start] + struct.pack("<H", number) + archive[start + 2 :]


def _overlapping() -> bytes:
    archive = raw_zip(_honest())
    second = archive.rindex(b"PK\x01\x02", 0, archive.rindex(b"demo_pkg-1.0.dist-info/METADATA"))
    return archive[: second + 42] + struct.pack("<L", 0) + archive[second + 46 :]


def _with_zip64_end(signature: bytes, at: int, number: int) -> bytes:
    archive = raw_zip(_honest(), with_zip64=True)
    start = archive.rindex(signature) + at
    return archive[:start] + bytes([number]) + archive[start + 1 :]


def _with_stump_of_a_record() -> bytes:
    archive = raw_zip(_honest(), count=5)
    start = archive.rindex(b"PK\5\6")
    size = struct.pack("<L", struct.unpack_from("<L", archive, start + 12)[0] + 4)
    return archive[:start] + b"PK\1\2" + archive[start : start + 12] + size + archive[start + 16 :]


_EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 60_000
"""Deflate blocks that hold nothing, more of them than are read at once."""

_SOUND: dict[str, Callable[[], bytes]] = {
    "honest": lambda: raw_zip(_honest()),
    "stored": lambda: raw_zip(_stored(_honest())),
    "with a ZIP64 end record": lambda: raw_zip(_honest(), with_zip64=True),
    "with its numbers in the ZIP64 end record only": lambda: raw_zip(
        _honest(), with_zip64=True, count=0xFFFF, size=0xFFFFFFFF, start=0xFFFFFFFF
    ),
    "with ZIP64 sizes that repeat the header": lambda: raw_zip(
        _first(method=0, body=b'__version__ = "1.0"\n' * 9, local_extra=zip64(180, 180))
    ),
    "with ZIP64 sizes instead of the header's": lambda: raw_zip(
        _first(method=0, local_size=0xFFFFFFFF, local_packed_size=0xFFFFFFFF, local_extra=zip64(180, 180), flags=0)
    ),
    "with unknown extra fields": lambda: raw_zip(_first(local_extra=b"\x99\x99\0\0" * 2)),
    "with data that begin late": lambda: raw_zip(
        _first(packed=_EMPTY_BLOCKS + zlib.compress(_honest()[0].body, wbits=-15))
    ),
    "with a second name that is the first": lambda: raw_zip(
        _first(local_extra=unicode_path(b"demo_pkg/__init__.py", b"demo_pkg/__init__.py"))
    ),
    "with directories": lambda: raw_zip([RawMember(name=b"demo_pkg/", body=b"", method=0, mode=0o40755), *_honest()]),
}

_CONFUSING: dict[str, tuple[Callable[[], bytes], str]] = {
    "data before the archive": (lambda: raw_zip(_honest(), prefix=b"#!/bin/sh\n"), "data before its ZIP archive"),
    "data before, unaccounted for": (lambda: b"#!/bin/sh\n" + raw_zip(_honest()), "data before its ZIP archive"),
    "data before the directory": (lambda: raw_zip(_honest(), between=b"hidden"), "data between its members"),
    "data between members": (lambda: raw_zip(_first(trailer=b"hidden")), "data between its members"),
    "data after the archive": (lambda: raw_zip(_honest(), suffix=b"hidden"), "data after the end"),
    "another archive after it": (lambda: raw_zip(_honest()) * 2, "data before its ZIP archive"),
    "a comment longer than it says": (lambda: raw_zip(_honest(), comment=b"hello", comment_size=4), "data after"),
    "an end record in its comment": (lambda: raw_zip(_honest(), comment=raw_zip([])), "data before its ZIP archive"),
    "members that overlap": (_overlapping, "data between its members, or members that overlap"),
    "too few in the directory": (lambda: raw_zip(_honest(), count=3), "damaged central directory"),
    "too many in the directory": (lambda: raw_zip(_honest(), count=5), "damaged central directory"),
    "several parts": (lambda: raw_zip(_honest(), disk=1), "in several parts"),
    "another name in the local header": (
        lambda: raw_zip(_first(local_name=b"demo_pkg/__evil__.py")),
        "two headers that contradict one another",
    ),
    "another size in the local header": (lambda: raw_zip(_first(local_size=7)), "two headers that contradict"),
    "another packed size in the local header": (lambda: raw_zip(_first(local_packed_size=7)), "two headers that"),
    "another CRC in the local header": (lambda: raw_zip(_first(local_crc=7)), "two headers that contradict"),
    "another method in the local header": (lambda: raw_zip(_first(local_method=0)), "two headers that contradict"),
    "a descriptor for some readers only": (lambda: raw_zip(_first(local_flags=8)), "two headers that contradict"),
    "a descriptor that contradicts": (
        lambda: raw_zip([replace(described(_honest()[0]), trailer=b"PK\x07\x08" + b"\1" * 12), *_honest()[1:]]),
        "data between its members",
    ),
    "a stored member with its size behind it": (
        lambda: raw_zip([described(_stored(_honest())[0]), *_honest()[1:]]),
        "stored member whose size stands behind it",
    ),
    "data hidden in a stored member": (
        lambda: raw_zip(_first(method=0, packed=_honest()[0].body + b"hidden")),
        "stored member with two different sizes",
    ),
    "an encrypted member": (lambda: raw_zip(_first(flags=1)), "encrypted"),
    "a member of a later specification": (lambda: raw_zip(_first(needed=64)), "a newer ZIP reader"),
    "a bzip2 member": (lambda: raw_zip(_first(method=12)), "neither stored nor deflated"),
    "a name that is not UTF-8": (lambda: raw_zip(_first(name=b"demo_pkg/\xe9.py")), "not UTF-8"),
    "a name not marked as UTF-8": (lambda: raw_zip(_first(name="demo_pkg/é.py".encode())), "not marked as UTF-8"),
    "a control character in a name": (lambda: raw_zip(_first(name=b"demo_pkg/a\x00b.py")), "control characters"),
    "an empty name": (lambda: raw_zip(_first(name=b"")), "name is empty"),
    "a second name for some readers": (
        lambda: raw_zip(_first(central_extra=unicode_path(b"demo_pkg/__init__.py", b"demo_pkg/evil.py"))),
        "a second, other name",
    ),
    "a ZIP64 field twice": (
        lambda: raw_zip(_first(local_extra=zip64(180) + zip64(180))),
        "an extra field twice",
    ),
    "ZIP64 sizes that contradict": (lambda: raw_zip(_first(local_extra=zip64(7))), "contradicts its header"),
    "an odd ZIP64 field": (lambda: raw_zip(_first(local_extra=b"\1\0\3\0abc")), "damaged ZIP64 field"),
    "a cut extra field": (lambda: raw_zip(_first(local_extra=b"\1\0\x20\0abc")), "damaged extra field"),
    "a stump of an extra field": (lambda: raw_zip(_first(local_extra=b"\1\0\0")), "damaged extra field"),
    "a header longer than the file": (lambda: _with_last(b"PK\3\4", 28, 0xFFFF), "cut off, or its records point"),
    "a member in another part": (lambda: _with_last(b"PK\1\2", 34, 1), "damaged central directory"),
    "a directory record that is too long": (lambda: _with_last(b"PK\1\2", 30, 0xFFFF), "damaged central directory"),
    "a ZIP64 mark without its number": (
        lambda: raw_zip(_first(local_size=0xFFFFFFFF)),
        "ZIP64 field that contradicts its header",
    ),
    "a size left open without a descriptor": (lambda: raw_zip(_first(local_size=0)), "two headers that contradict"),
    "a CRC left open without a descriptor": (lambda: raw_zip(_first(local_crc=0)), "two headers that contradict"),
    "a descriptor and another size before": (
        lambda: raw_zip([replace(described(_honest()[0]), local_size=7), *_honest()[1:]]),
        "two headers that contradict",
    ),
    "a name without end": (lambda: raw_zip(_first(name=b"x" * 4097)), "name is empty, too long"),
    "the stump of an end record behind it": (lambda: raw_zip(_honest(), suffix=b"PK\5\6"), "or is cut off"),
    "the stump of a directory record": (_with_stump_of_a_record, "damaged central directory"),
    "another directory record's signature": (lambda: _with_last(b"PK\1\2", 2, 0x0909), "damaged central directory"),
    "no members": (lambda: raw_zip([]), "no .dist-info directory"),
    "two end records that contradict": (
        lambda: raw_zip(_honest(), with_zip64=True, count=3),
        "two end records that contradict",
    ),
    "extensible data in the ZIP64 end record": (lambda: _end64_of_size(45), "damaged ZIP64 end record"),
    "a ZIP64 end record elsewhere": (lambda: _pointing_at(0), "ZIP64 end record that is not where it must be"),
    "two members of one name": (lambda: raw_zip([*_honest(), _honest()[0]]), "several members of one name"),
    "two spellings of one path": (
        lambda: raw_zip([*_honest(), RawMember(name=b"demo_pkg/./__init__.py", body=b"")]),
        "several members of one name",
    ),
    "other data than its CRC": (
        lambda: raw_zip(_first(packed=_honest()[0].body[::-1], method=0)),
        "not what its header says",
    ),
    "a longer stream than its size": (lambda: raw_zip(_first(size=7)), "holds more than it may"),
    "a shorter stream than its size": (lambda: raw_zip(_first(size=1000)), "not what its header says"),
    "compressed data after their end": (
        lambda: raw_zip(_first(body=b"", packed=b"\x03\x00hidden")),
        "compressed data end early",
    ),
    "compressed data without an end": (lambda: raw_zip(_first(packed=b"\x00")), "cut off"),
    "damaged compressed data": (lambda: raw_zip(_first(packed=b"\xff\xff")), "damaged compressed data"),
    "a device": (lambda: raw_zip(_first(mode=0o020644)), "neither files nor directories"),
    "a directory with contents": (
        lambda: raw_zip([*_honest(), RawMember(name=b"demo_pkg/data/", body=b"hidden")]),
        "directories with contents",
    ),
}


@pytest.mark.parametrize("at", [4, 6, 8])
def test_an_end_record_of_one_part_of_several_is_refused(at: int, tmp_path: Path) -> None:
    """Its disk, the directory's disk and the count on this disk all have to be those of one file."""
    with pytest.raises(Refused, match="in several parts"):
        _judged(tmp_path, _with_last(b"PK\5\6", at, 1))


@pytest.mark.parametrize(
    ("signature", "at"),
    [(b"PK\6\7", 4), (b"PK\6\7", 16), (b"PK\6\6", 2), (b"PK\6\6", 16), (b"PK\6\6", 20), (b"PK\6\6", 24)],
)
def test_a_zip64_end_record_of_something_else_is_refused(signature: bytes, at: int, tmp_path: Path) -> None:
    """Every number in it is either what one whole file has, or the file is refused."""
    with pytest.raises(Refused, match="ZIP64 end record"):
        _judged(tmp_path, _with_zip64_end(signature, at, 9))


@pytest.mark.parametrize("name", _SOUND)
def test_unusual_but_unambiguous_archives_pass(name: str, tmp_path: Path) -> None:
    """What no reader can misunderstand is accepted without a word."""
    assert _judged(tmp_path, _SOUND[name]()).warnings == ()


@pytest.mark.parametrize("name", _CONFUSING)
def test_an_archive_that_readers_could_see_differently_is_refused(name: str, tmp_path: Path) -> None:
    """Each lie in the records is found, and named as what it is."""
    archive, expected = _CONFUSING[name]
    with pytest.raises(Refused) as refused:
        _judged(tmp_path, archive())
    assert [expected in problem.what for problem in refused.value.problems] == [True]


@pytest.mark.parametrize(
    "escaping", [b"../evil.py", b"/evil.py", b"demo_pkg/../../evil.py", b"C:/evil.py", b"demo_pkg\\..\\evil.py", b".."]
)
def test_members_that_would_land_elsewhere_are_refused(escaping: bytes, tmp_path: Path) -> None:
    """A name that leads out of the archive, on any operating system, is never published."""
    with pytest.raises(Refused, match="names lead out of the archive"):
        _judged(tmp_path, raw_zip([*_honest(), RawMember(name=escaping, body=b"")]))


def test_a_consistent_data_descriptor_is_a_warning(tmp_path: Path) -> None:
    """Wheels written to a pipe were popular once, and every reader sees the same in them."""
    judged = _judged(tmp_path, raw_zip([described(member) for member in _honest()]))
    assert [warning.count("data descriptors") for warning in judged.warnings] == [1]


def test_comments_and_links_are_warnings(tmp_path: Path) -> None:
    """What readers ignore, each in the same way, is said and does not stop anybody."""
    link = RawMember(name=b"demo_pkg/link", body=b"__init__.py", mode=0o120777)
    judged = _judged(tmp_path, raw_zip([*_honest(), link], comment=b"hello"))
    assert "has a comment" in judged.warnings[0]
    assert "symbolic links" in judged.warnings[1]


def test_a_comment_on_a_member_is_a_warning(tmp_path: Path) -> None:
    """PyPI does not take it; no reader minds."""
    assert [" comment " in warning for warning in _judged(tmp_path, raw_zip(_first(comment=b"hi"))).warnings] == [True]


def test_names_that_differ_in_case_only_are_a_warning(tmp_path: Path) -> None:
    """On two of three operating systems one of them would overwrite the other."""
    judged = _judged(tmp_path, raw_zip([*_honest(), RawMember(name=b"demo_pkg/__INIT__.py", body=b"")]))
    assert "differ in case only" in judged.warnings[0]


def test_the_number_of_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of endless tiny members is refused before they are looked at."""
    monkeypatch.setattr(zip_reader, "MOST_MEMBERS", 3)
    with pytest.raises(Refused, match="more than 3 members"):
        _judged(tmp_path, raw_zip(_honest()))


def test_the_size_of_the_directory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory as a whole, so it cannot be of any size."""
    monkeypatch.setattr(zip_reader, "LARGEST_NAMES", 100)
    with pytest.raises(Refused, match="a directory of them that is too large"):
        _judged(tmp_path, raw_zip(_honest()))
