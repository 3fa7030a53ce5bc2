"""Real attestations, by Sigstore's services, without a network: which are published, and which are refused."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

import bucketwheel
from bucketwheel.names import sha256_of
from bucketwheel.signing.attestations import Unproven, read_attestations, verify_provenance
from bucketwheel.signing.publishers import is_allowed, name_of, read_publisher
from bucketwheel.storage.directory import DirectoryStorage
from support.command_line import run_command
from support.releasing import manifest_of, page_json
from support.tampering import write_manifest

ATTESTED = Path(__file__).parent / "attested"
GITHUB = "pypi_attestations-0.0.19.tar.gz"
GITLAB = "gitlab_oidc_project-0.0.3.tar.gz"
CIRCLECI = "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl"
STAGING = "rfc8785-0.1.2-py3-none-any.whl"
CIRCLECI_PROJECT = "fdd9283f-e619-46af-8f9c-851f7d3e8b2b"
BY_GITHUB = "github:trailofbits/pypi-attestations"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every connection fail."""

    def refuse(*_: object) -> NoReturn:
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Give an empty directory for files to publish."""
    directory = tmp_path / "dist"
    directory.mkdir()
    return directory


def attestation(name: str, kind: str = "publish") -> bytes:
    """Read the attestation of a file."""
    return (ATTESTED / f"{name}.{kind}.attestation").read_bytes()


def sha256(name: str) -> str:
    """Return the digest of a file."""
    return hashlib.sha256((ATTESTED / name).read_bytes()).hexdigest()


def verify(name: str, content: bytes, *allowed: str) -> tuple[str, ...]:
    """Verify attestations as those of a file, and as its provenance too; return who attested."""
    attested = read_attestations(content, name, sha256(name), allowed)
    verify_provenance(attested.provenance, name, sha256(name), allowed)
    return attested.publishers


def why(name: str, content: bytes, *allowed: str) -> str:
    """Return why attestations are refused."""
    with pytest.raises(Unproven) as raised:
        read_attestations(content, name, sha256(name), allowed)
    assert raised.value.remedy
    return raised.value.what


# Verify ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "publisher"),
    [
        (GITHUB, BY_GITHUB),
        (GITLAB, "gitlab:facutuesca/gitlab-oidc-project"),
        (CIRCLECI, f"circleci:{CIRCLECI_PROJECT}"),
    ],
)
def test_a_real_attestation_holds(name: str, publisher: str) -> None:
    """Each kind of service, by the trust root that is installed."""
    assert verify(name, attestation(name)) == (publisher,)
    assert verify(name, attestation(name), publisher) == (publisher,)
    assert "does not allow" in why(name, attestation(name), "github:other/*")


def test_google_has_an_attestation_only_as_provenance() -> None:
    """The one that exists was published by PyPI: it holds, and PyPI's form of a provenance is read."""
    name = "gcb_attestation_test-0.0.0.tar.gz"
    provenance = (ATTESTED / f"{name}.provenance").read_bytes()
    verify_provenance(provenance, name, sha256(name), ("google:*-compute@developer.gserviceaccount.com",))
    with pytest.raises(Unproven, match="does not allow") as raised:
        verify_provenance(provenance, name, sha256(name), ("google:me@example.org",))
    assert raised.value.kind == "doubtful"
    document = json.loads(provenance)
    document["attestation_bundles"][0]["publisher"]["email"] = "other@developer.gserviceaccount.com"
    with pytest.raises(Unproven, match="names another publisher"):
        verify_provenance(json.dumps(document).encode(), name, sha256(name))


