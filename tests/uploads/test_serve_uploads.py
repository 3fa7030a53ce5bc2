"""`bucketwheel serve` that takes uploads, as a process: its tokens, its end, its log, and nginx before it."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import bucketwheel
from support.archives import make_wheel
from support.clients import ClientRun, clean_environment, run_client
from support.command_line import run_command
from support.gateways import settings_for
from support.http_server import make_certificate
from support.ministack import TestBucket, free_ports
from support.private_index import block
from support.programs import require_program
from support.releasing import manifest_of, page_json
from support.uploading import READ_TOKEN, TOKEN, basic
from support.wire import Exchange, Wire, run_wire

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
PAGE = (Path(__file__).parents[2] / "docs" / "uploading.md").read_text(encoding="utf-8")
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def serving(
    home: Path, *args: str, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve while the context lasts; give the process, and the address that clients upload to."""
    (home / "temporary").mkdir(exist_ok=True)
    environ = clean_environment(home) | AWS | {"TMPDIR": str(home / "temporary")} | dict(variables or {})
    with subprocess.Popen(
        [sys.executable, "-m", "bucketwheel", "serve", "--port", "0", *args],
        env=environ,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 60)[0]
            line = process.stdout.readline()
            yield process, line.removeprefix("serving at ").rstrip().replace("/simple/", "/legacy/")
        finally:
            process.kill()


def twine(home: Path, url: str, *files: Path, token: str = TOKEN, **variables: str) -> ClientRun:
    """Upload as a user does."""
    command = [sys.executable, "-m", "twine", "upload", "--disable-progress-bar", "--repository-url", url]
    environ = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token, "COLUMNS": "1000", **variables}
    return run_client([*command, *map(str, files)], home=home, directory=home, environ=environ)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository in a directory."""
    root = tmp_path / "repository"
    assert run_command("init", str(root)).code == 0
    return root


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Write the token."""
    path = tmp_path / "upload-token"
    path.write_text(f"# of the team\n{TOKEN}\n")
    return path


