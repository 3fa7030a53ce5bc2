"""docs/check.md shows the table of findings: all codes, each with its gravity, its meaning and its remedy."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from string import Formatter

import pytest

from bucketwheel.commands.check.findings import FINDINGS

PAGE = Path(__file__).parents[2] / "docs" / "check.md"


def rows() -> list[str]:
    """Return the table as the page must show it, with facts in capitals; one row for each sentence."""
    return [
        f"| `{kind.partition(':')[0]}` | {words.gravity} | {_shown(words.what)} | {_shown(words.remedy)} |"
        for kind, words in FINDINGS.items()
    ]


def _shown(template: str) -> str:
    fields = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format_map({name: name.upper() for name in fields} | {"adopt": "bucketwheel reindex --adopt"})


def test_the_page_shows_the_table() -> None:
    """A new code or a changed sentence fails here until the page has it; a row for nothing fails too."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("## All findings")
    shown = [line for line in table.splitlines() if line.startswith("| `")]
    assert shown == rows(), "\n".join(["docs/check.md must show these rows:", *rows()])


def test_a_code_has_one_gravity() -> None:
    """All sentences of a code have one gravity, and the code itself is a key, so that a finding knows its gravity."""
    gravities = defaultdict(set)
    for kind, words in FINDINGS.items():
        gravities[kind.partition(":")[0]].add(words.gravity)
    assert set(gravities) <= set(FINDINGS)
    assert all(len(each) == 1 for each in gravities.values())


@pytest.mark.parametrize("kind", FINDINGS)
def test_each_finding_says_what_to_do(kind: str) -> None:
    """Each has a meaning and a remedy; the caller puts them into a sentence, so neither ends in a full stop."""
    _, what, remedy = FINDINGS[kind]
    assert what
    assert remedy
    assert not what.endswith(".")
    assert not remedy.endswith(".")
