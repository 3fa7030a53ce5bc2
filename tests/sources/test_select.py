"""One project's distributions among file names, and several offers of one file made one."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from packaging.version import Version

from bucketwheel.errors import Refused
from bucketwheel.names import Sha256, distribution_name, project_name
from bucketwheel.sources.select import Offer, reconcile, select

ONE = Sha256("1" * 64)
TWO = Sha256("2" * 64)


def chosen(names: list[str], project: str = "legacy-proj", version: str | None = "3.0") -> list[str]:
    """Return which of the names are the project's, of the version."""
    return list(select(names, project_name(project), Version(version) if version else None).names)


def test_names_are_matched_as_packaging_reads_them() -> None:
    """Old and new spellings are one project; a longer name, a build tag and other versions are told apart."""
    assert chosen(
        [
            "Legacy.Proj-3.0.tar.gz",
            "legacy_proj-3.0.tar.gz",
            "legacy_proj-3.0.0-py3-none-any.whl",
            "legacy_proj-3.0-1-py3-none-any.whl",
            "LEGACY_PROJ-3.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            "legacy-proj-3.0.zip",
            "legacy-proj-extra-3.0.tar.gz",
            "legacy_proj_extra-3.0-py3-none-any.whl",
            "my-legacy-proj-3.0.tar.gz",
            "legacy_proj-3.0.dev1.tar.gz",
            "legacy_proj-3.0+local-py3-none-any.whl",
            "legacy_proj-3.0.tar.gz.asc",
            "legacy_proj-3.0-py3-none-any.whl.metadata",
            "legacy_proj-3.0.exe",
            "other-3.0.tar.gz",
        ]
    ) == [
        "Legacy.Proj-3.0.tar.gz",
        "legacy_proj-3.0.tar.gz",
        "legacy_proj-3.0.0-py3-none-any.whl",
        "legacy_proj-3.0-1-py3-none-any.whl",
        "LEGACY_PROJ-3.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "legacy-proj-3.0.zip",
    ]


def test_without_a_version_all_are_chosen_and_all_versions_are_told() -> None:
    """The versions seen are those of the project, also if another was asked for."""
    names = ["legacy_proj-3.0.tar.gz", "legacy_proj-2.1.tar.gz", "other-9.0.tar.gz"]
    assert chosen(names, version=None) == ["legacy_proj-3.0.tar.gz", "legacy_proj-2.1.tar.gz"]
    selection = select(names, project_name("legacy-proj"), Version("7"))
    assert selection.names == {}
    assert selection.versions == {Version("2.1"), Version("3.0")}


