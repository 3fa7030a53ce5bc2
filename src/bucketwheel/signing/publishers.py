"""Publishers of attestations (PEP 740): who built a file, read from a certificate's claims; pure.

The claims are those of Sigstore's CA: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

__all__ = ["Publisher", "is_allowed", "name_of", "read_publisher"]

Publisher = Mapping[str, str]
"""A publisher as a provenance names it: its `kind`, and keys that depend on that."""

_ISSUER, _BUILD_SIGNER, _SOURCE_REPOSITORY, _SOURCE_REF, _BUILD_CONFIG = (
    f"1.3.6.1.4.1.57264.1.{number}" for number in (8, 9, 12, 14, 18)
)
_GITHUB, _GITLAB = "https://github.com/", "https://gitlab.com/"
_CIRCLECI = re.compile(r"https://circleci\.com/api/v2/projects/([0-9a-f-]+)/pipeline-definitions/([0-9a-f-]+)\Z")
# People have accounts there too.
_SERVICE_ACCOUNT = ".gserviceaccount.com"
_NAMED_BY = {"GitHub": "repository", "GitLab": "repository", "Google": "email", "CircleCI": "project_id"}


def read_publisher(claims: Mapping[str, str], email: str | None) -> Publisher | None:
    """Return the publisher that a certificate is of; None for a person, and for services without a kind in PEP 740."""
    match claims.get(_ISSUER):
        case "https://token.actions.githubusercontent.com":
            return _of_repository("GitHub", claims, _GITHUB, "/.github/workflows/", "workflow")
        case "https://gitlab.com":
            return _of_repository("GitLab", claims, _GITLAB, "//", "workflow_filepath")
        case "https://accounts.google.com" if email is not None and email.endswith(_SERVICE_ACCOUNT):
            return {"kind": "Google", "email": email}
        case "https://oidc.circleci.com":
            return _of_circleci(claims)
    return None


def _of_repository(
    kind: str, claims: Mapping[str, str], host: str, before_workflow: str, workflow_key: str
) -> Publisher | None:
    """Read `HOST OWNER/REPOSITORY BEFORE WORKFLOW@REF`; the verification then compares all of it."""
    repository = claims.get(_SOURCE_REPOSITORY, "")
    config, _, _ = claims.get(_BUILD_CONFIG, "").partition("@")
    workflow = config.removeprefix(f"{repository}{before_workflow}")
    if not repository.startswith(host) or not workflow or workflow == config:
        return None
    return {"kind": kind, "repository": repository.removeprefix(host), workflow_key: workflow}


def _of_circleci(claims: Mapping[str, str]) -> Publisher | None:
    signer = _CIRCLECI.match(claims.get(_BUILD_SIGNER, ""))
    if signer is None:
        return None
    source = {"vcs_origin": claims.get(_SOURCE_REPOSITORY, ""), "vcs_ref": claims.get(_SOURCE_REF, "")}
    given = {key: value for key, value in source.items() if value}
    return {"kind": "CircleCI", "project_id": signer[1], "pipeline_definition_id": signer[2], **given}


def name_of(publisher: Publisher) -> str:
    """Return the name by which settings call a publisher: `github:owner/repository`.

    CircleCI's is the id of the project: a project of anybody can check out any public repository.
    """
    kind = publisher["kind"]
    return f"{kind.lower()}:{publisher[_NAMED_BY[kind]]}"


def is_allowed(publisher: Publisher, patterns: Collection[str]) -> bool:
    """Return whether a publisher fits one of the patterns; as these services, it takes capitals for small letters."""
    name = name_of(publisher).lower()
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
