"""The descriptions that a run renders for pages for people, each once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from bucketwheel.format.views.projects import CoreFacts

if TYPE_CHECKING:
    from bucketwheel.format.views.safe_html import RenderedDescription

__all__ = ["Descriptions"]

_KEPT = 16
"""Descriptions that are kept: a release renders the next one beside its uploads, and shows it later."""


class Descriptions:
    """Renders in a process of its own, which begins with the first description; any thread may ask."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._opening, self._rendering = Lock(), Lock()
        self._ended = False
        self._render: Callable[[str | None, str | None], RenderedDescription | None] | None = None

    def rendered(self, facts: CoreFacts) -> RenderedDescription | None:
        """Return the description of a version as HTML, or None if nothing here could render it."""
        with self._rendering:  # one process renders all, so a second thread would only wait for it elsewhere
            render = self._renderer()
            return None if render is None else render(facts.description, facts.description_content_type)

    def _renderer(self) -> Callable[[str | None, str | None], RenderedDescription | None] | None:
        with self._opening:
            if self._render is None and not self._ended:
                from bucketwheel.descriptions import open_renderer  # noqa: PLC0415 - only pages for people need it

                self._render = lru_cache(maxsize=_KEPT)(self._opened.enter_context(open_renderer()))
            return self._render

    def end(self) -> None:
        """End the process, and begin no other; a thread that waits for it goes on without it."""
        with self._opening:
            self._ended = True
        self._opened.close()
