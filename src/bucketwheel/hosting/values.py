"""What every template is filled with: policies, function and cache values, from one place."""

from __future__ import annotations

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.edge import CACHE, RESPONSE, function_code
from bucketwheel.hosting.permissions import policy_of_commands, policy_of_readers
from bucketwheel.hosting.policies import References, bucket_policy, trust_in_github, trust_in_principals

__all__ = ["values_of"]

_UPLOAD_DAYS, _VERSION_DAYS = 7, 90


def values_of(hosting: Hosting, references: References) -> dict[str, object]:
    """Return what fills the blanks of a template whose language refers to other resources like this."""
    place = f"s3://{hosting.bucket}/{hosting.prefix}".rstrip("/")
    return {
        "PLACE": place,
        "DESCRIPTION": f"A Python package index in {place}",
        "BUCKET": hosting.bucket,
        "NAME": hosting.name,
        "PRIVATE": not hosting.public,
        "UPLOAD_DAYS": _UPLOAD_DAYS,
        "VERSION_DAYS": _VERSION_DAYS,
        "BUCKET_POLICY": bucket_policy(hosting, references),
        "CODE": function_code(hosting),
        "DOMAIN": hosting.domain,
        "ZONE": hosting.zone,
        "PUBLISHER_TRUST": trust_in_github(hosting, references),
        "PUBLISHER_POLICY": policy_of_commands(hosting, ["publish"], distribution=references.distribution),
        "READER_TRUST": trust_in_principals(hosting.readers),
        "READER_POLICY": policy_of_readers(hosting),
        **CACHE,
        **RESPONSE,
    }
