"""The main job from beginning to end, on one machine and from nothing: `python3 example_project/demo.py`.

It builds the package beside this file, leaves the wheel on a page as a CI job does, fetches it from there, publishes it
with the sdist through Hatch to a repository in a directory, and installs the package with pip from that index.
It needs Python 3.11 or newer, and a package index to install bucketwheel and Hatch from. It writes only to `.demo/` of
the clone.
"""

import sys

# This file stays readable for Python 3.6, which then says what is wrong.
if sys.version_info < (3, 11):  # noqa: UP036 - said in words, not by a syntax error
    sys.exit("demo: needs Python 3.11 or newer; run this file with one")

import hashlib
import os
import shlex
import shutil
import subprocess
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent
CLONE = EXAMPLE.parent
HOME = CLONE / ".demo"
TOOLS = HOME / "tools"
"""The environment with bucketwheel, Hatch and build."""
PROJECT = HOME / "project"
"""A copy of the example, so that the clone stays as it is."""
CI = HOME / "ci"
"""The page of the CI job, with its wheel."""
USER = HOME / "user"
"""The environment of a user who installs the package."""


def main() -> None:
    """Set up, then run all steps; exit with a sentence if something fails."""
    try:
        set_up()
        version, index = release_and_install()
        print(f"demo: published and installed bucketwheel-example {version} from {index}", flush=True)
    except subprocess.CalledProcessError as error:
        command = shlex.join(map(str, error.cmd))
        needs = "; installing needs a package index such as PyPI" if "install" in error.cmd else ""
        sys.exit(f"demo: failed; this command ended with status {error.returncode}{needs}: {command}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; run it again to start from the beginning")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        sys.exit("demo: stopped; what read its output went away")
    except OSError as error:
        sys.exit(f"demo: failed; {error}; the clone must be in a directory that you can write to")


def set_up() -> None:
    """Install the clone and its hosts into an environment of their own; a second run does so only after a change."""
    stamp = TOOLS / "state"
    # An environment works only where it was made, with the Python that made it.
    state = (CLONE / "pyproject.toml").read_text(encoding="utf-8") + f"{sys.version} {TOOLS}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state and Path(program(TOOLS, "python")).exists():
        return
    print(f"+ setting up {TOOLS.relative_to(CLONE)} (some twenty seconds, once)", flush=True)
    if TOOLS.exists():
        shutil.rmtree(TOOLS)
    venv.create(TOOLS, with_pip=True)
    pip = [program(TOOLS, "python"), "-m", "pip", "--disable-pip-version-check", "--retries", "2", "install", "-qq"]
    subprocess.run([*pip, "--editable", str(CLONE), "hatch>=1.14", "build>=1.2"], cwd=CLONE, check=True)
    stamp.write_text(state, encoding="utf-8")


def release_and_install() -> "tuple[str, str]":
    """Build, fetch, publish, install, import; return the version that was imported, and the index."""
    for made in (PROJECT, CI, USER):
        shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(EXAMPLE, PROJECT, ignore=shutil.ignore_patterns("demo.py", "dist", "repository", "__pycache__"))

    print(f"+ cd {PROJECT}", flush=True)

    # A CI job builds the wheel, and leaves it on a page. (--no-isolation: nothing is downloaded here.)
    run("python", "-m", "build", "--quiet", "--no-isolation", "--wheel", "--outdir", "../ci")
    # The release manager builds the sdist and fetches the wheel beside it: `artifact-indexes` names the page.
    run("python", "-m", "build", "--quiet", "--no-isolation", "--sdist")
    with container(CI) as url:
        run("bucketwheel", "fetch", "bucketwheel-example", CI_ARTIFACTS=url)
    # Both are published, to the `repository` that pyproject.toml names.
    run("hatch", "publish", "-p", "s3")

    # A user installs it, in an environment of their own, from this index and no other.
    index = (PROJECT / "repository" / "simple").as_uri() + "/"
    venv.create(USER, with_pip=False)
    user = program(USER, "python")
    run("pip", "--quiet", "--python", user, "install", "--index-url", index, "bucketwheel-example")
    imported = "import bucketwheel_example as example; print(example.__version__)"
    version = run(user, "-c", imported, stdout=subprocess.PIPE).stdout.strip()
    return version, index


def run(*command: str, stdout: "int | None" = None, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Show a command and run it in the project."""
    print("+", *(f"{name}={value}" for name, value in variables.items()), shlex.join(command), flush=True)
    return subprocess.run(
        [program(TOOLS, command[0]), *command[1:]],
        cwd=PROJECT,
        env=environment() | variables,
        stdout=stdout,
        text=True,
        encoding="utf-8",
        check=True,
    )


def environment() -> "dict[str, str]":
    """Return an environment in which only the project configures anything, and only `.demo/` is written."""
    hatch = HOME / "hatch"
    hatch.mkdir(exist_ok=True)
    (hatch / "config.toml").touch()
    settings = {
        name: value for name, value in os.environ.items() if not name.startswith(("BUCKETWHEEL_", "HATCH_", "PIP_"))
    }
    return settings | {
        "HATCH_CONFIG": str(hatch / "config.toml"),
        "HATCH_DATA_DIR": str(hatch),
        "HATCH_CACHE_DIR": str(hatch),
        "XDG_CONFIG_HOME": str(hatch),
        "APPDATA": str(hatch),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NO_PROXY": "127.0.0.1",
    }


def program(home: Path, name: str) -> str:
    """Return where an environment keeps a program; the path of another environment's program stays as it is."""
    return str(home / ("Scripts" if os.name == "nt" else "bin") / name)


@contextmanager
def container(directory: Path) -> "Iterator[str]":
    """Serve the files of a CI job, and a page of links to them, while the context lasts."""
    links = [
        f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a><br>'
        for file in directory.glob("*.whl")
    ]
    (directory / "index.html").write_text("\n".join(["<!DOCTYPE html>", *links]), encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(directory))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of a directory that prints nothing."""

    def log_message(self, *_: object) -> None:
        """Leave the terminal to the commands."""


if __name__ == "__main__":
    main()
