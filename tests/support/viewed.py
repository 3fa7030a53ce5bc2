"""Projects for the views: files, releases and facts with as few words as a test needs."""

from __future__ import annotations

from bucketwheel.format.views.projects import CoreFacts, ViewedFile, ViewedProject, by_version
from bucketwheel.names import ProjectName

__all__ = ["DESCRIPTIONS", "HOSTILE", "many_wheels", "viewed", "viewed_file"]

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x07\"'&]]>"
"""What no view may show as it is."""

DESCRIPTIONS: dict[str, tuple[str, str | None]] = {
    "nested bullets": ("\n\n".join(f"{'  ' * depth}* a" for depth in range(200)), None),
    "broken reST": ("A\n===\n\nB\n--\n\n:unknown:`x` |y|\n", None),
    "raw HTML": (".. raw:: html\n\n   <script>alert(1)</script>\n", None),
    "a raw role": (".. role:: r(raw)\n   :format: html\n\n:r:`<script>alert(1)</script>`\n", None),
    "a link": ("`x <javascript:alert(1)>`_ and `y <data:text/html,z>`__\n", None),
    "an image": (".. image:: javascript:alert(1)\n   :target: javascript:alert(1)\n", None),
    "ids": (".. _bw-main:\n\n.. class:: bw-top\n\nx\n", None),
    "script": ("<script>alert(1)</script><style>*{display:none}</style>x", "text/markdown"),
    "an event": ("<img src=x onerror=alert(1)><b onclick=alert(1) style=position:fixed>x</b>", "text/markdown"),
    "links": (
        "[x](javascript:alert(1)) [y](data:text/html;base64,AA) <a href='&#106;avascript:z'>z</a>",
        "text/markdown",
    ),
    "head and forms": (
        "<base href=//evil.example><meta http-equiv=refresh content=0><form><input></form>x",
        "text/markdown",
    ),
    "vectors": ("<svg onload=alert(1)><script>alert(1)</script></svg><math><mtext></math>x", "text/markdown"),
    "clobbering": ('<p id="bw-main" class="bw-top" name="bw-hits">x</p>', "text/markdown"),
    "unclosed": (
        "x <div><table><tr><td><b><a href='https://example.com/'>y <!-- <textarea> <plaintext>",
        "text/markdown",
    ),
    "other bytes": ("x \x00 \ud800 \udcff \u202e \ufeff \x1b[2J", "text/markdown"),
    "the same in reST": ("x \x01 \ud800 \udcff \u202e \x1b[2J", None),
    "entities": ("x &#x202e; &#0; &#xD800; &lt;script&gt;", "text/markdown"),
}
"""Hostile descriptions with their content types, by what they try."""


def viewed_file(
    filename: str,
    *,
    yanked: str | None = None,
    upload_time: str | None = "2026-01-02T03:04:05.123456Z",
    size: int | None = 10,
    requires_python: str | None = ">=3.9",
) -> ViewedFile:
    """Return a file with a digest."""
    return ViewedFile(
        filename=filename,
        url=f"../../simple/demo/{filename}",
        hashes={"sha256": "ab" * 32},
        size=size,
        upload_time=upload_time,
        requires_python=requires_python,
        yanked=yanked,
    )


def viewed(*versions: str, facts: CoreFacts | None = None, yanked: tuple[str, ...] = ()) -> ViewedProject:
    """Return the project demo with one wheel a version."""
    files = (
        (each, viewed_file(f"demo-{each}-py3-none-any.whl", yanked="bad" if each in yanked else None))
        for each in versions
    )
    return ViewedProject(
        project=ProjectName("demo"), releases=by_version(files), revision=7, facts=facts or CoreFacts()
    )


def many_wheels(versions: int, wheels: int) -> ViewedProject:
    """Return the project demo with so many wheels of each of so many versions."""
    files = (
        (f"1.{minor}", viewed_file(f"demo-1.{minor}-{build}-cp312-cp312-manylinux_2_28_x86_64.whl"))
        for minor in range(versions)
        for build in range(wheels)
    )
    return ViewedProject(project=ProjectName("demo"), releases=by_version(files))
