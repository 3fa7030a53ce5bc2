"""URLs: taken apart by strict rules, followed only where that is safe, shown without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.sources.urls import InvalidUrl, WebUrl, filename_of, follow, read_url, showable


@pytest.mark.parametrize(
    ("text", "shown", "origin"),
    [
        ("https://ci.example/p/", "https://ci.example/p/", ("https", "ci.example", 443)),
        ("HTTPS://CI.Example:443", "https://ci.example/", ("https", "ci.example", 443)),
        ("http://ci.example:8080/a?token=x#f", "http://ci.example:8080/a", ("http", "ci.example", 8080)),
        ("http://[::1]:81/a", "http://[::1]:81/a", ("http", "::1", 81)),
        ("http://u:p@ci.example/a", "http://ci.example/a", ("http", "ci.example", 80)),
    ],
)
def test_a_url_shows_where_it_leads_and_nothing_secret(text: str, shown: str, origin: tuple[str, str, int]) -> None:
    """Scheme, host, port and path are shown in one spelling; user, password, query and fragment are not."""
    url, _ = read_url(text)
    assert (str(url), url.origin) == (shown, origin)


def test_user_and_password_are_decoded_once() -> None:
    """`%40` in a password is an `@`; a URL without any has None."""
    _, known = read_url("https://me%2Fyou:p%40ss:w%2541rd@ci.example/")
    assert known is not None
    assert (known.user, known.password) == ("me/you", "p@ss:w%41rd")
    assert read_url("https://ci.example/")[1] is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://ci.example/a", "is neither an http nor an https URL"),
        ("file:///etc/passwd", "is neither an http nor an https URL"),
        ("javascript:alert(1)", "is neither an http nor an https URL"),
        ("/simple/", "is neither an http nor an https URL"),
        ("https:///a", "names no host"),
        ("http://evil.example\\.good.example/", "names no host"),
        ("http://good.example evil.example/", "names no host"),
        ("http://%65vil.example/", "names no host"),
        ("http://[::1/a", "is not a URL"),
        ("http://ci.example:99999/", "is not a URL"),
        ("http://ci.example:8o/", "is not a URL"),
        ("http://ci.example/a\r\nHost: evil", "has control characters"),
        ("ht\ttp://ci.example/", "has control characters"),
    ],
)
def test_what_could_lead_elsewhere_than_it_seems_is_no_url(text: str, reason: str) -> None:
    """Other schemes, hosts that two parsers would read differently, and hidden characters are refused in words."""
    with pytest.raises(InvalidUrl) as caught:
        read_url(text)
    assert str(caught.value) == reason


PAGE, _ = read_url("https://ci.example/simple/demo/?key=1")


@pytest.mark.parametrize(
    ("reference", "leads_to"),
    [
        ("demo-1.0.tar.gz", "https://ci.example/simple/demo/demo-1.0.tar.gz"),
        ("../../files/demo-1.0.tar.gz?sig=abc", "https://ci.example/files/demo-1.0.tar.gz?sig=abc"),
        ("/files/demo-1.0.tar.gz", "https://ci.example/files/demo-1.0.tar.gz"),
        ("//cdn.example/demo-1.0.tar.gz", "https://cdn.example/demo-1.0.tar.gz"),
        ("https://cdn.example:8443/demo-1.0.tar.gz", "https://cdn.example:8443/demo-1.0.tar.gz"),
        ("demo-1.0+cu118-py3-none-any.whl", "https://ci.example/simple/demo/demo-1.0%2Bcu118-py3-none-any.whl"),
        ("demo-1.0%2Bcu118-py3-none-any.whl", "https://ci.example/simple/demo/demo-1.0%2Bcu118-py3-none-any.whl"),
    ],
)
def test_references_are_resolved_against_the_page(reference: str, leads_to: str) -> None:
    """Relative and absolute ones as RFC 3986 has it; a plus is asked for as %2B, which S3 needs."""
    assert follow(PAGE, reference).request == leads_to


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("http://ci.example/demo-1.0.tar.gz", "leads from https to http"),
        ("https://me:secret@ci.example/x", "contains a user or password, which only the URL of a source may"),
        (
            "https://good.example\\@evil.example/",
            "contains a user or password, which only the URL of a source may",
        ),
        ("file:///etc/passwd", "is neither an http nor an https URL"),
        ("data:text/html,x", "is neither an http nor an https URL"),
        ("demo\n-1.0.tar.gz", "has control characters"),
        ("http://[", "is not a URL"),
    ],
)
def test_a_page_cannot_lead_anywhere_it_likes(reference: str, reason: str) -> None:
    """No downgrade, no other scheme, no credentials of the page's own."""
    with pytest.raises(InvalidUrl) as caught:
        follow(PAGE, reference)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("path", "filename"),
    [
        ("/a/demo-1.0.tar.gz", "demo-1.0.tar.gz"),
        ("/a/demo-1.0%2Bcu118-py3-none-any.whl", "demo-1.0+cu118-py3-none-any.whl"),
        ("/a/%252e%252e%252fdemo.whl", "%2e%2e%2fdemo.whl"),
        ("/a/%2e%2e%2fdemo.whl", "../demo.whl"),
        ("/a/", ""),
        ("/a/%c0%ae.whl", "\ufffd\ufffd.whl"),
    ],
)
def test_a_file_name_is_decoded_once(path: str, filename: str) -> None:
    """Exactly once, and never cleaned: the name that comes out is checked as it is."""
    assert filename_of(path) == filename


def test_what_came_out_of_a_variable_is_shown_as_the_variable() -> None:
    """In either spelling, the longest value first, and an empty value hides nothing."""
    url, _ = read_url("https://ci.example/to%20ken/token/")
    hidden = {"to ken": "${A}", "token": "${B}", "": "${C}"}
    assert showable(url, hidden) == "https://ci.example/${A}/${B}/"


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_url_or_is_refused(base: str, reference: str) -> None:
    """Nothing but InvalidUrl comes out of reading and following; what comes out of a reading reads the same again."""
    try:
        url, _ = read_url(f"http://{base}")
        found = follow(url, reference)
    except InvalidUrl:
        return
    assert read_url(str(found))[0] == WebUrl(
        scheme=found.scheme, host=found.host, port=found.port, path=found.path, query=""
    )
