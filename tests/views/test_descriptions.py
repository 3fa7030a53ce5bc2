"""Descriptions are rendered as PyPI does, in a process that no text gets the better of and that is not left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bucketwheel import descriptions
from bucketwheel.descriptions import CPU_SECONDS, LONGEST, LONGEST_HTML, can_render, open_renderer
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.format.views.safe_html import RenderedDescription
from bucketwheel.protocol.descriptions import Descriptions
from support.clients import clean_environment
from support.http_server import serve, tree
from support.viewed import DESCRIPTIONS

MARKDOWN = "text/markdown"
PRIVATE = "what is on this machine only"
posix = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors as POSIX has them")


@pytest.fixture(scope="module")
def render() -> Iterator[Any]:
    """One renderer for all tests that only ask it."""
    with open_renderer() as opened:
        yield opened


@pytest.mark.parametrize(
    ("content_type", "html"),
    [
        (None, "<p><em>a</em> <code>b</code></p>"),
        ("", "<p><em>a</em> <code>b</code></p>"),
        ("text/x-rst; charset=UTF-8", "<p><em>a</em> <code>b</code></p>"),
        ("text/markdown", "<p><em>a</em> <code>b</code></p>"),
        ("Text/Markdown; charset=UTF-8; variant=CommonMark", "<p><em>a</em> <code>b</code></p>"),
        ("text/markdown; variant=Other", None),
        ("text/plain", None),
        ("text/html", None),
        ("nonsense", None),
        ("\udcff\n; variant*=x", None),
    ],
)
def test_content_types(render: Any, content_type: str | None, html: str | None) -> None:  # noqa: ANN401
    """No content type is reStructuredText; what is neither that nor Markdown is text."""
    text = "*a* `b`" if "arkdown" in (content_type or "") else "*a* ``b``"

    assert render(text, content_type) == RenderedDescription(html)


def test_variants(render: Any) -> None:  # noqa: ANN401
    """GitHub's Markdown, the default, has tables, tasks and struck text; CommonMark has not."""
    table = "| a |\n|---|\n| b |\n"

    assert "<table>" in render(table, MARKDOWN).html
    assert "<table>" in render(table, f"{MARKDOWN}; variant=GFM").html
    assert "<table>" not in render(table, f"{MARKDOWN}; variant=CommonMark").html
    assert "☑ a" in render("- [x] a", MARKDOWN).html
    assert render("~~a~~", MARKDOWN).html == "<p><del>a</del></p>"


def test_a_readme(render: Any) -> None:  # noqa: ANN401
    """What READMEs are made of arrives: headings, code in colours, notes, footnotes, lists of definitions."""
    markdown = "# A\n\n> [!NOTE]\n> b\n\n```python\nif x: pass  # y\n```\n\n## C[^1]\n\n[^1]: d\n"
    rst = "A\n=\n\n.. note:: b\n\n.. code:: python\n\n   if x: pass  # y\n\nC\n-\n\nterm\n  d\n"

    for text, content_type in ((markdown, MARKDOWN), (rst, "text/x-rst")):
        html = render(text, content_type).html
        assert html.count("<h3>A</h3>") == 1
        assert "<h4>C" in html
        assert '<div class="bw-note">\n<p class="bw-label">Note</p>\n<p>b</p>' in html
        assert '<span class="bw-keyword">if</span> x: ' in html.replace("<span></span>", "")
        assert '<span class="bw-comment"># y</span>' in html
    assert "<dt>term</dt><dd>" in render(rst, None).html.replace("\n", "")


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_hostile(render: Any, name: str) -> None:  # noqa: ANN401
    """Whatever a description tries, it is text or does nothing; the library's errors stay where they are."""
    html = render(*DESCRIPTIONS[name]).html or ""

    for never in ("<script", "<style", "<svg", "<form", "<base", "<meta", "<img", "<!--", "onclick", "onerror", "id="):
        assert never not in html
    assert "href=" not in html or 'href="https://example.com/"' in html
    assert 'class="bw-top' not in html
    assert not {"\x00", "\x01", "\x1b", "\u202e", "\ufeff"} & {*html}
    assert html or DESCRIPTIONS[name][1] is None


