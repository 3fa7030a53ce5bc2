"""Signatures that are published, verified once more with the bytes that are there now."""

from __future__ import annotations

from collections.abc import Iterable

from bucketwheel.commands.check.findings import Finding
from bucketwheel.commands.check.references import ReferencedObject
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Unavailable
from bucketwheel.events import Report, Warned
from bucketwheel.names import printable
from bucketwheel.protocol.repository import Repository
from bucketwheel.signing.gpg import Gpg, NotInstalled
from bucketwheel.storage import Key

__all__ = ["inspect_signature", "signatures_to_verify"]


def signatures_to_verify(
    objects: Iterable[ReferencedObject], settings: Settings, report: Report
) -> list[ReferencedObject]:
    """Return the signatures among objects; none, with a warning, where there is no gpg to verify them."""
    signatures = [wanted for wanted in objects if wanted.is_signature] if settings.signatures == "verify" else []
    if signatures and not Gpg(program=settings.sign_with).installed:
        program = printable(settings.sign_with)
        report(Warned(message=f"the check does not cover signatures: {program} is not installed"))
        return []
    return signatures


def inspect_signature(repository: Repository, wanted: ReferencedObject, settings: Settings) -> list[Finding]:
    """Verify a signature and the file that it is of."""
    storage, key = repository.storage, Key(wanted.key.removesuffix(".asc"))
    signature = storage.read(wanted.key)
    if signature is None:
        return []  # somebody deleted it after the listing, and its entry too
    try:
        with storage.open(key) as stream:
            verdict = Gpg(program=settings.sign_with).verify(signature.body, stream, settings.signers)
    except Unavailable:
        if storage.stat(key) is not None:
            raise
        return []
    except NotInstalled:
        return []
    return [] if verdict.kind == "good" else [wanted.finding(f"signature-{verdict.kind}", why=verdict.what)]
