"""Releases of files that come one by one: those of one project that come at once are released together.

Else sixteen uploads at once would contend for one manifest, each with a swap of its own.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Refused
from bucketwheel.events import Report
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.descriptions import Descriptions
from bucketwheel.protocol.invalidation import ChangedPages
from bucketwheel.protocol.plan import Upload
from bucketwheel.protocol.release import ReleaseRequest, new_run_id, release
from bucketwheel.protocol.repository import Context, Target, finishing
from bucketwheel.protocol.sightings import Sightings

__all__ = ["Releases"]

_SMALL = 8 << 20
"""The largest file that others wait for."""


class Releases:
    """The releases of a gateway; used by many threads."""

    def __init__(self, target: Target, settings: Settings, report: Report) -> None:
        self._target, self._settings, self._report = target, settings, report
        self._waiting: dict[ProjectName, list[tuple[Upload, Future[None]]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._turns: dict[ProjectName, threading.Lock] = defaultdict(threading.Lock)

    def release(self, upload: Upload) -> None:
        """Release a file, perhaps together with others that wait; raises what `protocol.release` does."""
        if upload.size > _SMALL:
            self._release([upload])
            return
        project, outcome = upload.name.project, Future[None]()
        with self._lock:
            self._waiting[project].append((upload, outcome))
            turn = self._turns[project]
        with turn:
            while not outcome.done():  # another upload of the same name may go first
                self._release_waiting(self._take(project))
        outcome.result()

    def _take(self, project: ProjectName) -> list[tuple[Upload, Future[None]]]:
        """Take all that wait, but a name once: of two with other bytes one must be refused."""
        with self._lock:
            first: dict[object, tuple[Upload, Future[None]]] = {}
            for waiting in self._waiting[project]:
                first.setdefault(waiting[0].name.identity, waiting)
            taken = list(first.values())
            self._waiting[project] = [each for each in self._waiting[project] if each not in taken]
            return taken

    def _release_waiting(self, waiting: Sequence[tuple[Upload, Future[None]]]) -> None:
        try:
            self._release([upload for upload, _ in waiting])
        except Refused as error:
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
                return
            for each in waiting:  # one of them is refused, and with it all were
                self._release_waiting([each])
        except BaseException as error:  # noqa: BLE001 - raised for each of them
            for _, outcome in waiting:
                outcome.set_exception(error)
        else:
            for _, outcome in waiting:
                outcome.set_result(None)

    def _release(self, uploads: Sequence[Upload]) -> None:
        # What a run has seen, changed and rendered is its own.
        target = replace(self._target, sightings=Sightings(), changed_pages=ChangedPages(), descriptions=Descriptions())
        connection = self._settings.connection
        with Workers(self._settings.jobs) as workers, finishing(target, connection, self._report):
            request = ReleaseRequest(
                uploads=tuple(uploads),
                existing="same",
                run_id=new_run_id(self._settings.uploaded_by),
                now=datetime.now(UTC),
                first=None,
            )
            release(Context(target=target, workers=workers, report=self._report), request)
