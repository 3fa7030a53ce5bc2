"""What a directory has beyond the contract: files as a file system keeps them, for several processes at once."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.names import Sha256
from bucketwheel.storage import NO_MARKS, Key, ObjectHeaders, ObjectVersion, SwapLost, UnfinishedUpload
from bucketwheel.storage.directory import DirectoryStorage, _in_words, exclusive

KIND = ObjectHeaders(content_type="application/zip", cache_control="no-cache")
KEY = Key("simple/proj/proj-1.0.zip")


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    """Give a storage whose root does not exist yet."""
    return DirectoryStorage(root=tmp_path / "repository")


@pytest.fixture
def _umask() -> Iterator[None]:
    """Set a umask that lets the group read and others nothing."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def add(storage: DirectoryStorage, body: Path | bytes, key: Key = KEY) -> bool:
    """Add with the right digest."""
    whole = body if isinstance(body, bytes) else body.read_bytes()
    sha256 = Sha256(hashlib.sha256(whole).hexdigest())
    return storage.add(key, body, sha256=sha256, headers=KIND, marks=NO_MARKS)


def files(root: Path) -> set[str]:
    """Find every file there is, hidden ones too."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program that says a line when it is where it should be."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def killed(process: subprocess.Popen[str]) -> None:
    """End a program as if the power had gone."""
    process.kill()
    process.communicate()


class TestFiles:
    """What lies in the directory is what a web server may serve."""

    def test_reading_makes_nothing(self, storage: DirectoryStorage) -> None:
        """Only a write creates the root."""
        assert storage.read(KEY) is None
        assert storage.stat(KEY) is None
        assert list(storage.list("simple/")) == []
        storage.remove(KEY, expected=_version(b"x"))
        assert not storage.root.exists()

    def test_nothing_lies_there_but_objects_and_the_lock(self, storage: DirectoryStorage) -> None:
        """After every kind of write, lost ones too, no temporary file is left."""
        add(storage, b"one")
        add(storage, b"two")
        version = storage.swap(Key("page"), b"one", expected=None, headers=KIND, marks=NO_MARKS)
        for seen in (None, _version(b"wrong")):
            with pytest.raises(SwapLost):
                storage.swap(Key("page"), b"two", expected=seen, headers=KIND, marks=NO_MARKS)
        storage.swap(Key("page"), b"two", expected=version, headers=KIND, marks=NO_MARKS)
        assert files(storage.root) == {KEY, "page", "_bucketwheel/.lock"}
        assert {listed.key for listed in storage.list("")} == {KEY, "page"}

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    @pytest.mark.usefixtures("_umask")
    def test_modes_are_what_the_umask_leaves(self, storage: DirectoryStorage) -> None:
        """Whoever the umask lets read the directory may read all that is published, added or swapped."""
        add(storage, b"one")
        version = storage.swap(Key("page"), b"one", expected=None, headers=KIND, marks=NO_MARKS)
        storage.swap(Key("page"), b"two", expected=version, headers=KIND, marks=NO_MARKS)
        modes = {path: (storage.root / path).stat().st_mode & 0o777 for path in (KEY, "page", "simple/proj")}
        assert modes == {KEY: 0o640, "page": 0o640, "simple/proj": 0o750}

    def test_an_added_file_is_a_copy(self, storage: DirectoryStorage, tmp_path: Path) -> None:
        """What happens to the source afterwards does not reach the repository."""
        source = tmp_path / "file"
        source.write_bytes(b"one")
        add(storage, source)
        with source.open("r+b") as file:
            file.write(b"two")
        assert (storage.root / KEY).read_bytes() == b"one"

    def test_versions_are_digests(self, storage: DirectoryStorage) -> None:
        """The version names the bytes: a person can compute it."""
        assert storage.swap(KEY, b"body", expected=None, headers=KIND, marks=NO_MARKS) == _version(b"body")

    def test_the_address_is_a_file_url(self, storage: DirectoryStorage) -> None:
        """A directory serves itself."""
        assert storage.address("simple/a+b") == f"{storage.root.as_uri()}/simple/a%2Bb"


class TestDotFiles:
    """Names with a leading dot are not part of the repository."""

    def test_they_are_in_no_listing(self, storage: DirectoryStorage) -> None:
        """A desktop's files, an editor's, a version control's folder: whatever begins with a dot is hidden."""
        add(storage, b"body")
        for name in (".DS_Store", "simple/.DS_Store", "simple/proj/.~lock.x#", ".git/config", "simple/.cache/x"):
            path = storage.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not ours")
        assert [listed.key for listed in storage.list("")] == [KEY]
        assert [listed.key for listed in storage.list("simple/")] == [KEY]

    def test_what_killed_writers_left_is_found_and_removed(self, storage: DirectoryStorage) -> None:
        """Only temporary files of ours that were not written to for a while; each can be removed, twice too."""
        add(storage, b"body")
        dead, young = (storage.root / f"simple/proj/.bucketwheel-{name}" for name in ("dead", "young"))
        for path in (dead, young, storage.root / ".DS_Store"):
            path.write_bytes(b"half")
            os.utime(path, (0, 0))
        young.touch()
        (upload,) = storage.unfinished_uploads()
        assert (upload.key, upload.begun.year) == ("simple/proj/.bucketwheel-dead", 1970)
        for _ in range(2):
            storage.abort_upload(upload)
        assert list(storage.unfinished_uploads()) == []
        assert files(storage.root) == {KEY, ".DS_Store", "simple/proj/.bucketwheel-young"}

    def test_nothing_else_is_removed(self, storage: DirectoryStorage) -> None:
        """A file that is no temporary one is refused, whatever a caller believes."""
        add(storage, b"body")
        with pytest.raises(ValueError, match="not a temporary file"):
            storage.abort_upload(UnfinishedUpload(key=KEY, begun=datetime.now(UTC)))
        assert files(storage.root) == {KEY}


