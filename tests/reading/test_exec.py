"""`bucketwheel exec`: how the command is started and ended, signals, exit codes, and what is said."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.gateway.addresses import default_port
from support.archives import make_wheel
from support.clients import clean_environment
from support.command_line import CommandRun, run_process
from support.gateways import settings_for
from support.ministack import TestBucket

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

NO_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
WITHOUT_EXTRA = "import sys; sys.modules['uvicorn'] = None; from bucketwheel.__main__ import main; main()"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Publish a wheel to a directory."""
    root = tmp_path / "re pository"
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings_for(root))
    return root


def execute(tmp_path: Path, repository: Path, *args: str, **environ: str) -> CommandRun:
    """Run a Python program by `exec`, at any free port."""
    options = ["-r", str(repository), "--port", "0"]
    return run_process("exec", *options, *args, home=tmp_path, environ={**NO_AWS, **environ})


def python(code: str) -> tuple[str, ...]:
    """Return the command that runs this."""
    return ("--", sys.executable, "-c", code)


def test_the_exit_code_is_the_command_s(repository: Path, tmp_path: Path) -> None:
    """So are its words; bucketwheel adds none."""
    ran = execute(tmp_path, repository, *python("import sys; print('out'); sys.stderr.write('err'); sys.exit(77)"))
    assert (ran.code, ran.answer, ran.notices) == (77, "out\n", "err")
    assert execute(tmp_path, repository, *python("")).code == 0


def test_a_public_repository_needs_no_credentials(bucket: TestBucket, tmp_path: Path) -> None:
    """With no-sign-request uv reads it as any index, and no variable of AWS is set."""
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings_for(bucket))
    options = ["--endpoint-url", str(bucket.connection.endpoint_url), "--region", "us-east-1", "--no-sign-request"]
    ran = run_process(
        "exec", "-r", str(bucket.place), *options, "--port", "0", *python(SHOW), home=tmp_path, environ=NO_AWS
    )
    assert ran.code == 0, ran.notices
    variables = json.loads(ran.answer)
    assert variables["UV_INDEX"] == f"company={bucket.connection.endpoint_url}/{bucket.place.bucket}/simple/"
    assert {name for name in variables if name.startswith("AWS_")} == set(NO_AWS)


