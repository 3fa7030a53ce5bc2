"""What is wrong with settings is said all at once, under the path that the user typed, and never shows a value."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bucketwheel.config.keys import KEYS
from bucketwheel.config.resolution import Settings, resolve
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.places import S3Place
from support.setting_layers import layers


def problems_of(**tables: Mapping[str, object]) -> tuple[Problem, ...]:
    """Resolve tables that must not be accepted, and return what is wrong with them."""
    with pytest.raises(Misconfigured) as raised:
        resolve(layers(**tables))  # type: ignore[arg-type]  # the keyword names are the sources
    return raised.value.problems


def test_every_problem_of_every_layer_is_said_at_once() -> None:
    """One run shows everything that is wrong, also what a stronger layer would hide."""
    with pytest.raises(Misconfigured) as raised:
        resolve(
            layers(
                options={"jobs": "many", "sttrict": ""},
                environment={"BUCKETWHEEL_DRY_RUN": "perhaps", "BUCKETWHEEL_REGIO": "x"},
                hatch={"jobs": "4"},
                project={
                    "artifact-indexes": ["https://ci/", 3, "ftp://ci/"],
                    "put-args": {"Metadata": "x", "StorageClass": "GLACIER"},
                    "repositories": {"staging": {"region": 1}, "a/b": {}},
                },
                user={"jobs": True},
            ),
            required=("repository", "uploaded-by"),
        )
    assert [problem.subject for problem in raised.value.problems] == [
        "--jobs",
        "--sttrict",
        "BUCKETWHEEL_DRY_RUN",
        "BUCKETWHEEL_REGIO",
        "tool.hatch.publish.s3.jobs",
        "tool.bucketwheel.artifact-indexes[1]",
        "tool.bucketwheel.artifact-indexes[2]",
        "tool.bucketwheel.put-args.Metadata",
        "tool.bucketwheel.put-args.StorageClass",
        "tool.bucketwheel.repositories.staging.region",
        "tool.bucketwheel.repositories.staging.url",
        "tool.bucketwheel.repositories.…",
        "config.toml: jobs",
        "repository",
        "uploaded-by",
    ]
    assert all(problem.what and problem.remedy for problem in raised.value.problems)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"project": {"reposiory": "s3://bucket"}},
            "tool.bucketwheel.reposiory is not a setting; write tool.bucketwheel.repository",
        ),
        (
            {"project": {"dry_run": True}},
            "tool.bucketwheel.dry_run is not a setting; write tool.bucketwheel.dry-run",
        ),
        (
            {"environment": {"BUCKETWHEEL_REPO": "s3://bucket"}},
            "BUCKETWHEEL_REPO is not a setting; write BUCKETWHEEL_REPOSITORY",
        ),
        (
            {"environment": {"BUCKETWHEEL_DRYRUN": "1"}},
            "BUCKETWHEEL_DRYRUN is not a setting; write BUCKETWHEEL_DRY_RUN",
        ),
        (
            {"project": {"repositories": {"x": {"url": "s3://bucket", "endpoint": "https://s3"}}}},
            (
                "tool.bucketwheel.repositories.x.endpoint is not a setting; "
                "write tool.bucketwheel.repositories.x.endpoint-url"
            ),
        ),
        (
            {"project": {"repositories": {"x": {"url": "s3://bucket", "jobs": 3}}}},
            (
                "tool.bucketwheel.repositories.x.jobs is not a setting; "
                "remove it, or choose from url, profile, region, endpoint-url, no-sign-request"
            ),
        ),
        (
            {"options": {"acl": "private"}},
            (
                "--acl is not a setting; remove it, or choose from repository, profile, region, endpoint-url, "
                "no-sign-request, single-writer, existing, dry-run, no-create, jobs, artifact-indexes, put-args, "
                "sign, identity, sign-with, signatures, signers, attestation-publishers, uploaded-by"
            ),
        ),
        (
            {"environment": {"BUCKETWHEEL_REPOSITORIES": "x"}},
            (
                "BUCKETWHEEL_REPOSITORIES can only be a table of a file; write it in pyproject.toml, under "
                "[tool.bucketwheel]"
            ),
        ),
    ],
)
def test_an_unknown_key_shows_the_known_ones(tables: dict[str, Mapping[str, object]], message: str) -> None:
    """The nearest key is named as it is spelled there; where none is near, all are."""
    assert [str(problem) for problem in problems_of(**tables)] == [message]


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("repository", 1, "is not a string"),
        ("repository", "", "is empty or has characters that cannot be printed"),
        ("repository", " ", "is empty or has characters that cannot be printed"),
        ("repository", "s3://bucket\n", "is empty or has characters that cannot be printed"),
        ("repository", "my index", "is neither a place nor a name"),
        ("repository", "s3:bucket", "is neither a place nor a name"),
        ("repository", "s3:/bucket/pypi", "begins like a URL and is not one"),
        ("repository", "https://bucket.s3.amazonaws.com/", "is neither s3://bucket/prefix nor a directory"),
        ("repository", "s3://[bucket", "names no place"),
        ("repository", "~nobody-of-this-name/pypi", "names no place"),
        ("repository", "file:///srv/a%00b", "has characters that cannot be printed"),
        ("profile", 3, "is not a string"),
        ("region", ["eu-west-1"], "is not a string"),
        ("endpoint-url", "s3.example.com", "is not an http or https URL"),
        ("endpoint-url", "ftp://s3.example.com", "is not an http or https URL"),
        ("endpoint-url", "https://", "is not an http or https URL"),
        ("endpoint-url", "https://s3:port", "is not a URL"),
        (
            "endpoint-url",
            "https://s3?list-type=2",
            "has a user, a password, a query or a fragment, any of which may be a secret",
        ),
        ("no-sign-request", "true", "is neither true nor false"),
        ("single-writer", 1, "is neither true nor false"),
        ("existing", "overwrite", "is none of same, skip, refuse"),
        ("existing", True, "is none of same, skip, refuse"),
        ("dry-run", None, "is neither true nor false"),
        ("jobs", "4", "is not a whole number from 1 to 64"),
        ("jobs", True, "is not a whole number from 1 to 64"),
        ("jobs", 4.0, "is not a whole number from 1 to 64"),
        ("jobs", 0, "is not a whole number from 1 to 64"),
        ("jobs", 65, "is not a whole number from 1 to 64"),
        ("artifact-indexes", "https://ci/", "is not a list of strings"),
        ("put-args", "ACL=private", "is not a table"),
        ("put-args", ["ACL=private"], "is not a table"),
        ("put-args", {"ACL": 1}, "has a value that is not a string"),
        ("signers", "0" * 40, "is not a list of strings"),
        ("uploaded-by", "me\x1b[31m", "is empty or has characters that cannot be printed"),
        ("uploaded-by", "José", "has characters outside of ASCII, which S3 refuses in an object's metadata"),
        ("uploaded-by", "x" * 501, "has more than 500 characters"),
        ("repositories", ["staging"], "is not a table"),
    ],
)
def test_a_file_says_each_thing_in_its_own_type(key: str, value: object, what: str) -> None:
    """TOML has types, and a text, a boolean or a number is not taken for another."""
    (problem,) = problems_of(project={key: value})
    assert (problem.subject, problem.what) == (f"tool.bucketwheel.{key}", what)


@pytest.mark.parametrize(
    ("key", "text", "what"),
    [
        ("repository", "", "is empty or has characters that cannot be printed"),
        ("dry-run", "on", "is neither true nor false"),
        ("jobs", "-1", "is not a whole number from 1 to 64"),
        ("jobs", "1_0", "is not a whole number from 1 to 64"),
        ("jobs", "9" * 5000, "is not a whole number from 1 to 64"),
        ("jobs", "", "is not a whole number from 1 to 64"),
        ("existing", "", "is none of same, skip, refuse"),
        ("put-args", "ACL", "is not made of NAME=VALUE pairs"),
    ],
)
def test_a_text_must_be_what_its_key_asks_for(key: str, text: str, what: str) -> None:
    """Options and variables are texts; one that cannot be converted is a problem."""
    (problem,) = problems_of(options={key: text})
    assert (problem.subject, problem.what) == (f"--{key}", what)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("true", True), ("1", True), ("YES", True), ("", True), ("false", False), ("0", False), (" No ", False)],
)
def test_texts_for_true_and_false(text: str, meant: bool) -> None:  # noqa: FBT001 - the value under test
    """`-o dry-run` alone arrives as an empty text and means yes."""
    assert resolve(layers(options={"dry-run": text})).dry_run is meant


def test_a_text_loses_the_space_around_it() -> None:
    """What a shell or a CI service leaves around a value does not belong to it."""
    settings = resolve(layers(environment={"BUCKETWHEEL_REPOSITORY": " s3://bucket\n", "BUCKETWHEEL_JOBS": " 3 "}))
    assert (settings.repository, settings.jobs) == (S3Place(bucket="bucket"), 3)


def test_an_empty_variable_is_as_good_as_none() -> None:
    """A CI service passes on what was left out as an empty variable."""
    variables = {key.variable: "" for key in KEYS}
    assert resolve(layers(environment=variables, project={"jobs": 3})) == Settings(jobs=3)


def test_variables_that_are_none_of_ours_are_left_alone() -> None:
    """Other prefixes, and those of our own tests, are no settings."""
    assert (
        resolve(layers(environment={"JOBS": "x", "BUCKETWHEEL_TEST_S3_URL": "s3://x", "AWS_REGION": "x"})) == Settings()
    )


def test_options_may_be_spelled_as_python_does() -> None:
    """Option parsers hand over `dry_run`, and None or () for what was not given."""
    options = {"dry_run": True, "uploaded-by": None, "artifact_indexes": (), "existing": "skip"}
    settings = resolve(layers(options=options, project={"artifact-indexes": ["https://ci/"]}))
    assert settings == Settings(dry_run=True, existing="skip", artifact_indexes=("https://ci/",))


def test_a_required_setting_that_is_wrong_is_not_missing_too() -> None:
    """One mistake is one problem."""
    with pytest.raises(Misconfigured) as raised:
        resolve(layers(project={"repository": 3}), required=("repository",))
    assert [problem.what for problem in raised.value.problems] == ["is not a string"]


def test_a_repository_that_is_wrong_leaves_its_connection_alone() -> None:
    """One mistake is one problem: no weaker repository takes the place of one that could not be read."""
    (problem,) = problems_of(hatch={"repository": 3, "region": "eu-west-1"}, project={"repository": "s3://bucket"})
    assert problem.subject == "tool.hatch.publish.s3.repository"


def test_a_name_whose_table_is_wrong_is_not_unknown_too() -> None:
    """One mistake is one problem, and none follows from a repository that could not be read."""
    (problem,) = problems_of(
        hatch={"region": "eu-west-1"}, project={"repository": "staging", "repositories": {"staging": {}}}
    )
    assert problem.subject == "tool.bucketwheel.repositories.staging.url"


def test_a_url_is_no_name() -> None:
    """The url of a named repository is a place, so that names cannot go round in circles."""
    (problem,) = problems_of(project={"repositories": {"a": {"url": "b"}, "b": {"url": "s3://bucket"}}})
    assert str(problem) == (
        "tool.bucketwheel.repositories.a.url is not a place; write s3://bucket/prefix, or a directory as ./directory"
    )


def test_a_missing_repository_is_said_with_lines_to_paste() -> None:
    """Whoever starts with nothing gets the TOML that is needed."""
    with pytest.raises(Misconfigured) as raised:
        resolve([]).require_repository()
    assert str(raised.value) == (
        "repository is missing; say where to publish by -r, BUCKETWHEEL_REPOSITORY or these lines in pyproject.toml:\n"
        "\n"
        "[tool.bucketwheel]\n"
        'repository = "s3://your-bucket/pypi"  # or a directory: "./repository"\n'
        'region = "eu-central-1"\n'
        'profile = "your-profile"              # leave it out where a role or AWS_PROFILE decides'
    )


def test_where_repositories_have_names_a_missing_one_lists_them() -> None:
    """Who has named some forgot only to choose."""
    named = {"repositories": {"b": {"url": "s3://bbb"}, "a": {"url": "s3://aaa"}}}
    with pytest.raises(Misconfigured) as raised:
        resolve(layers(project=named)).require_repository()
    assert str(raised.value) == "repository is missing; choose one by -r or BUCKETWHEEL_REPOSITORY: a, b"


def test_a_repository_that_is_there_is_handed_out() -> None:
    """Who has a repository may demand it."""
    assert resolve(layers(project={"repository": "s3://bucket"})).require_repository() == S3Place(bucket="bucket")


# Everything a TOML document can hold, near enough to what we expect that the deeper checks are reached.
TEXTS = st.one_of(
    st.text(),
    st.sampled_from(["s3://b/x", "./x", "~x", "staging", "${X}", "https://u:p@h/?token=x", "s3://[", "a:b", "same"]),
)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(), st.floats(), st.datetimes(), st.none())
NAMES = st.one_of(st.text(), st.sampled_from([*(key.name for key in KEYS), "repositories", "url", "staging", "ACL"]))
TOML_TABLES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(NAMES, deeper, max_size=4), max_leaves=8
    ),
    max_size=6,
)


@example(options={}, environment={"BUCKETWHEEL_JOBS": "0\x1f"}, hatch={}, project={})  # space to re, not to int()
@given(
    options=st.dictionaries(NAMES, TEXTS, max_size=6),
    environment=st.dictionaries(NAMES.map(lambda name: f"BUCKETWHEEL_{name.upper()}"), TEXTS, max_size=6),
    hatch=TOML_TABLES,
    project=TOML_TABLES,
)
def test_whatever_is_written_is_settings_or_misconfigured(
    options: dict[str, str],
    environment: dict[str, str],
    hatch: dict[str, object],
    project: dict[str, object],
) -> None:
    """No table, text or type leads to any other exception, and every message can be printed."""
    message = "settings"
    try:
        resolve(layers(options=options, environment=environment, hatch=hatch, project=project))
    except Misconfigured as error:
        message = str(error)
    assert message
    assert message.replace("\n", "").isprintable()
