"""Which layer wins, and what goes with a repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bucketwheel.config.keys import KEYS
from bucketwheel.config.resolution import Settings, resolve
from bucketwheel.errors import Misconfigured
from bucketwheel.places import Connection, DirectoryPlace, S3Place
from support.setting_layers import SOURCES, Table, layers

FIVE_SAYINGS: dict[str, tuple[tuple[Any, ...], tuple[object, ...]]] = {
    # key: what each layer says, the strongest first, and what it means there
    "repository": (
        ("s3://one", {"BUCKETWHEEL_REPOSITORY": "s3://two"}, "s3://three", "s3://four", "s3://five"),
        tuple(S3Place(bucket=name) for name in ("one", "two", "three", "four", "five")),
    ),
    "single-writer": (
        ("yes", {"BUCKETWHEEL_SINGLE_WRITER": "0"}, True, False, True),
        (True, False, True, False, True),
    ),
    "existing": (
        ("refuse", {"BUCKETWHEEL_EXISTING": "skip"}, "same", "refuse", "skip"),
        ("refuse", "skip", "same", "refuse", "skip"),
    ),
    "dry-run": (("", {"BUCKETWHEEL_DRY_RUN": "No"}, True, False, True), (True, False, True, False, True)),
    "no-create": (("true", {"BUCKETWHEEL_NO_CREATE": "0"}, True, False, True), (True, False, True, False, True)),
    "jobs": (("1", {"BUCKETWHEEL_JOBS": "2"}, 3, 4, 64), (1, 2, 3, 4, 64)),
    "artifact-indexes": (
        (
            ("https://one/", "https://one/more/"),
            {"BUCKETWHEEL_ARTIFACT_INDEXES": " https://two/\ts3://two/more\n"},
            ["https://three/"],
            [],
            ["https://five/"],
        ),
        (
            ("https://one/", "https://one/more/"),
            ("https://two/", "s3://two/more"),
            ("https://three/",),
            (),
            ("https://five/",),
        ),
    ),
    "put-args": (
        (
            ("Tagging=a=1&b=2", "ACL=private"),
            {"BUCKETWHEEL_PUT_ARGS": "StorageClass=STANDARD_IA ACL=private"},
            {"BucketKeyEnabled": True},
            {},
            {"Tagging": "team=five"},
        ),
        (
            {"Tagging": "a=1&b=2", "ACL": "private"},
            {"StorageClass": "STANDARD_IA", "ACL": "private"},
            {"BucketKeyEnabled": "true"},
            {},
            {"Tagging": "team=five"},
        ),
    ),
    "sign": (
        (True, {"BUCKETWHEEL_SIGN": "no"}, True, False, True),
        (True, False, True, False, True),
    ),
    "identity": (
        ("one", {"BUCKETWHEEL_IDENTITY": "two"}, "three", "four", "five"),
        ("one", "two", "three", "four", "five"),
    ),
    "sign-with": (
        ("one", {"BUCKETWHEEL_SIGN_WITH": "two"}, "three", "four", "five"),
        ("one", "two", "three", "four", "five"),
    ),
    "signatures": (
        ("carry", {"BUCKETWHEEL_SIGNATURES": "verify"}, "carry", "verify", "carry"),
        ("carry", "verify", "carry", "verify", "carry"),
    ),
    "signers": (
        (("1" * 40,), {"BUCKETWHEEL_SIGNERS": f"{'2' * 40} 0x{'2' * 64}"}, ["3" * 40], [], ["5 5" + "a" * 38]),
        (("1" * 40,), ("2" * 40, "2" * 64), ("3" * 40,), (), ("55" + "A" * 38,)),
    ),
    "attestation-publishers": (
        (
            ("github:a/*",),
            {"BUCKETWHEEL_ATTESTATION_PUBLISHERS": "google:b gitlab:b/c"},
            ["circleci:c"],
            [],
            ["gitlab:e"],
        ),
        (("github:a/*",), ("google:b", "gitlab:b/c"), ("circleci:c",), (), ("gitlab:e",)),
    ),
    "uploaded-by": (
        ("one", {"BUCKETWHEEL_UPLOADED_BY": "two"}, "three", "four", "five"),
        ("one", "two", "three", "four", "five"),
    ),
}


@pytest.mark.parametrize("strongest", range(5), ids=SOURCES)
@pytest.mark.parametrize("key", FIVE_SAYINGS)
def test_the_strongest_layer_that_says_something_wins(key: str, strongest: int) -> None:
    """Options win over variables, these over Hatch's table, this over ours, and ours over the user's own file."""
    sayings, meanings = FIVE_SAYINGS[key]
    said = dict(zip(SOURCES, sayings, strict=True))
    tables: dict[str, Mapping[str, object]] = {
        source: said[source] if source == "environment" else {key: said[source]} for source in list(SOURCES)[strongest:]
    }
    settings = resolve(layers(**tables))  # type: ignore[arg-type]  # keyword names are the sources
    assert getattr(settings, key.replace("-", "_")) == meanings[strongest]


def test_every_setting_is_in_the_matrix() -> None:
    """No key escapes the precedence matrix but the connection keys, which have laws of their own."""
    assert {key.name for key in KEYS if not key.connection} == set(FIVE_SAYINGS)
    assert {key.name for key in KEYS if key.connection} == {"profile", "region", "endpoint-url", "no-sign-request"}


def test_what_nobody_says_has_its_default() -> None:
    """Without any layer there is no repository, and the defaults of the design."""
    settings = resolve([])
    assert settings == Settings(
        repository=None,
        connection=Connection(),
        single_writer=False,
        existing="same",
        dry_run=False,
        jobs=32,
        artifact_indexes=(),
        put_args={},
        uploaded_by=None,
    )


@pytest.mark.parametrize(
    ("source", "directory"),
    [
        ("options", "/current/wheels"),
        ("hatch", "/project/wheels"),
        ("project", "/project/wheels"),
        ("user", "/home/me/.config/bucketwheel/wheels"),
    ],
)
def test_a_relative_directory_starts_where_it_was_written(source: str, directory: str) -> None:
    """Options and variables start at the current directory, files at their own project or directory."""
    table = {"repository": "./wheels", "artifact-indexes": ["wheels", "./wheels"]}
    settings = resolve(layers(**{source: table}))  # type: ignore[arg-type]  # the keyword names are the sources
    assert settings.repository == DirectoryPlace(path=Path(directory))
    assert settings.artifact_indexes == (directory, directory)


def test_a_relative_directory_in_a_variable_starts_at_the_current_one() -> None:
    """A variable is said here and now, like an option."""
    settings = resolve(layers(environment={"BUCKETWHEEL_REPOSITORY": "../wheels"}))
    assert settings.repository == DirectoryPlace(path=Path("/wheels"))


class TestConnection:
    """Connection keys go with the layer or the named table that gave the repository."""

    def test_they_stand_beside_the_repository(self) -> None:
        """The layer that gives the repository gives its connection, whole."""
        settings = resolve(
            layers(
                project={
                    "repository": "s3://bucket",
                    "profile": "p",
                    "region": "r",
                    "endpoint-url": "http://localhost:9000",
                    "no-sign-request": True,
                }
            )
        )
        assert settings.connection == Connection(
            profile="p", region="r", endpoint_url="http://localhost:9000", no_sign_request=True
        )

    @pytest.mark.parametrize("giver", ["options", "environment", "hatch", "project"])
    def test_a_weaker_layer_does_not_lend_its_own(self, giver: str) -> None:
        """A bucket is never looked for at an endpoint, or with a profile, that was written for another."""
        table = {"BUCKETWHEEL_REPOSITORY": "s3://mine"} if giver == "environment" else {"repository": "s3://mine"}
        settings = resolve(
            layers(
                **{giver: table},
                user={"repository": "s3://other", "profile": "other", "endpoint-url": "https://other"},
            )
        )
        assert settings.repository == S3Place(bucket="mine")
        assert settings.connection == Connection()

    def test_a_weaker_layer_without_a_repository_does_not_lend_either(self) -> None:
        """A profile alone in the user's file is for no project's repository."""
        settings = resolve(layers(project={"repository": "s3://mine"}, user={"profile": "other"}))
        assert settings.connection == Connection()

    def test_an_option_or_variable_always_counts(self) -> None:
        """What is said for this run counts for whatever repository is used, the option before the variable."""
        settings = resolve(
            layers(
                options={"profile": "mine"},
                environment={"BUCKETWHEEL_PROFILE": "other", "BUCKETWHEEL_REGION": "eu-west-1"},
                project={"repository": "s3://bucket", "region": "eu-central-1", "endpoint-url": "https://s3"},
            )
        )
        assert settings.connection == Connection(profile="mine", region="eu-west-1", endpoint_url="https://s3")

    def test_a_variable_counts_for_the_repository_of_an_option(self) -> None:
        """Variables are weaker than options, and yet no mere file."""
        settings = resolve(
            layers(options={"repository": "s3://bucket"}, environment={"BUCKETWHEEL_ENDPOINT_URL": "http://localhost"})
        )
        assert settings.connection == Connection(endpoint_url="http://localhost")

    def test_a_stronger_file_must_not_seem_to_count(self) -> None:
        """Connection keys that are stronger than the repository's and would be passed over are a problem."""
        with pytest.raises(Misconfigured) as raised:
            resolve(
                layers(hatch={"endpoint-url": "https://minio"}, project={"repository": "s3://bucket", "region": "r"})
            )
        assert str(raised.value) == (
            "tool.hatch.publish.s3.endpoint-url is not beside the repository that is used, so it would have no effect; "
            "write it beside tool.bucketwheel.repository, or set BUCKETWHEEL_ENDPOINT_URL"
        )

    def test_without_a_repository_the_first_file_is_taken_at_its_word(self) -> None:
        """`fetch` needs no repository, and may well need a profile; two files are never mixed."""
        settings = resolve(
            layers(
                environment={"BUCKETWHEEL_NO_SIGN_REQUEST": "true"},
                project={"artifact-indexes": ["s3://ci"], "profile": "ci"},
                user={"region": "other"},
            )
        )
        assert settings.connection == Connection(profile="ci", no_sign_request=True)


