"""Attestations (PEP 740): verified by pypi-attestations, which the extra `sign` installs, and made into a provenance.

Nothing is asked of the network: the trust root is the one that sigstore ships.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bucketwheel.names import printable
from bucketwheel.signing.publishers import Publisher, is_allowed, name_of, read_publisher

if TYPE_CHECKING:
    from pypi_attestations import Attestation

__all__ = ["Attested", "Unproven", "can_verify", "read_attestations", "verify_provenance"]

_AGAIN = "make them again, or remove them"
_LIST = "`attestation-publishers`"


class Unproven(Exception):
    """Attestations that are not accepted: why, and what to do now."""

    def __init__(self, what: str, remedy: str = _AGAIN, *, kind: Literal["bad", "doubtful"] = "bad") -> None:
        super().__init__(what)
        self.what, self.remedy, self.kind = what, remedy, kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """Attestations that were verified."""

    provenance: bytes
    """The document that is published; the same bytes for the same attestations."""
    publishers: tuple[str, ...]
    """Who attested, as settings name them."""


def can_verify() -> bool:
    """Return whether the extra is installed."""
    try:
        import pypi_attestations  # noqa: F401, PLC0415 - of the extra, only tried
    except ImportError:
        return False
    logging.getLogger("sigstore").setLevel(logging.ERROR)  # it warns that it does not update its trust root
    return True


def read_attestations(content: bytes, filename: str, sha256: str, allowed: Collection[str] = ()) -> Attested:
    """Verify the attestations of a file, one or a list of them, and make its provenance; raises Unproven."""
    if not can_verify():
        raise Unproven("cannot be verified without pypi-attestations", "install it: `pip install 'bucketwheel[sign]'`")
    attestations = [_parse(document) for document in _documents(content)]
    verified = [(_verify(each, filename, sha256, allowed), each) for each in attestations]
    types = [str(each.statement["predicateType"]) for each in attestations]
    if len(set(types)) != len(types):
        raise Unproven("has two attestations of one type", "keep one of each type")
    bundles: dict[str, dict[str, Any]] = {}
    for publisher, attestation in sorted(verified, key=lambda pair: str(pair[1].statement["predicateType"])):
        bundle: dict[str, Any] = {"publisher": dict(publisher), "attestations": []}
        bundle = bundles.setdefault(json.dumps(dict(publisher), sort_keys=True), bundle)
        bundle["attestations"].append(attestation.model_dump(mode="json"))
    document = {"version": 1, "attestation_bundles": [bundles[name] for name in sorted(bundles)]}
    return Attested(
        provenance=json.dumps(document, sort_keys=True, separators=(",", ":")).encode(),
        publishers=tuple(sorted({name_of(publisher) for publisher, _ in verified})),
    )


def verify_provenance(content: bytes, filename: str, sha256: str, allowed: Collection[str] = ()) -> None:
    """Verify a provenance that is published: each attestation, and that its bundle names its publisher."""
    from pypi_attestations import Provenance  # noqa: PLC0415 - of the extra

    try:
        provenance = Provenance.model_validate_json(content)
    except ValueError:
        raise Unproven("is not a provenance (PEP 740)") from None
    if not any(bundle.attestations for bundle in provenance.attestation_bundles):
        raise Unproven("has no attestation in it")
    for bundle in provenance.attestation_bundles:
        named = bundle.publisher.model_dump(exclude_none=True, exclude={"environment"})
        for attestation in bundle.attestations:
            if dict(_verify(attestation, filename, sha256, allowed)) != named:
                raise Unproven("names another publisher than its certificate")


def _documents(content: bytes) -> Sequence[object]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unproven("is not JSON") from None
    documents = document if isinstance(document, list) else [document]
    if not documents:
        raise Unproven("has no attestation in it", "remove it")
    return documents


def _parse(document: object) -> Attestation:
    from pypi_attestations import Attestation  # noqa: PLC0415 - of the extra

    try:
        attestation = Attestation.model_validate(document)
        hash(attestation.statement["predicateType"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unproven("has something in it that is no attestation (PEP 740, version 1)") from None
    return attestation


def _verify(attestation: Attestation, filename: str, sha256: str, allowed: Collection[str]) -> Publisher:
    """Verify an attestation with the publisher of its certificate as policy, and return that publisher."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - of the extra
    from pypi_attestations import AttestationError, Distribution  # noqa: PLC0415 - of the extra
    from pypi_attestations import Publisher as Policy  # noqa: PLC0415 - of the extra

    publisher = _publisher(attestation)
    if len(attestation.verification_material.transparency_entries) != 1:
        raise Unproven("has an attestation with several log entries, of which only one would be verified")
    policy: Any = TypeAdapter(Policy).validate_python(dict(publisher))
    try:
        attestation.verify(policy, Distribution(name=filename, digest=sha256), offline=True)
    except AttestationError as error:
        raise Unproven(f"has an attestation that does not hold: {_first_line(error)}") from None
    except Exception as error:  # noqa: BLE001 - a damaged certificate makes its libraries raise anything
        raise Unproven(f"has an attestation that cannot be read ({type(error).__name__})") from None
    if allowed and not is_allowed(publisher, allowed):
        what = f"is attested by {printable(name_of(publisher))}, which {_LIST} does not allow"
        raise Unproven(what, f"have it built by one of those, or add this one to {_LIST}", kind="doubtful")
    return publisher


def _publisher(attestation: Attestation) -> Publisher:
    try:
        emails = list(_emails(attestation.verification_material.certificate))
        publisher = read_publisher(attestation.certificate_claims, emails[0] if len(emails) == 1 else None)
    except Exception as error:  # noqa: BLE001 - see _verify
        raise Unproven(f"has an attestation whose certificate cannot be read ({type(error).__name__})") from None
    if publisher is None:
        who = f"the person {printable(emails[0])}" if emails else "a service that is no publisher"
        what = f"is attested by {who}, not by GitHub, GitLab, Google Cloud or CircleCI as PEP 740 wants"
        raise Unproven(what, "attest it in a job of one of these services, or remove the attestation")
    return publisher


def _emails(certificate: bytes) -> Iterator[str]:
    from cryptography import x509  # noqa: PLC0415 - comes with the extra

    extensions = x509.load_der_x509_certificate(certificate).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    yield from names.get_values_for_type(x509.RFC822Name)


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0].removeprefix("Verification failed: "))
