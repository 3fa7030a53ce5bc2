"""The keys of settings: one table for options, variables, `-o` keys and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["CONNECTION_KEYS", "KEYS", "UPLOAD_TOKEN", "VARIABLE_PREFIX", "SettingKey", "Shape"]

Shape: TypeAlias = Literal["text", "flag", "number", "choice", "list", "table"]

VARIABLE_PREFIX = "BUCKETWHEEL_"
UPLOAD_TOKEN = "BUCKETWHEEL_UPLOAD_TOKEN"  # noqa: S105 - the name of a variable
"""A variable that is no setting: the secret by which others upload through `serve`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingKey:
    """One setting, under one name in every layer."""

    name: str
    """Kebab-case, as in TOML and after `-o`."""
    shape: Shape
    """A list may be given several times on a command line, and so may a table, as NAME=VALUE."""
    meaning: str
    """One sentence for help texts and documentation."""
    default: str = ""
    """What counts where no layer has it, as a user writes it; empty where that needs no words."""
    choices: tuple[str, ...] = ()
    limits: tuple[int, int] = (0, 0)
    """The smallest and the largest number."""
    connection: bool = False
    """True if it counts only for the repository that it is written beside."""

    @property
    def attribute(self) -> str:
        """The name in Python."""
        return self.name.replace("-", "_")

    @property
    def option(self) -> str:
        """The name on a command line."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return VARIABLE_PREFIX + self.attribute.upper()


KEYS: tuple[SettingKey, ...] = (
    SettingKey(
        name="repository",
        shape="text",
        meaning="Where to publish: s3://bucket/prefix, a directory such as ./repository, or the name of one of "
        "`repositories`.",
    ),
    SettingKey(name="profile", shape="text", meaning="The AWS profile to take credentials from.", connection=True),
    SettingKey(name="region", shape="text", meaning="The region of the bucket.", connection=True),
    SettingKey(
        name="endpoint-url",
        shape="text",
        meaning="The address of an S3 service other than Amazon's.",
        connection=True,
    ),
    SettingKey(
        name="no-sign-request",
        shape="flag",
        meaning="Read without credentials; nothing can be written then.",
        connection=True,
    ),
    SettingKey(
        name="single-writer",
        shape="flag",
        meaning="Publish to a store that ignores conditional writes; two publishers at once would lose releases there.",
    ),
    SettingKey(
        name="existing",
        shape="choice",
        choices=("same", "skip", "refuse"),
        default="same",
        meaning="What may be there already: the same bytes (same), also other bytes, which stay as they are (skip), "
        "or nothing (refuse).",
    ),
    SettingKey(
        name="dry-run",
        shape="flag",
        meaning="Read and check everything, say what would be done, write nothing.",
    ),
    SettingKey(
        name="no-create",
        shape="flag",
        meaning="Refuse to publish to a place that is no repository yet: in CI it is a typing error.",
    ),
    SettingKey(name="jobs", shape="number", limits=(1, 64), default="32", meaning="How many requests run at once."),
    SettingKey(
        name="artifact-indexes",
        shape="list",
        meaning="The pages, indexes, buckets or directories that `fetch` looks through; ${VAR} is taken from the "
        "environment.",
    ),
    SettingKey(
        name="put-args",
        shape="table",
        meaning="Further arguments of S3's PutObject, such as ACL, StorageClass or SSEKMSKeyId.",
    ),
    SettingKey(name="sign", shape="flag", meaning="Sign each file with GPG; its agent has the passphrase."),
    SettingKey(
        name="identity",
        shape="text",
        meaning="The key to sign with, best by its whole fingerprint; without it GPG's default key.",
    ),
    SettingKey(
        name="sign-with",
        shape="text",
        default="gpg",
        meaning="The program that signs and verifies: gpg 2.2 or newer.",
    ),
    SettingKey(
        name="signatures",
        shape="choice",
        choices=("verify", "carry"),
        default="verify",
        meaning="What to do with a .asc file beside a distribution: verify it (verify), or publish it unread (carry).",
    ),
    SettingKey(
        name="signers",
        shape="list",
        meaning="The fingerprints of the keys whose signatures count; without it all in GPG's keyring.",
    ),
    SettingKey(
        name="attestation-publishers",
        shape="list",
        meaning="Whose attestations count, such as github:my-org/*; without it every publisher's.",
    ),
    SettingKey(name="uploaded-by", shape="text", meaning="Who publishes, to be noted with the release; in ASCII."),
)

CONNECTION_KEYS: tuple[SettingKey, ...] = tuple(key for key in KEYS if key.connection)
