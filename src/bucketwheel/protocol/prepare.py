"""Prepare files on disk for a release: validate them, and verify or make what goes with them. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions import Distribution, validate
from bucketwheel.distributions.find import DistributionFile
from bucketwheel.errors import Problem, Refused
from bucketwheel.events import Report, Warned
from bucketwheel.names import printable
from bucketwheel.parallel import Workers
from bucketwheel.protocol.plan import Upload, spelled_twice
from bucketwheel.signing.attestations import Attested, Unproven, read_attestations
from bucketwheel.signing.beside import refuse_bad_signatures, signed

__all__ = ["Preparation"]


_HEAD_START = 0.05
"""Seconds in which small files are validated, so that a bad one is refused before boto3 is imported, which takes four
times as long. A large file is read beside that, and beside the first requests."""


class Preparation:
    """Files that are being validated from now on."""

    def __init__(self, files: Sequence[DistributionFile], settings: Settings, workers: Workers, report: Report) -> None:
        self._files, self._settings, self._workers, self._report = files, settings, workers, report
        self._validating = [workers.start(partial(validate, file.path)) for file in files]

    def refuse_early(self) -> None:
        """Raise Refused, with what is wrong with any of the files, if one proves bad within the head start."""
        early, _ = wait(self._validating, timeout=_HEAD_START, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in early):
            _all_valid(self._validating)

    def uploads(self) -> tuple[Upload, ...]:
        """Return an upload for each file, once for one that is named twice; raises Refused with every problem."""
        distributions = _all_valid(self._validating)
        for distribution in distributions:
            for warning in distribution.warnings:
                self._report(Warned(message=warning))
        refuse_bad_signatures(self._files, self._settings, self._workers, self._report)
        attested = _all_attested(self._files, distributions, self._settings)
        signatures = signed(self._files, self._settings, self._report)
        uploads: dict[str, Upload] = {}
        for file, distribution in zip(self._files, distributions, strict=True):
            upload = Upload(
                name=distribution.name,
                size=distribution.size,
                sha256=distribution.sha256,
                content=distribution.path,
                requires_python=distribution.requires_python,
                metadata=distribution.metadata,
                signature=signatures.get(file),
                provenance=attested[file].provenance if file in attested else None,
                attested_by=attested[file].publishers if file in attested else (),
            )
            uploads.setdefault(upload.filename, upload)
        return tuple(uploads.values())


def _all_attested(
    files: Sequence[DistributionFile], distributions: Sequence[Distribution], settings: Settings
) -> dict[DistributionFile, Attested]:
    """Verify the attestations beside files; raises Refused with every problem."""
    attested: dict[DistributionFile, Attested] = {}
    problems: list[Problem] = []
    for file, distribution in zip(files, distributions, strict=True):
        if file.attestations is None:
            continue
        filename, sha256 = distribution.name.filename, distribution.sha256
        try:
            attested[file] = read_attestations(file.attestations, filename, sha256, settings.attestation_publishers)
        except Unproven as error:
            subject = f"{printable(str(file.path))}.publish.attestation"
            problems.append(Problem(subject=subject, what=error.what, remedy=error.remedy))
    if problems:
        raise Refused(*problems)
    return attested


def _all_valid(validating: Sequence[Future[Distribution]]) -> list[Distribution]:
    """Return the distributions, if all are valid and no two of them contradict each other."""
    verdicts = [future.exception() or future.result() for future in validating]
    distributions = [verdict for verdict in verdicts if isinstance(verdict, Distribution)]
    problems: list[Problem] = []
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            problems += verdict.problems
        elif isinstance(verdict, BaseException):
            raise verdict
    problems += spelled_twice(file.name for file in distributions)
    first: dict[str, Distribution] = {}
    for file in distributions:
        other = first.setdefault(file.name.filename, file)
        if other.sha256 != file.sha256:
            what = f"and {printable(str(other.path))} have the same name but different bytes"
            problems.append(Problem(subject=printable(str(file.path)), what=what, remedy="remove one of the two"))
    if problems:
        raise Refused(*problems)
    return distributions
