"""Wheels are validated by what installers will make of them."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from bucketwheel.distributions import Distribution, validate
from distributions.verdicts import refusals
from support.archives import make_wheel, metadata_text

_INFO = "demo_pkg-1.0.dist-info"


def _validated_with(tmp_path: Path, **files: bytes) -> Distribution:
    return validate(make_wheel(tmp_path, members={f"{_INFO}/{name}": body for name, body in files.items()}))


def test_a_truncated_wheel_is_refused(tmp_path: Path) -> None:
    """An upload that stopped half way is not a wheel."""
    path = make_wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    assert refusals(path) == ["is not a ZIP archive, or is cut off"]


@pytest.mark.parametrize("missing", ["METADATA", "WHEEL", "RECORD"])
def test_a_wheel_without_its_own_description_is_refused(missing: str, tmp_path: Path) -> None:
    """Each of the three files is one without which no installer goes on."""
    path = make_wheel(tmp_path)
    body = path.read_bytes().replace(f"{_INFO}/{missing}".encode(), f"{_INFO}/{missing[:-1]}_".encode())
    path.write_bytes(body)
    assert f"has no {_INFO}/{missing}, so no installer takes it" in refusals(path)


def test_a_zip_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    """Any ZIP archive can be named like a wheel."""
    path = make_wheel(tmp_path)
    path.write_bytes(path.read_bytes().replace(b".dist-info", b".dust-info"))
    assert refusals(path) == ["has no .dist-info directory, so it is not a wheel"]


@pytest.mark.parametrize("decoy", ["evil-9.dist-info", "evil-9.DIST-INFO"])
def test_a_second_dist_info_is_refused(decoy: str, tmp_path: Path) -> None:
    """Readers differ in which of two they believe, and so would index and installer."""
    path = make_wheel(tmp_path, members={f"{decoy}/METADATA": metadata_text("evil", "9").encode()})
    assert refusals(path)[0].startswith("has several .dist-info directories")


@pytest.mark.parametrize(
    "decoy",
    [
        "METADATA",
        "METADATA.txt",
        "demo_pkg/METADATA",
        "demo_pkg/_vendor/evil-9.dist-info/METADATA",
        "PKG-INFO",
        "A.METADATA/x",
    ],
)
def test_decoy_metadata_are_not_read(decoy: str, tmp_path: Path) -> None:
    """Only the METADATA that installers read counts; pkginfo alone would read another file of that name."""
    result = validate(make_wheel(tmp_path, members={decoy: metadata_text("evil", "9", ">=9").encode()}))
    assert result.metadata == metadata_text("demo-pkg", "1.0").encode()
    assert (result.requires_python, result.warnings) == (None, ())


@pytest.mark.parametrize("filename", ["evil-1.0-py3-none-any.whl", "demo_pkg-2.0-py3-none-any.whl"])
def test_a_renamed_wheel_is_refused(filename: str, tmp_path: Path) -> None:
    """The name of the file, its .dist-info and its METADATA must agree."""
    assert len(refusals(make_wheel(tmp_path, filename=filename))) == 2


def test_a_dist_info_that_names_nothing_is_refused(tmp_path: Path) -> None:
    """Its name is a project and a version, or no installer takes it."""
    path = make_wheel(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"demo_pkg-1.0.dist-info", b"demo_pkg_1.0.dist-info"))
    assert refusals(path)[0] == "has the .dist-info of something else: 'demo_pkg_1.0.dist-info'"


def test_a_dist_info_spelled_otherwise_is_a_warning(tmp_path: Path) -> None:
    """Old tools normalised one of the two names and not the other; installers compare normalised ones."""
    result = validate(make_wheel(tmp_path, filename="Demo_Pkg-1.0-py3-none-any.whl"))
    assert f"spells its .dist-info directory unlike its own name: '{_INFO}'" in result.warnings[1]


@pytest.mark.parametrize(
    "body", [b"", b"Wheel-Version: 2.0\n", b"Wheel-Version: one\n", b"Root-Is-Purelib: true\n", b"Wheel-Version: 1\n"]
)
def test_a_wheel_version_that_installers_refuse_is_refused(body: bytes, tmp_path: Path) -> None:
    """Wheel 1.x is the only format there is."""
    path = make_wheel(tmp_path, members={f"{_INFO}/WHEEL": body + b"Tag: py3-none-any\n"})
    assert refusals(path) == ["has a WHEEL without a Wheel-Version that installers know (1.0)"]


def test_a_wheel_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Pip reads it as UTF-8, and stops where that fails."""
    path = make_wheel(tmp_path, members={f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\n\xff"})
    assert refusals(path) == ["has a WHEEL that is not UTF-8, so no installer takes it"]


def test_other_tags_inside_than_outside_are_a_warning(tmp_path: Path) -> None:
    """Several popular wheels are retagged by renaming them."""
    result = validate(make_wheel(tmp_path, filename="demo_pkg-1.0-cp311-cp311-win_amd64.whl"))
    assert "has other tags in its WHEEL than in its name" in result.warnings[0]


def test_compressed_tags_are_the_same_tags(tmp_path: Path) -> None:
    """`py2.py3-none-any` in the name is two lines in WHEEL."""
    assert validate(make_wheel(tmp_path, tag="py2.py3-none-any")).warnings == ()


@pytest.mark.parametrize("script", ["../evil", "bin/evil", "..", "evil name", "e\\vil"])
@pytest.mark.parametrize("section", ["console_scripts", "gui_scripts"])
def test_a_script_name_with_a_path_is_refused(script: str, section: str, tmp_path: Path) -> None:
    """Installers would write the script somewhere else, and newer ones refuse to."""
    path = make_wheel(tmp_path, members={f"{_INFO}/entry_points.txt": f"[{section}]\n{script} = demo:x\n".encode()})
    assert refusals(path)[0].startswith("has scripts whose names are not file names")


def test_other_entry_points_may_be_called_anything(tmp_path: Path) -> None:
    """Only scripts become files."""
    assert _validated_with(tmp_path, **{"entry_points.txt": b"[demo.plugins]\na/b c = demo:x\n"}).warnings == ()


def test_unreadable_entry_points_are_a_warning(tmp_path: Path) -> None:
    """Some installers read on where others stop."""
    result = _validated_with(tmp_path, **{"entry_points.txt": b"\xff"})
    assert "entry_points.txt that cannot be read" in result.warnings[0]


def _record(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(make_wheel(tmp_path)) as archive:
        return archive.read(f"{_INFO}/RECORD")


def _recorded(tmp_path: Path, record: bytes, **members: bytes) -> Path:
    return make_wheel(tmp_path, members={f"{_INFO}/RECORD": record} | members)


_INIT = b'__version__ = "1.0"\n'
_WRONG = "has files that are not what its RECORD says: 'demo_pkg/__init__.py'"


def _line(algorithm: str, body: bytes = _INIT, size: int | None = None) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, body).digest()).decode().rstrip("=")
    return f"demo_pkg/__init__.py,{algorithm}={digest},{len(body) if size is None else size}\n".encode()


def test_a_file_that_is_not_what_record_says_is_refused(tmp_path: Path) -> None:
    """Somebody changed it after the wheel was built; its digest gives that away."""
    record = _record(tmp_path).replace(_line("sha256"), _line("sha256", b"import evil\n", 20))
    assert refusals(_recorded(tmp_path, record)) == [_WRONG]


def test_a_file_of_another_size_than_record_says_is_refused(tmp_path: Path) -> None:
    """Digest and size have to be right, both of them."""
    record = _record(tmp_path).replace(_line("sha256"), _line("sha256", size=21))
    assert refusals(_recorded(tmp_path, record)) == [_WRONG]


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_stronger_digests_are_checked_like_sha256(algorithm: str, tmp_path: Path) -> None:
    """PEP 427 asks for sha256 or better."""
    right = _record(tmp_path).replace(_line("sha256"), _line(algorithm))
    wrong = _record(tmp_path).replace(_line("sha256"), _line(algorithm, b"import evil\n", 20))
    assert validate(_recorded(tmp_path, right)).warnings == ()
    assert len(refusals(_recorded(tmp_path, wrong))) == 1


def test_padded_digests_are_digests(tmp_path: Path) -> None:
    """Some tools wrote base64 with its padding."""
    padded = _record(tmp_path).replace(b",20\n", b"=,20\n").replace(b"==,20", b"=,20")
    assert validate(_recorded(tmp_path, padded.replace(b",20\n", b",20\n"))).warnings == ()


@pytest.mark.parametrize("line", [_line("md5"), b"demo_pkg/__init__.py,,20\n", b"demo_pkg/__init__.py,,\n"])
def test_a_missing_or_weak_digest_is_a_warning(line: bytes, tmp_path: Path) -> None:
    """Nothing contradicts such a RECORD, but the file cannot be checked."""
    result = validate(_recorded(tmp_path, _record(tmp_path).replace(_line("sha256"), line)))
    assert "without a sha256, or a stronger digest, of 'demo_pkg/__init__.py'" in result.warnings[0]


def test_files_that_record_does_not_list_are_a_warning(tmp_path: Path) -> None:
    """Very popular wheels are like that; such files get installed, and never removed."""
    result = validate(_recorded(tmp_path, _record(tmp_path), **{"demo_pkg/more.py": b""}))
    assert "has files that its RECORD does not list" in result.warnings[0]
    assert "'demo_pkg/more.py'" in result.warnings[0]


def test_files_that_only_record_knows_are_a_warning(tmp_path: Path) -> None:
    """They cannot do any harm."""
    result = validate(_recorded(tmp_path, _record(tmp_path) + b"demo_pkg/gone.py,,\n"))
    assert "does not have files that its RECORD lists: 'demo_pkg/gone.py'" in result.warnings[0]


def test_signatures_of_record_and_directories_are_no_discrepancy(tmp_path: Path) -> None:
    """RECORD cannot list what signs it, and may list directories."""
    record = _record(tmp_path) + f"demo_pkg/,,\n{_INFO}/RECORD.p7s,,\n".encode()
    path = _recorded(tmp_path, record, **{f"{_INFO}/RECORD.jws": b"{}"})
    assert validate(path).warnings == ()


def test_a_path_with_a_comma_is_one_path(tmp_path: Path) -> None:
    """RECORD is a table in CSV, quotes and line feeds included."""
    record = (
        _record(tmp_path) + b'"demo_pkg/a,\xc2\x85b.txt","sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","0"\r\n'
    )
    assert validate(_recorded(tmp_path, record, **{"demo_pkg/a,\u0085b.txt": b""})).warnings == ()


@pytest.mark.parametrize(
    "record",
    [
        b"\xff,,\n",
        b"demo_pkg/__init__.py\n",
        b"demo_pkg/__init__.py,,twenty\n",
        b"demo_pkg/__init__.py,," + b"9" * 5000 + b"\n",
        b'"' + b"x" * 200_000,
        b"a,sha256=b,1\na,sha256=c,1\n",
    ],
)
def test_a_record_that_cannot_be_read_is_refused(record: bytes, tmp_path: Path) -> None:
    """Installers need RECORD to remove the files they installed."""
    assert [" RECORD " in what for what in refusals(_recorded(tmp_path, record))] == [True]


def test_a_line_that_stands_twice_is_one_line(tmp_path: Path) -> None:
    """Saying the same twice contradicts nothing."""
    assert validate(_recorded(tmp_path, _record(tmp_path) + _line("sha256"))).warnings == ()
