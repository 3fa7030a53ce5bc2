"""ZIP archives in which two readers would see two different things are refused, each for its own reason."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest

from bucketwheel.distributions import zip as zip_reader
from bucketwheel.errors import Refused
from distributions.verdicts import WHEEL, refusals, validated
from distributions.zip_bytes import RawMember, described, raw_members, raw_zip, unicode_path, zip64
from support.archives import metadata_text, record_text

_INFO = "demo_pkg-1.0.dist-info"


def _valid_members() -> list[RawMember]:
    content = {
        "demo_pkg/__init__.py": b'__version__ = "1.0"\n' * 9,
        f"{_INFO}/METADATA": metadata_text("demo-pkg", "1.0").encode(),
        f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return raw_members(content | {f"{_INFO}/RECORD": record_text(content, f"{_INFO}/RECORD").encode()})


_VALID = _valid_members()


def _with_first(**changes: object) -> bytes:
    first, *others = _VALID
    changed = replace(first, **changes)  # type: ignore[arg-type]  # a table of changes of many types
    return raw_zip([changed, *others])


def _patched(signature: bytes, at: int, number: int, form: str = "<H") -> bytes:
    """Put a number into the last header of this kind."""
    archive = bytearray(raw_zip(_VALID, with_zip64=True))
    struct.pack_into(form, archive, archive.rindex(signature) + at, number)
    return bytes(archive)


def _with_stump_of_a_record() -> bytes:
    archive = raw_zip(_VALID, count=5)
    start = archive.rindex(b"PK\5\6")
    size = struct.pack("<L", struct.unpack_from("<L", archive, start + 12)[0] + 4)
    return archive[:start] + b"PK\1\2" + archive[start : start + 12] + size + archive[start + 16 :]


_STORED = [replace(member, method=0) for member in _VALID]
_EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 60_000
"""Empty deflate blocks, more of them than are read at once."""

_SOUND: dict[str, bytes] = {
    "valid": raw_zip(_VALID),
    "stored": raw_zip(_STORED),
    "with a ZIP64 end record": raw_zip(_VALID, with_zip64=True),
    "with its numbers in the ZIP64 end record only": raw_zip(
        _VALID, with_zip64=True, count=0xFFFF, size=0xFFFFFFFF, start=0xFFFFFFFF
    ),
    "with ZIP64 sizes that repeat the header": _with_first(
        method=0, body=b'__version__ = "1.0"\n' * 9, local_extra=zip64(180, 180)
    ),
    "with ZIP64 sizes instead of the header's": _with_first(
        method=0, local={"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}, local_extra=zip64(180, 180), flags=0
    ),
    "with unknown extra fields": _with_first(local_extra=b"\x99\x99\0\0" * 2),
    "with data that begin late": _with_first(packed=_EMPTY_BLOCKS + zlib.compress(_VALID[0].body, wbits=-15)),
    "with a second name that is the first": _with_first(
        local_extra=unicode_path(b"demo_pkg/__init__.py", b"demo_pkg/__init__.py")
    ),
    "with directories": raw_zip([RawMember(name=b"demo_pkg/", body=b"", method=0, mode=0o40755), *_VALID]),
}

_CONFUSING: dict[str, tuple[bytes, str]] = {
    "data before the archive": (raw_zip(_VALID, prefix=b"#!/bin/sh\n"), "data before its ZIP archive"),
    "data before, unaccounted for": (b"#!/bin/sh\n" + raw_zip(_VALID), "data before its ZIP archive"),
    "data before the directory": (raw_zip(_VALID, between=b"hidden"), "data between its members"),
    "data between members": (_with_first(trailer=b"hidden"), "data between its members"),
    "data after the archive": (raw_zip(_VALID, suffix=b"hidden"), "data after the end"),
    "another archive after it": (raw_zip(_VALID) * 2, "data before its ZIP archive"),
    "a comment longer than it says": (raw_zip(_VALID, comment=b"hello", comment_size=4), "data after"),
    "an end record in its comment": (raw_zip(_VALID, comment=raw_zip([])), "data before its ZIP archive"),
    "members that overlap": (_patched(b"PK\1\2", 42, 0, "<L"), "data between its members, or members that overlap"),
    "too few in the directory": (raw_zip(_VALID, count=3), "damaged central directory"),
    "too many in the directory": (raw_zip(_VALID, count=5), "damaged central directory"),
    "several parts": (raw_zip(_VALID, disk=1), "in several parts"),
    "another name in the local header": (
        _with_first(local_name=b"demo_pkg/__evil__.py"),
        "two headers that contradict one another",
    ),
    "another size in the local header": (_with_first(local={"size": 7}), "two headers that contradict"),
    "another packed size in the local header": (_with_first(local={"packed": 7}), "two headers that"),
    "another CRC in the local header": (_with_first(local={"crc": 7}), "two headers that contradict"),
    "another method in the local header": (_with_first(local={"method": 0}), "two headers that contradict"),
    "a descriptor for some readers only": (_with_first(local={"flags": 8}), "two headers that contradict"),
    "a descriptor that contradicts": (
        raw_zip([replace(described(_VALID[0]), trailer=b"PK\x07\x08" + b"\1" * 12), *_VALID[1:]]),
        "data between its members",
    ),
    "a stored member with its size behind it": (
        raw_zip([described(_STORED[0]), *_VALID[1:]]),
        "stored member whose size comes after it",
    ),
    "data hidden in a stored member": (
        _with_first(method=0, packed=_VALID[0].body + b"hidden"),
        "stored member with two different sizes",
    ),
    "an encrypted member": (_with_first(flags=1), "encrypted"),
    "a member of a later specification": (_with_first(needed=64), "a newer ZIP reader"),
    "a bzip2 member": (_with_first(method=12), "neither stored nor deflated"),
    "a name that is not UTF-8": (_with_first(name=b"demo_pkg/\xe9.py"), "not UTF-8"),
    "a name not marked as UTF-8": (_with_first(name="demo_pkg/é.py".encode()), "not marked as UTF-8"),
    "a control character in a name": (_with_first(name=b"demo_pkg/a\x00b.py"), "control characters"),
    "an empty name": (_with_first(name=b""), "name is empty"),
    "a second name for some readers": (
        _with_first(central_extra=unicode_path(b"demo_pkg/__init__.py", b"demo_pkg/evil.py")),
        "a second, other name",
    ),
    "a ZIP64 field twice": (_with_first(local_extra=zip64(180) + zip64(180)), "an extra field twice"),
    "ZIP64 sizes that contradict": (_with_first(local_extra=zip64(7)), "contradicts its header"),
    "an odd ZIP64 field": (_with_first(local_extra=b"\1\0\3\0abc"), "damaged ZIP64 field"),
    "a cut extra field": (_with_first(local_extra=b"\1\0\x20\0abc"), "damaged extra field"),
    "a stump of an extra field": (_with_first(local_extra=b"\1\0\0"), "damaged extra field"),
    "a header longer than the file": (_patched(b"PK\3\4", 28, 0xFFFF), "cut off, or its records point"),
    "a member in another part": (_patched(b"PK\1\2", 34, 1), "damaged central directory"),
    "a directory record that is too long": (_patched(b"PK\1\2", 30, 0xFFFF), "damaged central directory"),
    "a ZIP64 mark without its number": (
        _with_first(local={"size": 0xFFFFFFFF}),
        "ZIP64 field that contradicts its header",
    ),
    "a size left open without a descriptor": (_with_first(local={"size": 0}), "two headers that contradict"),
    "a CRC left open without a descriptor": (_with_first(local={"crc": 0}), "two headers that contradict"),
    "a descriptor and another size before": (
        raw_zip([replace(described(_VALID[0]), local={"size": 7}), *_VALID[1:]]),
        "two headers that contradict",
    ),
    "a name without end": (_with_first(name=b"x" * 4097), "name is empty, too long"),
    "the stump of an end record behind it": (raw_zip(_VALID, suffix=b"PK\5\6"), "or is cut off"),
    "the stump of a directory record": (_with_stump_of_a_record(), "damaged central directory"),
    "another directory record's signature": (_patched(b"PK\1\2", 2, 0x0909), "damaged central directory"),
    "no members": (raw_zip([]), "no .dist-info directory"),
    "two end records that contradict": (raw_zip(_VALID, with_zip64=True, count=3), "two end records that contradict"),
    "extensible data in the ZIP64 end record": (_patched(b"PK\6\6", 4, 45, "<Q"), "damaged ZIP64 end record"),
    "a ZIP64 end record elsewhere": (_patched(b"PK\6\7", 8, 0, "<Q"), "ZIP64 end record that is not where it must be"),
    "two members of one name": (raw_zip([*_VALID, _VALID[0]]), "several members of one name"),
    "two spellings of one path": (
        raw_zip([*_VALID, RawMember(name=b"demo_pkg/./__init__.py", body=b"")]),
        "several members of one name",
    ),
    "other data than its CRC": (_with_first(packed=_VALID[0].body[::-1], method=0), "not what its header says"),
    "a longer stream than its size": (_with_first(size=7), "holds more than it may"),
    "a shorter stream than its size": (_with_first(size=1000), "not what its header says"),
    "compressed data after their end": (_with_first(body=b"", packed=b"\x03\x00hidden"), "compressed data end early"),
    "compressed data without an end": (_with_first(packed=b"\x00"), "cut off"),
    "damaged compressed data": (_with_first(packed=b"\xff\xff"), "damaged compressed data"),
    "a device": (_with_first(mode=0o020644), "neither files nor directories"),
    "a directory with contents": (
        raw_zip([*_VALID, RawMember(name=b"demo_pkg/data/", body=b"hidden")]),
        "directories with contents",
    ),
}


@pytest.mark.parametrize("at", [4, 6, 8])
def test_an_end_record_of_one_part_of_several_is_refused(at: int) -> None:
    """Its disk, the directory's disk and the count on this disk all have to be those of one file."""
    with pytest.raises(Refused, match="in several parts"):
        validated(_patched(b"PK\5\6", at, 1), WHEEL)


