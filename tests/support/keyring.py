"""A keyring of GnuPG with keys that were made for a test, and signatures by them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.programs import require_program

__all__ = ["Keyring", "new_keyring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """A home directory of gpg."""

    home: Path
    program: str

    def run(self, *arguments: str, text: str = "") -> str:
        """Run gpg, and return its output."""
        finished = subprocess.run(
            [self.program, "--batch", "--no-tty", *arguments],
            env=os.environ | {"GNUPGHOME": str(self.home)},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def make_key(self, name: str, *, passphrase: str = "", expires: str = "never", at: str = "") -> str:
        """Make a key that signs, and return its fingerprint; `at` is when (`20200101T000000!`)."""
        secret = ("--pinentry-mode", "loopback", "--passphrase", passphrase)
        self.run(*_clock(at), *secret, "--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", expires)
        return self.fingerprint(name)

    def fingerprint(self, name: str) -> str:
        """Return the fingerprint of a key."""
        lines = self.run("--with-colons", "--list-keys", name).splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))

    def sign(self, path: Path, name: str, *options: str, at: str = "", how: str = "--detach-sign") -> bytes:
        """Sign a file."""
        signature = self.home / "made.asc"
        signature.unlink(missing_ok=True)
        self.run(*_clock(at), "--local-user", name, *options, "--armor", "--output", str(signature), how, str(path))
        return signature.read_bytes()

    def revoke(self, name: str) -> None:
        """Revoke a key by the certificate that gpg made with it."""
        certificate = self.home / "openpgp-revocs.d" / f"{self.fingerprint(name)}.rev"
        self.run("--import", text=certificate.read_text().replace(":-----BEGIN", "-----BEGIN"))

    def configure_agent(self, text: str) -> None:
        """Write the agent's settings, and end the one that runs."""
        (self.home / "gpg-agent.conf").write_text(text)
        self.end()

    def end(self) -> None:
        """End the agent, which forgets every passphrase."""
        environ = os.environ | {"GNUPGHOME": str(self.home)}
        subprocess.run(["gpgconf", "--kill", "all"], env=environ, capture_output=True, check=False)


def _clock(at: str) -> tuple[str, ...]:
    return ("--faked-system-time", at) if at else ()


@contextmanager
def new_keyring() -> Iterator[Keyring]:
    """Give an empty keyring; its path is short, because the agent's socket is in it."""
    program = require_program("gpg", "gnupg")
    with tempfile.TemporaryDirectory(prefix="bw-gpg-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o700)
        keyring = Keyring(home=Path(home), program=program)
        try:
            yield keyring
        finally:
            keyring.end()
