"""Print what hosts a repository in AWS, and the permissions of its commands; creates nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, NoBucket, Problem
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.layout import Layout
from bucketwheel.hosting import Hosting, problems_of
from bucketwheel.hosting.cloudformation import render_cloudformation
from bucketwheel.hosting.permissions import COMMANDS, Document, policy_of_commands
from bucketwheel.hosting.terraform import render_terraform
from bucketwheel.places import S3Place
from bucketwheel.protocol.repository import open_target, read_settings
from bucketwheel.storage.key_values import CloudFront

__all__ = ["Language", "iam_policy", "infra"]

Language: TypeAlias = Literal["cloudformation", "terraform"]


def infra(
    settings: Settings, wanted: Hosting, *, language: Language, new_bucket: str | None = None, report: Report = ignore
) -> Mapping[str, str]:
    """Return the files, by name, that host the repository of the settings as it is wanted.

    With `new_bucket` nothing is read: there is no such bucket yet. Raises Misconfigured with all that is wrong.
    """
    place = _place(settings, new_bucket)
    wanted = replace(wanted, bucket=place.bucket, prefix=place.prefix)
    if problems := problems_of(wanted):
        raise Misconfigured(*problems)
    if new_bucket is None:
        wanted = _with_its_settings(settings, wanted, report)
    if wanted.public:
        report(Warned(message=f"everybody will be able to read and to list the bucket {wanted.bucket}"))
    if language == "terraform":
        return render_terraform(wanted, region=settings.connection.region)
    return {"bucketwheel.yaml": render_cloudformation(wanted)}


def iam_policy(settings: Settings, commands: Collection[str], *, report: Report = ignore) -> Document:
    """Return the policy with the permissions that these commands need on the repository of the settings."""
    unknown = [command for command in commands if command not in COMMANDS]
    if unknown or not commands:
        what = f"{', '.join(unknown)} needs no permissions" if unknown else "is missing"
        raise Misconfigured(Problem(subject="COMMAND", what=what, remedy=f"choose from {', '.join(COMMANDS)}"))
    place = _place(settings, None)
    hosting = _with_its_settings(settings, Hosting(bucket=place.bucket, prefix=place.prefix), report)
    # The number of the account is not known here, and there is no other distribution with this id.
    distribution = f"arn:aws:cloudfront::*:distribution/{hosting.distribution}"
    users = None
    if "user" in commands:
        users = CloudFront(place=place, connection=settings.connection, report=report).find_store(hosting.name)
    return policy_of_commands(
        hosting, commands, distribution=distribution if hosting.distribution else None, users=users
    )


def _place(settings: Settings, new_bucket: str | None) -> S3Place:
    place = settings.repository if new_bucket is not None else settings.require_repository()
    if new_bucket is not None and not isinstance(place, S3Place):
        return S3Place(bucket=new_bucket)
    if not isinstance(place, S3Place):
        what = "is a directory, and AWS hosts buckets"
        raise Misconfigured(Problem(subject=str(place), what=what, remedy="name a repository in S3"))
    return place if new_bucket is None else replace(place, bucket=new_bucket)


def _with_its_settings(settings: Settings, wanted: Hosting, report: Report) -> Hosting:
    """Read how the repository is laid out; one that is not there yet will have the usual settings."""
    try:
        found = read_settings(open_target(settings, report))
    except NoBucket:
        return replace(wanted, layout=Layout(put_args=settings.put_args))
    if found is None:
        return replace(wanted, layout=Layout(put_args=settings.put_args), bucket_exists=True)
    expected = None if wanted.domain is None else f"https://{wanted.domain}/{wanted.prefix}"
    if expected is not None and found.settings.base_url not in {None, expected}:
        told = f"the repository says that its address is {found.settings.base_url}"
        report(Warned(message=f"{told}; run `bucketwheel init --set base-url={expected}` when this is in place"))
    return replace(wanted, layout=found.layout, bucket_exists=True, distribution=found.settings.cloudfront_distribution)
