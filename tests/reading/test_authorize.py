"""`bucketwheel authorize`: links for machines without credentials, from a store that refuses all others."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from packaging.version import Version

import bucketwheel
from bucketwheel.commands.authorize.requirements import Listed, choose, read_requirements, requirement_lines
from bucketwheel.errors import Misconfigured, Refused
from bucketwheel.names import Sha256
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage.s3.reading import own_url, presigning_client
from support.archives import make_sdist, make_wheel
from support.clients import ClientRun, run_client
from support.command_line import CommandRun, run_command
from support.gateways import settings_for
from support.index_server import IndexServer, serve_index
from support.ministack import run_ministack
from support.private_index import PAGE, block, lines_of

# What is chosen ------------------------------------------------------------------------------------------------------


def files(*versions: str, yanked: Sequence[str] = ()) -> list[Listed]:
    """Return a wheel and an sdist of each version."""
    return [
        Listed(
            filename=f"demo-{version}{ending}",
            version=Version(version),
            sha256=Sha256("0" * 64),
            url="https://x/",
            yanked=version in yanked,
        )
        for version in versions
        for ending in ("-py3-none-any.whl", ".tar.gz")
    ]


@pytest.mark.parametrize(
    ("requirements", "version"),
    [
        (["demo"], "2.0"),
        (["demo<2"], "1.10"),
        (["demo==1.9"], "1.9"),
        (["demo==1.*"], "1.10"),
        (["demo~=1.9"], "1.10"),
        (["demo>=1.9", "demo<1.10"], "1.9"),
        (["demo!=2.0"], "1.10"),
        (["demo==2.5"], "2.5"),  # yanked
        (["demo===2.5"], "2.5"),
        (["demo>=2.0,==2.5"], "2.5"),
        (["demo>=3.0a1"], "3.0a1"),  # names a pre-release
        (["demo>2.5"], "3.0a1"),  # nothing else is left
        (["Demo[extra]==1.9"], "1.9"),
    ],
)
def test_the_newest_that_fits_is_chosen(requirements: list[str], version: str) -> None:
    """A final one where there is one, a yanked one only where it is pinned; all its files."""
    chosen = choose(read_requirements(requirements), files("1.9", "1.10", "2.0", "2.5", "3.0a1", yanked=["2.5"]))
    assert {str(file.version) for file in chosen} == {version}
    assert [file.filename for file in chosen] == [f"demo-{version}-py3-none-any.whl", f"demo-{version}.tar.gz"]


@pytest.mark.parametrize("requirement", ["demo>9", "demo==2.5.*", "demo>2.0,<3.0a0"])
def test_nothing_fits(requirement: str) -> None:
    """The error says what there is; a yanked version in a range is none."""
    with pytest.raises(Refused, match=re.escape("has 3.0a1, 2.0, 1.9")):
        choose(read_requirements([requirement]), files("1.9", "2.0", "2.5", "3.0a1", yanked=["2.5"]))


@pytest.mark.parametrize(
    "requirement",
    [
        "demo @ https://user:canary@example.com/demo-1.0.tar.gz",
        "https://canary@example.com/x.whl",
        "",
        "-r x",
        "../canary",
        "demo==",
        "a b",
    ],
)
def test_what_is_no_requirement(requirement: str) -> None:
    """Links are none, and a secret in one is not told."""
    with pytest.raises(Misconfigured) as raised:
        read_requirements([requirement])
    assert "canary@" not in str(raised.value)


def test_a_file_of_requirements() -> None:
    """Hashes, comments, options and continued lines are read as pip reads them; a file in it is refused."""
    text = (
        "--index-url https://example.com/\n# comment\n\ndemo==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
        'other>=2 ; python_version < "3.12"  # why\n'
    )
    assert [str(each) for each in read_requirements(requirement_lines(text))] == [
        "demo==1.0",
        'other>=2 ; python_version < "3.12"',
    ]
    for line in ("-r more.txt", "--requirement=more.txt", "-c constraints.txt", "-e ."):
        with pytest.raises(Misconfigured):
            list(requirement_lines(line))


@pytest.mark.parametrize(
    ("region", "endpoint", "name", "host"),
    [
        ("eu-central-1", "https://s3.eu-central-1.amazonaws.com", "my-bucket", "https://my-bucket.s3.eu-central-1.amazonaws.com"),
        ("eu-central-1", "https://s3.eu-central-1.amazonaws.com", "my.bucket", "https://s3.eu-central-1.amazonaws.com/my.bucket"),
        ("us-east-1", "https://s3.amazonaws.com", "my-bucket", "https://my-bucket.s3.us-east-1.amazonaws.com"),
        ("eu-west-1", "https://s3.us-east-1.amazonaws.com", "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn", "my-bucket", "https://my-bucket.s3.cn-north-1.amazonaws.com.cn"),
        ("any", "http://127.0.0.1:9000", "my-bucket", "http://127.0.0.1:9000/my-bucket"),
    ],
)  # fmt: skip
def test_links_lead_to_the_bucket_s_own_region(region: str, endpoint: str, name: str, host: str) -> None:
    """The global host would redirect, and a signature is for one host; uv is given the same address."""
    session = boto3.Session(aws_access_key_id="id", aws_secret_access_key="secret")  # noqa: S106 - a test's
    client = presigning_client(session, name, region, endpoint)
    arguments = {"Bucket": name, "Key": "simple/a+b.whl"}
    link = client.generate_presigned_url("get_object", Params=arguments, ExpiresIn=60)
    assert link.startswith(f"{host}/simple/a%2Bb.whl?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert f"%2F{region}%2Fs3%2F" in link
    assert own_url(name, region, endpoint) == host


# What is written -----------------------------------------------------------------------------------------------------


class Anchors(HTMLParser):
    """The links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an anchor leads to."""
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bucketwheel.Settings]:
    """Publish to a store that refuses what is not signed (moto looks at no link, so this is ministack)."""
    directory = tmp_path_factory.mktemp("ministack")
    with run_ministack(directory, services="s3,iam,sts", AUTH="true") as server:
        connection = Connection(region="us-east-1", endpoint_url=server.endpoint_url)
        settings = bucketwheel.Settings(repository=S3Place(bucket="my-bucket", prefix="python/"), connection=connection)
        boto3.client("s3", endpoint_url=server.endpoint_url, region_name="us-east-1").create_bucket(Bucket="my-bucket")
        made = directory / "dist"
        bucketwheel.publish(
            [
                make_wheel(made, "my-package", "1.0"),
                make_wheel(made, "my-package", "1.5+local"),
                make_sdist(made, "my-package", "1.5+local"),
                make_wheel(made, "my-package", "1.6"),
                make_wheel(made, "other-package", "1.0", metadata_extra="Requires-Dist: my-package\n"),
                make_wheel(
                    made,
                    "third-package",
                    "1.0",
                    metadata_extra="Requires-Dist: my-package<1.5\nRequires-Dist: public-package\n",
                ),
            ],
            settings,
        )
        bucketwheel.yank("my-package", "1.6", settings, reason="bad")
        yield settings


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(store: bucketwheel.Settings, *args: str) -> CommandRun:
    """Run the command on the store."""
    endpoint = store.connection.endpoint_url or ""
    return run_command(
        "authorize", *args, "-r", str(store.repository), "--endpoint-url", endpoint, "--region", "us-east-1"
    )


def install(directory: Path, *command: str) -> ClientRun:
    """Install what a directory authorises, on a machine without any credentials."""
    home = directory / "elsewhere"
    home.mkdir(exist_ok=True)
    return run_client(command, home=home, directory=home, environ={"AWS_EC2_METADATA_DISABLED": "true"})


CLIENTS = {
    "pip": [sys.executable, "-m", "pip", "install"],
    "uv": ["uv", "pip", "install"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_machine_without_credentials_installs(store: bucketwheel.Settings, workspace: Path, client: str) -> None:
    """By the lines of the page; nothing of a link is in what it has then."""
    ended = run(store, "other-package", "--with-dependencies", "--expires", "12mins")
    assert ended.code == 0, ended.notices
    directory = workspace / "authorized"
    assert ended.lines[-1] == "pip install -r authorized/requirements.txt"
    ran = install(workspace, *CLIENTS[client], "--target", "target", "-r", str(directory / "requirements.txt"))
    assert ran.code == 0, ran.output
    target = workspace / "elsewhere" / "target"
    assert {path.name for path in target.glob("*.dist-info")} == {
        "my_package-1.5+local.dist-info",
        "other_package-1.0.dist-info",
    }
    assert list(target.rglob("direct_url.json")) == []
    assert not any(b"X-Amz" in path.read_bytes() for path in target.rglob("*") if path.is_file())
    page_lines = lines_of(block(PAGE, "authorize: lines"))
    assert [line.split()[0] for line in page_lines] == ["bucketwheel", "pip", "uv"]
    assert all(line.endswith("install -r authorized/requirements.txt") for line in page_lines[1:])


def test_the_two_files(store: bucketwheel.Settings, workspace: Path) -> None:
    """All files of the version with their hashes, links beside them, for nobody else to read."""
    ended = run(store, "my-package[extra]", "-o", "made/here")
    assert ended.code == 0, ended.notices
    directory = workspace / "made" / "here"
    if os.name == "posix":
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.name for path in directory.iterdir()} == {"requirements.txt", "links.html"}
    required, page = ((directory / name).read_text("utf-8") for name in ("requirements.txt", "links.html"))
    head = r"--no-index\n--find-links links\.html\n"
    assert re.fullmatch(
        rf"{head}my-package\[extra\]==1\.5\+local( \\\n    --hash=sha256:[0-9a-f]{{64}}){{2}}\n", required
    )
    assert "@" not in required
    links = Anchors(page).links
    assert sorted(re.findall("sha256:([0-9a-f]{64})", required)) == sorted(
        link.partition("#sha256=")[2] for link in links
    )
    assert page.count("&amp;X-Amz-") == page.count("&") > 0
    assert all(parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["3600"] for link in links)
    # A second time over the same, never over something else.
    assert run(store, "my-package==1.0", "-o", "made/here").code == 0
    assert "==1.0 " in (directory / "requirements.txt").read_text("utf-8")
    (directory / "notes").touch()
    assert run(store, "my-package", "-o", "made/here").code == 2


def test_links_are_in_no_output(store: bucketwheel.Settings, workspace: Path) -> None:
    """Not with -v, not as JSON: only in the file. When they end is said."""
    for options in (["-v"], ["--json"], []):
        shutil.rmtree(workspace / "authorized", ignore_errors=True)
        ended = run(store, "my-package", "--expires", "2h", *options)
        assert ended.code == 0
        assert "X-Amz" not in ended.answer + ended.notices
        assert "Signature" not in ended.answer + ended.notices
        if options == ["--json"]:
            ends = datetime.fromisoformat(ended.document["ends"])
            assert ended.document["certain"] is True
            assert timedelta(minutes=115) < ends - datetime.now(UTC) <= timedelta(hours=2)
            assert "urls" not in ended.document
        else:
            assert re.search(r"the links end at \d{4}-\d\d-\d\d \d\d:\d\d UTC$", ended.lines[0])


def test_plain_links(store: bucketwheel.Settings, workspace: Path) -> None:
    """`--format urls` prints them, writes nothing, and says on the other stream when they end."""
    ended = run(store, "my-package==1.0", "--format", "urls")
    [link] = ended.lines
    with urllib.request.urlopen(link) as answer:  # noqa: S310 - a server of ours
        assert answer.status == 200
    assert "the links end at" in ended.notices
    assert list(workspace.iterdir()) == []
    assert run(store, "my-package", "--format", "urls", "-o", "x").code == 2


def test_credentials_that_end(store: bucketwheel.Settings, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links end with the session that signed them: then, where that is known, else "at the latest"."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    unknown = run(store, "my-package", "--expires", "12h")
    if unknown.code:  # this server knows no such session; another one's answer is the same
        pytest.skip(unknown.notices)
    assert "at the latest" in unknown.lines[0]
    ends = datetime.now(UTC) + timedelta(minutes=40)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    known = run(store, "my-package", "--expires", "12h", "-o", "other")
    assert f"the links end at {ends:%Y-%m-%d %H:%M} UTC" in known.lines[0]
    assert "latest" not in known.lines[0]
    assert workspace.is_dir()


def test_a_yanked_version_only_where_it_is_pinned(store: bucketwheel.Settings, workspace: Path) -> None:
    """As installers have it."""
    assert run(store, "my-package>1.0").code == 0
    assert "my-package==1.5+local" in (workspace / "authorized" / "requirements.txt").read_text()
    assert run(store, "my-package==1.6").code == 0
    assert "my-package==1.6 " in (workspace / "authorized" / "requirements.txt").read_text()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[IndexServer]:
    """Serve an index with a public package, and a newer release of one of ours."""
    made = [make_wheel(tmp_path / "public", name, "99.0") for name in ("public-package", "my-package")]
    bucketwheel.publish(made, settings_for(tmp_path / "elsewhere-repository"))
    with serve_index(tmp_path / "elsewhere-repository") as server:
        yield server


def test_dependencies_that_the_repository_lacks(
    store: bucketwheel.Settings, workspace: Path, elsewhere: IndexServer
) -> None:
    """Without a fallback pip finds nothing for them; with one they are listed, and are in no file."""
    refused = run(store, "third-package", "--with-dependencies")
    assert (refused.code, "public-package" in refused.notices) == (1, True)
    assert "bucketwheel:" not in refused.notices.replace("bucketwheel:****@", "")
    ended = run(store, "third-package", "--with-dependencies", "--fallback", f"{elsewhere.url}simple/")
    assert ended.code == 0, ended.notices
    assert "public-package==99.0 is not in the repository, so it is not authorised" in ended.notices
    text = (workspace / "authorized" / "requirements.txt").read_text()
    assert re.findall(r"^[a-z-]+==\S+", text, re.MULTILINE) == ["my-package==1.0", "third-package==1.0"]
    assert elsewhere.authorizations() == set()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 2),
        (["my-package", "--expires", "8d"], 2),
        (["my-package", "--expires", "169h"], 2),
        (["my-package", "--expires", "0m"], 2),
        (["my-package", "--expires", "soon"], 2),
        (["my-package", "--expires", "1"], 2),
        (["my-package", "--fallback", "https://example.com/"], 2),
        (["my-package", "--no-sign-request"], 2),
        (["--requirements", "absent.txt"], 2),
        (["my-package @ https://user:canary@example.com/x.whl"], 2),
        (["no-such-package"], 1),
        (["my-package>9", "no-such-package"], 1),
    ],
)
def test_what_is_refused(store: bucketwheel.Settings, workspace: Path, args: list[str], code: int) -> None:
    """Usage ends with 2, what the index does not have with 1; no directory is made."""
    ended = run(store, *args)
    assert ended.code == code, ended.notices
    assert "canary" not in ended.notices
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("12mins", 720), ("2 hours", 7200)]
)
def test_times(store: bucketwheel.Settings, workspace: Path, text: str, seconds: int) -> None:
    """As people write them, up to seven days."""
    ended = run(store, "my-package==1.0", "--format", "urls", "--expires", text)
    assert parse_qs(urlsplit(ended.lines[0]).query)["X-Amz-Expires"] == [str(seconds)]
    assert workspace.is_dir()


def test_a_directory_has_no_links(workspace: Path) -> None:
    """It is said; nothing is made."""
    bucketwheel.publish(make_wheel(workspace / "dist"), settings_for(workspace / "repository"))
    ended = run_command("authorize", "demo-pkg", "-r", "./repository")
    assert (ended.code, "only S3" in ended.notices) == (2, True)


def test_errors_as_json(store: bucketwheel.Settings, workspace: Path) -> None:
    """As of every command."""
    ended = run(store, "no-such-package", "--json")
    assert json.loads(ended.answer)["exit"] == 1
    assert workspace.is_dir()
