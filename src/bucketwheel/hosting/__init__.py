"""The host of a repository in AWS as it is wanted: a bucket, its readers and writers, and what is in front of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from bucketwheel.errors import Problem
from bucketwheel.format.layout import Layout
from bucketwheel.names import printable

__all__ = ["Hosting", "problems_of"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])\Z")
_CERTIFICATE = re.compile(r"arn:aws:acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+\Z")
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}\Z")
_GITHUB = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*/[A-Za-z0-9._-]{1,100}\Z")
# Neither a wildcard nor a variable of a policy, nor a second field of the subject.
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,254}\Z")
_PROVIDER = re.compile(r"arn:aws:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com\Z")
_PRINCIPAL = re.compile(r"arn:aws:iam::\d{12}:(root|(user|role)/[A-Za-z0-9+=,.@_/-]+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """A repository and what is to host it."""

    bucket: str = ""
    prefix: str = ""
    """Empty, or ends in a slash."""
    layout: Layout = field(default_factory=Layout)
    domain: str | None = None
    certificate_arn: str | None = None
    zone: str | None = None
    github: str | None = None
    """ORGANISATION/REPOSITORY on GitHub, whose jobs may publish."""
    environment: str | None = None
    """The GitHub environment that these jobs must have; None: jobs of any tag."""
    github_provider_arn: str | None = None
    """Of the account's provider for GitHub, of which there can be one; None: it is made."""
    readers: tuple[str, ...] = ()
    """ARNs of the principals that may take the role of readers."""
    basic_auth: bool = False
    public: bool = False
    """Whether everybody reads the bucket itself, without CloudFront."""
    bucket_exists: bool = False
    distribution: str | None = None
    """The id of the distribution that exists already."""

    @property
    def name(self) -> str:
        """The name of what is in front of the bucket, which no other repository of the account has."""
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.bucket}/{self.prefix}").strip("-")[:40].strip("-")
        return f"{words}-{sha256(f'{self.bucket}/{self.prefix}'.encode()).hexdigest()[:8]}"

    @property
    def subject(self) -> str:
        """The subject of the tokens of jobs that may publish, with a wildcard if it is tags."""
        jobs = "ref:refs/tags/*" if self.environment is None else f"environment:{self.environment}"
        return f"repo:{self.github}:{jobs}"

    @property
    def keeps_pages(self) -> bool:
        """Whether caches keep pages, so that a publisher must be able to invalidate them."""
        return not self.public and self.layout.seconds_in_caches > 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The resources that it has, in the order in which they refer to each other."""
        wanted = {
            "bucket": True,
            "users": self.basic_auth,
            "distribution": not self.public,
            "domain": self.zone is not None,
            "provider": self.github is not None and self.github_provider_arn is None,
            "publisher": self.github is not None,
            "reader": bool(self.readers),
        }
        return tuple(part for part, is_wanted in wanted.items() if is_wanted)

    def index_url(self, *, bucket: str, distribution: str) -> str:
        """Return the address for pip, where a language refers to the two hosts like this."""
        host = bucket if self.public else self.domain or distribution
        return f"https://{host}/{self.prefix}{self.layout.simple}"


def problems_of(hosting: Hosting) -> tuple[Problem, ...]:
    """Return everything that is wrong with the options, all at once."""
    return tuple(_problems(hosting))


def _problems(hosting: Hosting) -> Iterator[Problem]:
    if not _BUCKET.match(hosting.bucket) or ".." in hosting.bucket:
        yield Problem(
            subject="--bucket",
            what=f"{printable(hosting.bucket)} cannot be the name of a bucket",
            remedy="use 3 to 63 small letters, digits, dots and hyphens",
        )
    yield from _domain_problems(hosting)
    yield from _github_problems(hosting)
    for reader in hosting.readers:
        if not _PRINCIPAL.match(reader):
            remedy = "write arn:aws:iam::123456789012:role/NAME, …:user/NAME or …:root"
            yield Problem(subject="--reader", what=f"{printable(reader)} is no principal", remedy=remedy)
    if hosting.public:
        given = {
            "--domain": hosting.domain,
            "--certificate-arn": hosting.certificate_arn,
            "--basic-auth": hosting.basic_auth,
        }
        for option in (option for option, value in given.items() if value):
            what = "needs CloudFront, which a public bucket goes without"
            yield Problem(subject=option, what=what, remedy="drop it, or drop --public")


def _domain_problems(hosting: Hosting) -> Iterator[Problem]:
    domain, certificate = hosting.domain, hosting.certificate_arn
    if domain is not None and not _DOMAIN.match(domain):
        what = f"{printable(domain)} is no domain name"
        yield Problem(subject="--domain", what=what, remedy="write it as pypi.example.com")
    if domain is not None and certificate is None:
        remedy = "add --certificate-arn; docs/hosting.md has the command that makes one"
        yield Problem(subject="--domain", what="needs a certificate", remedy=remedy)
    if certificate is not None:
        match = _CERTIFICATE.match(certificate)
        if match is None or match[1] != "us-east-1":
            what = f"{printable(certificate)} is no certificate that CloudFront can use"
            remedy = "write the ARN of a certificate in us-east-1: arn:aws:acm:us-east-1:…:certificate/…"
            yield Problem(subject="--certificate-arn", what=what, remedy=remedy)
    for option, value in {"--certificate-arn": certificate, "--hosted-zone": hosting.zone}.items():
        if value is not None and domain is None:
            yield Problem(subject=option, what="needs a domain", remedy="add --domain")
    if hosting.zone is not None and not _ZONE.match(hosting.zone):
        what = f"{printable(hosting.zone)} is no id of a hosted zone"
        yield Problem(subject="--hosted-zone", what=what, remedy="write it as Z0123456789ABCDEFGHIJ")


def _github_problems(hosting: Hosting) -> Iterator[Problem]:
    github, environment, provider = hosting.github, hosting.environment, hosting.github_provider_arn
    for option, value in {"--environment": environment, "--github-provider-arn": provider}.items():
        if value is not None and github is None:
            yield Problem(subject=option, what="needs a repository on GitHub", remedy="add --github")
    if github is not None and not _GITHUB.match(github):
        what = f"{printable(github)} names no repository"
        yield Problem(subject="--github", what=what, remedy="write ORGANISATION/REPOSITORY")
    if environment is not None and not _ENVIRONMENT.match(environment):
        what = f"{printable(environment)} cannot be used as the name of an environment"
        remedy = "use letters, digits, spaces, dots, hyphens and underscores"
        yield Problem(subject="--environment", what=what, remedy=remedy)
    if provider is not None and not _PROVIDER.match(provider):
        what = f"{printable(provider)} is no provider for GitHub"
        remedy = "write arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
        yield Problem(subject="--github-provider-arn", what=what, remedy=remedy)
