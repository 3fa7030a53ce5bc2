"""`bucketwheel serve` as a process: where it listens, whom it asks for a token, and how it ends."""

from __future__ import annotations

import base64
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import bucketwheel
from bucketwheel.gateway.addresses import default_port
from support.archives import make_wheel
from support.clients import clean_environment, run_pip
from support.command_line import run_command
from support.gateways import settings_for

TOKEN = "a-token-of-32-characters-or-more"  # noqa: S105 - a test's


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Publish a wheel to a directory."""
    root = tmp_path / "repository"
    bucketwheel.publish(make_wheel(tmp_path / "dist"), settings_for(root))
    return root


@contextmanager
def serving(tmp_path: Path, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve while the context lasts; give the process, and the URL that it says."""
    command = [sys.executable, "-m", "bucketwheel", "serve", *args]
    with subprocess.Popen(
        command,
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 60)[0]
            line = process.stdout.readline()
            yield process, line.removeprefix("serving at ").rstrip()
        finally:
            process.kill()


def status(url: str, host: str = "", password: str = "") -> int:
    """Ask for an address, and return the status."""
    parts = urlsplit(url)
    headers = {"Host": host} if host else {}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(f'x:{password}'.encode()).decode()}"
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request("GET", parts.path, headers=headers)
        return connection.getresponse().status


def test_it_serves_until_ctrl_c(repository: Path, tmp_path: Path) -> None:
    """At the port of the repository, without a password; a client installs from it; Ctrl-C ends it in two seconds."""
    with serving(tmp_path, "-r", str(repository)) as (process, url):
        assert url == f"http://127.0.0.1:{default_port(str(repository))}/simple/"
        assert status(url) == 200
        assert status(url, host="evil.example") == 421
        ran = run_pip(["install", "--index-url", url, "--target", str(tmp_path / "target"), "demo-pkg"], home=tmp_path)
        assert ran.code == 0, ran.output
        with closing(socket.create_connection(("127.0.0.1", urlsplit(url).port or 0))):  # one that is kept open
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            assert time.monotonic() - begin < 2 + 3  # three more for a busy machine
        assert process.returncode == 1
        assert errors == "error: interrupted; nothing was written to a repository\n"


def test_it_logs_with_v_only(repository: Path, tmp_path: Path) -> None:
    """Method, path without the query, status and time; nothing that a client sends beside them."""
    token_file = tmp_path / "tokens"
    token_file.write_text(f"# ours\n{TOKEN}\n")
    arguments = ["-r", str(repository), "--port", "0", "--read-token-file", str(token_file)]
    for verbosity in ((), ("-v",)):
        with serving(tmp_path, *arguments, *verbosity) as (process, url):
            assert status(f"{url}demo-pkg/?token={TOKEN}", password=TOKEN) == 200
            assert status(url, password="canary") == 401  # noqa: S106 - a test's
            process.send_signal(signal.SIGTERM if os.name != "nt" else signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert TOKEN not in errors
        assert "canary" not in errors
        assert ("GET /simple/demo-pkg/ 200" in errors) is bool(verbosity)


def test_a_token_is_asked_for_where_one_is_given(repository: Path, tmp_path: Path) -> None:
    """On this machine too; behind a proxy any name is right, because the token is."""
    token_file = tmp_path / "tokens"
    token_file.write_text(f"{TOKEN}\nanother-token-of-some-length\n")
    arguments = ["-r", str(repository), "--port", "0", "--read-token-file", str(token_file)]
    with serving(tmp_path, *arguments) as (_, url):
        assert [status(url), status(url, password=TOKEN)] == [401, 200]
        assert status(url, password="another-token-of-some-length") == 200  # noqa: S106 - a test's
        assert status(url, host="pypi.example.com", password=TOKEN) == 421
    with serving(tmp_path, *arguments, "--host", "0.0.0.0", "--behind-proxy") as (_, said):  # noqa: S104 - a test
        url = said.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - a test
        assert status(url, host="pypi.example.com", password=TOKEN) == 200
        assert status(url, host="pypi.example.com") == 401
    with serving(tmp_path, "-r", str(repository), "--port", "0", "--behind-proxy") as (_, url):
        assert status(url, host="pypi.example.com") == 421  # open to all, so its own name counts


def test_the_url_as_json(repository: Path, tmp_path: Path) -> None:
    """For a script that starts it."""
    with serving(tmp_path, "-r", str(repository), "--port", "0", "--json") as (_, line):
        assert status(json.loads(line)["index-url"]) == 200


@pytest.mark.parametrize(
    "args",
    [
        ["--host", "0.0.0.0"],  # noqa: S104 - a test
        ["--host", "192.0.2.1", "--behind-proxy"],
        ["--host", "nas.example", "--read-token-file", "tokens"],
        ["--read-token-file", "absent"],
        ["--read-token-file", "empty"],
        ["--read-token-file", "short"],
        ["--host", "192.0.2.1", "--behind-proxy", "--read-token-file", "tokens"],  # not an address of this machine
        ["--fallback", "https://user:canary@example.com/"],
        ["--port", "65536"],
    ],
    ids=str,
)
def test_it_ends_with_2(repository: Path, tmp_path: Path, args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it listens: open to others, without TLS, without a token that is one; no secret is told."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("tokens", f"{TOKEN}\n"), ("empty", "# none\n"), ("short", "canary\n")):
        (tmp_path / name).write_text(text)
    ended = run_command("serve", "-r", str(repository), *(["--port", "0"] if "--port" not in args else []), *args)
    assert (ended.code, ended.answer) == (2, "")
    assert ended.notices
    assert "canary" not in ended.notices
    assert TOKEN not in ended.notices


def test_a_port_that_is_taken(repository: Path) -> None:
    """An error that names the option, and never another port."""
    with socket.create_server(("127.0.0.1", default_port(str(repository)))):
        ended = run_command("serve", "-r", str(repository))
    assert (ended.code, "--port" in ended.notices) == (2, True)


def test_no_repository(tmp_path: Path) -> None:
    """As of every command that reads."""
    ended = run_command("serve", "-r", str(tmp_path / "nothing"), "--port", "0")
    assert (ended.code, "is not a bucketwheel repository" in ended.notices) == (1, True)
