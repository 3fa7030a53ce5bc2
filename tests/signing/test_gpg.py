"""Signatures by a real gpg, with keys made for these tests: which are published, and which are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.events import Event, Warned
from bucketwheel.signing.gpg import Gpg
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.command_line import run_command
from support.gateways import settings_for
from support.keyring import Keyring, new_keyring
from support.releasing import manifest_of, page_json

LONG_AGO = "20200101T000000!"


@pytest.fixture(scope="module")
def keyring() -> Iterator[Keyring]:
    """Make keys: one that is good, one that expired, one that is revoked."""
    with new_keyring() as keyring:
        keyring.make_key("good")
        keyring.make_key("other")
        keyring.make_key("expired", expires="20200103T000000", at=LONG_AGO)
        keyring.make_key("revoked")
        yield keyring


@pytest.fixture(scope="module")
def stranger() -> Iterator[Keyring]:
    """Make a key that is in another keyring."""
    with new_keyring() as keyring:
        keyring.make_key("stranger")
        yield keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A directory with a wheel, and the repository that it goes to."""

    keyring: Keyring
    wheel: Path
    repository: Path
    events: list[Event] = field(default_factory=list)

    def publish(self, **settings: object) -> bucketwheel.Publication:
        """Publish the directory with the wheel."""
        chosen = replace(settings_for(self.repository), **settings)  # type: ignore[arg-type]  # names of settings
        return bucketwheel.publish(self.wheel.parent, chosen, report=self.events.append)

    def put(self, signature: bytes) -> None:
        """Put a signature beside the wheel."""
        self.wheel.with_name(f"{self.wheel.name}.asc").write_bytes(signature)

    @property
    def published(self) -> Path:
        """Where the signature is in the repository."""
        return self.repository / "simple" / "demo-pkg" / f"{self.wheel.name}.asc"

    def is_signed(self) -> bool:
        """Whether the entry and both pages say that the wheel is signed."""
        storage = DirectoryStorage(root=self.repository)
        said = {
            manifest_of(storage, "demo-pkg").files[0].gpg_sig,
            bool(page_json(storage, "demo-pkg")["files"][0].get("gpg-sig")),
            'data-gpg-sig="true"' in (self.repository / "simple/demo-pkg/index.html").read_text(),
            self.published.is_file(),
        }
        assert len(said) == 1
        return said.pop()


