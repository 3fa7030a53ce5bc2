"""The same host as `cloudformation` has, for Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.edge import template
from bucketwheel.hosting.policies import References
from bucketwheel.hosting.rendering import filled
from bucketwheel.hosting.values import values_of

__all__ = ["render_terraform"]

_REFERENCES = References(
    distribution="${aws_cloudfront_distribution.index.arn}",
    account="${data.aws_caller_identity.current.account_id}",
    provider="${aws_iam_openid_connect_provider.github.arn}",
)
_OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "distribution": {
        "distribution_id": "aws_cloudfront_distribution.index.id",
        "distribution_domain_name": "aws_cloudfront_distribution.index.domain_name",
    },
    "users": {"users_store": "aws_cloudfront_key_value_store.users.arn"},
    "publisher": {"publisher_role": "aws_iam_role.publisher.arn"},
    "reader": {"reader_role": "aws_iam_role.reader.arn"},
}


def render_terraform(hosting: Hosting, *, region: str | None = None) -> Mapping[str, str]:
    """Return the files of a root module, by name."""
    values = {**values_of(hosting, _REFERENCES), **_values(hosting, region)}
    outputs = (f'output "{name}" {{\n  value = {value}\n}}\n' for name, value in _outputs(hosting))
    return {
        "main.tf": filled("".join(template(f"terraform/{part}.tf") for part in _parts(hosting)), values) + "\n",
        "variables.tf": filled(template("terraform/variables.tf"), values).replace("\n\n}", "\n}") + "\n",
        "outputs.tf": "\n".join(outputs),
    }


def _parts(hosting: Hosting) -> Iterator[str]:
    for part in hosting.parts:
        yield part
        if part == "bucket" and hosting.bucket_exists:
            yield "import_bucket"
        if part == "distribution":
            yield "certificate" if hosting.domain is None else "own_certificate"
            if hosting.distribution is not None:
                yield "import_distribution"


def _values(hosting: Hosting, region: str | None) -> dict[str, object]:
    return {
        "DISTRIBUTION": hosting.distribution or "",
        "CERTIFICATE": hosting.certificate_arn or "",
        "ALIASES": json.dumps([] if hosting.domain is None else [hosting.domain]),
        "STORES": "[aws_cloudfront_key_value_store.users.arn]" if hosting.basic_auth else "[]",
        "REGION": "" if region is None else f'  default     = "{region}"',
    }


def _outputs(hosting: Hosting) -> Iterator[tuple[str, str]]:
    bucket, distribution = "aws_s3_bucket.repository", "aws_cloudfront_distribution.index"
    url = hosting.index_url(
        bucket=f"${{{bucket}.bucket_regional_domain_name}}", distribution=f"${{{distribution}.domain_name}}"
    )
    yield "index_url", f'"{url}"'
    for part, outputs in _OUTPUTS.items():
        if part in hosting.parts:
            yield from outputs.items()
