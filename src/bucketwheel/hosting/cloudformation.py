"""The template of a CloudFormation stack that hosts a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.edge import template
from bucketwheel.hosting.policies import References
from bucketwheel.hosting.rendering import filled
from bucketwheel.hosting.values import values_of

__all__ = ["render_cloudformation"]

_REFERENCES = References(
    distribution={"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"},
    account={"Ref": "AWS::AccountId"},
    provider={"Ref": "GitHubProvider"},
)
_NO_VALUE = {"Ref": "AWS::NoValue"}
_OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "distribution": {
        "DistributionId": "!Ref Distribution",
        "DistributionDomainName": "!GetAtt Distribution.DomainName",
    },
    "users": {"UsersStore": "!GetAtt Users.Arn"},
    "publisher": {"PublisherRole": "!GetAtt Publisher.Arn"},
    "reader": {"ReaderRole": "!GetAtt Reader.Arn"},
}


def render_cloudformation(hosting: Hosting) -> str:
    """Return the template as YAML."""
    text = "".join(template(f"cloudformation/{part}.yaml") for part in hosting.parts)
    outputs = "\nOutputs:\n" + "".join(f"  {name}:\n    Value: {value}\n" for name, value in _outputs(hosting))
    return filled(text, {**values_of(hosting, _REFERENCES), **_values(hosting)}) + "\n" + outputs


def _values(hosting: Hosting) -> dict[str, object]:
    certificate: object = {"CloudFrontDefaultCertificate": True}
    if hosting.domain is not None:
        certificate = {
            "AcmCertificateArn": hosting.certificate_arn,
            "MinimumProtocolVersion": "TLSv1.2_2021",
            "SslSupportMethod": "sni-only",
        }
    return {
        "CERTIFICATE": certificate,
        "ALIASES": _NO_VALUE if hosting.domain is None else [hosting.domain],
        "STORES": [{"KeyValueStoreARN": {"Fn::GetAtt": ["Users", "Arn"]}}] if hosting.basic_auth else _NO_VALUE,
    }


def _outputs(hosting: Hosting) -> Iterator[tuple[str, str]]:
    url = hosting.index_url(bucket="${Bucket.RegionalDomainName}", distribution="${Distribution.DomainName}")
    yield "IndexUrl", f"!Sub {url}" if "${" in url else url
    for part, outputs in _OUTPUTS.items():
        if part in hosting.parts:
            yield from outputs.items()