@pytest.fixture
def desk(keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Give a wheel that is not signed yet."""
    monkeypatch.setenv("GNUPGHOME", str(keyring.home))
    return Desk(keyring=keyring, wheel=make_wheel(tmp_path / "a dist"), repository=tmp_path / "repository")


# Verify ---------------------------------------------------------------------------------------------------------------


def test_a_good_signature_is_published(desk: Desk) -> None:
    """Byte for byte, and both pages say so."""
    signature = desk.keyring.sign(desk.wheel, "good")
    desk.put(signature)
    desk.publish()
    assert desk.published.read_bytes() == signature
    assert desk.is_signed()


def _of_another_file(desk: Desk) -> bytes:
    return desk.keyring.sign(make_wheel(desk.repository.parent, version="2.0"), "good")


def _damaged(desk: Desk) -> bytes:
    signature = bytearray(desk.keyring.sign(desk.wheel, "good"))
    signature[100] ^= 1
    return bytes(signature)


def _by_an_expired_key(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "expired", at="20200102T000000!")


def _expired(desk: Desk) -> bytes:
    # The good key did not exist then, so the clock of its own time is used, a second long.
    signature = desk.keyring.sign(desk.wheel, "good", "--default-sig-expire", "seconds=1")
    time.sleep(2.1)
    return signature


def _by_a_revoked_key(desk: Desk) -> bytes:
    signature = desk.keyring.sign(desk.wheel, "revoked")
    desk.keyring.revoke("revoked")
    return signature


def _signed_message(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "good", how="--clear-sign")


def _inline(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "good", how="--sign")


def _of_a_text(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "good", "--textmode")


def _too_long(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "good") + b" " * (64 << 10)


def _with_a_bad_one(desk: Desk) -> bytes:
    return desk.keyring.sign(desk.wheel, "good") + _of_another_file(desk)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_of_another_file, "is not the signature of these bytes"),
        (_damaged, "signature"),
        (_by_an_expired_key, "is by a key that has expired"),
        (_expired, "is a signature that has expired"),
        (_by_a_revoked_key, "is by a key that was revoked"),
        (_signed_message, "is not a detached signature"),
        (_inline, "is not a detached signature"),
        (_of_a_text, "signs a text"),
        (_too_long, "has more than 64 KiB"),
        (_with_a_bad_one, "is not a detached signature"),
        (lambda _: b"", "is not a detached signature"),
        (lambda _: b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n", "is not a detached signature"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_signature_that_is_none_is_refused(desk: Desk, make: Callable[[Desk], bytes], words: str) -> None:
    """In words, with a remedy, and before anything is written."""
    desk.put(make(desk))
    with pytest.raises(bucketwheel.Refused, match=words) as raised:
        desk.publish()
    assert {problem.subject for problem in raised.value.problems} == {f"{desk.wheel}.asc"}
    assert not desk.repository.exists()


def test_a_key_that_is_unknown(desk: Desk, stranger: Keyring) -> None:
    """Refused with the key's name, unless signatures are to be carried, unread: then that is said once."""
    make_sdist(desk.wheel.parent)
    for path in list(desk.wheel.parent.iterdir()):
        path.with_name(f"{path.name}.asc").write_bytes(stranger.sign(path, "stranger"))
    with pytest.raises(bucketwheel.Refused, match=stranger.fingerprint("stranger")) as raised:
        desk.publish()
    assert "gpg --import" in str(raised.value)
    assert len(raised.value.problems) == 2
    desk.publish(signatures="carry")
    assert desk.is_signed()
    assert [event.message for event in desk.events if isinstance(event, Warned) and "unread" in event.message] == [
        'signatures are published unread, because signatures = "carry"'
    ]


def test_without_gpg(desk: Desk) -> None:
    """Nothing is taken as verified; what to install is said, and that it can be carried."""
    desk.put(desk.keyring.sign(desk.wheel, "good"))
    with pytest.raises(bucketwheel.Refused, match=r'no-such-gpg is not installed.*GnuPG.*signatures = "carry"'):
        desk.publish(sign_with="no-such-gpg")
    desk.publish(sign_with="no-such-gpg", signatures="carry")
    assert desk.is_signed()


def test_only_the_signers_count(desk: Desk) -> None:
    """A good signature by a key of the keyring is refused where the settings name others."""
    desk.put(desk.keyring.sign(desk.wheel, "other"))
    with pytest.raises(bucketwheel.Refused, match=f"{desk.keyring.fingerprint('other')}.*not one of `signers`"):
        desk.publish(signers=(desk.keyring.fingerprint("good"),))
    desk.publish(signers=(desk.keyring.fingerprint("good"), desk.keyring.fingerprint("other")))
    assert desk.is_signed()


# Sign -----------------------------------------------------------------------------------------------------------------


def test_sign(desk: Desk) -> None:
    """Each file gets a signature of the key that was named, and nothing is left beside it."""
    make_sdist(desk.wheel.parent)
    before = sorted(desk.wheel.parent.iterdir())
    desk.publish(sign=True, identity="other")
    assert desk.is_signed()
    assert sorted(desk.wheel.parent.iterdir()) == before
    signature, other = desk.published.read_bytes(), desk.keyring.fingerprint("other")
    assert Gpg().verify(signature, desk.wheel, [other]).kind == "good"
    assert Gpg().verify(signature, desk.wheel, [desk.keyring.fingerprint("good")]).kind == "doubtful"


def test_a_key_that_cannot_sign(desk: Desk) -> None:
    """Nothing is published, not even the files that could be signed."""
    with pytest.raises(bucketwheel.Refused, match="has no secret key to sign with"):
        desk.publish(sign=True, identity="nobody@example.org")
    with pytest.raises(bucketwheel.Refused, match="cannot be signed: no-such-gpg is not installed"):
        desk.publish(sign=True, sign_with="no-such-gpg")
    assert not desk.repository.exists()


@pytest.mark.parametrize("agent", ["", "pinentry-program /no/such/program\n"], ids=["no terminal", "no pinentry"])
def test_a_passphrase_that_no_agent_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: str) -> None:
    """Refused at once, because nobody can be asked."""
    monkeypatch.delenv("GPG_TTY", raising=False)
    with new_keyring() as keyring:
        keyring.make_key("locked", passphrase="secret")  # noqa: S106 - a test's
        keyring.configure_agent(agent)
        monkeypatch.setenv("GNUPGHOME", str(keyring.home))
        begin = time.monotonic()
        ended = run_command("publish", "-r", str(tmp_path / "repository"), "--sign", str(make_wheel(tmp_path)))
        assert time.monotonic() - begin < 30
    assert (ended.code, "got no passphrase" in ended.notices) == (1, True)
    assert not (tmp_path / "repository").exists()


