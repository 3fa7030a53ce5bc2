"""Secrets (I13): canaries in every source of credentials; none comes out again, at any verbosity."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from bucketwheel.errors import BucketwheelError
from faults.commands import COMMANDS, Distributions, User
from faults.failures import virtual_clock
from faults.harness import Harness
from support.command_line import CommandRun, run_command
from support.http_server import WebServer, answer, broken_off, html, redirect, serve
from support.wire import DROP_AFTER, TRUNCATED, Exchange, Fault, Wire, answers, says

pytestmark = pytest.mark.usefixtures("impatient")

CANARY = "c4naryS3cret"
ECHO = f"""<Error><Code>SignatureDoesNotMatch</Code>
<Message>The signature of ?X-Amz-Signature={CANARY} is wrong</Message>
<AWSAccessKeyId>AKIA{CANARY}</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 {CANARY}</StringToSign>
<SignatureProvided>{CANARY}</SignatureProvided><Token-0>{CANARY}</Token-0></Error>"""
FAULTS: dict[str, Fault | None] = {
    "nothing": None,
    "an error that repeats the request": answers(ECHO.encode(), status=403),
    "an error without a name": says(403),
    "a busy store": says(503, "SlowDown"),
    "an expired token": says(400, "ExpiredToken"),
    "a lost answer": DROP_AFTER,
    "half an answer": TRUNCATED,
    "a login page": answers(f"<html>{CANARY}</html>".encode(), {"Content-Type": "text/html"}),
    "a redirect": answers(b"", {"Location": f"http://{CANARY}:{CANARY}@127.0.0.1/?token={CANARY}"}, status=301),
}


@pytest.fixture(autouse=True)
def _credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give credentials from everywhere that AWS, netrc and indexes take them from."""
    given = {
        "AWS_ACCESS_KEY_ID": f"AKIA{CANARY}",
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_SESSION_TOKEN": CANARY,
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_CONFIG_FILE": str(home / "config"),
        "INDEX_USER": f"user{CANARY}",
        "INDEX_PASSWORD": f"{CANARY}/%&",
        "NETRC": str(home / "netrc"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    keys = f"aws_access_key_id = AKIA{CANARY}\naws_secret_access_key = {CANARY}\naws_session_token = {CANARY}\n"
    (home / "credentials").write_text(f"[filed]\n{keys}")
    process = f"credential_process = /bin/sh -c 'echo {CANARY} >&2; exit 3'\n"
    (home / "config").write_text(f"[profile filed]\nregion = us-east-1\n[profile process]\n{process}")
    (home / "netrc").write_text(f"machine 127.0.0.1 login user{CANARY} password {CANARY}\n")


@pytest.fixture
def index(distributions: Distributions) -> Iterator[WebServer]:
    """Give an index of CI artifacts that wants credentials, and repeats them."""
    wheel = distributions.first
    with serve() as site:
        link = f'<a href="{wheel.name}?X-Amz-Signature={CANARY}">{wheel.name}</a>'
        site.put("/good/", html(link))
        site.put(f"/good/{wheel.name}", answer(wheel.read_bytes()))
        site.put("/gone/", html(link))
        site.put("/denied/", answer(CANARY.encode(), status=401, WWW_Authenticate=f'Basic realm="{CANARY}"'))
        site.put("/away/", redirect(f"http://user:{CANARY}@localhost/?token={CANARY}"))
        site.put("/broken/", broken_off(CANARY.encode(), promised=1000))
        site.put("/broken-file/", html(link))
        site.put(f"/broken-file/{wheel.name}", broken_off(wheel.read_bytes()[:100], promised=100_000))
        yield site


def told(run: CommandRun) -> list[str]:
    """Return the lines of a run that hold a canary, plain or as HTTP writes it."""
    encoded = base64.b64encode(f"user{CANARY}:{CANARY}".encode()).decode()
    lines = [*run.answer.splitlines(), *run.notices.splitlines()]
    return [line for line in lines if CANARY in line or encoded[8:24] in line]


def stored(user: User) -> list[str]:
    """Return the keys of objects that hold a canary in their bodies or marks."""
    objects = user.snapshot().objects
    return [key for key, found in objects.items() if CANARY in f"{key}{found.body!r}{found.marks}"]


def after(well: int, fault: Fault | None) -> Callable[[Exchange], Fault | None]:
    """Fail all requests but so many first ones."""
    return lambda exchange: fault if exchange.number > well else None


@pytest.mark.parametrize("profile", ["environment", "filed"])
@pytest.mark.parametrize("fault", FAULTS)
def test_commands_on_s3(fault: str, profile: str, user: User, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command, loudest, whatever the store answers: no line and no object holds a secret."""
    if profile == "filed":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
    place = [
        "--repository",
        user.repository,
        "--endpoint-url",
        user.endpoint_url,
        "--region",
        "us-east-1",
        "-vvv",
    ]
    place += ["--profile", profile] if profile == "filed" else []
    commands = [
        ["init", *place, "--set", "cache-control=no-cache"],
        ["publish", *place, str(user.files.next)],
        ["publish", *place, str(user.files.next), "--dry-run"],
        ["yank", *place, "demo-pkg==1.0", "--reason", "broken"],
        ["show", *place],
        ["show", *place, "demo-pkg", "--json"],
        ["reindex", *place],
        ["fetch", "demo-pkg", *place[2:], "--from", f"{user.repository}/simple", "--into", "fetched"],
    ]
    # Some faults come to light only where something was read before.
    for command, well in product(commands, (0, 2)):
        wire.log.clear()
        wire.harm = after(well, FAULTS[fault])
        with virtual_clock():
            run = run_command(*command)
        assert run.code in {0, 1, 3}
        assert told(run) == []
        assert f"{wire.log[0].verb} " in run.notices
    wire.harm = lambda _: None
    assert stored(user) == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "nothing"])
@pytest.mark.parametrize("name", ["publish the next version", "yank", "reindex damaged pages"])
def test_exceptions(name: str, fault: str, harness: Harness, wire: Wire) -> None:
    """No exception holds one either, nor those that led to it, as a program would log them."""
    user = harness.prepared(name)
    wire.harm = after(1, FAULTS[fault])
    with virtual_clock(), pytest.raises(BucketwheelError) as caught:
        COMMANDS[name].run(user)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("path", ["good", "netrc", "gone", "denied", "away", "broken", "broken-file", "nothing"])
def test_fetching(path: str, index: WebServer) -> None:
    """Credentials of an index, from variables in its URL or from netrc, are sent to it and shown nowhere."""
    user, path = ("", "good") if path == "netrc" else ("${INDEX_USER}:${INDEX_PASSWORD}@", path)
    source = index.root.replace("://", f"://{user}") + f"/{path}/"
    run = run_command("fetch", "demo-pkg", "--from", source, "--into", "fetched", "-vvv")
    assert run.code == (0 if path == "good" else 1)
    assert told(run) == []
    assert "Authorization" in index.asked[0].headers
    files = [file for file in Path("fetched").iterdir() if file.is_file()] if Path("fetched").exists() else []
    assert [file.name for file in files] == (["demo_pkg-1.0-py3-none-any.whl"] if path == "good" else [])


def test_a_process_that_should_give_credentials(user: User) -> None:
    """Its own error stream may hold a secret, and is not repeated."""
    run = run_command(
        *(
            "publish",
            str(user.files.next),
            "--repository",
            user.repository,
            "--endpoint-url",
            user.endpoint_url,
        ),
        *("--profile", "process", "-vvv"),
    )
    assert run.code == 1
    assert "cannot be obtained (custom-process)" in run.notices
    assert told(run) == []


@pytest.mark.parametrize("line", [f"aws_secret_access_key {CANARY}", f"[filed\n{CANARY}", f"{CANARY} = 1"])
def test_a_file_that_cannot_be_read(line: str, user: User, home: Path) -> None:
    """If a line with a secret of an AWS configuration file has an error, the file is named and not the line."""
    (home / "credentials").write_text(line)
    run = run_command("show", "--repository", user.repository, "--profile", "filed", "-vvv")
    assert run.code == 1
    assert told(run) == []


@pytest.mark.parametrize("source", ["option", "variable", "pyproject", "repository"])
def test_credentials_in_an_address_are_refused(source: str, user: User, home: Path) -> None:
    """A user or password in the endpoint or the repository is a mistake: exit 2, and not repeated."""
    endpoint = user.endpoint_url.replace("://", f"://user:{CANARY}@")
    options, environ = ["--repository", user.repository], {}
    if source == "option":
        options += ["--endpoint-url", endpoint]
    elif source == "variable":
        environ = {"BUCKETWHEEL_ENDPOINT_URL": endpoint}
    elif source == "pyproject":
        table = f'repository = "{user.repository}"\nendpoint-url = "{endpoint}"\n'
        (home / "pyproject.toml").write_text(f"[tool.bucketwheel]\n{table}")
        options = []
    else:
        options = ["--repository", user.repository.replace("://", f"://user:{CANARY}@")]
    for command in (["publish", str(user.files.next)], ["show"], ["reindex"]):
        run = run_command(*command, *options, "-vvv", environ=environ)
        assert run.code == 2
        assert told(run) == []


def test_an_endpoint_of_awss_own_settings(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS judges AWS_ENDPOINT_URL; a password in it appears nowhere, nor in the install line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", user.endpoint_url.replace("://", f"://user:{CANARY}@"))
    run = run_command("publish", str(user.files.next), "--repository", user.repository, "--region", "us-east-1", "-vvv")
    assert told(run) == []
    assert stored(user) == []
