"""The permissions that `infra iam-policy` prints, held against the requests that commands send."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bucketwheel.commands.init import initialise
from bucketwheel.commands.promote import promote_releases
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.commands.status import set_status
from bucketwheel.commands.user import index_url_of
from bucketwheel.commands.yank import hide, unhide, unyank, yank
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Denied
from bucketwheel.events import ignore
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.permissions import COMMANDS, policy_of_commands
from bucketwheel.names import project_name
from bucketwheel.places import Connection, S3Place
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.repository import create, first_settings
from bucketwheel.storage import Key
from bucketwheel.storage.s3 import S3Storage
from support.archives import make_wheel
from support.ministack import TestBucket
from support.releasing import NOW, context_for, release_files, target_of
from support.removing import delete_from, prune_from, prune_orphans_from
from support.tampering import change_settings, check_store, leave_orphan, rebuild
from support.wire import Exchange, Wire, run_wire, says

DOCS = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
LISTING = {"s3:ListBucket"}
"""No request shows that S3 wants it to tell absent from forbidden."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A repository of two versions, behind a wire."""

    bucket: TestBucket
    wire: Wire

    @property
    def storage(self) -> S3Storage:
        """The bucket, by way of the wire."""
        return self.bucket.storage(endpoint_url=self.wire.url)


@pytest.fixture
def line(bucket: TestBucket, tmp_path: Path) -> Iterator[Line]:
    """Give a repository of two versions, behind a wire."""
    release_files(bucket.storage(), make_wheel(tmp_path, version="1.0.dev1"), make_wheel(tmp_path, version="1.0.dev2"))
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(bucket=bucket, wire=wire)


def action_of(exchange: Exchange) -> str:
    """Return the permission that a request takes ("Actions for Amazon S3", Service Authorization Reference)."""
    url = urlsplit(exchange.path)
    query = parse_qs(url.query, keep_blank_values=True)
    if exchange.verb == "GET" and "list-type" in query:
        return "s3:ListBucket"
    if exchange.verb == "GET" and "uploads" in query:
        return "s3:ListBucketMultipartUploads"
    if exchange.verb == "GET" and "versions" in query:
        return "s3:ListBucketVersions"
    if exchange.verb == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject"}[exchange.verb]


def delete_one(line: Line, _directory: Path) -> None:
    """Delete a version."""
    delete_from(line.storage, version="1.0.dev1")


def prune(line: Line, _directory: Path) -> None:
    """Keep the newest version."""
    prune_from(line.storage, Expiry(retention=KeepNewest(count=1), now=NOW))


def change_style(line: Line, _directory: Path) -> None:
    """Rebuild the pages in another style."""
    change_settings(line.bucket.storage(), lambda settings: replace(settings, pages="index.html"))
    rebuild(line.storage)


def check(line: Line, _directory: Path) -> None:
    """Check all but the bytes."""
    check_store(line.storage)


def check_deep(line: Line, _directory: Path) -> None:
    """Check the bytes as well."""
    check_store(line.storage, deep=True)


def publish_in_parts(line: Line, directory: Path) -> None:
    """Send a file in parts, which S3 refuses: what was begun is aborted."""
    line.wire.harm = lambda one: says(403, "AccessDenied") if "partNumber" in one.path else None
    large = make_wheel(directory, version="9.0", members={"large.bin": os.urandom(6 * MIB)})
    with pytest.raises(Denied):
        release_files(replace(line.storage, largest_put=5 * MIB, part_size=5 * MIB), large)


def promote(line: Line, _directory: Path) -> None:
    """Promote to another prefix where the store does not copy: what was begun is aborted."""
    place = line.bucket.place
    below = S3Place(bucket=place.bucket, prefix=f"{place.prefix}release/")
    target = TestBucket(place=below, connection=line.bucket.connection).storage(endpoint_url=line.wire.url)
    line.wire.harm = lambda one: says(501, "NotImplemented") if "x-amz-copy-source" in one.headers else None
    wanted, first = [("demo-pkg", "1.0.dev1")], first_settings(below, {})
    create(target_of(target, below), first)
    with context_for(target, below) as context:
        promote_releases(target_of(line.storage), context, wanted, first=first, run_id="a promotion")


def show(line: Line, _directory: Path) -> None:
    """Show the files of the project."""
    with context_for(line.storage, line.bucket.place) as context:
        read_manifest(context.target, project_name("demo-pkg"))


