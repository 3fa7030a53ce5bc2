"""What `check` answers: each finding with its remedy, and how many of which gravity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bucketwheel.commands.check import Checked
from bucketwheel.commands.check.findings import Finding
from bucketwheel.frontends.cli.run import Answer
from bucketwheel.frontends.text import counted

__all__ = ["FOUND_SOMETHING", "checked"]

FOUND_SOMETHING = 4
"""The exit status of a check that found anything, a note too."""


def checked(outcome: Checked) -> Answer:
    """Answer `check`."""
    looked = f"checked {counted(outcome.projects, 'project')} with {counted(outcome.files, 'file')}"
    return Answer(
        lines=(
            *(line for finding in outcome.findings for line in _lines(finding)),
            f"{looked}: {_summary(outcome.findings) or 'all is as it should be'}",
        ),
        document={
            "repository": str(outcome.repository),
            "projects": outcome.projects,
            "files": outcome.files,
            "deep": outcome.deep,
            "findings": [
                {
                    "code": finding.code,
                    "gravity": finding.gravity,
                    "subject": finding.subject,
                    "what": finding.what,
                    "remedy": finding.remedy,
                }
                for finding in outcome.findings
            ],
        },
        exit_code=FOUND_SOMETHING if outcome.findings else 0,
    )


def _lines(finding: Finding) -> tuple[str, str]:
    return f"{finding.gravity}: {finding.subject} {finding.what}", f"    {finding.remedy}"


def _summary(findings: Iterable[Finding]) -> str:
    numbers = Counter(finding.gravity for finding in findings)
    return ", ".join(counted(number, gravity) for gravity, number in numbers.items())
