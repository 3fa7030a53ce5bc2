"""The signatures of files on their way into a repository: those beside them, verified, and those made now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions.find import DistributionFile
from bucketwheel.errors import Problem, Refused
from bucketwheel.events import Report, Stage, Warned
from bucketwheel.names import printable
from bucketwheel.parallel import Workers
from bucketwheel.signing.gpg import Gpg, NotInstalled

__all__ = ["refuse_bad_signatures", "signed"]

_CARRY = 'set signatures = "carry" to publish it unread'
_REMEDIES = {
    "bad": "sign the file again, or remove the signature",
    "doubtful": "sign the file with a key that counts, or remove the signature",
    "unknown-key": f"import the key (`gpg --import`), or {_CARRY}",
}


def refuse_bad_signatures(
    files: Sequence[DistributionFile], settings: Settings, workers: Workers, report: Report
) -> None:
    """Verify the signatures that are beside files; raises Refused with every problem."""
    signed = [file for file in files if file.signature is not None]
    if signed and settings.signatures == "carry":
        report(Warned(message='signatures are published unread, because signatures = "carry"'))
    elif signed:
        problems = workers.map(partial(_problem, file, settings) for file in signed)
        if found := [problem for problem in problems if problem is not None]:
            raise Refused(*found)


def _problem(file: DistributionFile, settings: Settings) -> Problem | None:
    subject = f"{printable(str(file.path))}.asc"
    try:
        verdict = Gpg(program=settings.sign_with).verify(file.signature or b"", file.path, settings.signers)
    except NotInstalled:
        what = f"cannot be verified: {printable(settings.sign_with)} is not installed"
        return Problem(subject=subject, what=what, remedy=f"install GnuPG 2.2 or newer, or {_CARRY}")
    if verdict.kind == "good":
        return None
    return Problem(subject=subject, what=verdict.what, remedy=_REMEDIES[verdict.kind])


def signed(files: Sequence[DistributionFile], settings: Settings, report: Report) -> dict[DistributionFile, bytes]:
    """Return the signatures of files: those beside them, and if `sign` is set one for each that has none.

    One after the other, because the agent may have to ask for a passphrase. Raises Refused.
    """
    signatures = {file: file.signature for file in files if file.signature is not None}
    unsigned = [file for file in files if file not in signatures] if settings.sign else []
    if unsigned:
        report(Stage(doing="signing", count=len(unsigned)))
    gpg = Gpg(program=settings.sign_with)
    return signatures | {file: gpg.sign(file.path, settings.identity) for file in unsigned}
