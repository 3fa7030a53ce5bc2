"""Repositories that are there before something is measured."""

from __future__ import annotations

from benchmarks.lab import Lab

__all__ = ["new_repository", "seeded_repository"]


def new_repository(lab: Lab) -> str:
    """Make an empty repository whose store is proven; return its bucket."""
    bucket = lab.bucket()
    lab.run(lab.tool.ours("init", "-q", f"s3://{bucket}"), delay=0)
    return bucket


def seeded_repository(lab: Lab, projects: int, files: str, *, bodies: bool = False) -> str:
    """Make a repository of so many projects and files (see `seed.py`); return its bucket."""
    bucket = new_repository(lab)
    settings = lab.directory() / "repository.json"
    settings.write_bytes(lab.read(f"{bucket}/_bucketwheel/repository.json") or b"")
    lab.load(bucket, "ours", str(settings), str(projects), files, *(["bodies"] if bodies else []))
    return bucket
