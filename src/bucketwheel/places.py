"""Places of repositories: a bucket with a prefix, or a directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

__all__ = ["AWS_HOSTS", "Connection", "DirectoryPlace", "InvalidPlace", "Place", "S3Place", "parse_place"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; access point ARNs are not buckets.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\Z")

AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")


class InvalidPlace(ValueError):
    """A text that is not the place of a repository; the message continues the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket, or all keys of one that begin with a prefix."""

    bucket: str
    prefix: str = ""
    """Empty, or ends in a slash."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPlace:
    """A directory, absolute."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Place: TypeAlias = S3Place | DirectoryPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The connection to S3; what is None is left to the AWS chain (environment, profile, role)."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    no_sign_request: bool = False
    """Read without credentials; such a connection never writes."""


def parse_place(text: str, base: Path) -> Place:
    """Read `s3://bucket[/prefix]`, `file:///path` or a path relative to `base`; raises InvalidPlace."""
    if not unquote(text).isprintable():  # urlsplit would drop a newline; no file system takes a NUL
        raise InvalidPlace("has characters that cannot be printed")
    if not text:
        raise InvalidPlace("names no place")
    try:
        if "://" not in text:
            return DirectoryPlace(path=_absolute(Path(text).expanduser(), base))
        parts = urlsplit(text)
    except (RuntimeError, ValueError) as error:  # a home directory of no user; a URL that cannot be split
        raise InvalidPlace("names no place") from error
    if parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidPlace("must not have a user, a password, a query or a fragment")
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise InvalidPlace("must name a directory of this machine: file:///path")
        path = unquote(parts.path)
        # file:///C:/srv/pypi: the slash before a drive letter is the URL's, not the path's.
        return DirectoryPlace(path=_absolute(Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path), base))
    if parts.scheme != "s3":
        raise InvalidPlace("is neither s3://bucket/prefix nor a directory")
    return _s3_place(parts.netloc, parts.path)


def _s3_place(bucket: str, path: str) -> S3Place:
    if not _BUCKET.match(bucket):
        raise InvalidPlace("does not name a bucket: s3://bucket or s3://bucket/prefix")
    # Its listings have no order, and a prefix must end in a slash (User Guide, "Differences for directory buckets").
    if bucket.endswith("--x-s3"):
        raise InvalidPlace("names a bucket of S3 Express, which lists without order; only general purpose buckets work")
    segments = [segment for segment in path.split("/") if segment]
    if any(segment in {".", ".."} for segment in segments):
        raise InvalidPlace("must not have '.' or '..' in its prefix")
    return S3Place(bucket=bucket, prefix="".join(f"{segment}/" for segment in segments))


def _absolute(path: Path, base: Path) -> Path:
    whole = base.absolute() / path
    # A message shows no `..`; what is behind a symbolic link decides where it leads.
    return whole.resolve() if ".." in whole.parts else whole
