"""From listed files to one project's artifacts, and from several listings to one."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from packaging.version import Version

from bucketwheel.names import Sha256, distribution_name, project_name
from bucketwheel.sources.select import Artifact, Contradiction, Wanted, reconcile, select

ONE = Sha256("1" * 64)
TWO = Sha256("2" * 64)


@dataclass(frozen=True)
class Entry:
    """A file as some container lists it."""

    filename: str
    sha256: Sha256 | None = None
    size: int | None = None
    where: str = "here"


def chosen(names: list[str], project: str = "legacy-proj", version: str | None = "3.0") -> list[str]:
    """Which of the names are the project's, of the version."""
    wanted = Version(version) if version else None
    selection = select([Entry(name) for name in names], project_name(project), wanted)
    return [artifact.name.filename for artifact in selection.artifacts]


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
    """The versions seen are those of the project, whatever was asked for."""
    names = ["legacy_proj-3.0.tar.gz", "legacy_proj-2.1.tar.gz", "other-9.0.tar.gz"]
    assert chosen(names, version=None) == ["legacy_proj-3.0.tar.gz", "legacy_proj-2.1.tar.gz"]
    selection = select([Entry(name) for name in names], project_name("legacy-proj"), Version("7"))
    assert selection.artifacts == ()
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
    selection = select([Entry(name)], project_name("legacy-proj"), None)
    assert selection.artifacts == ()
    assert [misnamed.filename for misnamed in selection.misnamed] == [name]
    assert selection.misnamed[0].reason


def test_a_look_alike_is_another_project() -> None:
    """A Cyrillic letter makes a name that is not ours, and that nobody is told about."""
    selection = select([Entry("l\u0435gacy_proj-3.0.tar.gz")], project_name("legacy-proj"), None)
    assert (selection.artifacts, selection.misnamed) == ((), ())


def test_a_hundred_thousand_files_of_others_cost_little() -> None:
    """Names that cannot be ours are not read by all rules: a large flat page is searched in a moment."""
    entries = [Entry(f"other_{number}-1.0-cp311-cp311-manylinux_2_28_x86_64.whl") for number in range(100_000)]
    began = time.process_time()
    assert select(entries, project_name("legacy-proj"), None).versions == frozenset()
    assert time.process_time() - began < 2


def artifact(
    filename: str, sha256: Sha256 | None = None, size: int | None = None, where: str = "here"
) -> Artifact[Entry]:
    """A listed file whose name was judged."""
    return Artifact(name=distribution_name(filename), listed=Entry(filename, sha256, size, where))


WHEEL = "demo-1.0-py3-none-any.whl"


def outcome(*artifacts: Artifact[Entry]) -> list[tuple[str, str, Sha256 | None, list[str]]]:
    """What becomes of the artifacts: kind, name, digest, where from."""
    return [
        (
            type(each).__name__,
            each.name.filename,
            each.sha256 if isinstance(each, Wanted) else None,
            [candidate.where for candidate in each.candidates],
        )
        for each in reconcile(artifacts)
    ]


def test_the_same_file_in_two_places_is_fetched_once() -> None:
    """Equal digests are enough; the first place that states one gives the file."""
    assert outcome(artifact(WHEEL, ONE, where="a"), artifact(WHEEL, ONE, where="b")) == [("Wanted", WHEEL, ONE, ["a"])]


def test_different_digests_or_lengths_contradict() -> None:
    """Under one name, or under two spellings of one distribution."""
    assert outcome(artifact(WHEEL, ONE, where="a"), artifact(WHEEL, TWO, where="b")) == [
        ("Contradiction", WHEEL, None, ["a", "b"])
    ]
    assert outcome(artifact(WHEEL, size=1, where="a"), artifact(WHEEL, size=2, where="b")) == [
        ("Contradiction", WHEEL, None, ["a", "b"])
    ]
    assert outcome(artifact("Demo-1.0.tar.gz", ONE, where="a"), artifact("demo-1.0.tar.gz", TWO, where="b")) == [
        ("Contradiction", "Demo-1.0.tar.gz", None, ["a", "b"])
    ]


def test_two_spellings_with_one_digest_are_one_file() -> None:
    """In the first one's spelling."""
    assert outcome(artifact("Demo-1.0.tar.gz", ONE, where="a"), artifact("demo-1.0.tar.gz", ONE, where="b")) == [
        ("Wanted", "Demo-1.0.tar.gz", ONE, ["a"])
    ]


def test_places_that_state_no_digest_are_all_asked() -> None:
    """Only the bytes can tell whether they are the same; an entry listed twice is one."""
    assert outcome(artifact(WHEEL, where="a"), artifact(WHEEL, where="a"), artifact(WHEEL, ONE, where="b")) == [
        ("Wanted", WHEEL, ONE, ["b", "a"])
    ]


def test_a_zip_beside_a_tar_gz_is_another_file() -> None:
    """Old releases have an sdist in both forms, with different bytes and no contradiction."""
    assert [kind for kind, *_ in outcome(artifact("demo-1.0.zip", ONE), artifact("demo-1.0.tar.gz", TWO))] == [
        "Wanted",
        "Wanted",
    ]


def test_a_contradiction_spoils_its_own_name_only() -> None:
    """Other files are still wanted: the caller decides what that means."""
    found = reconcile([artifact(WHEEL, ONE), artifact(WHEEL, TWO), artifact("demo-1.0.tar.gz", ONE)])
    assert [isinstance(each, Contradiction) for each in found] == [True, False]