@pytest.mark.parametrize(
    ("signature", "at"),
    [(b"PK\6\7", 4), (b"PK\6\7", 16), (b"PK\6\6", 2), (b"PK\6\6", 16), (b"PK\6\6", 20), (b"PK\6\6", 24)],
)
def test_a_zip64_end_record_of_something_else_is_refused(signature: bytes, at: int) -> None:
    """Every number in it is either what one whole file has, or the file is refused."""
    with pytest.raises(Refused, match="ZIP64 end record"):
        validated(_patched(signature, at, 9, "B"), WHEEL)


@pytest.mark.parametrize("name", _SOUND)
def test_unusual_but_unambiguous_archives_pass(name: str) -> None:
    """An archive that no reader can misunderstand passes without a warning."""
    assert validated(_SOUND[name], WHEEL).warnings == ()


@pytest.mark.parametrize("name", _CONFUSING)
def test_an_archive_that_readers_could_see_differently_is_refused(name: str) -> None:
    """Each false record is found, and gets its own reason."""
    archive, expected = _CONFUSING[name]
    (reason,) = refusals(archive, WHEEL)
    assert expected in reason


@pytest.mark.parametrize(
    "escaping", [b"../evil.py", b"/evil.py", b"demo_pkg/../../evil.py", b"C:/evil.py", b"demo_pkg\\..\\evil.py", b".."]
)
def test_members_that_would_land_elsewhere_are_refused(escaping: bytes) -> None:
    """A name that leads out of the archive, on any operating system, is never published."""
    with pytest.raises(Refused, match="names lead out of the archive"):
        validated(raw_zip([*_VALID, RawMember(name=escaping, body=b"")]), WHEEL)


