"""Source distributions are validated by what unpacking them would do, without unpacking them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from bucketwheel.distributions import tar as tar_reader
from bucketwheel.distributions import validate
from bucketwheel.distributions.inflate import GzipStream
from bucketwheel.errors import Refused
from distributions.tar_bytes import gzipped, member, patched, sdist_members, tar, tar_header
from distributions.verdicts import SDIST, refusals, validated
from distributions.zip_bytes import raw_members, raw_zip
from support.archives import make_sdist, metadata_text, tar_gz

_ROOT = "demo_pkg-1.0"
_PKG_INFO = f"{_ROOT}/PKG-INFO"

_ENDLESS = "x/" * 120

_EMPTY = tar_header(b"x", b"0")

_SOUND: dict[str, bytes] = {
    "pax": tar(),
    "GNU": tar(form=tarfile.GNU_FORMAT),
    "ustar": tar(form=tarfile.USTAR_FORMAT),
    "long names in pax": tar(member(f"{_ROOT}/{_ENDLESS}é"), member(f"{_ROOT}/l", tarfile.SYMTYPE, _ENDLESS)),
    "long names in GNU": tar(
        member(f"{_ROOT}/{_ENDLESS}é"), member(f"{_ROOT}/l", tarfile.SYMTYPE, _ENDLESS), form=tarfile.GNU_FORMAT
    ),
    "a prefix": tar(member(f"{_ROOT}/{'x' * 90}/{'y' * 90}"), form=tarfile.USTAR_FORMAT),
    "directories, twice": tar(member(_ROOT, tarfile.DIRTYPE), member(f"{_ROOT}/", tarfile.DIRTYPE)),
    "everything below ./": tar(content={f"./{path}": body for path, body in sdist_members().items()}),
    "a name that is not UTF-8": tar_header(b"demo_pkg-1.0/\xe9", b"0") + tar(),
    "a directory of old": tar_header(b"demo_pkg-1.0/x/", b"\0", magic=b"") + tar(),
    "a global comment, as git writes it": tar_header(b"pax_global_header", b"g", b"13 comment=x\n") + tar(),
    "a time before 1970": patched(tar(), 136, b"\xff" * 12),
    "a size in binary": patched(tar(), 124, b"\x80" + bytes(10) + bytes([len(sdist_members()[_PKG_INFO])])),
    "a padded extended header": tar_header(b"x", b"x", b"25 path=demo_pkg-1.0/all\n\0\0") + _EMPTY + tar(),
    "no end record": (
        tar_header(b"demo_pkg-1.0/setup.py", b"0")
        + tar_header(b"demo_pkg-1.0/PKG-INFO", b"0", metadata_text("demo-pkg", "1.0").encode())
    ),
    "links inside": tar(
        member(f"{_ROOT}/a/up", tarfile.SYMTYPE, "../setup.py"),
        member(f"{_ROOT}/a/b/upper", tarfile.SYMTYPE, "../.."),
        member(f"{_ROOT}/here", tarfile.SYMTYPE, "./a"),
        member(f"{_ROOT}/hard", tarfile.LNKTYPE, f"{_ROOT}/setup.py"),
    ),
}

_LEAVING = "has links that lead out of its tree"
_THROUGH = "has members that would be written through a link"
_ELSEWHERE = "has members whose names lead out of the archive"
_WITH_NUL = "has a member with a NUL byte in its name"

_HOSTILE: dict[str, tuple[bytes, str]] = {
    "a link to /": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "/etc/passwd")), _LEAVING),
    "a link upwards": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "../x")), _LEAVING),
    "a link to the neighbour": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, f"../{_ROOT}x/y")), _LEAVING),
    "a link through a link": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "a/../setup.py")), _LEAVING),
    "a link on Windows": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "..\\..\\x")), _LEAVING),
    "a hard link outside": (tar(member(f"{_ROOT}/l", tarfile.LNKTYPE, "elsewhere/x")), _LEAVING),
    "a hard link to /": (tar(member(f"{_ROOT}/l", tarfile.LNKTYPE, "/etc/passwd")), _LEAVING),
    "a file through a link": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "a"), member(f"{_ROOT}/l/x")), _THROUGH),
    "a link over a directory": (tar(member(f"{_ROOT}/l/x"), member(f"{_ROOT}/l", tarfile.SYMTYPE, "a")), _THROUGH),
    "a device": (tar(member(f"{_ROOT}/d", tarfile.CHRTYPE)), "neither files, directories nor links"),
    "a disk": (tar(member(f"{_ROOT}/d", tarfile.BLKTYPE)), "neither files, directories nor links"),
    "a pipe": (tar(member(f"{_ROOT}/d", tarfile.FIFOTYPE)), "neither files, directories nor links"),
    "an unknown kind": (tar(member(f"{_ROOT}/d", b"Z")), "a type that readers do not agree on"),
    "a name upwards": (tar(member(f"{_ROOT}/../{_ROOT}/x")), _ELSEWHERE),
    "a name on Windows": (tar(member(f"{_ROOT}/..\\..\\x")), _ELSEWHERE),
    "an absolute name": (tar(member("/etc/passwd")), "all its files in one directory"),
    "nothing but absolute names": (tar(content={f"/{p}": b for p, b in sdist_members().items()}), _ELSEWHERE),
    "a file beside the directory": (
        tar(member("other/x")),
        "all its files in one directory, but has 'demo_pkg-1.0', 'other'",
    ),
    "a link that ends like a directory": (tar_header(b"demo_pkg-1.0/l/", b"2", linkname=b"/etc") + tar(), _LEAVING),
    "a target without end": (tar(member(f"{_ROOT}/l", tarfile.SYMTYPE, "x" * 5000)), "without a proper name"),
    "a number with something behind it": (patched(tar(), 124, b"0000001\x007\0\0\0"), "damaged tar header"),
    "an extended header without a value": (tar_header(b"x", b"x", b"9 path a\n"), "damaged extended tar"),
    "an extended header without an end": (tar_header(b"x", b"x", b"9 path=ab"), "damaged extended tar"),
    "one name twice": (tar(member(f"{_ROOT}/setup.py")), "several members of one name"),
    "two PKG-INFOs": (tar(member(f"{_ROOT}/./PKG-INFO")), "several members of one name"),
    "a sparse file in pax": (tar(member(f"{_ROOT}/s", pax={"GNU.sparse.major": "1"})), "a sparse file"),
    "a sparse file in GNU": (tar(member(f"{_ROOT}/s", tarfile.GNUTYPE_SPARSE)), "a sparse file"),
    "two sizes": (tar(member(f"{_ROOT}/s", pax={"size": "512"})), "whose end readers see in different places"),
    "a directory with a size": (
        tar_header(b"demo_pkg-1.0/x", b"5", b"hidden") + tar(),
        "whose end readers see in different places",
    ),
    "a hard link with contents": (
        tar_header(b"demo_pkg-1.0/x", b"1", b"hidden") + tar(),
        "whose end readers see in different places",
    ),
    "a prefix that is none": (
        tar_header(b"demo_pkg-1.0/x", b"0", magic=b"ustar  \0", prefix=b"13700000000") + tar(),
        "whose name readers see differently",
    ),
    "one name for all": (
        tar_header(b"g", b"g", b"25 path=demo_pkg-1.0/all\n") + tar(),
        "gives all members one name or size",
    ),
    "an extended header that is too short": (tar_header(b"x", b"x", b"99 path=a\n"), "damaged extended tar"),
    "an extended header without a length": (tar_header(b"x", b"x", b"path=a\n"), "damaged extended tar"),
    "an extended header of length 0": (tar_header(b"x", b"x", b"0 path=a\n"), "damaged extended tar"),
    "a name with NUL": (tar_header(b"demo_pkg-1.0/a\0b", b"0") + tar(), _WITH_NUL),
    "a prefix with NUL": (tar_header(b"x", b"0", prefix=b"demo_pkg-1.0\0b") + tar(), _WITH_NUL),
    "a target with NUL": (tar_header(b"demo_pkg-1.0/l", b"2", linkname=b"x\0b") + tar(), _WITH_NUL),
    "a long name with NUL": (tar_header(b"x", b"L", b"demo_pkg-1.0/a\0b\0") + _EMPTY + tar(), _WITH_NUL),
    "a long target with NUL": (tar_header(b"x", b"K", b"a\0b\0") + _EMPTY + tar(), _WITH_NUL),
    "an extended name with NUL": (tar_header(b"x", b"x", b"12 path=a\0b\n") + tar(), _WITH_NUL),
    "an extended target with NUL": (tar_header(b"x", b"x", b"16 linkpath=a\0b\n") + tar(), _WITH_NUL),
    "no name": (tar_header(b"", b"0") + tar(), "without a proper name"),
    "a name without end": (tar(member(f"{_ROOT}/" + "x" * 5000)), "without a proper name"),
    "a wrong checksum": (tar().replace(b"setup.py", b"setup.px"), "damaged tar header"),
    "damage after members": (tar()[:2048] + b"x" * 512 + tar()[2560:], "damaged tar header"),
    "a number that is none": (tar().replace(b"0000644", b"000064x", 1), "damaged tar header"),
    "a device number that is none": (patched(tar(), 329, b"x"), "damaged tar header"),
    "a number behind NUL": (patched(tar(), 124, b"\0" + b"1" * 11), "damaged tar header"),
    "a negative size": (patched(tar(), 124, b"\xff" * 12), "damaged tar header"),
    "data after the end": (tar() + tar(), "data after the end of its tar archive"),
    "cut in a header": (tar()[:1100], "cut off"),
    "cut in a file": (tar()[:540], "cut off"),
    "cut in an extended header": (tar_header(b"x", b"x", b"1" * 1000)[:700], "cut off"),
    "not a tar archive": (b"hello" * 200, "damaged tar header"),
    "nothing": (b"", "none at all"),
    "a PKG-INFO that is a link": (
        tar(member(f"{_ROOT}/PKG-INFO", tarfile.SYMTYPE, "x"), content={}),
        "a PKG-INFO that is not a file",
    ),
    "a PKG-INFO without end": (
        tar(content={f"{_ROOT}/PKG-INFO": bytes(1_048_577)}),
        "a PKG-INFO that is not a file of at most 1048576 bytes",
    ),
    "names without end": (tar_header(b"x", b"L", bytes(65_537)), "announces 65537 bytes of names"),
}


@pytest.mark.parametrize("name", _SOUND)
def test_all_forms_of_valid_sdists_pass(name: str) -> None:
    """Every tar format that tools have written sdists in passes without a warning."""
    assert validated(gzipped(_SOUND[name]), SDIST).warnings == ()


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_or_damaged_sdist_is_refused(name: str) -> None:
    """Each danger of unpacking is found, and gets its own reason."""
    archive, expected = _HOSTILE[name]
    assert any(expected in what for what in refusals(gzipped(archive), SDIST))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_our_reader_and_tarfile_see_the_same(form: int) -> None:
    """Names, sizes and kinds are those that pip's reader sees, in every format."""
    more = [member(f"a/{_ENDLESS[:60]}x"), member("a/l", tarfile.SYMTYPE, "x" * 90), member("a/d", tarfile.DIRTYPE)]
    archive = tar(*more, form=form)
    with tarfile.open(fileobj=io.BytesIO(archive)) as theirs:
        expected = [(info.name, info.size, info.linkname) for info in theirs]
    compressed = gzipped(archive)
    stream = GzipStream(io.BytesIO(compressed), len(compressed))
    assert [(seen.path.rstrip("/"), seen.size, seen.target) for seen in tar_reader.tar_members(stream)] == expected


