"""The session of the SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound, UnknownServiceError
from botocore.loaders import JSONFileLoader, Loader

from bucketwheel.places import Connection
from bucketwheel.storage.sdk import open_session

NOWHERE = Connection(region="eu-west-1")


@pytest.mark.parametrize("service", ["s3", "sts", "sso", "sso-oidc", "cloudfront", "cloudfront-keyvaluestore"])
def test_every_client_that_is_needed_is_made(service: str) -> None:
    """The SDK's own ones for credentials too."""
    session: Any = open_session(NOWHERE)
    assert session.client(service).meta.service_model.service_name == service


def test_no_folder_of_a_service_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look for one file in each of a thousand folders takes a tenth of the time of a publish."""
    looked: list[str] = []
    exists = Loader.FILE_LOADER_CLASS.exists

    def look(loader: JSONFileLoader, path: str) -> bool:
        looked.append(path)
        return bool(exists(loader, path))

    monkeypatch.setattr(Loader.FILE_LOADER_CLASS, "exists", look)
    open_session(NOWHERE).client("s3")
    assert len(looked) < 50


def test_a_service_of_a_folder_of_the_user_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_DATA_PATH adds services, as in any program that uses the SDK."""
    model = tmp_path / "models" / "demo" / "2026-01-01"
    model.mkdir(parents=True)
    metadata = {"apiVersion": "2026-01-01", "endpointPrefix": "demo", "protocol": "rest-json", "serviceId": "Demo"}
    document = {"version": "2.0", "metadata": {**metadata, "signatureVersion": "v4"}, "operations": {}, "shapes": {}}
    (model / "service-2.json").write_text(json.dumps(document))
    rules = {"version": "1.0", "parameters": {}, "rules": []}
    (model / "endpoint-rule-set-1.json").write_text(json.dumps(rules))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "models"))
    session: Any = open_session(NOWHERE)
    assert "demo" in session.get_available_services()
    assert session.client("demo").meta.service_model.service_id == "Demo"


def test_what_is_unknown_is_told() -> None:
    """A profile and a service that do not exist, as the SDK tells it."""
    with pytest.raises(ProfileNotFound, match="no-such-profile"):
        open_session(Connection(profile="no-such-profile"))
    session: Any = open_session(NOWHERE)
    with pytest.raises(UnknownServiceError):
        session.client("no-such-service")


def test_settings_of_the_sdk_can_be_given() -> None:
    """They are the session's own."""
    session: Any = open_session(NOWHERE, sts_regional_endpoints="regional")
    assert session._session.get_config_variable("sts_regional_endpoints") == "regional"