HOSTILE = [
    "../legacy_proj-3.0.tar.gz",
    "..\\legacy_proj-3.0.tar.gz",
    "%2e%2e%2flegacy_proj-3.0.tar.gz",
    "/etc/legacy_proj-3.0.tar.gz",
    "C:\\legacy_proj-3.0.tar.gz",
    "C:legacy_proj-3.0.tar.gz",
    "-rf legacy_proj-3.0.tar.gz",
    "--into=legacy_proj-3.0.tar.gz",
    ".legacy_proj-3.0.tar.gz",
    "legacy_proj-3.0\x00.tar.gz",
    "legacy_proj-3.0\n.tar.gz",
    "legacy_proj-3.0\x1b[31m.tar.gz",
    "legacy_proj-3.0\u202egz.rat.tar.gz",
    "legacy_proj-3.0\u200b.tar.gz",
    "legacy_proj-٣.0.tar.gz",
    "legacy_proj-3.0 .tar.gz",
    "legacy_proj-3.0:stream.tar.gz",
    "legacy_proj-" + "3" * 5000 + ".tar.gz",
    "legacy_proj-not_a_version-py3-none-any.whl",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_left_out_with_a_reason_and_never_cleaned(name: str) -> None:
    """Traversal in every encoding, absolute, option-like, hidden, control, invisible, endless."""
    selection = select([name], project_name("legacy-proj"), None)
    assert selection.names == {}
    assert list(selection.misnamed) == [name]
    assert selection.misnamed[name]


def test_a_look_alike_is_another_project() -> None:
    """A Cyrillic letter makes a name that is not ours, and no warning."""
    selection = select(["l\u0435gacy_proj-3.0.tar.gz"], project_name("legacy-proj"), None)
    assert (selection.names, selection.misnamed) == ({}, {})


def test_a_hundred_thousand_files_of_others_cost_little() -> None:
    """Names that cannot be ours are not read by all rules: a large flat page is searched in a moment."""
    names = [f"other_{number}-1.0-cp311-cp311-manylinux_2_28_x86_64.whl" for number in range(100_000)]
    began = time.process_time()
    assert select(names, project_name("legacy-proj"), None).versions == frozenset()
    assert time.process_time() - began < 2


WHEEL = "demo-1.0-py3-none-any.whl"


def offer(filename: str, sha256: Sha256 | None = None, size: int | None = None, where: str = "here") -> Offer:
    """Return a file as some source lists it."""
    name = distribution_name(filename)
    verified = sha256 is not None
    return Offer(name=name, sha256=sha256, verified=verified, size=size, where=where, address=where, open=lambda _: ONE)


def wanted(*offers: Offer) -> list[tuple[str, Sha256 | None, list[str]]]:
    """Return the files to fetch: name, digest, where from."""
    return [
        (each.name.filename, each.sha256, [candidate.where for candidate in each.offers]) for each in reconcile(offers)
    ]


def refused(*offers: Offer) -> list[str]:
    """Return the files that are not the same everywhere."""
    with pytest.raises(Refused) as caught:
        reconcile(offers)
    return [problem.subject for problem in caught.value.problems]


def test_the_same_file_in_two_places_is_fetched_once() -> None:
    """Equal digests are enough; the first place that states one gives the file."""
    assert wanted(offer(WHEEL, ONE, where="a"), offer(WHEEL, ONE, where="b")) == [(WHEEL, ONE, ["a"])]


def test_different_digests_or_lengths_contradict() -> None:
    """Under one name, or under two spellings of one distribution; both addresses are named."""
    assert refused(offer(WHEEL, ONE, where="a"), offer(WHEEL, TWO, where="b")) == [WHEEL]
    assert refused(offer(WHEEL, size=1, where="a"), offer(WHEEL, size=2, where="b")) == [WHEEL]
    spellings = offer("Demo-1.0.tar.gz", ONE, where="a"), offer("demo-1.0.tar.gz", TWO, where="b")
    assert refused(*spellings) == ["Demo-1.0.tar.gz"]
    with pytest.raises(Refused, match=r" a \(sha256 1+\), b \(sha256 2+\); "):
        reconcile(spellings)


def test_two_spellings_with_one_digest_are_one_file() -> None:
    """In the first one's spelling."""
    assert wanted(offer("Demo-1.0.tar.gz", ONE, where="a"), offer("demo-1.0.tar.gz", ONE, where="b")) == [
        ("Demo-1.0.tar.gz", ONE, ["a"])
    ]


def test_places_that_state_no_digest_are_all_asked() -> None:
    """Only the bytes can tell whether they are the same; an entry listed twice is one."""
    assert wanted(offer(WHEEL, where="a"), offer(WHEEL, where="a"), offer(WHEEL, ONE, where="b")) == [
        (WHEEL, ONE, ["b", "a"])
    ]


def test_two_addresses_that_are_shown_alike_are_two_offers() -> None:
    """Queries are not shown, and `?id=7` may be another file than `?id=8`."""
    one = offer(WHEEL, where="a")
    assert wanted(one, replace(one, address="a?id=8")) == [(WHEEL, None, ["a", "a"])]


def test_a_zip_beside_a_tar_gz_is_another_file() -> None:
    """Old releases have an sdist in both forms, with different bytes and no contradiction."""
    names = [filename for filename, *_ in wanted(offer("demo-1.0.zip", ONE), offer("demo-1.0.tar.gz", TWO))]
    assert names == ["demo-1.0.zip", "demo-1.0.tar.gz"]


def test_every_contradiction_is_told_and_nothing_else() -> None:
    """The names of sound files do not stand among the problems."""
    other = "demo-1.0-1-py3-none-any.whl"
    files = [offer(WHEEL, ONE), offer(WHEEL, TWO), offer("demo-1.0.tar.gz", ONE), offer(other, ONE), offer(other, TWO)]
    assert refused(*files) == [WHEEL, other]
