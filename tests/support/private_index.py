"""A repository that only readers with credentials can read, and what docs/reading.md says about reading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bucketwheel
from bucketwheel.places import Connection, S3Place
from support.archives import make_wheel
from support.private_store import REGION, PrivateStore

__all__ = ["PAGE", "README", "PrivateIndex", "block", "lines_of", "publish_private", "variables_of"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_THE_PAGE = "https://my-bucket.s3.eu-central-1.amazonaws.com"
"""The address that the pages show; tests put the store's in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateIndex:
    """A repository that only readers with credentials can read."""

    store: PrivateStore
    bucket: str = "my-bucket"

    @property
    def bucket_url(self) -> str:
        """The bucket's own address."""
        return f"{self.store.url}/{self.bucket}"

    @property
    def url(self) -> str:
        """The index's address."""
        return f"{self.bucket_url}/python/simple/"

    @property
    def place(self) -> str:
        """The repository, as users name it."""
        return f"s3://{self.bucket}/python"

    @property
    def arguments(self) -> list[str]:
        """The options of a command that reads it."""
        return ["-r", self.place, "--endpoint-url", self.store.url, "--region", REGION]

    def of_page(self, text: str) -> str:
        """Put the store's address in place of that of the pages."""
        return text.replace(OF_THE_PAGE, self.bucket_url)

    @property
    def settings(self) -> bucketwheel.Settings:
        """The settings of a command that reads it, whose credentials are in the environment."""
        return bucketwheel.Settings(
            repository=S3Place(bucket=self.bucket, prefix="python/"),
            connection=Connection(region=REGION, endpoint_url=self.store.url),
        )


def publish_private(index: PrivateIndex, directory: Path) -> None:
    """Publish my-package 1.0 and 1.5+local, other-package that needs it, and a project whose page is empty."""
    index.store.make_bucket(index.bucket)
    wheels = [
        make_wheel(directory, "my-package", "1.0"),
        make_wheel(directory, "my-package", "1.5+local"),
        make_wheel(directory, "other-package", "1.0", metadata_extra="Requires-Dist: my-package\n"),
        make_wheel(directory, "emptied", "1.0"),
    ]
    bucketwheel.publish(wheels, index.settings)
    bucketwheel.hide("emptied", "1.0", index.settings)


def block(page: str, name: str) -> str:
    """Return the block of code below `<!-- name -->` on a page."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n+```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def variables_of(code: str) -> dict[str, str]:
    """Read the lines `$ export NAME=value` of a block."""
    return dict(line.removeprefix("$ export ").split("=", 1) for line in code.splitlines() if "export" in line)


def lines_of(code: str) -> list[str]:
    """Return the commands of a console's block."""
    return [line.removeprefix("$ ") for line in code.splitlines() if line.startswith("$ ")]
