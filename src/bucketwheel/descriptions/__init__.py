"""Descriptions of projects, rendered as PyPI does: reStructuredText and Markdown become safe HTML.

Over a hostile text the libraries that do it may take minutes or gigabytes, or crash. So they work in a child process,
under limits; what they do not manage is shown as text. No text makes this raise, and no command needs the libraries.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from importlib.util import find_spec
from threading import Event, RLock, Timer

from bucketwheel.children import end_child, import_path, start_child
from bucketwheel.format.views.safe_html import RenderedDescription

__all__ = ["CPU_SECONDS", "LONGEST", "LONGEST_HTML", "can_render", "open_renderer"]

CPU_SECONDS = 5
LONGEST = 256 * 1024
"""Bytes of a description."""
LONGEST_HTML = 1024 * 1024
"""Bytes of what it becomes."""
_LONGEST_LINE = 2 * LONGEST_HTML + 100
_WALL_SECONDS = 60
"""For any system, and a child that waits for something: more than CPU_SECONDS on a machine with much else to do."""

_AS_TEXT = RenderedDescription(None)
_KINDS = {"": "rst", "text/x-rst": "rst", "text/markdown": "markdown"}
_NEEDED = ("readme_renderer", "comrak")


def can_render() -> bool:
    """Return whether the extra `web` is installed: then pages that show a description as text can be improved."""
    return all(find_spec(name) is not None for name in _NEEDED)


@contextmanager
def open_renderer() -> Iterator[Callable[[str | None, str | None], RenderedDescription | None]]:
    """Give a function that renders a description of a content type; any thread may call it.

    It returns None if nothing rendered it, for want of the extra or of time: it is text, which another run may improve.
    One child serves all calls. It starts with the first that needs it, and has ended when the context ends.
    """
    child = _Child()
    try:
        yield child.rendered
    finally:
        child.close()


class _Child:
    """A process that renders; there is one at most, and another if that one died."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._usable = can_render()
        self._closed = False

    def rendered(self, description: str | None, content_type: str | None) -> RenderedDescription | None:
        """Render one description."""
        kind, variant = _kind_of(content_type or "")
        text = (description or "").encode("utf-8", "replace")
        if kind is None or not text.strip() or len(text) > LONGEST:
            return _AS_TEXT
        with self._lock:
            if self._closed or not self._usable or (self._process is None and not self._start()):
                return None
            return self._ask({"kind": kind, "variant": variant, "text": text.decode()})

    def close(self) -> None:
        """End the process, also while another thread waits for it, and start no other."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_child(process)

    def _start(self) -> bool:
        # A file with settings of docutils, even in this directory, could allow includes.
        environment = {"DOCUTILSCONFIG": os.devnull}
        try:
            self._process = start_child("descriptions", environment)
        except OSError:
            self._usable = False
        else:
            self._usable = self._exchange(import_path()) == {"ready": True}
        if not self._usable:
            self._end()
        return self._usable

    def _ask(self, request: Mapping[str, object]) -> RenderedDescription | None:
        answer = self._exchange(request)
        if isinstance(answer, dict) and isinstance(html := answer.get("html"), str | None):
            return RenderedDescription(html)
        self._end()
        return None if answer is _LATE or self._closed else _AS_TEXT

    def _exchange(self, message: object) -> object:
        """Send a line and read one; None if the child died over it."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        late = Event()
        timer = Timer(_WALL_SECONDS, _end_late, (process, late))
        timer.daemon = True
        timer.start()
        try:
            with suppress(OSError):
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
            line = process.stdout.readline(_LONGEST_LINE)
        finally:
            timer.cancel()
        if late.is_set():
            return _LATE
        try:
            return json.loads(line)
        except ValueError:
            return None


def _end_late(process: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    process.kill()


_LATE = object()


def _kind_of(content_type: str) -> tuple[str | None, str]:
    """Return what renders this content type as PyPI has it, and the variant; None for text."""
    if not content_type.strip():
        return "rst", ""
    message = Message()
    message["content-type"] = " ".join(content_type.split())
    variant = message.get_param("variant", "GFM")
    return _KINDS.get(message.get_content_type()), variant if isinstance(variant, str) else ""