def test_an_sdist_without_pkg_info_that_can_be_built_is_a_warning() -> None:
    """Some popular sdists were packed by hand; a build finds their name and version."""
    contents = validated(tar_gz({f"{_ROOT}/setup.py": b""}), SDIST)
    assert "has no PKG-INFO, so nothing but its name says what it is" in contents.warnings[0]
    assert (contents.requires_python, contents.metadata) == (None, None)


@pytest.mark.parametrize(
    "path", [f"{_ROOT}/README", f"{_ROOT}/sub/PKG-INFO", f"{_ROOT}/sub/setup.py", f"{_ROOT}/PKG-INFO.txt"]
)
def test_an_archive_that_cannot_be_built_is_refused(path: str) -> None:
    """Without PKG-INFO, pyproject.toml and setup.py at its root it is some archive, not an sdist."""
    assert refusals(tar_gz({path: metadata_text("demo-pkg", "1.0").encode()}), SDIST) == [
        "has no PKG-INFO, and nothing that says how to build it: it is not an sdist"
    ]


def test_decoy_metadata_below_the_root_are_not_read(tmp_path: Path) -> None:
    """`.egg-info/PKG-INFO` and vendored projects are not this project's metadata."""
    decoy = {"demo_pkg.egg-info/PKG-INFO": metadata_text("evil", "9", ">=9").encode()}
    contents = validate(make_sdist(tmp_path, requires_python=">=3.9", members=decoy))
    assert (contents.requires_python, contents.warnings) == (">=3.9", ())