def test_staging_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the person's address; and by its certificate alone, if it were a publisher's."""
    assert "the person william@yossarian.net" in why(STAGING, attestation(STAGING))
    publisher = {"kind": "Google", "email": "william@yossarian.net"}
    monkeypatch.setattr("bucketwheel.signing.attestations.read_publisher", lambda *_: publisher)
    assert "certificate chain" in why(STAGING, attestation(STAGING))


def _changed(name: str, *path: str | int, at: int = 100) -> bytes:
    """Change one byte of a part that is written in base64."""
    document = json.loads(attestation(name))
    *parents, last = path
    table: Any = document
    for key in parents:
        table = table[key]
    content = bytearray(base64.b64decode(table[last]))
    content[at % len(content)] ^= 1
    table[last] = base64.b64encode(content).decode()
    return json.dumps(document).encode()


def _statement(name: str, change: Callable[[Any], object]) -> bytes:
    document = json.loads(attestation(name))
    statement = json.loads(base64.b64decode(document["envelope"]["statement"]))
    change(statement)
    document["envelope"]["statement"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps(document).encode()


_LOG = ("verification_material", "transparency_entries", 0)


@pytest.mark.parametrize(
    "content",
    [
        _changed(GITHUB, "envelope", "signature", at=20),
        _changed(GITHUB, "envelope", "statement"),
        _changed(GITHUB, "verification_material", "certificate", at=-1),
        _changed(GITHUB, "verification_material", "certificate", at=300),
        _changed(GITHUB, "verification_material", "certificate", at=1),
        _changed(GITHUB, *_LOG, "canonicalizedBody"),
        _changed(GITHUB, *_LOG, "inclusionPromise", "signedEntryTimestamp", at=20),
        _changed(GITHUB, *_LOG, "inclusionProof", "rootHash"),
        _statement(GITHUB, lambda s: s["subject"].append(s["subject"][0])),
        _statement(GITHUB, lambda s: s.update(predicateType="https://example.org/other")),
        _statement(GITHUB, lambda s: s["subject"][0].update(name=GITLAB)),
        attestation(GITLAB),
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"version": 2}',
        b"[" + attestation(GITHUB) + b"," + attestation(GITLAB) + b"]",
        b"[" + attestation(GITHUB) + b"," + attestation(GITHUB) + b"]",
    ],
    ids=range(19),
)
def test_what_was_changed_is_refused(content: bytes) -> None:
    """A byte of the signature, certificate or log; subjects, predicates; other files' attestations; no attestation."""
    assert why(GITHUB, content)


def test_a_statement_about_another_subject_is_refused_by_its_subject() -> None:
    """Signed and logged rightly, but of another name or digest; and what has two subjects, by those."""
    content = attestation(GITHUB)
    with pytest.raises(Unproven, match="subject does not match distribution digest"):
        read_attestations(content, GITHUB, "0" * 64)
    with pytest.raises(Unproven, match="subject does not match distribution name"):
        read_attestations(content, "pypi_attestations-0.0.20.tar.gz", sha256(GITHUB))


def test_several_make_one_provenance() -> None:
    """One of each type, in any order, and the same bytes for the same attestations."""
    both = [attestation(GITHUB), attestation(GITHUB, "slsa")]
    texts = [b"[" + b", ".join(order) + b"]" for order in (both, both[::-1])]
    [first, second] = [read_attestations(text, GITHUB, sha256(GITHUB)).provenance for text in texts]
    assert first == second
    [bundle] = json.loads(first)["attestation_bundles"]
    assert len(bundle["attestations"]) == 2
    assert bundle["publisher"] == {
        "kind": "GitHub",
        "repository": "trailofbits/pypi-attestations",
        "workflow": "release.yml",
    }


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version":1,"attestation_bundles":[]}'])
def test_what_is_no_provenance(content: bytes) -> None:
    """One without attestations proves nothing."""
    with pytest.raises(Unproven):
        verify_provenance(content, GITHUB, sha256(GITHUB))


# Publishers -----------------------------------------------------------------------------------------------------------


def claims(issuer: str, **more: str) -> dict[str, str]:
    """Write claims by the numbers of Sigstore."""
    return {f"1.3.6.1.4.1.57264.1.{number.strip('_')}": value for number, value in ({"_8": issuer} | more).items()}