def test_a_consistent_data_descriptor_is_a_warning() -> None:
    """Wheels written to a pipe were popular once, and every reader sees the same in them."""
    contents = validated(raw_zip([described(member) for member in _VALID]), WHEEL)
    assert [warning.count("data descriptors") for warning in contents.warnings] == [1]


def test_comments_and_links_are_warnings() -> None:
    """What all readers ignore is a warning and stops no publish."""
    link = RawMember(name=b"demo_pkg/link", body=b"__init__.py", mode=0o120777)
    contents = validated(raw_zip([*_VALID, link], comment=b"hello"), WHEEL)
    assert "has a comment" in contents.warnings[0]
    assert "symbolic links" in contents.warnings[1]


def test_a_comment_on_a_member_is_a_warning() -> None:
    """PyPI refuses it; no reader minds."""
    assert [" comment " in warning for warning in validated(_with_first(comment=b"hi"), WHEEL).warnings] == [True]


def test_names_that_differ_in_case_only_are_a_warning() -> None:
    """On two of three operating systems one of them would overwrite the other."""
    contents = validated(raw_zip([*_VALID, RawMember(name=b"demo_pkg/__INIT__.py", body=b"")]), WHEEL)
    assert "differ in case only" in contents.warnings[0]


def test_the_number_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of endless tiny members is refused before they are looked at."""
    monkeypatch.setattr(zip_reader, "MOST_MEMBERS", 3)
    with pytest.raises(Refused, match="more than 3 members"):
        validated(raw_zip(_VALID), WHEEL)


def test_the_size_of_the_directory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory as a whole, so it cannot be of any size."""
    monkeypatch.setattr(zip_reader, "LARGEST_NAMES", 100)
    with pytest.raises(Refused, match="a directory of them that is too large"):
        validated(raw_zip(_VALID), WHEEL)
