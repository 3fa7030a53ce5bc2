"""Core metadata for the views: every field that is right, whatever else a sidecar says, and never an error."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bucketwheel.format.views.core_metadata import core_facts
from bucketwheel.format.views.projects import CoreFacts

WHOLE = """\
Metadata-Version: 2.4
Name: demo
Version: 1.0
Summary: Turns wheels
 into buckets
Author: Ä. Übel
Author-email: a@example.com
License-Expression: MIT
License-File: LICENSE
Keywords: one, two
Platform: any
Classifier: Programming Language :: Python
Classifier: Typing :: Typed
Project-URL: Changelog, https://example.com/changes
Project-URL: Empty,
Requires-Dist: a>=1
Requires-Dist: b; extra == "x"
Provides-Extra: x
Dynamic: version
Description-Content-Type: text/markdown

# Demo

Content-Type: multipart/mixed is text here.
"""


def test_every_field() -> None:
    """The fields of Warehouse's API, as a modern build writes them."""
    assert core_facts(WHOLE.encode()) == CoreFacts(
        author="Ä. Übel",
        author_email="a@example.com",
        classifiers=("Programming Language :: Python", "Typing :: Typed"),
        description="# Demo\n\nContent-Type: multipart/mixed is text here.\n",
        description_content_type="text/markdown",
        dynamic=("version",),
        keywords="one,two",
        license_expression="MIT",
        license_files=("LICENSE",),
        platform="any",
        project_urls={"Changelog": "https://example.com/changes"},
        provides_extra=("x",),
        requires_dist=("a>=1", 'b; extra == "x"'),
        summary="Turns wheels into buckets",
    )


def test_what_old_tools_wrote() -> None:
    """UNKNOWN is not known, and Latin-1 was usual."""
    facts = core_facts("Home-page: UNKNOWN\nLicense: UNKNOWN\nAuthor: J\xf6rg\nSummary: ok\n".encode("latin-1"))
    assert facts == CoreFacts(author="J\xf6rg", summary="ok")


@pytest.mark.parametrize("written", ["Description: UNKNOWN\n", "\nUNKNOWN\n\n\n"])
def test_a_description_that_no_one_wrote(written: str) -> None:
    """Setuptools wrote it into the body of every wheel without one, with empty lines after it."""
    assert core_facts(f"Summary: ok\n{written}".encode()) == CoreFacts(summary="ok")


@pytest.mark.parametrize(
    "header",
    ["Content-Type: multipart/mixed; boundary=x", "content-transfer-encoding: base64", "Content-Type: message/rfc822"],
)
def test_mail_headers_mean_nothing(header: str) -> None:
    """An e-mail parser would look for messages within the description, or decode it."""
    assert core_facts(f"{header}\nSummary: ok\n\nText\n".encode()) == CoreFacts(summary="ok", description="Text\n")


def test_what_is_said_twice_is_unknown() -> None:
    """A field that may be given once and is given twice does not hide the others."""
    facts = core_facts(
        b"Summary: a\nSummary: b\nHome-page: https://example.com/\nProject-URL: A, x\nProject-URL: A, y\n"
    )
    assert facts == CoreFacts(home_page="https://example.com/")


_NAMES = st.sampled_from(["Summary", "Project-URL", "Keywords", "Content-Type", "Description", "Dynamic", "", "\u00e9"])
_LINES = st.tuples(_NAMES, st.text(max_size=20)).map(": ".join)


@given(st.one_of(st.binary(), st.lists(_LINES).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))))
@example(b"")
@example(b"\n")
@example(b"\xff\xfe\n\n\x00")
@example(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n--x--\n")
@example(b"Summary: x\rContent-Type: multipart/mixed; boundary=x\r\r--x\r\r--x--\r")
@example(b"Summary: =?utf-8?q?=00?=\n")
@example(b"Description: a\n\nb")
@example(b"Project-URL\n" * 3)
def test_nothing_raises(sidecar: bytes) -> None:
    """A wheel may contain anything; what cannot be read is unknown."""
    assert isinstance(core_facts(sidecar), CoreFacts)