GITHUB_ISSUER = "https://token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("certificate", "email"),
    [
        (claims("https://github.com/login/oauth"), "me@example.org"),
        (claims("https://accounts.google.com"), "me@gmail.com"),
        (claims("https://accounts.google.com"), None),
        (claims(GITHUB_ISSUER), None),
        (claims(GITHUB_ISSUER, _12="https://github.example/a/b", _18="https://github.example/a/b/x@1"), None),
        (claims(GITHUB_ISSUER, _12="https://github.com/a/b", _18="https://github.com/a/c/.github/workflows/x@1"), None),
        (claims("https://gitlab.example", _12="https://gitlab.com/a/b", _18="https://gitlab.com/a/b//x@1"), None),
        (claims("https://oidc.circleci.com", _9="https://circleci.example/"), None),
        ({}, None),
    ],
)
def test_what_is_no_publisher(certificate: dict[str, str], email: str | None) -> None:
    """People, other servers, and claims that do not fit each other."""
    assert read_publisher(certificate, email) is None


def test_patterns() -> None:
    """A star is any text; capitals do not count; an owner's name must be whole."""
    publisher = {"kind": "GitHub", "repository": "My-Org/tool", "workflow": "x.yml"}
    assert name_of(publisher) == "github:My-Org/tool"
    assert is_allowed(publisher, ["github:my-org/*"])
    assert is_allowed(publisher, ["gitlab:x", "github:MY-ORG/tool"])
    assert not is_allowed(publisher, ["github:my-or/*", "gitlab:my-org/*", "github:my-org"])


# Publish --------------------------------------------------------------------------------------------------------------


def publish(place: Path, dist: Path, *options: str) -> tuple[int, str]:
    """Publish a directory; return the exit and all that was said."""
    ended = run_command("publish", "-r", str(place), str(dist), *options)
    return ended.code, ended.answer + ended.notices


def copy(name: str, dist: Path, *kinds: str) -> Path:
    """Put a file and its attestations into a directory."""
    shutil.copy(ATTESTED / name, dist)
    beside = dist / f"{name}.publish.attestation"
    if kinds:
        beside.write_text(f"[{','.join(attestation(name, kind).decode() for kind in kinds)}]")
    return beside


def test_a_provenance_is_published(tmp_path: Path, dist: Path) -> None:
    """It is named by its digest, linked by an absolute address, and check and promote know it."""
    place, other = tmp_path / "repository", tmp_path / "other"
    for repository in (place, other):
        assert run_command("init", str(repository), "--set", "base-url=https://pypi.example/").code == 0
    copy(GITHUB, dist, "publish", "slsa")
    code, said = publish(place, dist)
    assert (code, f"success, attested by {BY_GITHUB}" in said) == (0, True), said
    storage = DirectoryStorage(root=place)
    [entry] = manifest_of(storage, "pypi-attestations").files
    body = (place / "simple/pypi-attestations" / f"{GITHUB}.provenance").read_bytes()
    assert entry.provenance_sha256 == hashlib.sha256(body).hexdigest()
    link = f"https://pypi.example/simple/pypi-attestations/{GITHUB}.provenance"
    assert page_json(storage, "pypi-attestations")["files"][0]["provenance"] == link
    assert f'data-provenance="{link}"' in (place / "simple/pypi-attestations/index.html").read_text()
    run_command("promote", "pypi-attestations==0.0.19", "-r", str(place), "--to", str(other))
    assert (other / "simple/pypi-attestations" / f"{GITHUB}.provenance").read_bytes() == body


def test_without_an_address_pages_cannot_name_it(tmp_path: Path, dist: Path) -> None:
    """The object is there, and the output says what is missing."""
    copy(GITLAB, dist, "publish")
    _, said = publish(tmp_path / "repository", dist)
    assert "pages cannot name them" in said
    assert (tmp_path / "repository/simple/gitlab-oidc-project" / f"{GITLAB}.provenance").is_file()