def test_a_renamed_sdist_is_refused(tmp_path: Path) -> None:
    """PKG-INFO and file name must agree; the directory's name alone is a warning."""
    expected = "has a PKG-INFO of something else: its Name is 'demo-pkg', not 'evil'"
    assert refusals(make_sdist(tmp_path, filename="evil-1.0.tar.gz")) == [expected]


def test_a_root_directory_of_another_name_is_a_warning() -> None:
    """Archives of a repository's host have such names, and build."""
    content = {path.replace(_ROOT, "demo-main"): body for path, body in sdist_members().items()}
    assert "directory that is not named after it: 'demo-main'" in validated(tar_gz(content), SDIST).warnings[0]


def test_a_root_directory_of_something_else_is_a_warning() -> None:
    """A build takes the archive with any name of its directory."""
    content = {path.replace(_ROOT, "other-1.0"): body for path, body in sdist_members().items()}
    assert "directory that is not named after it: 'other-1.0'" in validated(tar_gz(content), SDIST).warnings[0]


@pytest.mark.parametrize("root", ["Demo.Pkg-1.0", "demo-pkg-1.0", "demo_pkg-1.0.0"])
def test_older_spellings_of_the_root_directory_are_its_name(root: str) -> None:
    """Setuptools wrote the name as its author did."""
    content = {path.replace(_ROOT, root): body for path, body in sdist_members().items()}
    assert validated(tar_gz(content), SDIST).warnings == ()


