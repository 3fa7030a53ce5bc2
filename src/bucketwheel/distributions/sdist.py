"""Source distributions, validated without being extracted (PEP 517, PEP 625, and the rules before them)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from typing import BinaryIO

from bucketwheel.distributions.inflate import GzipStream
from bucketwheel.distributions.metadata import read_metadata, validate_licences, validate_metadata
from bucketwheel.distributions.observations import (
    LARGEST_TEXT,
    Broken,
    Flaw,
    Observation,
    Oddity,
    clean,
    is_named_after,
    listed,
    validate_paths,
)
from bucketwheel.distributions.tar import LINKS, MemberType, TarMember, tar_members
from bucketwheel.distributions.zip import contents, read_listing, read_text, validate_listing
from bucketwheel.names import DistributionName

__all__ = ["validate_sdist"]

_PKG_INFO = "PKG-INFO"
_BUILD_FILES = ("pyproject.toml", "setup.py")


def validate_sdist(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
    """Find everything about an sdist that its users should know before it is published."""
    validate = _validate_zip if name.filename.endswith(".zip") else _validate_tar
    return validate(name, file, length)


def _validate_tar(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
    stream = GzipStream(file, length)
    members, bodies = [], []
    for member in tar_members(stream):
        members.append(member)
        if _is_pkg_info(member.path):
            if member.type != MemberType.FILE or member.size > LARGEST_TEXT:
                raise Broken(f"has a PKG-INFO that is not a file of at most {LARGEST_TEXT} bytes")
            bodies.append(stream.read(member.size))
    directories = {clean(member.path) for member in members if member.type == MemberType.DIRECTORY}  # twice: no harm
    paths = [*directories, *(member.path for member in members if member.type != MemberType.DIRECTORY)]
    root = _root(paths)
    yield from _validate_types(members, root)
    yield from _validate_tree(name, paths, root, bodies)


def _validate_zip(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
    listing = read_listing(file, length)
    yield from validate_listing(listing)
    for member in listing.members:
        for _ in contents(file, member):
            pass  # every member's CRC is checked, as that of a tar archive is
    paths = [member.name for member in listing.members]
    bodies = [read_text(file, member) for member in listing.members if _is_pkg_info(member.name)]
    yield from _validate_tree(name, paths, _root(paths), bodies)


def _is_pkg_info(path: str) -> bool:
    return clean(path).split("/")[1:] == [_PKG_INFO]


def _root(paths: Sequence[str]) -> str:
    """Find the one directory that everything is in (PEP 517)."""
    tops = sorted({clean(path).split("/", 1)[0] for path in paths} - {"."})
    if len(tops) != 1:
        raise Broken(f"does not have all its files in one directory, but has {listed(tops) or 'none at all'}")
    return tops[0]


def _validate_tree(
    name: DistributionName, paths: Sequence[str], root: str, bodies: Sequence[bytes]
) -> Iterator[Observation]:
    yield from validate_paths(paths)
    if not is_named_after(root, name):
        yield Oddity(f"has its files in a directory that is not named after it: {listed([root])}")
    if len(bodies) > 1:
        return  # one name twice, which `validate_paths` has found
    if bodies:
        metadata = read_metadata(bodies[0])
        yield from validate_metadata(name, _PKG_INFO, metadata)
        yield from validate_licences(metadata, root, paths)
    elif {f"{root}/{build_file}" for build_file in _BUILD_FILES}.isdisjoint(map(clean, paths)):
        yield Flaw(f"has no {_PKG_INFO}, and nothing that says how to build it: it is not an sdist")
    else:
        yield Oddity(f"has no {_PKG_INFO}, so nothing but its name says what it is")


def _validate_types(members: Sequence[TarMember], root: str) -> Iterator[Observation]:
    """Find members that installers refuse to extract, or that would reach out of the tree (PEP 721)."""
    if special := [member.path for member in members if member.type == MemberType.SPECIAL]:
        yield Flaw(f"has members that are neither files, directories nor links: {listed(special)}")
    links = [member for member in members if member.type in LINKS]
    if leaving := [link.path for link in links if not _stays_inside(link, root)]:
        yield Flaw(f"has links that lead out of its tree: {listed(leaving)}")
    if through := _below_links(members, {clean(link.path) for link in links}):
        yield Flaw(f"has members that would be written through a link: {listed(through)}")


def _stays_inside(link: TarMember, root: str) -> bool:
    """Return whether a link's target is inside, read as text; a `..` in its middle would depend on other links."""
    segments = [segment for segment in link.target.split("/") if segment not in {"", "."}]
    below = list(dropwhile(lambda segment: segment == "..", segments))
    if "\\" in link.target or ".." in below:
        return False
    base = posixpath.dirname(clean(link.path)) if link.type == MemberType.SYMBOLIC_LINK else ""
    place = clean(posixpath.join(base, link.target))
    return place == root or place.startswith(f"{root}/")


def _below_links(members: Sequence[TarMember], links: set[str]) -> list[str]:
    """Find the paths below a link, in an order where they follow it directly, so that their depth costs nothing."""
    below: list[str] = []
    link = None
    for path in sorted((clean(member.path) for member in members), key=lambda path: path.replace("/", "\0")):
        if link is not None and path.startswith(f"{link}/"):
            below.append(path)
        elif path in links:
            link = path
    return below