class TestNamedRepositories:
    """`repositories.<name>` gives a place with its own connection a name."""

    PROJECT: ClassVar[Table] = {
        "repository": "staging",
        "repositories": {
            "staging": {"url": "./staging"},
            "production": {"url": "s3://prod/pypi", "profile": "release", "region": "eu-north-1"},
        },
    }

    def test_a_name_in_a_file_is_looked_up(self) -> None:
        """`repository` may be a name; its directory starts where the table stands."""
        settings = resolve(layers(project=self.PROJECT))
        assert settings.repository == DirectoryPlace(path=Path("/project/staging"))
        assert settings.repository_name == "staging"
        assert settings.repository_names == ("production", "staging")
        assert settings.connection == Connection()

    def test_an_option_chooses_by_name(self) -> None:
        """The named table gives the connection too."""
        settings = resolve(layers(options={"repository": "production"}, project=self.PROJECT))
        assert settings.repository == S3Place(bucket="prod", prefix="pypi/")
        assert settings.repository_name == "production"
        assert settings.connection == Connection(profile="release", region="eu-north-1")

    def test_an_option_counts_beside_a_name(self) -> None:
        """An explicit region wins over the one of the table, and the rest of the table stays."""
        settings = resolve(layers(options={"repository": "production", "region": "x"}, project=self.PROJECT))
        assert settings.connection == Connection(profile="release", region="x")

    def test_the_first_table_of_a_name_wins_whole(self) -> None:
        """Two tables of one name are not mixed."""
        settings = resolve(
            layers(
                options={"repository": "production"},
                project=self.PROJECT,
                user={"repositories": {"production": {"url": "s3://other", "endpoint-url": "https://other"}}},
            )
        )
        assert settings.repository == S3Place(bucket="prod", prefix="pypi/")
        assert settings.connection == Connection(profile="release", region="eu-north-1")

    def test_names_come_from_all_layers(self) -> None:
        """A name chosen for the run may be known to the user's own file only."""
        settings = resolve(
            layers(
                options={"repository": "mine"},
                project=self.PROJECT,
                user={"repositories": {"mine": {"url": "./index", "profile": "me"}}},
            )
        )
        assert settings.repository == DirectoryPlace(path=Path("/home/me/.config/bucketwheel/index"))
        assert settings.connection == Connection(profile="me")

    def test_the_keys_beside_a_name_are_for_no_repository(self) -> None:
        """Beside `repository = "name"` connection keys would seem to count, and would not with `-r`: a problem."""
        with pytest.raises(Misconfigured) as raised:
            resolve(layers(project={**self.PROJECT, "profile": "p"}))
        assert str(raised.value) == (
            "tool.bucketwheel.profile is not beside the repository that is used, so it would have no effect; "
            "write it beside tool.bucketwheel.repositories.staging.url, or set BUCKETWHEEL_PROFILE"
        )

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        """A mistyped name shows what there is, and how to write a directory or a bucket of that name."""
        with pytest.raises(Misconfigured) as raised:
            resolve(layers(options={"repository": "stagin"}, project=self.PROJECT))
        assert str(raised.value) == (
            "--repository is stagin, which is not the name of a repository (known: production, staging); "
            "write ./stagin for a directory, s3://stagin for a bucket, "
            "or add it as [tool.bucketwheel.repositories.stagin] with a url"
        )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket", S3Place(bucket="bucket")),
        ("file:///srv/pypi", DirectoryPlace(path=Path("/srv/pypi"))),
        ("/srv/pypi", DirectoryPlace(path=Path("/srv/pypi"))),
        ("sub/pypi", DirectoryPlace(path=Path("/current/sub/pypi"))),
        ("pypi/", DirectoryPlace(path=Path("/current/pypi"))),
        ("./pypi", DirectoryPlace(path=Path("/current/pypi"))),
        (".pypi", DirectoryPlace(path=Path("/current/.pypi"))),
        (".", DirectoryPlace(path=Path("/current"))),
        ("~/pypi", DirectoryPlace(path=Path.home() / "pypi")),
    ],
)
def test_what_a_place_looks_like(text: str, place: S3Place | DirectoryPlace) -> None:
    """A scheme, a path separator, a leading `.` or `~` make a place, even where a repository has that name."""
    named = {"repositories": {"pypi": {"url": "s3://named"}}}
    assert resolve(layers(options={"repository": text}, project=named)).repository == place


@pytest.mark.parametrize(
    ("repository", "hint"),
    [
        (
            "s3://bucket/simple/",
            (
                "the repository s3://bucket/simple ends in simple, so its index is s3://bucket/simple/simple/; "
                "if you want the index at s3://bucket/simple/, name the repository s3://bucket/"
            ),
        ),
        (
            "./simple",
            (
                "the repository /current/simple ends in simple, so its index is /current/simple/simple/; "
                "if you want the index at /current/simple/, name the repository /current/"
            ),
        ),
    ],
)
def test_an_index_url_for_a_repository_gets_a_hint(repository: str, hint: str) -> None:
    """The URL that ends in `/simple/` is the one people know; it is allowed, with a warning."""
    assert resolve(layers(options={"repository": repository})).warnings == (hint,)


@pytest.mark.parametrize("repository", ["s3://simple", "s3://bucket/simple/pypi", "./simple-index"])
def test_other_repositories_get_no_hint(repository: str) -> None:
    """Only a last segment that is `simple` looks like an index URL."""
    assert resolve(layers(options={"repository": repository})).warnings == ()