def serve(line: Line, _directory: Path) -> None:
    """Pass a page on."""
    with line.storage.pass_on(Key("simple/index.json")) as passed:
        assert passed is not None


def init(line: Line, directory: Path) -> None:
    """Create a repository, then give it another page style."""
    place = line.bucket.place
    below = S3Place(bucket=place.bucket, prefix=f"{place.prefix}{directory.name}/")
    settings = Settings(
        repository=below, connection=Connection(region=line.bucket.connection.region, endpoint_url=line.wire.url)
    )
    initialise(settings, changes={})
    initialise(settings, changes={"pages": "index.html"})


def hide_and_unhide(line: Line, _directory: Path) -> None:
    """Take a version off the pages, and back."""
    hide("demo-pkg", "1.0.dev1", settings_of(line))
    unhide("demo-pkg", "1.0.dev1", settings_of(line))


def yank_and_unyank(line: Line, _directory: Path) -> None:
    """Yank a version, and take that back."""
    yank("demo-pkg", "1.0.dev1", settings_of(line), reason="broken")
    unyank("demo-pkg", "1.0.dev1", settings_of(line))


def archive(line: Line, _directory: Path) -> None:
    """Archive the project."""
    set_status("demo-pkg", "archived", settings_of(line))


def prune_orphans(line: Line, _directory: Path) -> None:
    """Remove what a run left behind, an upload in parts too."""
    storage = line.bucket.storage()
    leave_orphan(storage, "simple/demo-pkg/demo_pkg-3.0-py3-none-any.whl")
    key = f"{line.bucket.place.prefix}simple/demo-pkg/demo_pkg-4.0-py3-none-any.whl"
    storage.bucket.ask("create_multipart_upload", Key=key)
    prune_orphans_from(line.storage)


def read_address(line: Line, _directory: Path) -> None:
    """Read at which address the repository is read; what is sent to CloudFront is in tests/hosting."""
    change_settings(line.bucket.storage(), lambda settings: replace(settings, base_url="https://pypi.example.com/"))
    index_url_of(settings_of(line), ignore)


def settings_of(line: Line) -> Settings:
    """Return settings that reach the repository by way of the wire."""
    connection = Connection(region=line.bucket.connection.region, endpoint_url=line.wire.url)
    return Settings(repository=line.bucket.place, connection=connection)


SENDING: Mapping[str, tuple[Callable[[Line, Path], None], ...]] = {
    "init": (init,),
    "publish": (publish_in_parts,),
    "promote": (promote,),
    "yank": (yank_and_unyank,),
    "unyank": (yank_and_unyank,),
    "hide": (hide_and_unhide,),
    "unhide": (hide_and_unhide,),
    "status": (archive,),
    "delete": (delete_one,),
    "prune": (prune, prune_orphans),
    "reindex": (change_style,),
    "check": (check, check_deep),
    "show": (show,),
    "fetch": (show,),
    "exec": (serve,),
    "serve": (serve,),
    "authorize": (show,),
    "user": (read_address,),
}


def test_every_command_that_needs_permissions_is_watched() -> None:
    """A new one fails here until it is."""
    assert set(SENDING) == set(COMMANDS)


@pytest.mark.parametrize("command", SENDING)
def test_a_command_sends_what_its_policy_allows_and_no_less(line: Line, tmp_path: Path, command: str) -> None:
    """None of the printed actions is missing, and none is too many."""
    for send in SENDING[command]:
        send(line, tmp_path)
    hosting = Hosting(bucket=line.bucket.place.bucket, prefix=line.bucket.place.prefix)
    printed = json.dumps(policy_of_commands(hosting, [command]))
    assert set(re.findall(r'"(s3:\w+)"', printed)) == {action_of(one) for one in line.wire.log} | LISTING


def test_the_policy_of_the_page_is_the_printed_one() -> None:
    """docs/ci.md shows what the command prints."""
    shown = re.search(r"<!-- policy: publish -->\n```json\n(.*?)```", DOCS, re.DOTALL)
    assert shown is not None
    assert json.loads(shown[1]) == policy_of_commands(Hosting(bucket="my-bucket", prefix="python/"), ["publish"])


def test_a_check_only_reads(line: Line) -> None:
    """docs/ci.md says so: no request of it takes a permission to write or to delete."""
    assert "`bucketwheel check` only reads." in DOCS
    check_store(line.storage, deep=True)
    assert {one.verb for one in line.wire.log} == {"GET", "HEAD"}