def test_a_truncated_sdist_is_refused() -> None:
    """An upload that stopped half way is not an sdist."""
    assert refusals(gzipped(tar())[:-20], SDIST) == ["is cut off in the middle of its compressed data"]


def test_a_damaged_gzip_stream_is_refused() -> None:
    """The CRC at the end counts, though every member could be read."""
    body = gzipped(tar())
    assert refusals(body[:-8] + b"\0\0\0\0" + body[-4:], SDIST) == ["has damaged compressed data"]


def test_a_second_gzip_member_is_refused() -> None:
    """Some readers go on with it and some stop."""
    body = tar()
    for parts in ((body[:1024], body[1024:]), (body, body)):
        assert refusals(b"".join(map(gzipped, parts)), SDIST) == ["has data after the end of its gzip stream"]


def test_padding_after_the_gzip_stream_is_nothing() -> None:
    """Tapes and old tools pad with zeros."""
    assert validated(gzipped(tar()) + bytes(1000), SDIST).warnings == ()


def test_a_tar_archive_without_gzip_is_refused() -> None:
    """The name says gzip, and installers believe the name."""
    assert refusals(tar(), SDIST) == ["is not a gzipped tar archive"]


def test_the_number_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading stops in the middle of an archive of endless tiny members."""
    monkeypatch.setattr(tar_reader, "MOST_MEMBERS", 1)
    assert refusals(gzipped(tar()), SDIST) == ["has more than 1 members, or names that are too long"]


def test_the_length_of_all_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in memory at once."""
    monkeypatch.setattr(tar_reader, "LARGEST_NAMES", 30)
    assert refusals(gzipped(tar()), SDIST) == ["has more than 100000 members, or names that are too long"]


def test_a_zip_sdist_must_keep_the_same_rules(tmp_path: Path) -> None:
    """Root, PKG-INFO and every member's CRC count there too."""
    good = make_sdist(tmp_path, filename=f"{_ROOT}.zip")
    assert validate(good).requires_python is None
    for members, expected in (
        ({"../../evil.py": b""}, "all its files in one directory"),
        ({"PKG-INFO": metadata_text("evil", "1.0").encode()}, "its Name is 'evil'"),
    ):
        with pytest.raises(Refused, match=expected):
            validate(make_sdist(tmp_path, filename=f"{_ROOT}.zip", members=members))
    good.write_bytes(raw_zip(raw_members(sdist_members()), comment=b"hello"))
    assert "has a comment" in validate(good).warnings[1]
    body = make_sdist(tmp_path, filename=f"{_ROOT}.zip").read_bytes()
    at = body.index(b"__init__.py") + len(b"__init__.py")
    good.write_bytes(body[:at] + b"\xff" + body[at + 1 :])
    with pytest.raises(Refused, match=r"damaged compressed data|not what its header says"):
        validate(good)