class TestDurability:
    """What was written survives a power cut, under its name."""

    def test_a_file_is_synced_before_it_gets_its_name_and_the_directory_after(
        self, storage: DirectoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bytes, then the name, then the directory that holds the name; the same for new directories."""
        steps: list[str] = []
        fsync, link, replace, unlink = os.fsync, Path.hardlink_to, Path.replace, Path.unlink

        def synced(descriptor: int) -> None:
            found = os.fstat(descriptor)
            known = (each for each in (storage.root / KEY).parents if each.exists())
            same = [each for each in known if os.path.samestat(each.stat(), found)]
            steps.append(f"sync {same[0].relative_to(storage.root.parent)}" if same else "sync file")
            fsync(descriptor)

        def linked(self: Path, target: Path) -> None:
            steps.append("name")
            link(self, target)

        def replaced(self: Path, target: Path) -> Path:
            steps.append("name")
            return replace(self, target)

        def removed(self: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as Path has it
            if not self.name.startswith("."):
                steps.append("remove")
            unlink(self, missing_ok=missing_ok)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(Path, "hardlink_to", linked)
        monkeypatch.setattr(Path, "replace", replaced)
        monkeypatch.setattr(Path, "unlink", removed)
        add(storage, b"one")
        new_directories = ["sync repository/simple", "sync repository", "sync ."]
        assert steps == [*new_directories, "sync file", "name", "sync repository/simple/proj"]
        steps.clear()
        version = storage.swap(KEY, b"two", expected=_version(b"one"), headers=KIND, marks=NO_MARKS)
        assert steps == ["sync file", "name", "sync repository/simple/proj"]
        steps.clear()
        storage.remove(KEY, expected=version)
        assert steps == ["remove", "sync repository/simple/proj"]

    @pytest.mark.parametrize("call", ["replace", "unlink"])
    def test_windows_is_asked_again_while_somebody_reads(
        self, storage: DirectoryStorage, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        """A system that refuses to replace or remove a file in use is asked again for a moment, and then denies."""
        monkeypatch.setattr("bucketwheel.storage.directory._READERS_HINDER", True)
        version = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
        readers, act = count(), getattr(Path, call)

        def in_use(self: Path, *arguments: object, **options: object) -> object:
            if (call == "replace" or self == storage.root / KEY) and next(readers) < 3:
                raise PermissionError(errno.EACCES, "Access is denied", str(self))
            return act(self, *arguments, **options)

        def write(version: ObjectVersion) -> None:
            if call == "replace":
                storage.swap(KEY, b"two", expected=version, headers=KIND, marks=NO_MARKS)
            else:
                storage.remove(KEY, expected=version)

        monkeypatch.setattr(Path, call, in_use)
        monkeypatch.setattr("bucketwheel.storage.directory._READING_ENDS", 0.0)
        with pytest.raises(Denied, match="permission is denied"):
            write(version)
        monkeypatch.setattr("bucketwheel.storage.directory._READING_ENDS", 5.0)
        write(version)
        assert next(readers) == 4


class TestConfinement:
    """No key leads out of the root."""

    @pytest.mark.parametrize(
        "key", ["../x", "a/../../x", "/x", "a//x", "./x", "a/", "", ".", "c:x", "a\\..\\x", "a\0b", "a/./b"]
    )
    def test_what_is_no_key_is_an_error_of_the_program(self, storage: DirectoryStorage, key: str) -> None:
        """Climbing, absolute, empty, drive and foreign separators: refused by every call."""
        for call in (storage.read, storage.stat, lambda key: add(storage, b"", key)):
            with pytest.raises(ValueError, match="cannot be a file"):
                call(Key(key))
        with pytest.raises(ValueError, match="cannot be a file"):
            list(storage.list(f"{key}/x"))
        assert not storage.root.exists()

    def test_no_write_passes_a_link_out(self, storage: DirectoryStorage, tmp_path: Path) -> None:
        """A symbolic link to elsewhere inside the root is refused by writes of every kind."""
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "old").write_bytes(b"old")
        (storage.root / "simple").mkdir(parents=True)
        (storage.root / "simple" / "proj").symlink_to(outside)
        old = Key("simple/proj/old")
        with pytest.raises(Denied, match=r"leads out of .*; remove the symbolic link"):
            add(storage, b"body")
        with pytest.raises(Denied, match="leads out of"):
            storage.swap(old, b"new", expected=_version(b"old"), headers=KIND, marks=NO_MARKS)
        with pytest.raises(Denied, match="leads out of"):
            storage.remove(old, expected=_version(b"old"))
        assert files(outside) == {"old"}
        assert (outside / "old").read_bytes() == b"old"

    def test_a_root_may_be_a_link(self, tmp_path: Path) -> None:
        """The root itself may lie elsewhere."""
        (tmp_path / "real").mkdir()
        (tmp_path / "root").symlink_to(tmp_path / "real")
        storage = DirectoryStorage(root=tmp_path / "root")
        assert add(storage, b"body") is True
        assert [listed.key for listed in storage.list("")] == [KEY]

    def test_a_listing_does_not_go_round_in_circles(self, storage: DirectoryStorage) -> None:
        """Links to directories are not followed."""
        add(storage, b"body")
        (storage.root / "simple" / "loop").symlink_to(storage.root)
        assert [listed.key for listed in storage.list("")] == [KEY]


class TestContenders:
    """Processes and threads write beside each other, and nobody's death hinders anybody."""

    def test_a_lock_dies_with_its_holder(self, storage: DirectoryStorage) -> None:
        """While a process holds the lock a swap waits; once it is killed, the swap goes on."""
        version = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
        lock = storage.root / "_bucketwheel" / ".lock"
        lock.parent.mkdir()
        holder = started(
            "import sys\n"
            "from pathlib import Path\n"
            "from bucketwheel.storage.directory import exclusive\n"
            "with exclusive(Path(sys.argv[1])):\n"
            "    print('there', flush=True)\n"
            "    sys.stdin.read()\n",
            str(lock),
        )
        done = threading.Event()

        def swap() -> None:
            storage.swap(KEY, b"two", expected=version, headers=KIND, marks=NO_MARKS)
            done.set()

        thread = threading.Thread(target=swap)
        thread.start()
        waited = not done.wait(0.2)
        killed(holder)
        assert done.wait(10)
        thread.join()
        assert waited

    def test_a_removal_waits_for_the_lock_too(self, storage: DirectoryStorage) -> None:
        """Comparing and removing is one step: nobody replaces the file in between."""
        version = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
        lock = storage.root / "_bucketwheel" / ".lock"
        lock.parent.mkdir()
        with ThreadPoolExecutor(1) as pool, exclusive(lock):
            removal = pool.submit(storage.remove, KEY, expected=version)
            with pytest.raises(TimeoutError):
                removal.result(timeout=0.1)
            (storage.root / KEY).write_bytes(b"two")
        with pytest.raises(SwapLost):
            removal.result()
        assert (storage.root / KEY).read_bytes() == b"two"

    @pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
    def test_what_a_killed_writer_leaves_is_invisible(self, storage: DirectoryStorage, tmp_path: Path) -> None:
        """A temporary file that nobody will ever rename is in no listing and in nobody's way."""
        source = tmp_path / "endless"
        os.mkfifo(source)
        writer = started(
            "import sys\n"
            "from pathlib import Path\n"
            "from bucketwheel.storage import ObjectHeaders\n"
            "from bucketwheel.storage.directory import DirectoryStorage\n"
            "print('there', flush=True)\n"
            "headers = ObjectHeaders(content_type='', cache_control='')\n"
            "DirectoryStorage(root=Path(sys.argv[1])).add("
            "sys.argv[3], Path(sys.argv[2]), sha256='', headers=headers, marks={})\n",
            str(storage.root),
            str(source),
            KEY,
        )
        with source.open("wb") as half:
            half.write(b"half of it")
            half.flush()
            killed(writer)
        (left,) = files(storage.root)
        assert re.fullmatch(r"simple/proj/\.bucketwheel-[0-9a-f]{16}", left)
        assert list(storage.list("")) == []
        assert add(storage, b"whole") is True
        assert [listed.key for listed in storage.list("")] == [KEY]

    def test_no_swap_of_several_processes_is_lost(self, storage: DirectoryStorage) -> None:
        """3 processes each add 1 to a counter 20 times: it ends at 60."""
        storage.swap(KEY, b"0", expected=None, headers=KIND, marks=NO_MARKS)
        code = (
            "import sys\n"
            "from pathlib import Path\n"
            "from bucketwheel.storage import ObjectHeaders, SwapLost\n"
            "from bucketwheel.storage.directory import DirectoryStorage\n"
            "storage = DirectoryStorage(root=Path(sys.argv[1]))\n"
            "headers = ObjectHeaders(content_type='', cache_control='')\n"
            "print('there', flush=True)\n"
            "sys.stdin.readline()\n"
            "done = 0\n"
            "while done < 20:\n"
            "    old = storage.read(sys.argv[2])\n"
            "    body = b'%d' % (int(old.body) + 1)\n"
            "    try:\n"
            "        storage.swap(sys.argv[2], body, expected=old.version, headers=headers, marks={})\n"
            "        done += 1\n"
            "    except SwapLost:\n"
            "        pass\n"
        )
        processes = [started(code, str(storage.root), KEY) for _ in range(3)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=30)
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert (storage.root / KEY).read_bytes() == b"60"

    @pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
    def test_add_and_swap_create_one_object_between_them(
        self, storage: DirectoryStorage, monkeypatch: pytest.MonkeyPatch, *, links: bool
    ) -> None:
        """Of 12 who create one file at once, adding or swapping, one succeeds, also on FAT and the like."""
        if not links:
            monkeypatch.setattr(Path, "hardlink_to", _no_links)
        ready = threading.Barrier(12)

        def create(number: int) -> bool:
            ready.wait()
            if number % 2:
                return add(storage, b"%d" % number)
            with suppress(SwapLost):
                return bool(storage.swap(KEY, b"%d" % number, expected=None, headers=KIND, marks=NO_MARKS))
            return False

        for _ in range(5):
            with ThreadPoolExecutor(12) as pool:
                outcomes = list(pool.map(create, range(12)))
            assert sorted(outcomes) == [False] * 11 + [True]
            body = b"%d" % outcomes.index(True)
            assert (storage.root / KEY).read_bytes() == body
            storage.remove(KEY, expected=_version(body))

    def test_readers_never_see_half_a_file(self, storage: DirectoryStorage) -> None:
        """While a file is replaced over and over, every read is whole."""
        bodies = [bytes([letter]) * 200_000 for letter in b"ab"]
        version = storage.swap(KEY, bodies[0], expected=None, headers=KIND, marks=NO_MARKS)
        done = threading.Event()
        seen = set()

        def read() -> None:
            while not done.is_set():
                stored = storage.read(KEY)
                assert stored is not None
                seen.add(stored.body)

        with ThreadPoolExecutor(1) as pool:
            reader = pool.submit(read)
            for number in range(30):
                version = storage.swap(KEY, bodies[number % 2], expected=version, headers=KIND, marks=NO_MARKS)
            done.set()
            reader.result()
        assert seen <= set(bodies)
        assert seen


class TestErrors:
    """What a file system refuses is said in words, and never taken for absent."""

    def test_a_file_in_the_way_is_not_an_empty_repository(self, tmp_path: Path) -> None:
        """A root that is a file is denied, for reading, listing and writing."""
        (tmp_path / "repository").write_bytes(b"")
        storage = DirectoryStorage(root=tmp_path / "repository")
        for call in (lambda: storage.read(KEY), lambda: list(storage.list("simple/")), lambda: add(storage, b"")):
            with pytest.raises(Denied, match=r"repository.*: a file is in the way of a directory; move it elsewhere"):
                call()

    def test_a_directory_in_the_way_is_not_an_absent_file(self, storage: DirectoryStorage) -> None:
        """The same the other way round."""
        add(storage, b"body")
        with pytest.raises(Denied, match="a directory is in the way of a file"):
            storage.read(Key("simple/proj"))

    def test_a_name_too_long_is_named(self, storage: DirectoryStorage) -> None:
        """File systems have limits that S3 has not."""
        with pytest.raises(Denied, match="too long for this file system"):
            add(storage, b"", Key("x" * 300))

    def test_a_source_that_cannot_be_read_is_named(self, storage: DirectoryStorage, tmp_path: Path) -> None:
        """The file that vanished is named, not the one it was to become, and nothing is left of it."""
        sha256 = Sha256(hashlib.sha256(b"").hexdigest())
        with pytest.raises(Unavailable, match=r"gone\.whl cannot be read"):
            storage.add(KEY, tmp_path / "gone.whl", sha256=sha256, headers=KIND, marks=NO_MARKS)
        assert files(storage.root) == set()

    @pytest.mark.parametrize(
        ("number", "branch", "words"),
        [
            (errno.EACCES, Denied, "permission is denied; give this user access to it"),
            (errno.EROFS, Denied, "the file system is read-only; use a directory that can be written"),
            (errno.ENOLCK, Denied, "the file system has no locks; use a directory on another one"),
            (errno.ENOSPC, Unavailable, "no space is left; free some and run the same command again"),
            (errno.EDQUOT, Unavailable, "the disk quota is used up; free some space and run the same command again"),
            (errno.EIO, Unavailable, "Input/output error; check the disk, and run the same command again"),
        ],
    )
    def test_each_refusal_has_a_remedy(self, number: int, branch: type[Unavailable], words: str) -> None:
        """What cannot be provoked here: the file, what is wrong with it, and what to do."""
        with pytest.raises(Unavailable) as caught, _in_words(Path("/srv/pypi")):
            raise OSError(number, os.strerror(number), "/srv/pypi/\x1b[31m")
        assert type(caught.value) is branch
        assert str(caught.value) == f"/srv/pypi/\\x1b[31m: {words}"

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX's")
    def test_no_permission_is_not_absent(self) -> None:
        """A file that may not be read is denied, not absent; the superuser, who may all, turns into somebody else."""
        code = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from bucketwheel.errors import Denied\n"
            "from bucketwheel.storage.directory import DirectoryStorage\n"
            "storage = DirectoryStorage(root=Path(sys.argv[1]))\n"
            "(storage.root / 'simple').chmod(0)\n"
            "if os.geteuid() == 0:\n"
            "    os.seteuid(65534)\n"
            "for call in (storage.read, storage.stat, lambda key: list(storage.list(key))):\n"
            "    try:\n"
            "        print(call(sys.argv[2]))\n"
            "    except Denied as error:\n"
            "        print(str(error).partition(': ')[2])\n"
        )
        with tempfile.TemporaryDirectory() as root:  # not tmp_path, whose parents are closed to others
            Path(root).chmod(0o755)
            add(DirectoryStorage(root=Path(root)), b"body")
            run = subprocess.run(
                [sys.executable, "-c", code, root, KEY], capture_output=True, text=True, timeout=30, check=True
            )
            (Path(root) / "simple").chmod(0o755)
        assert run.stdout == "permission is denied; give this user access to it\n" * 3


