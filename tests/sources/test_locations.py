"""Locations to fetch from, as users write them, with variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.errors import Misconfigured
from bucketwheel.places import DirectoryPlace, S3Place
from bucketwheel.sources.locations import WebSource, read_sources, values_to_hide
from bucketwheel.sources.urls import UserInfo

BASE = Path("/base")


def test_places_are_told_by_how_they_are_written() -> None:
    """Http and https are pages; all the rest is what a repository's place would be."""
    web, bucket, relative, file_url = read_sources(
        ["HTTPS://ci.example/p", "s3://wheels/nightly", "wheelhouse", "file:///srv/wheels"], {}, BASE
    )
    assert isinstance(web, WebSource)
    assert (str(web.url), web.user) == ("https://ci.example/p", None)
    assert bucket == S3Place(bucket="wheels", prefix="nightly/")
    assert relative == DirectoryPlace(path=Path("/base/wheelhouse"))
    assert file_url == DirectoryPlace(path=Path("/srv/wheels"))


@pytest.mark.parametrize(
    ("token", "password"),
    [("s3cret", "s3cret"), ("a/b@c:d#e?f", "a/b@c:d#e?f"), ("a%40b", "a@b"), ("100%", "100%")],
)
def test_a_token_cannot_become_part_of_the_host(token: str, password: str) -> None:
    """In the user's part of a URL a variable's value is encoded where it must be, and left where it is already."""
    (source,) = read_sources(["https://ci:${TOKEN}@ci.example/p/"], {"TOKEN": token}, BASE)
    assert isinstance(source, WebSource)
    assert str(source.url) == "https://ci.example/p/"
    assert source.user == UserInfo(user="ci", password=password)


def test_a_variable_may_hold_the_whole_place() -> None:
    """And then it decides what kind of place it is."""
    environ = {"WEB": "https://u:p@ci.example/a", "DIR": "/srv/wheels"}
    web, directory = read_sources(["${WEB}/${WEB_PATH}/", "${DIR}"], environ | {"WEB_PATH": "b"}, BASE)
    assert isinstance(web, WebSource)
    assert (str(web.url), web.user) == ("https://ci.example/a/b/", UserInfo(user="u", password="p"))  # noqa: S106 - made up
    assert directory == DirectoryPlace(path=Path("/srv/wheels"))


def test_every_problem_is_told_at_once_and_no_value_with_it() -> None:
    """Missing variables by name, bad places as they were typed, secrets left out."""
    texts = [
        "https://${USER}:${NO_TOKEN}@ci.example/${NOT_SET}/",
        "s3://me:pass@wheels/?key=1",
        "ftp://ci.example/",
        "https://me:pa/ss@/",
    ]
    remedy = "write https://…, s3://bucket/prefix or a directory"
    with pytest.raises(Misconfigured) as caught:
        read_sources(texts, {"USER": "canary"}, BASE)
    missing, no_user, no_place, no_url = str(caught.value).splitlines()
    assert missing == (
        "https://ci.example/${NOT_SET}/ needs NO_TOKEN and NOT_SET, which the environment does not have; "
        "set it where this command runs"
    )
    assert no_user == f"s3://wheels/ must not have a user, a password, a query or a fragment; {remedy}"
    assert no_place == f"ftp://ci.example/ is neither s3://bucket/prefix nor a directory; {remedy}"
    assert no_url == f"https:/// is not a URL; {remedy}"


def test_no_place_at_all_is_said() -> None:
    """A fetch from nowhere is a mistake in the settings."""
    with pytest.raises(Misconfigured, match=r"^artifact-indexes names no place to fetch from; .* or with --from$"):
        read_sources([], {}, BASE)


def test_values_are_mapped_to_their_variables() -> None:
    """Also where the value is a URL of its own, whose user is not shown anyway."""
    hidden = values_to_hide(["https://${HOST}/${TOKEN}/", "${WEB}x"], {"TOKEN": "abc", "WEB": "https://u:p@h/secret/"})
    assert hidden == {
        "": "${HOST}",
        "abc": "${TOKEN}",
        "https://u:p@h/secret/": "${WEB}",
        "https://h/secret/": "${WEB}",
    }
