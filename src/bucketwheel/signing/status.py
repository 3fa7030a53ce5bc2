"""What gpg says about a signature, read from its status lines (doc/DETAILS of GnuPG); pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bucketwheel.names import printable

__all__ = ["Verdict", "is_detached", "read_status", "why_not_signed"]

_Kind: TypeAlias = Literal["good", "bad", "doubtful", "unknown-key"]
"""bad: it is no signature of these bytes. doubtful: by a key that is expired, revoked, or not one that counts."""

_PREFIX = "[GNUPG:] "
_BINARY = "00"
_DOUBTFUL = {
    "EXPSIG": "is a signature that has expired",
    "EXPKEYSIG": "is by a key that has expired",
    "REVKEYSIG": "is by a key that was revoked",
}
_NO_PUBLIC_KEY = "9"
# Codes of libgpg-error without their source: no public, no secret key; bad passphrase, timeout, no agent, no pinentry,
# cancelled.
_NO_KEY, _NO_PASSPHRASE = {9, 17}, {11, 62, 77, 85, 99, 198}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about a signature."""

    kind: _Kind
    what: str = ""
    """What is wrong with it, continuing its name."""


_NO_SIGNATURE = Verdict(kind="bad", what="is not a detached signature")


def is_detached(signature: bytes) -> bool:
    """Return whether a text is one armoured signature and nothing else.

    gpg takes a signed message too, and then verifies that message and not our file.
    """
    text = signature.strip()
    begins, ends = b"-----BEGIN PGP SIGNATURE-----", b"-----END PGP SIGNATURE-----"
    return text.startswith(begins) and text.endswith(ends) and text.count(b"-----BEGIN ") == 1


def read_status(output: str, signers: Collection[str] = ()) -> Verdict:
    """Judge the status lines of a verification; `signers` are the primary keys that count, none: all in the keyring.

    Every signature in the file must be good, so that the worst of them is what is said.
    """
    lines = [line.removeprefix(_PREFIX).split(" ") for line in output.splitlines() if line.startswith(_PREFIX)]
    problems = [verdict for line in lines if (verdict := _problem(line)) is not None]
    if problems:
        return min(problems, key=lambda verdict: ("bad", "doubtful", "unknown-key").index(verdict.kind))
    valid = [line for line in lines if line[0] == "VALIDSIG"]
    good = sum(line[0] == "GOODSIG" for line in lines)
    if not valid or good != len(valid):
        return _NO_SIGNATURE
    if any(_fact(line, 9) != _BINARY for line in valid):
        # A signature of a text ignores white space and the ends of lines.
        return Verdict(kind="bad", what="signs a text, and a distribution is not one")
    primaries = [_fact(line, 10) or _fact(line, 1) for line in valid]
    if signers and not set(primaries) & set(signers):
        keys = ", ".join(printable(key) for key in primaries)
        return Verdict(kind="doubtful", what=f"is by the key {keys}, which is not one of `signers`")
    return Verdict(kind="good")


def _problem(line: Sequence[str]) -> Verdict | None:
    match line[0]:
        case "BADSIG":
            return Verdict(kind="bad", what="is not the signature of these bytes")
        case "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG":
            return Verdict(kind="doubtful", what=_DOUBTFUL[line[0]])
        case "ERRSIG" if _fact(line, 6) == _NO_PUBLIC_KEY:
            key = printable(_fact(line, 7).strip("-") or _fact(line, 1))
            return Verdict(kind="unknown-key", what=f"is by the key {key}, which is not in the keyring")
        case "ERRSIG":
            return Verdict(kind="bad", what="cannot be verified: gpg does not accept its algorithm or its form")
        case "NODATA" | "UNEXPECTED":
            return _NO_SIGNATURE
    return None


def why_not_signed(output: str) -> str:
    """Say why gpg made no signature, from its status lines."""
    lines = [line.removeprefix(_PREFIX).split(" ") for line in output.splitlines() if line.startswith(_PREFIX)]
    names = {line[0] for line in lines}
    codes = {int(line[2]) & 0xFFFF for line in lines if line[0] == "FAILURE" and _fact(line, 2).isdigit()}
    if "INV_SGNR" in names or codes & _NO_KEY:
        return "has no secret key to sign with"
    if "PINENTRY_LAUNCHED" in names or codes & _NO_PASSPHRASE:
        return "got no passphrase: its agent does not have it, and nobody could be asked"
    return "made no signature"


def _fact(line: Sequence[str], number: int) -> str:
    return line[number] if number < len(line) else ""
