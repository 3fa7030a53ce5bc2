"""The suite means the same on every machine: it hides the machine's settings, and says so if Python is too old."""

from __future__ import annotations

import ast
import os
import runpy
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


@pytest.mark.parametrize("program", ["tests/run.py", "example_project/demo.py"])
def test_an_old_python_gets_one_sentence(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.6 to 3.10 can read the programs that set everything up, and are told what is needed."""
    path = Path(__file__).parent.parent / program
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "__future__" not in imports  # Python 3.6 does not know `annotations`
    monkeypatch.setattr(sys, "version_info", (3, 6, 15))
    with pytest.raises(SystemExit, match=r"\A[^\n]*needs? Python 3\.11 or newer; run this file with one\Z"):
        runpy.run_path(str(path))
