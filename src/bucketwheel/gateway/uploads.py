"""Uploads through the gateway: who may, and what becomes of a file. The form says nothing that the file does not.

Each upload is a release of one file, by the same steps as a publish.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote_to_bytes

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions.find import DistributionFile
from bucketwheel.errors import BucketwheelError, Problem, Refused, Unavailable, Unfinished
from bucketwheel.events import Report, Uploaded
from bucketwheel.gateway import Answer, Asked, Gateway, words_answer
from bucketwheel.gateway.access import Access, basic_of
from bucketwheel.gateway.forms import BadForm, Form, boundary_of
from bucketwheel.gateway.releases import Releases
from bucketwheel.names import InvalidName, ProjectName, printable, project_name
from bucketwheel.parallel import Workers
from bucketwheel.protocol.prepare import Preparation

__all__ = ["LARGEST_FILE", "REASON", "Upload", "Uploads", "bad"]

REASON = "x-bucketwheel-reason"
"""The header by which an answer gives its reason phrase to the web server, which does not send it."""

LARGEST_FILE = 5 << 30
USER = "__token__"
_FIELDS = 200 << 20  # all that the fields of a form may have
_UPLOAD, _PAGE, _OIDC = b"/legacy/", b"/legacy/+simple/", b"/_/oidc/"
_LONGEST_PHRASE = 300
_AGAIN = {"Retry-After": "10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """The way in: a token, a folder of its own on disk, and the repository that files are released into."""

    gateway: Gateway
    access: Access
    """Opened by the upload token, and by nothing else."""
    releases: Releases
    settings: Settings
    report: Report
    """Gets one event for each upload."""
    requests: Report
    """Gets warnings about the files."""
    folder: Path
    largest_file: int = LARGEST_FILE
    silence: float = 60.0
    """Seconds after which a sender who sends nothing is given up."""
    _committing: set[str] = field(default_factory=set)
    _idle: threading.Condition = field(default_factory=threading.Condition)
    _ending: threading.Event = field(default_factory=threading.Event)

    # Requests ---------------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer | None:
        """Answer what is about uploads and has no form; None for all else."""
        path = unquote_to_bytes(asked.path)
        if path.startswith(_OIDC):
            return words_answer(HTTPStatus.NOT_FOUND, "there is no trusted publishing here; use the upload token")
        if asked.method == "POST" and not self.takes(asked):
            return words_answer(HTTPStatus.NOT_FOUND, "files are uploaded to /legacy/")
        if not path.startswith(_PAGE) or asked.method not in {"GET", "HEAD"}:
            return None
        return self.refusal(asked) or self._page(asked, path.removeprefix(_PAGE))

    def takes(self, asked: Asked) -> bool:
        """Return whether a request is an upload."""
        return asked.method == "POST" and asked.path in {_UPLOAD, _UPLOAD.rstrip(b"/")}

    def refusal(self, asked: Asked) -> Answer | None:
        """Return the answer to who may not upload; None for who may."""
        if not self.access.knows_host(asked.hosts):
            return words_answer(HTTPStatus.MISDIRECTED_REQUEST, "this gateway does not go by that name (Host)")
        if not asked.authorization:
            wanted = {"WWW-Authenticate": 'Basic realm="bucketwheel"'}
            return words_answer(HTTPStatus.UNAUTHORIZED, "an upload needs the token of this gateway", wanted)
        user, _ = basic_of(asked.authorization)
        if user != USER or not self.access.opens(asked.authorization):
            return _said(HTTPStatus.FORBIDDEN, f"the upload token is wrong, or the user name is not {USER}")
        return None

    def _page(self, asked: Asked, name: bytes) -> Answer:
        try:
            project: ProjectName = project_name(name.decode("utf-8").strip("/"))
        except (InvalidName, UnicodeDecodeError):
            return words_answer(HTTPStatus.NOT_FOUND, "there is nothing of this name")
        return replace(self.gateway, fallback=None).page(asked, project)

    # Uploads ----------------------------------------------------------------------------------------------------------

    def begin(self, headers: Mapping[str, str]) -> Upload:
        """Begin to read an upload that may be made; raises BadForm by its headers."""
        if self._ending.is_set():
            raise BadForm("the gateway is ending", HTTPStatus.SERVICE_UNAVAILABLE)
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or "transfer-encoding" in headers:
            raise BadForm("the upload does not say how long it is (Content-Length)")
        if int(length[:20]) > self.largest_file + _FIELDS:
            raise BadForm("the upload is longer than this gateway takes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        boundary = boundary_of(headers.get("content-type", ""))
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return Upload(folder=folder, form=Form(boundary, folder, largest_file=self.largest_file))

    def finish(self, upload: Upload) -> Answer:
        """Judge the file and release it; 200 only after the commit."""
        path, _ = upload.form.finish()
        with self._idle:
            if self._ending.is_set():
                raise BadForm("the gateway is ending", HTTPStatus.SERVICE_UNAVAILABLE)
            self._committing.add(str(upload.folder))
        try:
            self._release(DistributionFile(path=path, **upload.form.sidecars))
        except Refused as error:
            return _said(HTTPStatus.BAD_REQUEST, _refused(error, upload.folder))
        except (Unavailable, Unfinished) as error:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, f"try again: {error}", _AGAIN)
        except BucketwheelError as error:
            return _said(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        finally:
            with self._idle:
                self._committing.discard(str(upload.folder))
                self._idle.notify_all()
        return words_answer(HTTPStatus.OK, "OK")

    def _release(self, file: DistributionFile) -> None:
        with Workers(1) as workers:
            [upload] = Preparation([file], self.settings, workers, self.requests).uploads()
        self.releases.release(upload)

    def tell(self, upload: Upload | None, peer: str, answer: Answer) -> None:
        """Report an upload after its answer is known."""
        form = None if upload is None else upload.form
        name = None if form is None else form.distribution
        self.report(
            Uploaded(
                at=datetime.now(UTC),
                peer=peer,
                filename="no file" if name is None else name.filename,
                sha256="" if form is None or name is None else form.sha256,
                answer=f"{int(answer.status)} {answer.headers.get(REASON, answer.status.phrase)}",
            )
        )

    def end(self, patience: float) -> None:
        """Take no more uploads, and wait for those that are being committed."""
        deadline = time.monotonic() + patience
        with self._idle:
            self._ending.set()
            while self._committing and time.monotonic() < deadline:
                self._idle.wait(0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload on its way, with a folder of its own."""

    folder: Path
    form: Form

    def discard(self) -> None:
        """Remove all that is on disk."""
        self.form.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def bad(error: BadForm) -> Answer:
    """Return the answer to a form that is not accepted."""
    again = _AGAIN if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return _said(error.status, error.words, again)


def _refused(error: Refused, folder: Path) -> str:
    return "; ".join(_problem(problem, folder) for problem in error.problems)


def _problem(problem: Problem, folder: Path) -> str:
    """Say a problem as clients know it: the words by which they skip a file that exists, and no path of ours."""
    words = str(problem).replace(f"{printable(str(folder))}/", "").replace(f"{printable(str(folder))}\\", "")
    return f"File already exists: {words}" if problem.what.startswith("already exists") else words


def _said(status: HTTPStatus, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that says the same in its body and in its reason phrase, which some clients show alone."""
    line = " ".join(words.encode("ascii", "replace").decode().split())
    answer = words_answer(status, words, headers or {})
    return replace(answer, headers={**answer.headers, REASON: line[:_LONGEST_PHRASE]})
