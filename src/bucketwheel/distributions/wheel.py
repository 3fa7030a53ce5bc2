"""Wheels, judged without being extracted (PEP 427 and the binary distribution format specification)."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping, Sequence
from email.parser import HeaderParser
from math import prod
from typing import BinaryIO

from packaging.tags import Tag, parse_tag

from bucketwheel.distributions.findings import Broken, Finding, Flaw, Oddity, listed
from bucketwheel.distributions.members import judge_paths
from bucketwheel.distributions.metadata import judge_licences, judge_metadata, read_metadata
from bucketwheel.distributions.record import LARGEST_RECORD, judge_record, read_record
from bucketwheel.distributions.zip_contents import judge_listing, whole_text
from bucketwheel.distributions.zip_records import ZipMember, read_listing
from bucketwheel.names import DistributionName, InvalidName, distribution_name

__all__ = ["judge_wheel"]

_DIST_INFO = ".dist-info"
_MOST_TAGS = 10_000  # as many as a file name can have, and some
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")  # PEP 815 ended them; they cannot be in the RECORD they sign
_SCRIPT_NAME = re.compile(r"[\w.-]+\Z")
_WHEEL_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\Z", re.ASCII)


def judge_wheel(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Finding]:
    """Find everything about a wheel that its users should know before it is published."""
    listing = read_listing(file, length)
    yield from judge_listing(listing)
    yield from judge_paths([member.name for member in listing.members])
    dist_info = _dist_info(listing.members)
    yield from _judge_dist_info(name, dist_info)
    members = {member.name: member for member in listing.members}
    metadata = read_metadata(whole_text(file, _required(members, f"{dist_info}/METADATA")))
    yield from judge_metadata(name, "METADATA", metadata)
    yield from judge_licences(metadata, f"{dist_info}/licenses", members)
    yield from _judge_wheel_file(name, whole_text(file, _required(members, f"{dist_info}/WHEEL")))
    if entry_points := members.get(f"{dist_info}/entry_points.txt"):
        yield from _judge_entry_points(whole_text(file, entry_points))
    record = read_record(whole_text(file, _required(members, f"{dist_info}/RECORD"), LARGEST_RECORD))
    exempt = frozenset(f"{dist_info}/{signature}" for signature in ("RECORD", *_SIGNATURES))
    yield from judge_record(file, listing.members, record, exempt)


def _dist_info(members: tuple[ZipMember, ...]) -> str:
    """Find the one `.dist-info` at the top; vendored ones below packages are nobody's business."""
    tops = {member.name.split("/", 1)[0] for member in members if "/" in member.name}
    found = sorted(top for top in tops if top.lower().endswith(_DIST_INFO))
    if not found:
        raise Broken("has no .dist-info directory, so it is not a wheel")
    if len(found) > 1:
        raise Broken(f"has several .dist-info directories, and readers differ in which one counts: {listed(found)}")
    return found[0]


def _judge_dist_info(name: DistributionName, dist_info: str) -> Iterator[Finding]:
    stem = dist_info[: -len(_DIST_INFO)]
    if stem == "-".join(name.filename.split("-")[:2]):
        return
    try:
        inside = distribution_name(f"{stem}.tar.gz")  # the grammar of an sdist's stem: one project, one version
    except InvalidName:
        inside = None
    if inside is None or (inside.project, inside.version) != (name.project, name.version):
        yield Flaw(
            what=f"has the .dist-info of something else: {listed([dist_info])}",
            remedy="give the file back the name it was built with, or build it again",
        )
    else:
        yield Oddity(what=f"spells its .dist-info directory unlike its own name: {listed([dist_info])}")


def _required(members: Mapping[str, ZipMember], path: str) -> ZipMember:
    if path not in members:
        raise Broken(f"has no {path}, so no installer takes it")
    return members[path]


def _judge_wheel_file(name: DistributionName, body: bytes) -> Iterator[Finding]:
    try:
        headers = HeaderParser().parsestr(body.decode("utf-8"))
    except UnicodeDecodeError:
        yield Flaw(what="has a WHEEL that is not UTF-8, so no installer takes it")
        return
    version = _WHEEL_VERSION.match(str(headers["Wheel-Version"]).strip())
    if version is None or int(version[1]) > 1:
        yield Flaw(what="has a WHEEL without a Wheel-Version that installers know (1.0)")
    if _tags([str(line).strip() for line in headers.get_all("Tag", ())]) != name.tags:
        yield Oddity(what="has other tags in its WHEEL than in its name; installers go by the name")


def _tags(lines: Sequence[str]) -> set[Tag]:
    """Take compressed tags apart, unless they are so many that they can only be meant to be."""
    if sum(prod(part.count(".") + 1 for part in line.split("-")) for line in lines) > _MOST_TAGS:
        return set()
    try:
        return {tag for line in lines for tag in parse_tag(line)}
    except ValueError:
        return set()


def _judge_entry_points(body: bytes) -> Iterator[Finding]:
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]  # configparser's documented way to keep case
    try:
        parser.read_string(body.decode("utf-8"))
    except (UnicodeDecodeError, configparser.Error):
        yield Oddity(what="has an entry_points.txt that cannot be read")
        return
    scripts = [
        script
        for section in ("console_scripts", "gui_scripts")
        if parser.has_section(section)
        for script in parser.options(section)
    ]
    if unfit := [script for script in scripts if not _SCRIPT_NAME.match(script) or script in {".", ".."}]:
        yield Flaw(what=f"has scripts whose names are not file names: {listed(unfit)}")
