"""The program gpg (2.2 or newer), which signs and verifies; keys and passphrases are its own and its agent's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import printable
from bucketwheel.signing.status import Verdict, is_detached, read_status, why_not_signed

__all__ = ["Gpg", "NotInstalled"]

# Nothing is asked on a terminal or of a key server, and what it says is for programs.
_QUIETLY = ("--batch", "--no-tty", "--status-fd", "1", "--no-auto-key-retrieve")
_CHUNK = 1 << 20


class NotInstalled(Exception):
    """There is no such program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpg:
    """One gpg, with its keyring."""

    program: str = "gpg"

    @property
    def installed(self) -> bool:
        """Return whether there is such a program."""
        return shutil.which(self.program) is not None

    def sign(self, path: Path, identity: str | None) -> bytes:
        """Make a detached, armoured signature of a file, by this key or gpg's default; raises Refused."""
        key = () if identity is None else ("--local-user", identity)
        with tempfile.TemporaryDirectory(prefix="bucketwheel-sign-") as folder:
            signature = Path(folder) / "signature.asc"
            options = (*_QUIETLY, *key, "--armor", "--detach-sign", "--output", str(signature))
            try:
                status = self._run(*options, "--", str(path.absolute()))
            except NotInstalled:
                what = f"cannot be signed: {printable(self.program)} is not installed"
                raise _refusal(path, what, "install GnuPG 2.2 or newer, or name its program by --sign-with") from None
            if not signature.is_file():
                remedy = (
                    "try `gpg --detach-sign` by hand; name the key by --identity, and give its passphrase to the agent"
                )
                raise _refusal(path, f"is not signed: {printable(self.program)} {why_not_signed(status)}", remedy)
            return signature.read_bytes()

    def verify(self, signature: bytes, content: Path | BinaryIO, signers: Collection[str] = ()) -> Verdict:
        """Verify a detached signature of a file or stream; raises NotInstalled."""
        if not is_detached(signature):
            return Verdict(kind="bad", what="is not a detached signature in ASCII armour (`gpg --armor --detach-sign`)")
        with tempfile.TemporaryDirectory(prefix="bucketwheel-sign-") as folder:
            path = Path(folder) / "signature.asc"
            path.write_bytes(signature)
            named = str(content.absolute()) if isinstance(content, Path) else "-"
            stream = None if isinstance(content, Path) else content
            return read_status(self._run(*_QUIETLY, "--verify", "--", str(path), named, stream=stream), signers)

    def _run(self, *arguments: str, stream: BinaryIO | None = None) -> str:
        """Run gpg, with a stream as its input, and return its status lines."""
        program = shutil.which(self.program)
        if program is None:
            raise NotInstalled
        with (
            # A file, because the agent that gpg may start would keep a pipe open.
            tempfile.TemporaryFile() as output,
            subprocess.Popen(  # noqa: S603 - a program that the user names
                [program, *arguments],
                stdin=subprocess.DEVNULL if stream is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            ) as process,
        ):
            if stream is not None and process.stdin is not None:
                with suppress(BrokenPipeError), process.stdin:
                    while chunk := stream.read(_CHUNK):
                        process.stdin.write(chunk)
            process.wait()
            output.seek(0)
            return output.read().decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """Return gpg's environment: a passphrase may be asked for on the terminal that our user has."""
    environ = dict(os.environ)
    for number in (0, 1, 2):
        with suppress(OSError, AttributeError):  # no terminal; Windows has no ttyname
            environ.setdefault("GPG_TTY", os.ttyname(number))
    return environ


def _refusal(path: Path, what: str, remedy: str) -> Refused:
    return Refused(Problem(subject=printable(str(path)), what=what, remedy=remedy))
