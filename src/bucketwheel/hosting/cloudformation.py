"""The template of a CloudFormation stack that hosts a repository."""

from __future__ import annotations

from collections.abc import Iterator

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


def render_cloudformation(hosting: Hosting) -> str:
    """Return the template as YAML."""
    text = "".join(template(f"cloudformation/{part}.yaml") for part in _parts(hosting))
    outputs = "\nOutputs:\n" + "".join(f"  {name}:\n    Value: {value}\n" for name, value in _outputs(hosting))
    return filled(text, {**values_of(hosting, _REFERENCES), **_values(hosting)}) + "\n" + outputs


def _parts(hosting: Hosting) -> Iterator[str]:
    yield "bucket"
    if hosting.basic_auth:
        yield "users"
    if not hosting.public:
        yield "distribution"
    if hosting.zone is not None:
        yield "domain"
    if hosting.github is not None:
        if hosting.github_provider_arn is None:
            yield "provider"
        yield "publisher"
    if hosting.readers:
        yield "reader"


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
    path = f"/{hosting.prefix}{hosting.layout.simple}"
    if hosting.public:
        yield "IndexUrl", f"!Sub https://${{Bucket.RegionalDomainName}}{path}"
    elif hosting.domain is not None:
        yield "IndexUrl", f"https://{hosting.domain}{path}"
    else:
        yield "IndexUrl", f"!Sub https://${{Distribution.DomainName}}{path}"
    if not hosting.public:
        yield "DistributionId", "!Ref Distribution"
        yield "DistributionDomainName", "!GetAtt Distribution.DomainName"
    if hosting.basic_auth:
        yield "UsersStore", "!GetAtt Users.Arn"
    if hosting.github is not None:
        yield "PublisherRole", "!GetAtt Publisher.Arn"
    if hosting.readers:
        yield "ReaderRole", "!GetAtt Reader.Arn"
