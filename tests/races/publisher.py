"""A publisher as a process of its own: publishes each file in a call of its own, and prints each that was accepted.

    publisher.py REPOSITORY ENDPOINT START FILE…

Waits until the file START exists, so that many of them begin together.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bucketwheel import load_settings, publish


def main(repository: str, endpoint: str, start: str, files: list[str]) -> None:
    """Publish the files one after the other."""
    settings = load_settings(options={"repository": repository, "endpoint-url": endpoint, "jobs": 4})
    print("ready", flush=True)
    while not Path(start).exists():
        time.sleep(0.005)
    for file in files:
        publish([Path(file)], settings)
        print(Path(file).name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
