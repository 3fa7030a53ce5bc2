"""Set up everything the tests need in `.venv`, then check format, lint and types, and run the tests.

    python3 tests/run.py [PYTEST ARGUMENT]…
    python3 tests/run.py --thorough

Needs Python 3.11 or newer and a package index; what runs in Node is skipped where Node is not there. A second run sets
up only what changed. `--thorough` runs what takes longer: the fast tests on each other Python that we support and this
machine has; then the fault sweep with a failure of every family, more publishers, more interleavings, every
combination of hosting, the README's snippets.
"""

import sys

# This file stays readable for Python 3.6, which then says what is wrong.
if sys.version_info < (3, 11):  # noqa: UP036 - said in words, not by a syntax error
    sys.exit("the tests need Python 3.11 or newer; run this file with one")

import os
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
SERVERS = HOME / "servers"
NODE = HOME / "node"
OURS = ["--editable", ".", "--group", "dev"]
CHECKS = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
# These say nothing new on another Python.
SLOW = ("tests/faults", "tests/races", "tests/interleavings", "tests/hosting", "tests/adopt/test_old_tools.py")
# Tests last longer with all their cases, so each goes to the first process that is free.
LONG = ["--timeout", "900", "--dist", "worksteal", "tests/faults/test_sweep.py", "tests/races", "tests/interleavings"]
LONG += ["tests/test_readme_snippets.py", "tests/reading/test_clients.py", "tests/uploads/test_upload_clients.py"]
LONG += [
    "tests/hosting",
    "tests/views/test_list_clients.py",
    "tests/views/test_nginx.py",
    "tests/views/test_browser.py",
]
THOROUGH = {
    "BUCKETWHEEL_TEST_SWEEP": "families",
    "BUCKETWHEEL_TEST_PUBLISHERS": "16",
    "BUCKETWHEEL_TEST_INTERLEAVINGS": "400",
    "BUCKETWHEEL_TEST_HOSTS": "all",
    "BUCKETWHEEL_TEST_TIMES": "all",
}


def main(arguments: "list[str]") -> int:
    """Set up and run everything; end with a sentence where that cannot be done."""
    try:
        return set_up_and_run(arguments)
    except subprocess.CalledProcessError as error:
        needs = "; installing needs a package index such as PyPI" if {"install", "ci"} & {*error.cmd} else ""
        sys.exit(
            f"tests: not set up: this command ended with status {error.returncode}{needs}: {shlex.join(error.cmd)}"
        )
    except KeyboardInterrupt:
        sys.exit("tests: interrupted")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        sys.exit("tests: stopped; what read their output went away")
    except OSError as error:
        sys.exit(f"tests: not set up: {error}; the clone must be in a directory that you can write to")


def set_up_and_run(arguments: "list[str]") -> int:
    """Run the checks and the tests, or what is thorough; stop at the first that fails."""
    # That of no environment: the one that runs this may be about to be made again.
    python = sys._base_executable  # type: ignore[attr-defined]  # typeshed does not have it
    set_up(HOME, python, OURS)
    set_up(SERVERS, python, ["--group", "servers"])  # an environment of its own: it pins what ours uses
    set_up_node()
    if "--thorough" in arguments:
        arguments.remove("--thorough")
        return run_thoroughly(arguments)
    if not shutil.which("gpg"):
        print("+ no gpg on this machine, so its tests are skipped (Debian: apt-get install gnupg)", flush=True)
    for check in (*CHECKS, ["pytest", *arguments]):
        status = run(HOME, check)
        if status:
            return status
    return 0


def run_thoroughly(arguments: "list[str]") -> int:
    """Run the fast tests on each other Python of this machine, then the long ones with all their cases."""
    for version in SUPPORTED:
        python = None if version == sys.version_info[:2] else find_python(version)
        if python is None:
            print("+ no other Python {}.{} on this machine".format(*version), flush=True)
            continue
        home = HOME / "{}.{}".format(*version)
        set_up(home, python, OURS)
        status = run(home, ["pytest", *("--ignore=" + slow for slow in SLOW), *arguments])
        if status:
            return status
    return run(HOME, ["pytest", *LONG, *arguments], **THOROUGH)


def find_python(version: "tuple[int, int]") -> "str | None":
    """Find an interpreter of this version: on PATH, among pyenv's, or by uv."""
    name = "python{}.{}".format(*version)
    candidates = [name]
    candidates += map(str, sorted(Path.home().glob(".pyenv/versions/{}.{}*/bin/{}".format(*version, name))))
    if shutil.which("uv"):
        command = ["uv", "python", "find", "--managed-python", "--no-python-downloads", "{}.{}".format(*version)]
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        candidates += found.stdout.splitlines()
    for candidate in candidates:
        if answers_as(candidate, version):
            return candidate
    return None


def answers_as(candidate: str, version: "tuple[int, int]") -> bool:
    """Return whether this starts and is of the version: what pyenv puts on PATH starts only if it is chosen."""
    command = [candidate, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return found.stdout.split() == [str(part) for part in version]


def set_up(home: Path, python: str, wanted: "list[str]") -> None:
    """Make an environment with these packages, unless it is there, for this pyproject.toml and this Python."""
    stamp = home / "state"
    # An environment works only where it was made, with the Python that made it.
    state = (ROOT / "pyproject.toml").read_text(encoding="utf-8") + f"{sys.version} {python} {home}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state and program(home, "python").exists():
        return
    print("+ setting up", home.relative_to(ROOT), flush=True)
    if home.exists():
        shutil.rmtree(home)
    home.mkdir()
    subprocess.run([python, "-m", "venv", str(home)], check=True)
    pip = [
        str(program(home, "python")),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--retries",
        "2",
    ]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], cwd=ROOT, check=True)  # the first to know dependency groups
    subprocess.run([*pip, *wanted], cwd=ROOT, check=True)
    stamp.write_text(state, encoding="utf-8")


def set_up_node() -> None:
    """Install the packages of tests/node, unless they are there; without npm the tests that need them are skipped."""
    npm = shutil.which("npm")
    wanted = ROOT / "tests" / "node"
    state = (wanted / "package-lock.json").read_text(encoding="utf-8")
    stamp = NODE / "state"
    if npm is None or (stamp.is_file() and stamp.read_text(encoding="utf-8") == state):
        return
    print("+ setting up", NODE.relative_to(ROOT), flush=True)
    NODE.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(wanted / name, NODE)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=NODE, check=True)
    stamp.write_text(state, encoding="utf-8")


def run(home: Path, command: "list[str]", **variables: str) -> int:
    """Show and run a Python program of an environment, with its own programs and the S3 server first on PATH."""
    print("+", *("{}={}".format(*pair) for pair in variables.items()), *command, flush=True)
    path = os.pathsep.join([str(program(home, "")), str(program(SERVERS, "")), os.environ.get("PATH", "")])
    modules = {"BUCKETWHEEL_TEST_NODE_MODULES": str(NODE / "node_modules")}
    environment = {**os.environ, **modules, "PATH": path, "VIRTUAL_ENV": str(home), **variables}
    return subprocess.run(
        [str(program(home, "python")), "-m", *command], cwd=ROOT, env=environment, check=False
    ).returncode


def program(home: Path, name: str) -> Path:
    """Return where an environment keeps a program."""
    return home / ("Scripts" if os.name == "nt" else "bin") / name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
