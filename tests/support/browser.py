"""A headless Chromium that remembers what it asked for and complained about, and axe, which finds barriers."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from support.clients import clean_environment

__all__ = ["Browser", "fetch_axe", "missing_browser", "open_browser"]


def missing_browser() -> bool:
    """Return whether there is no Chromium with its driver, or no npm to fetch axe."""
    return None in {shutil.which("chromium"), shutil.which("chromedriver"), shutil.which("npm")}


def fetch_axe(directory: Path) -> str | None:
    """Return the source of axe-core from npm; None where no registry answers."""
    fetched = subprocess.run(
        ["npm", "pack", "--silent", "--prefer-offline", "axe-core@4"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if fetched.returncode:
        return None
    with tarfile.open(directory / fetched.stdout.strip()) as package:
        member = package.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


class Browser:
    """One browser; what it logs is read by page."""

    def __init__(self, driver: Chrome, axe: str | None) -> None:
        self.driver = driver
        self._axe = axe

    def open(self, url: str, *, scheme: Literal["light", "dark"] = "light", width: int = 1200) -> None:
        """Open a page in a colour scheme and a width, with nothing logged yet."""
        self._log("browser")
        self._log("performance")
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Run a script in the page, as a person at its console does."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """Return what the console says about the page."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for."""
        messages = (json.loads(entry["message"])["message"] for entry in self._log("performance"))
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def barriers(self) -> list[str]:
        """Return what axe finds, each with the first element that it is about."""
        assert self._axe is not None
        self.run(self._axe)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {preload: false}).then((found) => done(found.violations))"
        )
        return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}" for each in found]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries


@contextmanager
def open_browser(directory: Path) -> Iterator[Browser]:
    """Run a browser while the context lasts, with all that it keeps in this directory."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={directory / 'profile'}")
    options.add_argument("--disable-background-networking")
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(str(shutil.which("chromedriver")), env=clean_environment(directory))
    driver = Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(60)
        yield Browser(driver, fetch_axe(directory))
    finally:
        driver.quit()