@pytest.mark.parametrize("conf", [False, True])
def test_reads_no_file_and_no_url(conf: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """No directive reads a file or asks a server, not even where a docutils.conf would allow it."""
    (tmp_path / "private.csv").write_text(PRIVATE)
    monkeypatch.chdir(tmp_path)
    if conf:
        allowing = "[general]\nfile_insertion_enabled: yes\nraw_enabled: yes\nhalt_level: 5\n"
        (tmp_path / "docutils.conf").write_text(allowing)
        (tmp_path / "other.conf").write_text(allowing)
        monkeypatch.setenv("DOCUTILSCONFIG", str(tmp_path / "other.conf"))
    with serve(tree(tmp_path)) as server, open_renderer() as render:
        url = f"{server.root}/private.csv"
        for directive in (
            ".. include:: private.csv",
            ".. literalinclude:: private.csv",
            ".. code:: python\n   :file: private.csv",
            ".. raw:: html\n   :file: private.csv",
            f".. raw:: html\n   :url: {url}",
            ".. csv-table::\n   :file: private.csv",
            f".. csv-table::\n   :url: {url}",
            ".. figure:: private.csv\n   :figwidth: image",
        ):
            assert PRIVATE not in str(render(f"a\n\n{directive}\n\nb\n", None))
        assert render("a", None) == RenderedDescription("<p>a</p>")
        assert server.paths() == []


def test_what_takes_too_long_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that takes more processor time than it may is shown as text, and the next one has another process."""
    monkeypatch.setattr(descriptions, "_WALL_SECONDS", 600)  # however busy this machine is
    with open_renderer() as render:
        assert render("a", MARKDOWN) == RenderedDescription("<p>a</p>")
        first = process_of(render)
        assert render(">" * 80_000, MARKDOWN) == RenderedDescription(None)
        assert first.poll() is not None
        assert render("a", MARKDOWN) == RenderedDescription("<p>a</p>")
        assert process_of(render) is not first


def test_what_waits_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not answer in time is ended on any system; another run may render what it did not."""
    with open_renderer() as render:
        assert render("a", MARKDOWN) == RenderedDescription("<p>a</p>")
        monkeypatch.setattr(descriptions, "_WALL_SECONDS", 0.5)
        assert render(">" * 40_000, MARKDOWN) is None


def test_large_ones_are_text(render: Any) -> None:  # noqa: ANN401
    """Above 256 KiB nothing is rendered, and what becomes too large is not shown; below, it is."""
    assert render("é" * (LONGEST // 2 + 1), MARKDOWN) == RenderedDescription(None)
    assert render("é" * (LONGEST // 2), MARKDOWN).html == f"<p>{'é' * (LONGEST // 2)}</p>"
    assert render(f"```python\n{'1;' * 50_000}\n```", MARKDOWN) == RenderedDescription(None)


BOMBS = {
    "substitutions": ("".join(f".. |{n}| replace:: {f'|{n + 1}| ' * 10}\n" for n in range(12)) + "\n|0|\n", None),
    "brackets": ("[" * 100_000 + "a" + "]" * 100_000, MARKDOWN),
    "lists": ("\n".join(f"{'  ' * depth}- a" for depth in range(450)), MARKDOWN),
    "cells": (f"{'|a' * 5000}\n{'|-' * 5000}\n{'|b' * 5000}\n", MARKDOWN),
    "empty cells": (f"{'|a' * 500}\n{'|-' * 500}\n{'|b' * 500}\n" + "|b\n" * 500, MARKDOWN),
    "elements": ("<b><i>" * 5000 + "x", MARKDOWN),
    "entities": ("&#x202e;" * 30_000, MARKDOWN),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(render: Any, name: str) -> None:  # noqa: ANN401
    """What is made to grow does not: there is an answer of a size that a page can have, and so for the next one."""
    rendered = render(*BOMBS[name])

    assert rendered is not None
    assert len(rendered.html or "") <= LONGEST_HTML
    assert render("a", MARKDOWN) == RenderedDescription("<p>a</p>")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read where Linux tells them")
def test_limits() -> None:
    """The process has limits for memory and time, and leaves no core behind."""
    with open_renderer() as render:
        assert render("a", MARKDOWN) is not None
        limits = Path(f"/proc/{process_of(render).pid}/limits").read_text()
    told = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}

    assert told["Max address space"] == str(1024**3)
    assert told["Max core file size"] == "0"
    assert CPU_SECONDS <= int(told["Max cpu time"]) <= CPU_SECONDS + 3


def test_one_process_for_many() -> None:
    """It starts when it is needed first, serves all threads, and has ended when the context ends."""
    with open_renderer() as render:
        assert render("", MARKDOWN) == render(None, None) == render("a", "text/plain") == RenderedDescription(None)
        assert process_of(render) is None
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda number: render(f"*{number}*", MARKDOWN), range(50)))
        assert made == [RenderedDescription(f"<p><em>{number}</em></p>") for number in range(50)]
        process = process_of(render)
        for name in ("nested bullets", "broken reST", "other bytes"):
            render(*DESCRIPTIONS[name])
        assert process_of(render) is process
    assert process.returncode is not None
    assert process.stdin.closed
    assert process.stdout.closed


def test_closed_while_another_thread_waits() -> None:
    """A command that is interrupted waits for no description, and the thread that asked for it raises nothing."""
    with ThreadPoolExecutor(2) as threads:
        with open_renderer() as render:
            assert render("a", MARKDOWN) is not None
            process = process_of(render)
            asked = [threads.submit(render, ">" * 80_000, MARKDOWN) for _ in range(2)]
            time.sleep(0.3)
        assert [each.result(timeout=10) for each in asked] == [None, None]
        assert render("a", MARKDOWN) is None
    assert process.returncode is not None


def process_of(render: Any) -> Any:  # noqa: ANN401
    """The process behind a renderer."""
    return render.__self__._process


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries nothing is rendered and nothing starts; what needs no rendering is final all the same."""
    for name in ("readme_renderer", "comrak"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, None)
            assert not can_render()
            with open_renderer() as render:
                assert render("a", MARKDOWN) is None
                assert render("a", "text/plain") == RenderedDescription(None)
                assert process_of(render) is None
    assert can_render()


@pytest.mark.parametrize("executable", ["", "/does/not/exist", None, "true", "sh"])
def test_where_python_cannot_be_started(
    executable: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A host that is not Python, or hides it, renders nothing, tries once, fails nowhere and says nothing."""
    monkeypatch.setattr(sys, "executable", executable)
    with open_renderer() as render:
        assert render("a", MARKDOWN) is None
        assert render("a", MARKDOWN) is None
        assert process_of(render) is None
    assert capfd.readouterr() == ("", "")


PROGRAM = """
import sys
from bucketwheel.descriptions import open_renderer
with open_renderer() as render, open(sys.argv[1], "w") as told:
    print(render("a", None).html, render.__self__._process.pid, file=told, flush=True)
    try:
        if sys.argv[2] == "go on":
            import signal
            signal.signal(signal.SIGINT, lambda *_: print("interrupted", file=told, flush=True))
            print(render(">" * 15_000 + "x", "text/markdown").html, file=told)
        elif sys.argv[2] == "work":
            render(">" * 20_000, "text/markdown")
        elif sys.argv[2] == "wait":
            import time; time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", file=told)
"""


@posix
def test_without_standard_streams(tmp_path: Path) -> None:
    """It works where standard input, output and error are closed."""
    told = tmp_path / "told"
    script = 'exec "$0" -c "$1" "$2" end <&- >&- 2>&-'
    environment = clean_environment(tmp_path)
    subprocess.run(["sh", "-c", script, sys.executable, PROGRAM, told], env=environment, check=True)

    assert told.read_text().startswith("<p>a</p> ")


def start(told: Path, doing: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program that renders, and return it with the id of the process behind its renderer."""
    host = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(told), doing],
        env=clean_environment(told.parent),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: told.exists() and told.read_text().endswith("\n"))
    return host, int(told.read_text().split()[1])


@posix
def test_a_host_that_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    """Ctrl-C at the terminal is for who renders: while that finishes its work, descriptions are still rendered."""
    told = tmp_path / "told"
    host, _ = start(told, "go on")
    time.sleep(0.5)
    os.killpg(host.pid, signal.SIGINT)
    assert host.communicate(timeout=60)[1] == b""

    assert told.read_text().splitlines()[1] == "interrupted"
    assert told.read_text().splitlines()[2].startswith("<blockquote>")


@posix
@pytest.mark.parametrize("doing", ["work", "wait"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_nothing_is_left_behind(number: signal.Signals, doing: str, tmp_path: Path) -> None:
    """A Ctrl-C, or the end of who renders, ends the process without a word, working or not."""
    told = tmp_path / "told"
    host, pid = start(told, doing)
    assert is_running(pid)
    os.killpg(host.pid, number)
    assert host.communicate(timeout=60)[1] == b""
    assert ("interrupted" in told.read_text()) == (number == signal.SIGINT)
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """Whether a process is there that was not ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def wait_until(happened: Any) -> None:  # noqa: ANN401
    """Wait for something, a minute at most."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_after_the_end_nothing_is_rendered() -> None:
    """A thread that asks late, because an upload failed meanwhile, begins no process that no one would end."""
    descriptions = Descriptions()
    descriptions.end()
    facts = CoreFacts(description="*text*", description_content_type="text/markdown")
    assert descriptions.rendered(facts) is None