def test_the_lock_file_stays(tmp_path: Path) -> None:
    """Taking the lock away would let two hold it; it stays, and can be held again."""
    lock = tmp_path / "lock"
    for _ in range(2):
        with exclusive(lock):
            assert lock.exists()
    assert lock.read_bytes() == b""


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_lock_lets_a_second_user_in(tmp_path: Path) -> None:
    """Its mode is 0666 less the umask, so that a group which shares the directory shares the lock too."""
    before = os.umask(0o002)
    try:
        with exclusive(tmp_path / "lock"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o664


def _version(body: bytes) -> ObjectVersion:
    return ObjectVersion(hashlib.sha256(body).hexdigest())


def _no_links(self: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", str(target), None, str(self))


class CaseInsensitive(DirectoryStorage):
    """A directory in which a name finds the file that has it in another case, as on macOS and Windows."""

    def _path(self, key: Key) -> Path:
        path = DirectoryStorage._path(self, key)
        names = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        return path.with_name(next((name for name in names if name.lower() == path.name.lower()), path.name))


def test_names_that_differ_in_case_only_never_share_a_file(tmp_path: Path) -> None:
    """Also with the same bytes: a removal of the one would remove the other."""
    storage = CaseInsensitive(root=tmp_path / "repository")
    assert add(storage, b"one")
    assert not add(storage, b"one")
    for body in (b"one", b"another"):
        with pytest.raises(Denied, match=r"proj-1\.0\.zip is in the way of Proj-1\.0\.ZIP"):
            add(storage, body, Key("simple/proj/Proj-1.0.ZIP"))
    assert (storage.root / KEY).read_bytes() == b"one"


# Many at once --------------------------------------------------------------------------------------------------------


def test_many_swaps_create_and_replace(storage: DirectoryStorage) -> None:
    """Each file gets its bytes, in new directories and in old ones, and no temporary file stays."""
    storage.swap_many([(Key("a/b/c"), b"1", None), (Key("top"), b"", None), (Key("a/d"), b"2", None)])
    storage.swap_many([(Key("a/b/c"), b"3", _version(b"1")), (Key("a/b/new"), b"4", None), (Key("x/y"), b"5", None)])

    assert files(storage.root) == {"a/b/c", "a/b/new", "a/d", "top", "x/y", "_bucketwheel/.lock"}
    assert [(storage.root / key).read_bytes() for key in ("a/b/c", "a/b/new", "top")] == [b"3", b"4", b""]


@pytest.mark.parametrize("expected", [None, _version(b"other")])
def test_many_swaps_end_at_the_first_that_is_lost(storage: DirectoryStorage, expected: ObjectVersion | None) -> None:
    """What was written before it stays, the file that another writer changed too, and nothing after it is written."""
    add(storage, b"theirs", Key("a/b"))
    with pytest.raises(SwapLost):
        storage.swap_many([(Key("a/a"), b"1", None), (Key("a/b"), b"2", expected), (Key("a/c"), b"3", None)])

    assert files(storage.root) == {"a/a", "a/b", "_bucketwheel/.lock"}
    assert (storage.root / "a" / "b").read_bytes() == b"theirs"


@pytest.mark.parametrize("key", ["a/../b", "..", "a//b", "a/", "a/b\\c", "c:/d", "a\0b", "./a"])
def test_many_swaps_write_nothing_outside(storage: DirectoryStorage, key: str) -> None:
    """A key that is no name of a file in the root is an error of the program."""
    with pytest.raises(ValueError, match="cannot be a file"):
        storage.swap_many([(Key(key), b"1", None)])
    assert {path for path in storage.root.parent.rglob("*") if path.is_file()} <= {storage.root / "_bucketwheel/.lock"}


@pytest.mark.skipif(os.name == "nt", reason="making links is a privilege there")
def test_many_swaps_follow_no_link_out_of_the_root(storage: DirectoryStorage, tmp_path: Path) -> None:
    """A directory that leads elsewhere is refused, as by one swap."""
    (tmp_path / "outside").mkdir()
    storage.root.mkdir()
    (storage.root / "a").symlink_to(tmp_path / "outside")
    for key in ("a/b", "a/b/c"):
        with pytest.raises(Denied, match="symbolic link"):
            storage.swap_many([(Key(key), b"1", None)])
    assert [*(tmp_path / "outside").rglob("*")] == []


def test_many_swaps_that_cannot_be_written_leave_no_temporary_file(storage: DirectoryStorage) -> None:
    """A directory in the way of a file is said in words, and what was begun is gone."""
    (storage.root / "a" / "b").mkdir(parents=True)
    with pytest.raises((Denied, SwapLost)):
        storage.swap_many([(Key("a/b"), b"1", None)])
    with pytest.raises(Denied, match="a file is in the way"):
        storage.swap_many([(Key("top"), b"1", None), (Key("top/b"), b"2", None)])
    assert files(storage.root) == {"top", "_bucketwheel/.lock"}


# Folders -------------------------------------------------------------------------------------------------------------


def test_empty_folders_are_removed(storage: DirectoryStorage) -> None:
    """Each folder around the keys goes if nothing is left in it; others stay, and so does the top."""
    for folder in ("a/b/c", "a/d", "e", "f"):
        (storage.root / folder).mkdir(parents=True)
    (storage.root / "e" / "kept").touch()
    storage.remove_folders([Key("a/b/c/x"), Key("a/d/x"), Key("e/x"), Key("gone/x"), Key("x")])

    assert sorted(each.name for each in storage.root.iterdir()) == ["_bucketwheel", "e", "f"]


@pytest.mark.skipif(os.name == "nt", reason="making links is a privilege there")
def test_no_folder_outside_of_the_root_is_removed(storage: DirectoryStorage, tmp_path: Path) -> None:
    """A directory that leads elsewhere is refused."""
    (tmp_path / "outside" / "a").mkdir(parents=True)
    storage.root.mkdir()
    (storage.root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Denied, match="symbolic link"):
        storage.remove_folders([Key("link/a/b")])
    assert (tmp_path / "outside" / "a").is_dir()