# Tokens and log -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["file", "variable"])
def test_the_token(repository: Path, tmp_path: Path, token_file: Path, by: str) -> None:
    """From a file or a variable; one line in the log for each upload, and never a header; SIGTERM ends it with 0."""
    wheel = make_wheel(tmp_path)
    args = ["--upload-token-file", str(token_file)] if by == "file" else []
    variables = {} if by == "file" else {"BUCKETWHEEL_UPLOAD_TOKEN": TOKEN}
    with serving(tmp_path, "-r", str(repository), *args, variables=variables) as (process, url):
        wrong = twine(tmp_path, url, wheel, token="canary-canary-canary-canary")  # noqa: S106 - a test's
        right = twine(tmp_path, url, wheel)
        process.send_signal(signal.SIGTERM if os.name != "nt" else signal.SIGINT)
        _, log = process.communicate(timeout=30)
    assert (wrong.code, "the upload token is wrong" in wrong.output) == (1, True), wrong.output
    assert right.code == 0, right.output
    if os.name != "nt":
        assert process.returncode == 0
    lines = log.splitlines()
    assert re.fullmatch(r"\S+Z 127\.0\.0\.1 no file 403 the upload token is wrong, .*", lines[0])
    assert re.fullmatch(rf"\S+Z 127\.0\.0\.1 {wheel.name} sha256=[0-9a-f]{{64}} 200 OK", lines[1])
    assert len(lines) == 2
    assert TOKEN not in log
    assert "canary" not in log
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("args", "variables"),
    [
        (["--upload-token-file", "absent"], {}),
        (["--upload-token-file", "short"], {}),
        ([], {"BUCKETWHEEL_UPLOAD_TOKEN": "canary-canary-canary"}),
        (["--upload-token-file", "token", "--read-token-file", "token"], {}),
        (["--upload-token-file", "token", "--host", "0.0.0.0"], {}),  # noqa: S104 - a test
        (["--upload-token-file", "token", "--host", "0.0.0.0", "--behind-proxy"], {}),  # noqa: S104 - anybody could read
        (["--upload-token-file", "token", "--max-file-size", "much"], {}),
    ],
    ids=str,
)
def test_it_ends_with_2(
    repository: Path, tmp_path: Path, args: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it listens, and no secret is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("canary-canary-canary-canary\n")
    (tmp_path / "short").write_text("canary-canary-canary\n")
    ended = run_command("serve", "-r", str(repository), "--port", "0", *args, environ=variables)
    assert (ended.code, ended.answer) == (2, "")
    assert "canary" not in ended.notices


def test_the_variable_is_no_setting(repository: Path, tmp_path: Path) -> None:
    """Other commands pass it over, where it is set for a whole machine."""
    variables = {"BUCKETWHEEL_UPLOAD_TOKEN": TOKEN}
    ended = run_command("publish", "-r", str(repository), str(make_wheel(tmp_path)), environ=variables)
    assert ended.code == 0, ended.notices


# Its end --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wire(bucket: TestBucket, tmp_path: Path) -> Iterator[Wire]:
    """Give a wire to a repository in S3, with one file in it."""
    bucketwheel.publish(make_wheel(tmp_path, version="0.1"), settings_for(bucket))
    assert bucket.connection.endpoint_url is not None
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield wire


def committing(wire: Wire) -> threading.Event:
    """Hold the swap of the manifest for a second, and tell when it has come."""
    begun = threading.Event()

    def hold(exchange: Exchange) -> None:
        if exchange.verb == "PUT" and "manifests" in exchange.path:
            begun.set()
            time.sleep(1)

    wire.harm = hold
    return begun


def serve_arguments(bucket: TestBucket, wire: Wire, token_file: Path) -> list[str]:
    """Return the arguments of a gateway to the bucket, by way of the wire."""
    place = ["-r", str(bucket.place), "--endpoint-url", wire.url, "--region", bucket.connection.region or "us-east-1"]
    return [*place, "--upload-token-file", str(token_file)]


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_is_being_committed(
    bucket: TestBucket, wire: Wire, tmp_path: Path, token_file: Path, number: signal.Signals
) -> None:
    """The client gets its 200, and then the process ends with 0."""
    wheel = make_wheel(tmp_path)
    begun, ran = committing(wire), list[ClientRun]()
    with serving(tmp_path, *serve_arguments(bucket, wire, token_file)) as (process, url):
        client = threading.Thread(target=lambda: ran.append(twine(tmp_path, url, wheel)))
        client.start()
        assert begun.wait(60)
        process.send_signal(number)
        _, log = process.communicate(timeout=60)
        client.join(60)
    assert [one.code for one in ran] == [0], ran
    assert (process.returncode, "200 OK" in log) == (0, True)
    assert wheel.name in [file["filename"] for file in page_json(bucket.storage(), "demo-pkg")["files"]]


@posix
def test_killed_while_it_commits(bucket: TestBucket, wire: Wire, tmp_path: Path, token_file: Path) -> None:
    """The client fails; run again, against a gateway that was started again, all is there."""
    wheels = [make_wheel(tmp_path, version=version) for version in ("1.0", "1.1")]
    begun, ran = committing(wire), list[ClientRun]()
    with serving(tmp_path, *serve_arguments(bucket, wire, token_file)) as (process, url):
        client = threading.Thread(target=lambda: ran.append(twine(tmp_path, url, *wheels)))
        client.start()
        assert begun.wait(60)
        process.kill()
        client.join(60)
    assert [one.code for one in ran] == [1], ran
    wire.harm = lambda _: None
    with serving(tmp_path, *serve_arguments(bucket, wire, token_file)) as (_, url):
        assert twine(tmp_path, url, *wheels).code == 0
    assert {wheel.name for wheel in wheels} <= {
        file.filename for file in manifest_of(bucket.storage(), "demo-pkg").files
    }
    assert {wheel.name for wheel in wheels} <= {
        file["filename"] for file in page_json(bucket.storage(), "demo-pkg")["files"]
    }


# nginx ----------------------------------------------------------------------------------------------------------------


@contextmanager
def nginx(directory: Path, gateway: int) -> Iterator[tuple[int, Path]]:
    """Run nginx as docs/uploading.md says; give its port and its certificate."""
    program = require_program("nginx", "nginx")
    certificate = make_certificate(directory)
    port = next(iter(free_ports(1)))
    server = block(PAGE, "nginx")
    for of_the_page, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "pypi.example.com": "localhost",
        "/etc/ssl/pypi.pem": str(certificate.certificate),
        "/etc/ssl/pypi.key": str(certificate.key),
        "127.0.0.1:8080": f"127.0.0.1:{gateway}",
    }.items():
        assert of_the_page in server
        server = server.replace(of_the_page, here)
    temporary = "".join(
        f"{kind}_temp_path {directory / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {directory / 'nginx.pid'}; error_log {directory / 'error.log'};\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{server}}}\n"
    )
    with subprocess.Popen([program, "-c", str(configuration), "-p", str(directory)], stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield port, certificate.certificate
        finally:
            process.terminate()


@posix
def test_behind_nginx(repository: Path, tmp_path: Path, token_file: Path) -> None:
    """A file of some MiB, over TLS, by the name of the proxy; what is refused has its words; tokens read as before."""
    read_tokens = tmp_path / "read-tokens"
    read_tokens.write_text(f"{READ_TOKEN}\n")
    wheel = make_wheel(tmp_path, members={"demo_pkg/data.bin": os.urandom(3 << 20)})
    args = ["--upload-token-file", str(token_file), "--read-token-file", str(read_tokens), "--behind-proxy"]
    (tmp_path / "nginx").mkdir()
    with (
        serving(tmp_path, "-r", str(repository), *args) as (_, gateway),
        nginx(tmp_path / "nginx", urlsplit(gateway).port or 0) as (port, certificate),
    ):
        url = f"https://localhost:{port}"
        trusting = {"REQUESTS_CA_BUNDLE": str(certificate)}
        ran = twine(tmp_path, f"{url}/legacy/", wheel, **trusting)
        assert ran.code == 0, ran.output
        other = make_wheel(tmp_path / "other", members={"demo_pkg/data.bin": os.urandom(3 << 20)})
        ran = twine(tmp_path, f"{url}/legacy/", other, **trusting)
        assert (ran.code, "File already exists" in ran.output) == (1, True), ran.output
        ran = twine(tmp_path, f"{url}/legacy/", other, token="wrong", **trusting)  # noqa: S106 - a test's
        assert (ran.code, "the upload token is wrong" in ran.output) == (1, True), ran.output
        request = urllib.request.Request(f"{url}/simple/demo-pkg/", headers={"Authorization": basic(READ_TOKEN)})  # noqa: S310
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(request, context=context, timeout=30) as page:  # noqa: S310 - ours
            assert wheel.name in page.read().decode()
