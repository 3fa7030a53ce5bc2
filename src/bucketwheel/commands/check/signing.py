"""Signatures and attestations that are published, verified once more."""

from __future__ import annotations

from collections.abc import Iterable

from bucketwheel.commands.check.findings import Finding
from bucketwheel.commands.check.references import ReferencedObject
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Unavailable
from bucketwheel.events import Report, Warned
from bucketwheel.names import printable, sha256_of
from bucketwheel.protocol.repository import Repository
from bucketwheel.signing.attestations import Unproven, can_verify, verify_provenance
from bucketwheel.signing.gpg import Gpg, NotInstalled
from bucketwheel.storage import Key

__all__ = ["attestations_to_verify", "inspect_attestations", "inspect_signature", "signatures_to_verify"]


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


def attestations_to_verify(objects: Iterable[ReferencedObject], report: Report) -> list[ReferencedObject]:
    """Return the attestations among objects; none, with a warning, where the extra is missing."""
    attestations = [wanted for wanted in objects if wanted.is_provenance]
    if attestations and not can_verify():
        message = "the check does not cover attestations; install what verifies them: `pip install 'bucketwheel[sign]'`"
        report(Warned(message=message))
        return []
    return attestations


def inspect_attestations(repository: Repository, wanted: ReferencedObject, settings: Settings) -> list[Finding]:
    """Verify the attestations of a file, by the digest that its entry has."""
    stored = repository.storage.read(wanted.key)
    if stored is None or sha256_of(stored.body) != wanted.sha256:
        return []  # deleted after the listing, or found to have other bytes already
    entry = wanted.entry
    try:
        verify_provenance(stored.body, entry.filename, entry.sha256, settings.attestation_publishers)
    except Unproven as error:
        return [wanted.finding(f"attestations-{error.kind}", why=error.what)]
    return []
