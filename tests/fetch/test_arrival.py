"""A file gets its name when it is whole and right, and not before."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Refused, Unavailable
from support.archives import make_wheel
from support.fetching import QUICK, Fetching, sha256_link
from support.http_server import (
    Behaviour,
    Certificate,
    WebServer,
    answer,
    broken_off,
    broken_tls,
    html,
    in_turn,
    serve,
    simple_json,
)

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
FILE = f"/files/{WHEEL}"


def digest(body: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(body).hexdigest()


def json_page(sha256: str | None, size: int | None) -> Behaviour:
    """Make a PEP 691 page that lists the wheel with this digest and this size."""
    file = {"filename": WHEEL, "url": FILE, "hashes": {"sha256": sha256} if sha256 else {}}
    return simple_json(json.dumps({"meta": {"api-version": "1.4"}, "files": [file | ({"size": size} if size else {})]}))


def test_a_wrong_digest_is_refused_and_the_file_removed(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """The message names both digests and where the file came from."""
    body = wheel.read_bytes() + b"x"
    site.put(FILE, answer(body))
    with pytest.raises(Refused) as caught:
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert str(caught.value) == (
        f"{WHEEL} from {site.root}{FILE} has the sha256 {digest(body)}, where its listing says "
        f"{digest(wheel.read_bytes())}; have the job that made it upload it again"
    )
    assert fetching.there() == []


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_wrong_length_is_refused(site: WebServer, fetching: Fetching, wheel: Path, extra: int) -> None:
    """Shorter or longer than the page says, and longer is not even read to its end."""
    size = wheel.stat().st_size
    url = site.put("/", json_page(None, size + extra))
    says = "is longer than its listing says: " if extra < 0 else f"has {size} bytes, where its listing says "
    with pytest.raises(Refused, match=f"^{WHEEL} from {site.root}{FILE} {says}"):
        fetching(url)
    assert fetching.there() == []


def test_a_weak_digest_verifies_nothing(site: WebServer, fetching: Fetching) -> None:
    """A page with md5 only is a page without digests: bytes that match it must still be a wheel."""
    body = b"no wheel at all"
    site.put(FILE, answer(body))
    md5 = hashlib.md5(body).hexdigest()  # noqa: S324 - the very thing that is not trusted
    with pytest.raises(Refused, match=f"^{WHEEL} "):
        fetching(site.put("/", html(f'<a href="files/{WHEEL}#md5={md5}">')))
    assert fetching.there() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>log in first</html>",
        b"\x1f\x8b\x08\x00",
        b"PK\x05\x06" + bytes(18),
    ],
    ids=["empty", "a login page", "gzip", "an empty zip"],
)
def test_without_a_digest_a_file_must_be_what_its_name_says(site: WebServer, fetching: Fetching, body: bytes) -> None:
    """A wheel is a zip with one .dist-info of its own name."""
    site.put(FILE, answer(body))
    with pytest.raises(Refused, match=f"^{WHEEL} from {site.root}{FILE} "):
        fetching(site.put("/", html(f'<a href="files/{WHEEL}">')))
    assert fetching.there() == []


def test_without_a_digest_the_metadata_must_agree_with_the_name(
    site: WebServer, fetching: Fetching, tmp_path: Path
) -> None:
    """Another release's wheel under this one's name is found out."""
    site.put(FILE, answer(make_wheel(tmp_path / "other", "demo-pkg", "9.0").read_bytes()))
    with pytest.raises(Refused, match=f"^{WHEEL} "):
        fetching(site.put("/", html(f'<a href="files/{WHEEL}">')))
    assert fetching.there() == []


def test_a_body_that_breaks_off_is_asked_for_again_from_its_beginning(
    site: WebServer, fetching: Fetching, wheel: Path
) -> None:
    """A short read, a reset: nothing of the first try is in the file."""
    body = wheel.read_bytes()
    first = broken_off(b"x" * (len(body) - 1), promised=len(body))
    site.put(FILE, in_turn(first, broken_off(b"", promised=5), answer(body)))
    fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert (fetching.dist / WHEEL).read_bytes() == body
    assert site.paths() == ["/", FILE, FILE, FILE]


def test_a_body_that_always_breaks_off_is_an_error_after_some_tries(
    site: WebServer, fetching: Fetching, wheel: Path
) -> None:
    """Bounded, and nothing is left of it."""
    site.put(FILE, broken_off(b"x", promised=100))
    with pytest.raises(Unavailable, match=rf"^{site.root}{FILE} sent an incomplete answer; run again$"):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert site.paths().count(FILE) == 4
    assert fetching.there() == []


def test_tls_that_breaks_inside_a_body_is_no_matter_of_the_certificate(
    fetching: Fetching, wheel: Path, certificate: Certificate
) -> None:
    """It is a connection that broke: asked for again, and then said in words."""
    fetching.environ["SSL_CERT_FILE"] = str(certificate.certificate)
    body = wheel.read_bytes()
    broken = broken_tls(body[:9], promised=len(body))
    with serve(certificate=certificate) as site:
        url = site.put("/", html(sha256_link(wheel, "files/")))
        site.put(FILE, broken)
        with pytest.raises(Unavailable, match=rf"^{site.root}{FILE} sent an incomplete answer; run again$"):
            fetching(url)
        assert fetching.there() == []
        site.put(FILE, in_turn(broken, answer(body)))
        assert [each.fresh for each in fetching(url)] == [True]


@pytest.mark.parametrize("coding", ["chunked", "until the end"])
def test_a_body_that_ends_early_without_a_length_is_found_out(
    site: WebServer, fetching: Fetching, wheel: Path, coding: str
) -> None:
    """By its chunks, or by its digest."""
    body = wheel.read_bytes()
    if coding == "chunked":
        site.put(FILE, broken_off(b"%x\r\n%s\r\n" % (len(body) - 9, body[:-9]), Transfer_Encoding="chunked"))
    else:
        site.put(FILE, broken_off(body[:-9]))
    with pytest.raises((Refused, Unavailable), match=WHEEL):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert fetching.there() == []


def test_a_stale_file_stays_until_a_right_one_takes_its_place(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """A failed fetch leaves what was there as it was."""
    fetching.dist.mkdir()
    stale = fetching.dist / WHEEL
    stale.write_bytes(b"stale")
    site.put(FILE, in_turn(answer(b"wrong"), answer(wheel.read_bytes())))
    url = site.put("/", html(sha256_link(wheel, "files/")))
    with pytest.raises(Refused):
        fetching(url)
    assert stale.read_bytes() == b"stale"
    assert [each.fresh for each in fetching(url)] == [True]
    assert stale.read_bytes() == wheel.read_bytes()
    assert fetching.there() == [WHEEL]


@pytest.mark.parametrize("leads_to", ["victim", "nowhere", "the same bytes"])
def test_a_link_of_that_name_is_replaced_and_never_followed(
    site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path, leads_to: str
) -> None:
    """Not for writing, and not to find that the file is there already."""
    victim = tmp_path / leads_to
    if leads_to != "nowhere":
        victim.write_bytes(wheel.read_bytes() if leads_to == "the same bytes" else b"precious")
    before = victim.read_bytes() if victim.exists() else None
    fetching.dist.mkdir()
    (fetching.dist / WHEEL).symlink_to(victim)
    assert [each.fresh for each in fetching(site.put("/", html(sha256_link(wheel, "files/"))))] == [True]
    assert not (fetching.dist / WHEEL).is_symlink()
    assert (fetching.dist / WHEEL).read_bytes() == wheel.read_bytes()
    assert (victim.read_bytes() if victim.exists() else None) == before


def test_a_link_planted_for_the_temporary_file_is_not_followed(
    site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name cannot be guessed, and would be refused if it were."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123")
    (tmp_path / "victim").write_bytes(b"precious")
    fetching.dist.mkdir()
    (fetching.dist / f".{WHEEL}.0123.part").symlink_to(tmp_path / "victim")
    with pytest.raises(Unavailable, match=r" cannot be written \(File exists\); "):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_directory_in_the_way_is_said(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """It is not removed for a file, and what had arrived goes."""
    (fetching.dist / WHEEL / "inside").mkdir(parents=True)
    with pytest.raises(Unavailable, match=rf"^{fetching.dist / WHEEL} cannot be written \(Is a directory\); "):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert fetching.there() == [WHEEL]


def test_a_file_in_place_of_the_directory_is_said(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """No traceback for a typo in --into."""
    fetching.dist.write_text("")
    with pytest.raises(Unavailable, match=rf"dist/{WHEEL} cannot be written \(.*\); check its directory"):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_files_have_the_mode_that_the_umask_leaves(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """As if a build had written them: a temporary file's 0600 would surprise the others who share dist/."""
    before = os.umask(0o027)
    try:
        fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    finally:
        os.umask(before)
    assert stat.S_IMODE((fetching.dist / WHEEL).stat().st_mode) == 0o640


def test_no_file_is_longer_than_the_limit(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Whatever its page says; it is cut off there, and goes."""
    site.put(FILE, answer(bytes(3_000_000)))
    with pytest.raises(Refused, match=r" is longer than allowed: 1048576 bytes; "):
        fetching(site.put("/", json_page(digest(wheel.read_bytes()), 3_000_000)))
    assert fetching.there() == []


def test_the_disk_is_never_filled(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """The spare space stays free; the message says where."""
    with pytest.raises(Unavailable, match=rf"^{fetching.dist} has no room left for {WHEEL} from {site.root}{FILE}; "):
        fetching(site.put("/", html(sha256_link(wheel, "files/"))), limits=replace(QUICK, spare_bytes=1 << 60))
    assert fetching.there() == []


def test_a_file_is_taken_as_it_lies_there(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """A wrong Content-Encoding (many uploaders set gzip for .tar.gz) changes no byte, as in pip."""
    site.put(FILE, answer(wheel.read_bytes(), Content_Encoding="gzip"))
    fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert (fetching.dist / WHEEL).read_bytes() == wheel.read_bytes()
