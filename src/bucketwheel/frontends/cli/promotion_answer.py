"""What `promote` answers: what became of each file, and where to install it from."""

from __future__ import annotations

from bucketwheel.commands.promote import FilePromoted, Promotion
from bucketwheel.frontends.cli.json import present
from bucketwheel.frontends.cli.run import Answer
from bucketwheel.frontends.text import install_lines, page_lines
from bucketwheel.names import printable

__all__ = ["promoted"]


def promoted(promotion: Promotion) -> Answer:
    """Answer `promote`."""
    document: dict[str, object] = {
        "source": str(promotion.source),
        "repository": str(promotion.repository),
        "index-url": promotion.index_url,
        "dry-run": promotion.dry_run,
        "files": [
            present(
                {
                    "filename": file.filename,
                    "project": file.project,
                    "version": file.version,
                    "sha256": file.sha256,
                    "yanked": None if file.yanked is None else {"reason": file.yanked},
                    "fate": file.fate,
                }
            )
            for file in promotion.files
        ],
        "created": promotion.created,
        "pages": list(promotion.pages),
    }
    if not promotion.dry_run:
        document["install"] = " ".join(install_lines(promotion))
    ending = page_lines(promotion) if promotion.dry_run else install_lines(promotion)
    return Answer(
        lines=(*(_line(file, dry_run=promotion.dry_run) for file in promotion.files), *ending), document=document
    )


def _line(file: FilePromoted, *, dry_run: bool) -> str:
    yanked = "" if file.yanked is None else " (yanked)"
    if file.fate == "already there":
        return f"{printable(file.filename)}{yanked} ... already exists"
    return (
        f"would promote {printable(file.filename)}{yanked}"
        if dry_run
        else f"{printable(file.filename)}{yanked} ... success"
    )