@posix
def test_a_signal_is_told_as_a_shell_does(repository: Path, tmp_path: Path) -> None:
    """128 + n."""
    ran = execute(tmp_path, repository, *python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert ran.code == 128 + signal.SIGKILL


def test_a_command_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    """127, as of a shell; 126 for what cannot be run."""
    ran = execute(tmp_path, repository, "--", "no-such-program", "x")
    assert (ran.code, "no-such-program is not there" in ran.notices) == (127, True)
    if os.name == "posix":
        assert execute(tmp_path, repository, "--", str(tmp_path)).code == 126
        (tmp_path / "closed").symlink_to("closed")  # as good as a folder that may not be entered
        path = os.pathsep.join([str(tmp_path / "closed"), os.environ["PATH"]])
        assert execute(tmp_path, repository, "--", "no-such-program", PATH=path).code == 127


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(repository: Path, tmp_path: Path, number: signal.Signals) -> None:
    """The command gets what its parent gets, and decides; all ends within two seconds."""
    code = (
        f"import signal, sys, time; signal.signal({number.value}, lambda *_: sys.exit(42)); "
        "print('ready', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-m", "bucketwheel", "exec", "-r", str(repository), "--port", "0", *python(code)]
    # Of a session of its own, as in CI: no terminal has sent the signal to the command too.
    with subprocess.Popen(
        command, env=clean_environment(tmp_path) | NO_AWS, stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begin = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == 42
        assert time.monotonic() - begin < 2 + 3  # three more for a busy machine


@posix
def test_ctrl_c_at_a_terminal_reaches_the_command_once(repository: Path, tmp_path: Path) -> None:
    """The terminal signals the whole group, so nothing is passed on."""
    ours, theirs = os.openpty()
    code = (
        "import signal, time; n = []; signal.signal(signal.SIGINT, lambda *_: n.append(1))\n"
        "print('ready', flush=True)\n"
        "time.sleep(1.5) or time.sleep(1); print('signals', len(n), flush=True)"
    )
    command = [sys.executable, "-m", "bucketwheel", "exec", "-r", str(repository), "--port", "0", *python(code)]
    taking = (
        f"import os, sys, fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, {command!r})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", taking],
        env=clean_environment(tmp_path) | NO_AWS,
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.write(ours, b"\x03")
        assert process.stdout.readline() == "signals 1\n"
        assert process.wait(30) == 0
    os.close(ours)


def test_all_variables_are_set_whatever_the_command(bucket: TestBucket, tmp_path: Path) -> None:
    """It may be make or tox: here it is Python. The password is another each time."""
    settings = settings_for(bucket)
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings)
    place, endpoint = str(bucket.place), str(bucket.connection.endpoint_url)
    options = ["-r", place, "--endpoint-url", endpoint, "--region", "us-east-1", "--port", "0"]
    seen = []
    for _ in range(2):
        environ = {
            **NO_AWS,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PIP_EXTRA_INDEX_URL": "https://x/",
        }
        ran = run_process("exec", *options, "--source", "our.index", *python(SHOW), home=tmp_path, environ=environ)
        assert ran.notices.count("\n") == 1
        assert "PIP_EXTRA_INDEX_URL" in ran.notices
        seen.append(json.loads(ran.answer))
    first, second = seen
    assert first["PIP_INDEX_URL"].startswith("http://bucketwheel:")
    assert "PIP_EXTRA_INDEX_URL" not in first
    assert first["UV_INDEX"] == f"our.index={endpoint}/{bucket.place.bucket}/simple/"
    assert first["UV_S3_ENDPOINT_URL"] == f"{endpoint}/{bucket.place.bucket}"
    assert (first["AWS_ACCESS_KEY_ID"], first["AWS_REGION"]) == ("test", "us-east-1")
    assert first["POETRY_HTTP_BASIC_OUR_INDEX_PASSWORD"] != second["POETRY_HTTP_BASIC_OUR_INDEX_PASSWORD"]
    assert len(first["POETRY_HTTP_BASIC_OUR_INDEX_PASSWORD"]) >= 32


@pytest.mark.parametrize(
    "args",
    [
        ["-r", "s3://our-bucket"],  # no credentials
        ["-r", "./nothing"],
        ["-r", "./re pository", "--fallback", "https://user:canary@example.com/"],
        ["-r", "./re pository", "--only", "--fallback", "https://example.com/"],
        ["-r", "./re pository", "--source", "a b"],
        ["-r", "./re pository", "--port", "70000"],
        ["-r", "./re pository", "--profile-canary"],
        [],
    ],
    ids=str,
)
def test_it_ends_with_2_before_the_command_starts(repository: Path, tmp_path: Path, args: list[str]) -> None:
    """No credentials, no such repository, wrong usage: COMMAND leaves no trace."""
    assert repository.is_dir()
    trace = tmp_path / "trace"
    ran = run_process("exec", *args, *python(f"open({str(trace)!r}, 'w')"), home=tmp_path, environ=NO_AWS)
    assert (ran.code, trace.exists()) == (2, False)
    assert ran.notices
    assert "Traceback" not in ran.notices
    assert "user:" not in ran.notices


def test_a_port_that_is_taken_is_an_error(repository: Path, tmp_path: Path) -> None:
    """Never another one: poetry's file names it. The message names the option."""
    port = default_port(str(repository))
    with socket.create_server(("127.0.0.1", port)):
        ran = run_process("exec", "-r", str(repository), *python(""), home=tmp_path, environ=NO_AWS)
    assert (ran.code, "--port" in ran.notices, str(port) in ran.notices) == (2, True, True)
    ran = run_process("exec", "-r", str(repository), *python(SHOW), home=tmp_path, environ=NO_AWS)
    assert f"127.0.0.1:{port}/simple" in json.loads(ran.answer)["PIPENV_PYPI_MIRROR"]


@pytest.mark.parametrize("command", ["pip", "uv"])
def test_without_the_extra(bucket: TestBucket, repository: Path, tmp_path: Path, command: str) -> None:
    """Uv on S3 works; for the rest one sentence says what to install."""
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings_for(bucket))
    options = ["--endpoint-url", str(bucket.connection.endpoint_url), "--region", "us-east-1"]
    environ = clean_environment(tmp_path) | NO_AWS | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", WITHOUT_EXTRA, "exec", *args, "--", command, "--version"]
        return subprocess.run(line, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    on_s3, in_directory = run("-r", str(bucket.place), *options), run("-r", str(repository))
    assert on_s3.returncode == (0 if command == "uv" else 2)
    assert in_directory.returncode == 2
    assert in_directory.stderr == (
        "error: exec needs a web server that is not installed; install it: `pip install 'bucketwheel[serve]'`\n"
    )


def test_a_directory_and_other_page_styles_give_uv_the_gateway(bucket: TestBucket, tmp_path: Path) -> None:
    """There are no keys that end in a slash, which uv asks for."""
    settings = settings_for(bucket)
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings)
    bucketwheel.initialise(settings, changes={"pages": "index.html"})
    bucketwheel.reindex(settings)
    endpoint = str(bucket.connection.endpoint_url)
    options = ["-r", str(bucket.place), "--endpoint-url", endpoint, "--region", "us-east-1", "--port", "0"]
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    ran = run_process("exec", *options, *python(SHOW), home=tmp_path, environ={**NO_AWS, **keys})
    variables = json.loads(ran.answer)
    assert variables["UV_INDEX"].startswith("company=http://127.0.0.1:")
    assert variables["UV_INDEX_COMPANY_PASSWORD"] in variables["PIP_INDEX_URL"]
    assert "UV_S3_ENDPOINT_URL" not in variables