def test_once_there_it_stays(tmp_path: Path, dist: Path) -> None:
    """A file gains attestations; the same again are there already; others are refused, or left out by a skip."""
    place = tmp_path / "repository"
    copy(GITHUB, dist)
    publish(place, dist)
    copy(GITHUB, dist, "publish")
    assert "already exists, attestations added" in publish(place, dist)[1]
    assert "already exists, attestations already there" in publish(place, dist)[1]
    before = (place / "simple/pypi-attestations" / f"{GITHUB}.provenance").read_bytes()
    copy(GITHUB, dist, "publish", "slsa")
    code, said = publish(place, dist)
    assert (code, "already exists with other attestations" in said) == (1, True)
    assert publish(place, dist, "--skip-existing")[0] == 0
    assert (place / "simple/pypi-attestations" / f"{GITHUB}.provenance").read_bytes() == before


def test_a_publisher_that_is_not_listed(tmp_path: Path, dist: Path) -> None:
    """Nothing is written, and the message names who attested."""
    copy(GITHUB, dist, "publish")
    code, said = publish(tmp_path / "repository", dist, "--attestation-publishers", "github:my-org/*")
    assert (code, f"is attested by {BY_GITHUB}, which" in said) == (1, True)
    assert not (tmp_path / "repository").exists()
    assert publish(tmp_path / "repository", dist, "--attestation-publishers", "github:trailofbits/*")[0] == 0


def test_more_than_a_mebibyte(tmp_path: Path, dist: Path) -> None:
    """It is refused before it is read."""
    copy(GITHUB, dist, "publish").write_bytes(attestation(GITHUB) + b" " * (1 << 20))
    code, said = publish(tmp_path / "repository", dist)
    assert (code, "has more than 1024 KiB" in said) == (1, True)


def test_without_the_extra(tmp_path: Path, dist: Path) -> None:
    """What to install is said, and nothing is written; check --deep says what it leaves out."""
    copy(GITHUB, dist, "publish")
    program = "import sys; sys.modules['pypi_attestations'] = None; from bucketwheel.__main__ import main; main()"

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *args, "-r", str(tmp_path / "repository")],
            capture_output=True,
            text=True,
            check=False,
        )

    ended = run("publish", str(dist))
    assert (ended.returncode, "pip install 'bucketwheel[sign]'" in ended.stderr) == (1, True), ended.stderr
    assert not (tmp_path / "repository").exists()
    publish(tmp_path / "repository", dist)
    assert "does not cover attestations" in run("check", "--deep").stderr


def test_check_verifies_again(tmp_path: Path, dist: Path) -> None:
    """What was put there by others, with an entry that fits, and publishers that do not count any more."""
    place = tmp_path / "repository"
    copy(GITHUB, dist, "publish")
    publish(place, dist)

    def found(*options: str) -> list[tuple[str, str]]:
        ended = run_command("check", "-r", str(place), "--deep", "--json", *options)
        return [(finding["code"], finding["gravity"]) for finding in json.loads(ended.answer)["findings"]]

    assert found() == []
    assert found("--attestation-publishers", "github:my-org/*") == [("attestations-doubtful", "warning")]
    stored = place / "simple/pypi-attestations" / f"{GITHUB}.provenance"
    stored.write_bytes(stored.read_bytes().replace(b"release.yml", b"other.yml"))
    digest = sha256_of(stored.read_bytes())
    storage = DirectoryStorage(root=place)
    write_manifest(
        storage,
        "pypi-attestations",
        lambda manifest: replace(manifest, files=(replace(manifest.files[0], provenance_sha256=digest),)),
    )
    run_command("reindex", "-r", str(place))
    assert found() == [("attestations-bad", "error")]


def test_it_is_a_refusal_of_the_api(tmp_path: Path, dist: Path) -> None:
    """The problem names the file of attestations."""
    beside = copy(GITHUB, dist)
    beside.write_bytes(b"{}")
    settings = bucketwheel.load_settings(options={"repository": str(tmp_path / "repository")})
    with pytest.raises(bucketwheel.Refused) as raised:
        bucketwheel.publish(dist, settings)
    assert [problem.subject for problem in raised.value.problems] == [str(beside)]
