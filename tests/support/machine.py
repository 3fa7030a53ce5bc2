"""The machine that tests run on: its settings are hidden, so that the suite means the same everywhere."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ALL_PROGRAMS", "clean_variables", "hide_machine"]

_SYSTEM = (
    *("PATH", "PATHEXT", "SYSTEMROOT", "COMSPEC", "WINDIR", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP"),
    # The package index, for the few tests that install other tools.
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
)
_OF_TESTS = ("BUCKETWHEEL_TEST_", "PYTEST_", "COVERAGE_", "COV_")
_DUMMY_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_UMASK = 0o022
ALL_PROGRAMS = "BUCKETWHEEL_TEST_ALL_PROGRAMS"
"""Set where a test may not be skipped because this machine lacks a program."""


def hide_machine(home: Path, *, keep_aws: bool) -> None:
    """Give this process, and all that it starts, the environment, signals and file modes that tests expect."""
    clean = clean_variables(os.environ, home, keep_aws=keep_aws)
    os.environ.clear()
    os.environ.update(clean)
    os.umask(_UMASK)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup and a shell's `&` leave it ignored
    if hasattr(time, "tzset"):
        time.tzset()


def clean_variables(machine: Mapping[str, str], home: Path, *, keep_aws: bool) -> dict[str, str]:
    """Return the variables that tests see: what the system needs, our own, and nothing that configures a program.

    A test against another S3 keeps the AWS variables and the home directory, where its credentials are.
    """
    kept = {name: value for name, value in machine.items() if name in _SYSTEM or name.startswith(_OF_TESTS)}
    if machine.get("CI", "").lower() in {"1", "true"}:
        kept[ALL_PROGRAMS] = "1"  # CI itself would change what clients do
    if keep_aws:
        names = ("HOME", "USERPROFILE")
        kept |= {name: value for name, value in machine.items() if name in names or name.startswith("AWS_")}
    else:
        kept |= {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), **_DUMMY_AWS}
    return kept | {"TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "dumb"}
