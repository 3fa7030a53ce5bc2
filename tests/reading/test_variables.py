"""The variables that `exec` sets, keeps and removes. Nothing is run."""

from __future__ import annotations

import pytest

from bucketwheel.commands.exec.variables import Choice, DirectIndex, surroundings
from bucketwheel.gateway.local import LocalGateway

GATEWAY = LocalGateway(url="http://127.0.0.1:2000/simple/", password="the-password")  # noqa: S106 - a test's
WITH_PASSWORD = "http://bucketwheel:the-password@127.0.0.1:2000/simple/"  # noqa: S105 - a test's
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
DIRECT = DirectIndex(
    url="https://b.s3.eu-west-1.amazonaws.com/simple/",
    bucket_url="https://b.s3.eu-west-1.amazonaws.com",
    region="eu-west-1",
    credentials=KEYS,
)


def variables(environ: dict[str, str] | None = None, **choice: object) -> dict[str, str]:
    """Return the variables for a command where both ways are open."""
    chosen = Choice(source="my-index", **choice)  # type: ignore[arg-type]  # mypy cannot see which these are
    return dict(surroundings(environ or {}, chosen, gateway=GATEWAY, direct=DIRECT).variables)


def test_every_client_is_told() -> None:
    """Whatever the command is; uv signs by itself, the others get the gateway."""
    assert variables() == {
        "PIP_INDEX_URL": WITH_PASSWORD,
        "PDM_PYPI_URL": WITH_PASSWORD,
        "PIPENV_PYPI_MIRROR": WITH_PASSWORD.rstrip("/"),
        "POETRY_HTTP_BASIC_MY_INDEX_USERNAME": "bucketwheel",
        "POETRY_HTTP_BASIC_MY_INDEX_PASSWORD": "the-password",
        "UV_INDEX": f"my-index={DIRECT.url}",
        "UV_S3_ENDPOINT_URL": DIRECT.bucket_url,
        "UV_PREVIEW_FEATURES": "s3-endpoint",
        "AWS_REGION": "eu-west-1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **KEYS,
    }


def test_uv_has_the_gateway_where_it_cannot_sign() -> None:
    """For a directory and for other page styles; its password is in variables of uv's own, and no AWS_ is set."""
    around = surroundings({}, Choice(source="my-index"), gateway=GATEWAY, direct=None).variables
    assert around["UV_INDEX"] == f"my-index={GATEWAY.url}"
    assert around["UV_INDEX_MY_INDEX_USERNAME"] == "bucketwheel"
    assert around["UV_INDEX_MY_INDEX_PASSWORD"] == "the-password"  # noqa: S105 - a test's
    assert not [name for name in around if name.startswith("AWS_") or "S3" in name]


def test_uv_alone_needs_no_gateway() -> None:
    """Then nothing names one."""
    around = surroundings({}, Choice(source="my-index"), gateway=None, direct=DIRECT).variables
    assert not [name for name in around if name.startswith(("PIP_", "PDM_", "PIPENV_", "POETRY_"))]
    assert around["UV_INDEX"] == f"my-index={DIRECT.url}"


def test_a_public_bucket_is_not_signed_for() -> None:
    """Without credentials, by choice, uv reads it as it reads any index."""
    direct = DirectIndex(url="https://b.s3.amazonaws.com/simple/")
    around = surroundings({}, Choice(source="my-index"), gateway=GATEWAY, direct=direct).variables
    assert around["UV_INDEX"] == f"my-index={direct.url}"
    assert not [name for name in around if name.startswith("AWS_") or "S3" in name]


def test_other_indexes_come_after_ours() -> None:
    """For uv the user's own stay, behind; one that is named as the fallback replaces PyPI."""
    assert variables({"UV_INDEX": "https://other/"})["UV_INDEX"] == f"my-index={DIRECT.url} https://other/"
    assert variables(fallback="https://fallback/")["UV_DEFAULT_INDEX"] == "https://fallback/"
    assert "UV_DEFAULT_INDEX" not in variables()


def test_only_ours() -> None:
    """With `only` uv has no other index, and its variables for more are removed."""
    environ = {"UV_INDEX": "https://a/", "UV_EXTRA_INDEX_URL": "https://b/", "UV_INDEX_URL": "https://c/"}
    around = surroundings(environ, Choice(source="my-index", only=True), gateway=GATEWAY, direct=DIRECT)
    assert around.variables["UV_DEFAULT_INDEX"] == f"my-index={DIRECT.url}"
    assert around.removed == ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
    assert set(environ) & set(around.variables) == set()


def test_what_would_let_another_index_win_is_removed() -> None:
    """Pip's second index, and uv's strategy of taking the best of all; what is not set is not named."""
    environ = {"PIP_EXTRA_INDEX_URL": "https://other/", "UV_INDEX_STRATEGY": "unsafe-best-match", "PIP_CERT": "/ca"}
    around = surroundings(environ, Choice(source="my-index"), gateway=GATEWAY, direct=DIRECT)
    assert around.removed == ("PIP_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY")
    assert set(around.removed) & set(around.variables) == set()
    assert around.variables["PIP_CERT"] == "/ca"
    assert surroundings({}, Choice(source="x"), gateway=GATEWAY, direct=DIRECT).removed == ()


def test_credentials_are_whole() -> None:
    """A session token of other credentials does not stay beside keys that have none."""
    assert "AWS_SESSION_TOKEN" not in variables({"AWS_SESSION_TOKEN": "stale"})


@pytest.mark.parametrize("features", ["", "s3-endpoint", "format", "format,s3-endpoint"])
def test_other_preview_features_stay(features: str) -> None:
    """And ours is named once."""
    named = variables({"UV_PREVIEW_FEATURES": features})["UV_PREVIEW_FEATURES"].split(",")
    assert sorted(named) == sorted({*filter(None, features.split(",")), "s3-endpoint"})


def test_nothing_shows_a_secret() -> None:
    """What describes the surroundings has neither the password nor a key."""
    around = surroundings({}, Choice(source="my-index"), gateway=GATEWAY, direct=DIRECT)
    for shown in (repr(around), repr(GATEWAY), repr(DIRECT)):
        assert "secret" not in shown
        assert "the-password" not in shown
