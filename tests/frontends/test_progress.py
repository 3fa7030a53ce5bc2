"""Progress in bytes: what counts, and the lines in a log."""

from __future__ import annotations

import pytest

from bucketwheel.events import BytesMoved, Event, FileDone, FileStarted, Stage
from bucketwheel.frontends.progress import StageBytes, progress_lines

MB = 1_000_000
A, B = FileStarted(name="a", size=100), FileStarted(name="b", size=50)


@pytest.mark.parametrize(
    ("events", "done"),
    [
        ([A, BytesMoved(name="a", count=30)], 30),
        ([A, BytesMoved(name="a", count=30), B, BytesMoved(name="b", count=20)], 50),
        ([A, BytesMoved(name="a", count=30), FileDone(name="a", size=100)], 100),
        ([A, FileDone(name="a", size=100)], 100),
        ([A, BytesMoved(name="a", count=80), BytesMoved(name="a", count=80)], 100),
        ([A, BytesMoved(name="a.metadata", count=80)], 0),
        ([FileStarted(name="a", size=0), BytesMoved(name="a", count=7), FileDone(name="a", size=9)], 9),
    ],
    ids=["moved", "two", "done", "not-moved", "moved-twice", "no-file-of-the-stage", "unknown-size"],
)
def test_what_counts(events: list[Event], done: int) -> None:
    """A file counts as far as it was moved, and as a whole once it is done, however that came."""
    stage = StageBytes(150)
    for event in events:
        stage.follow(event)
    assert (stage.done, stage.total) == (done, 150)


def test_a_log_has_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes longer says how far it is, how fast, and how long it will take; other events go their way."""
    now = 0.0
    monkeypatch.setattr("bucketwheel.frontends.progress.time.monotonic", lambda: now)
    lines: list[str] = []
    told: list[Event] = []
    report = progress_lines(lines.append, told.append)
    report(Stage(doing="uploading", count=1, total_bytes=1000 * MB))
    report(FileStarted(name="a", size=1000 * MB))
    for _ in range(50):
        now += 0.5
        report(BytesMoved(name="a", count=5 * MB))
    assert lines == [
        "uploading: 100.0 MB of 1.0 GB (10 %), 10.0 MB/s, 1 min 30 s left",
        "uploading: 200.0 MB of 1.0 GB (20 %), 10.0 MB/s, 1 min 20 s left",
    ]
    report(Stage(doing="validating", count=1))
    report(FileStarted(name="a", size=9))
    now += 60
    report(FileDone(name="a", size=9))
    assert len(lines) == 2
    assert len(told) == 55
