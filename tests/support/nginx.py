"""Debian's nginx with the configuration of docs/web-server.md, over a directory."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ministack import free_ports, keep_server

__all__ = ["missing", "serve_by_nginx"]

_MODULE = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")
_DOCS = Path(__file__).parents[2] / "docs" / "web-server.md"


def missing() -> bool:
    """Return whether nginx or its module is not on this machine."""
    return shutil.which("nginx") is None or not _MODULE.is_file()


@contextmanager
def serve_by_nginx(root: Path, directory: Path) -> Iterator[str]:
    """Serve a directory while the context lasts; gives the address, which ends in a slash."""
    for port in free_ports(3):
        _configure(root, directory, port)
        # Without a master: the one process that is killed at the end has no workers that would stay.
        command = [
            "nginx",
            "-p",
            f"{directory}/",
            "-c",
            "nginx.conf",
            "-e",
            "error.log",
            "-g",
            "daemon off; master_process off;",
        ]
        with (directory / "log").open("wb") as log, keep_server(command, os.environ, directory, log) as process:
            for _ in range(100):
                if process.poll() is not None:
                    break
                if _answers(port):
                    yield f"http://127.0.0.1:{port}/"
                    return
                time.sleep(0.05)
    raise RuntimeError((directory / "log").read_text() + (directory / "error.log").read_text())


def _configure(root: Path, directory: Path, port: int) -> None:
    page = _DOCS.read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(nginx|javascript)\n(.*?)```", page, flags=re.DOTALL))
    (directory / "packages.js").write_text(blocks["javascript"])
    site = blocks["nginx"].replace("listen 8080", f"listen 127.0.0.1:{port}")
    site = site.replace("/srv/pypi", f'"{root}"').replace("/etc/nginx/packages.js", "packages.js")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        f"{user}load_module {_MODULE};\npid pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\ninclude /etc/nginx/mime.types;\n{temporary}{site}}}\n"
    )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
