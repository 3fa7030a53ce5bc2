"""The suite means the same on every machine: what it hides, seen from a process that inherited the worst."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.machine import clean_variables

HOSTILE = {
    **dict.fromkeys(("HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9"),
    "HOME": "/no/such home",
    "XDG_CONFIG_HOME": "/no/such config",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "PIP_TARGET": "/no/such target",
    "UV_PYTHON": "2.7",
    "HATCH_ENV": "other",
    "BUCKETWHEEL_REPOSITORY": "s3://somebodys-real-bucket",
    "NO_COLOR": "1",
    "COLUMNS": "20",
    "TZ": "Asia/Kathmandu",
    "LANG": "C",
}
NEEDED = {"PATH": "/bin", "TMPDIR": "/tmp", "BUCKETWHEEL_TEST_SWEEP": "full", "UV_INDEX_URL": "https://mirror"}  # noqa: S108 - only a value
SHOW = """
import os, signal, sys, time
from pathlib import Path
from support.machine import hide_machine
hide_machine(Path(sys.argv[1]), keep_aws=False)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, oct(os.umask(0)), time.tzname[0], Path.home())
"""


def test_only_what_is_needed_is_kept(tmp_path: Path) -> None:
    """The path, temporary files, the package index and our own switches stay; nothing else of the machine does."""
    kept = clean_variables(HOSTILE | NEEDED, tmp_path, keep_aws=False)
    assert NEEDED.items() <= kept.items()
    assert not HOSTILE.items() & kept.items()
    assert kept["HOME"] == str(tmp_path)


def test_another_s3_keeps_its_credentials(tmp_path: Path) -> None:
    """The AWS variables stay, and the home directory, where AWS looks for files; proxies go all the same."""
    kept = clean_variables(HOSTILE, tmp_path, keep_aws=True)
    assert set(HOSTILE.items() & kept.items()) == {
        ("HOME", "/no/such home"),
        ("AWS_PROFILE", "production"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    }


@pytest.mark.skipif(os.name != "posix", reason="signals and umask are POSIX")
@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_process_is_set_right(umask: int, tmp_path: Path) -> None:
    """An ignored SIGINT (nohup), a strange umask and another time zone are put back to what tests expect."""
    environ = HOSTILE | {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent)}
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        shown = subprocess.run(
            [sys.executable, "-c", SHOW, str(tmp_path)],
            env=environ,
            umask=umask,
            text=True,
            capture_output=True,
            check=True,
        )
    finally:
        signal.signal(signal.SIGINT, old)
    assert shown.stdout == f"True 0o22 UTC {tmp_path}\n"
