"""Pages that CloudFront keeps are invalidated, once they are written."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

import bucketwheel
from bucketwheel.config.resolution import Settings
from bucketwheel.events import Event, Warned
from bucketwheel.format.layout import PageStyle
from bucketwheel.gateway.releases import Releases
from bucketwheel.places import Connection, S3Place
from bucketwheel.protocol.invalidation import ChangedPages, paths_of
from bucketwheel.protocol.repository import open_target
from bucketwheel.storage import Key
from support.archives import make_wheel
from support.ministack import TestBucket, fresh_bucket, run_ministack
from support.releasing import release_files, upload_of
from support.tampering import change_settings

KEPT = "public, max-age=0, s-maxage=86400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A repository of nothing, and a distribution before it."""

    bucket: TestBucket
    cloudfront: Any
    distribution: str
    told: list[Event]

    @property
    def settings(self) -> Settings:
        """The settings that reach the repository."""
        return Settings(repository=self.bucket.place, connection=self.bucket.connection)

    def configure(self, pages: PageStyle = "slash", cache_control: str = KEPT, distribution: str | None = None) -> None:
        """Create the repository with these settings."""
        release_files(self.bucket.storage())
        change_settings(
            self.bucket.storage(),
            lambda found: replace(
                found,
                pages=pages,
                cache_control=cache_control,
                cloudfront_distribution=distribution or self.distribution,
            ),
        )

    def publish(self, directory: Path, name: str, version: str = "1.0") -> None:
        """Publish a wheel."""
        bucketwheel.publish(make_wheel(directory, name=name, version=version), self.settings, report=self.told.append)

    @property
    def invalidated(self) -> list[set[str]]:
        """The paths of each invalidation, the oldest first."""
        listed = self.cloudfront.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        ids = [each["Id"] for each in sorted(listed.get("Items", []), key=lambda each: each["CreateTime"])]
        found = [self.cloudfront.get_invalidation(DistributionId=self.distribution, Id=each) for each in ids]
        return [set(each["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]) for each in found]

    @property
    def warnings(self) -> list[str]:
        """What the user was warned of."""
        return [event.message for event in self.told if isinstance(event, Warned)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run S3 and CloudFront."""
    with run_ministack(tmp_path_factory.mktemp("ministack"), services="s3,sts,cloudfront") as running:
        yield running


@pytest.fixture
def host(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:  # noqa: ANN401 - see server
    """Give a bucket with a distribution before it."""
    for name, value in {"AWS_ENDPOINT_URL_CLOUDFRONT": server.endpoint_url, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    cloudfront = boto3.client("cloudfront")
    origin = {"Id": "bucket", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    config: Any = {
        "CallerReference": "test",
        "Comment": "",
        "Enabled": True,
        "Origins": {
            "Quantity": 1,
            "Items": [origin],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "bucket",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
    }
    with fresh_bucket(server) as bucket:
        config["CallerReference"] = bucket.place.bucket
        made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
        yield Host(bucket=bucket, cloudfront=cloudfront, distribution=made, told=[])


def test_a_publish_invalidates_both_spellings_of_its_pages(host: Host, tmp_path: Path) -> None:
    """As they are asked for and as the function rewrites them, in one call; of a known project not the root."""
    host.configure()
    host.publish(tmp_path, "one")
    root = {"/simple/", "/simple/index.json"}
    assert host.invalidated == [root | {"/simple/one/", "/simple/one/index.json"}]
    host.publish(tmp_path, "one", "2.0")
    assert host.invalidated[1:] == [{"/simple/one/", "/simple/one/index.json"}]
    assert host.warnings == []


def test_every_style_has_its_keys(host: Host, tmp_path: Path) -> None:
    """Pages at index.html too."""
    host.configure(pages="both")
    host.publish(tmp_path, "one")
    assert {"/simple/one/", "/simple/one/index.html", "/simple/one/index.json"} <= host.invalidated[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: bucketwheel.yank("one", "1.0", settings, reason="broken"),
        lambda settings: bucketwheel.set_status("one", "archived", settings),
        lambda settings: bucketwheel.delete("one", settings),
    ],
    ids=["yank", "status", "delete"],
)
def test_every_change_of_pages_invalidates_them(
    host: Host, tmp_path: Path, change: Callable[[Settings], object]
) -> None:
    """Those of the changed project, and of no other."""
    host.configure()
    host.publish(tmp_path, "one")
    change(host.settings)
    assert host.invalidated[1:] == [{"/simple/one/", "/simple/one/index.json"}]


def test_a_new_style_invalidates_the_pages_that_go(host: Host, tmp_path: Path) -> None:
    """The reindex removes them, so CloudFront must not show them any more."""
    host.configure(pages="both")
    host.publish(tmp_path, "one")
    change_settings(host.bucket.storage(), lambda found: replace(found, pages="slash"))
    bucketwheel.reindex(host.settings)
    assert {"/simple/one/index.html", "/simple/index.html"} <= host.invalidated[-1]


@pytest.mark.parametrize("cache_control", ["public, max-age=0, must-revalidate", "no-cache"])
def test_pages_that_no_cache_keeps_need_nothing(host: Host, tmp_path: Path, cache_control: str) -> None:
    """No call, and so no permission for it."""
    host.configure(cache_control=cache_control)
    host.publish(tmp_path, "one")
    assert host.invalidated == []


def test_nothing_to_write_needs_nothing(host: Host, tmp_path: Path) -> None:
    """The same publish again changes no page."""
    host.configure()
    host.publish(tmp_path, "one")
    host.publish(tmp_path, "one")
    assert len(host.invalidated) == 1


def test_a_failure_is_a_warning_with_the_line_to_run(host: Host, tmp_path: Path) -> None:
    """The release is committed, and nothing is raised."""
    host.configure(distribution="E1NOTHERE")
    host.publish(tmp_path, "one")
    [warning] = host.warnings
    assert "everything is committed" in warning
    line = shlex.split(warning.partition("now run: ")[2])
    assert line[:5] == ["aws", "cloudfront", "create-invalidation", "--distribution-id", "E1NOTHERE"]
    assert line[6:] == ["/simple/", "/simple/index.json", "/simple/one/", "/simple/one/index.json"]
    assert bucketwheel.show(host.settings).projects[0].project == "one"


def test_very_many_pages_are_invalidated_by_one_path() -> None:
    """CloudFront takes a few thousand paths at once; a prefix is part of each."""
    changed = ChangedPages(keys={Key(f"simple/p{number}/index.json") for number in range(600)})
    place = S3Place(bucket="b", prefix="my python/")
    assert paths_of(changed, place, "simple/") == ("/my%20python/simple/*",)
    views = ChangedPages(keys={*changed.keys, Key("pypi/p/json")})
    assert paths_of(views, place, "simple/") == ("/my%20python/*",)
    few = ChangedPages(keys={Key("simple/p/index.json")})
    assert paths_of(few, place, "simple/") == ("/my%20python/simple/p/", "/my%20python/simple/p/index.json")
    assert paths_of(ChangedPages(keys={Key("index.html")}), S3Place(bucket="b"), "") == ("/", "/index.html")


def test_the_setting_takes_only_ids(host: Host) -> None:
    """Anything else is told at once; nothing removes it."""
    place, connection = str(host.bucket.place), host.bucket.connection
    assert isinstance(connection, Connection)
    with pytest.raises(bucketwheel.Misconfigured, match="id of a distribution"):
        bucketwheel.initialise(host.settings, changes={"cloudfront-distribution": "d111.cloudfront.net"})
    bucketwheel.initialise(host.settings, changes={"cloudfront-distribution": "E2QWRUHAPOMQZL"})
    made = bucketwheel.initialise(host.settings, changes={"cloudfront-distribution": ""})
    assert made.settings.cloudfront_distribution is None, place


def test_an_upload_invalidates_too(host: Host, tmp_path: Path) -> None:
    """Each release by way of the gateway, and only its own pages."""
    host.configure()
    host.publish(tmp_path, "one")
    releases = Releases(open_target(host.settings, host.told.append), host.settings, host.told.append)
    for version in ("2.0", "3.0"):
        releases.release(upload_of(make_wheel(tmp_path, name="one", version=version)))
    assert host.invalidated[1:] == [{"/simple/one/", "/simple/one/index.json"}] * 2
    assert host.warnings == []
