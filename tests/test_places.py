"""What a repository's URL names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.places import DirectoryPlace, InvalidPlace, S3Place, parse_place

BASE = Path("/work-tree")


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://packages", "packages", ""),
        ("s3://packages/", "packages", ""),
        ("s3://packages/team", "packages", "team/"),
        ("s3://packages/team/", "packages", "team/"),
        ("s3://packages//team///python/", "packages", "team/python/"),
        ("s3://my.bucket-1/a b/é", "my.bucket-1", "a b/é/"),
        ("S3://packages", "packages", ""),
    ],
)
def test_buckets(text: str, bucket: str, prefix: str) -> None:
    """A bucket with a prefix that is empty or ends in one slash."""
    assert parse_place(text, BASE) == S3Place(bucket=bucket, prefix=prefix)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("repository", "/work-tree/repository"),
        ("./repository", "/work-tree/repository"),
        ("/srv/pypi", "/srv/pypi"),
        ("file:///srv/pypi", "/srv/pypi"),
        ("file://localhost/srv/pypi", "/srv/pypi"),
        ("file:///srv/py%20pi", "/srv/py pi"),
        (".", "/work-tree"),
    ],
)
def test_directories(text: str, path: str) -> None:
    """A path is a directory's, from where its setting stands; a file URL's is absolute."""
    assert parse_place(text, BASE) == DirectoryPlace(path=Path(path))


def test_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A leading ~ is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert parse_place("~/repository", BASE) == DirectoryPlace(path=tmp_path / "repository")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://pypi.example/simple/", "neither s3://bucket/prefix nor a directory"),
        ("s3://", "does not name a bucket"),
        ("s3://UPPER", "does not name a bucket"),
        ("s3://a", "does not name a bucket"),
        ("s3://under_score-", "does not name a bucket"),
        ("s3://bucket:80/x", "does not name a bucket"),
        ("s3://packages--use1-az4--x-s3/team", "S3 Express"),
        ("s3://packages/../other", "must not have '.' or '..'"),
        ("s3://packages/./other", "must not have '.' or '..'"),
        ("s3://user:canary@packages/x", "must not have a user"),
        ("s3://packages/x?versionId=canary", "must not have a user, a password, a query"),
        ("s3://packages/x#canary", "must not have a user, a password, a query or a fragment"),
        ("file://server/share", "must name a directory of this machine"),
        ("s3://[", "names no place"),
        ("s3://pack\nages", "cannot be printed"),
        ("file:///srv/%00", "cannot be printed"),
        ("./a\x00b", "cannot be printed"),
        ("", "names no place"),
        ("~nobody-has-this-name/x", "names no place"),
        ("arn:aws:s3:::packages://", "neither s3://bucket/prefix nor a directory"),
    ],
)
def test_no_places(text: str, why: str) -> None:
    """What names no place is refused in words that continue the text, and repeat no secret of it."""
    with pytest.raises(InvalidPlace) as refused:
        parse_place(text, BASE)

    assert why in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("text", ["s3://packages", "s3://packages/team/python", "/srv/pypi"])
def test_a_place_is_written_as_it_is_read(text: str) -> None:
    """A place's own text names it again."""
    place = parse_place(text, BASE)

    assert str(place) == text
    assert parse_place(str(place), BASE) == place


@given(st.text(st.characters()) | st.text("s3:/[].%@?#a", max_size=12).map(lambda rest: f"s3://{rest}"))
def test_places_never_end_in_a_traceback(text: str) -> None:
    """Any text names a place, or InvalidPlace is raised; a prefix never leads upwards."""
    with suppress(InvalidPlace):
        place = parse_place(text, BASE)
        if isinstance(place, S3Place):
            assert not {".", "..", ""} & set(place.prefix.split("/")[:-1])