@pytest.mark.usefixtures("desk")
def test_a_name_that_looks_like_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that begins with a hyphen is a path, and so is a key that does."""
    monkeypatch.chdir(tmp_path)
    path = Path("--version")
    path.write_bytes(b"content")
    assert Gpg().verify(Gpg().sign(path, "good"), path).kind == "good"
    with pytest.raises(bucketwheel.Refused, match="has no secret key"):
        Gpg().sign(path, "--version")


def test_a_file_that_was_published_without(desk: Desk) -> None:
    """The same bytes again gain a signature; one that is there stays, whatever comes."""
    desk.publish()
    assert not desk.is_signed()
    gained = desk.publish(sign=True, identity="good")
    assert (gained.files[0].fate, gained.files[0].gained, gained.files[0].kept) == (
        "already-exists",
        ("signature",),
        (),
    )
    assert desk.is_signed()
    first = desk.published.read_bytes()
    kept = desk.publish(sign=True, identity="other")
    assert (kept.files[0].gained, kept.files[0].kept) == ((), ("signature",))
    assert desk.published.read_bytes() == first


def test_in_words(desk: Desk) -> None:
    """On the command line, and the exit is 0 each time."""
    command = ("publish", "-r", str(desk.repository), str(desk.wheel))
    assert run_command(*command).lines[0].endswith("... success")
    for words in ("already exists, signature added", "already exists, already signed"):
        ended = run_command(*command, "--sign", "--identity", "good")
        assert (ended.code, ended.lines[0]) == (0, f"{desk.wheel} ... {words}")
    assert desk.is_signed()


def test_a_dry_run_signs_and_writes_nothing(desk: Desk) -> None:
    """It shows that the key works, and that a file that exists would gain a signature."""
    desk.publish()
    publication = desk.publish(sign=True, identity="good", dry_run=True)
    assert publication.files[0].gained == ("signature",)
    assert "simple/demo-pkg/index.json" in publication.pages
    assert not desk.is_signed()


# Check ----------------------------------------------------------------------------------------------------------------


def findings(desk: Desk, *options: str) -> dict[str, str]:
    """Check the repository; return each finding's code, with its gravity."""
    ended = run_command("check", "-r", str(desk.repository), "--json", *options)
    return {finding["code"]: finding["gravity"] for finding in json.loads(ended.answer)["findings"]}


def test_check_verifies_again(desk: Desk, stranger: Keyring) -> None:
    """With --deep: what is good, what is not, and keys that are unknown or do not count."""
    desk.put(desk.keyring.sign(desk.wheel, "good"))
    desk.publish()
    assert findings(desk, "--deep") == {}
    others = ("--signers", desk.keyring.fingerprint("other"))
    assert findings(desk, "--deep", *others) == {"signature-doubtful": "warning"}
    desk.published.write_bytes(stranger.sign(desk.wheel, "stranger"))
    assert findings(desk, "--deep") == {"signature-unknown-key": "note"}
    desk.published.write_bytes(_of_another_file(desk))
    assert findings(desk, "--deep") == {"signature-bad": "error"}
    assert findings(desk) == {}
    assert findings(desk, "--deep", "--signatures", "carry") == {}
    ended = run_command("check", "-r", str(desk.repository), "--deep", "--sign-with", "no-such-gpg")
    assert (ended.code, "does not cover signatures: no-such-gpg" in ended.notices) == (0, True)
