"""`user add`, `list`, `rotate` and `remove`, on a real store that the function of CloudFront could read."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.errors import Misconfigured
from bucketwheel.events import Event, RequestSent
from bucketwheel.hosting.permissions import COMMANDS
from bucketwheel.hosting.users import SHORTEST_TOKEN, client_lines, entries, entry, user_name
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage.key_values import CloudFront
from support.command_line import CommandRun, run_command, run_process
from support.edge import SERVICES, EdgeUsers, run_edge_users
from support.function import answers, basic, request
from support.hosting import FULL
from support.ministack import S3Server, run_ministack
from support.node import needs_node
from support.wire import DROP_AFTER, DROP_BEFORE, Exchange, Fault
from support.wire import answers as wire_answers

TOKEN = "0123456789abcdefghijkl"  # noqa: S105 - of a test


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run S3 and CloudFront."""
    with run_ministack(tmp_path_factory.mktemp("ministack"), services=SERVICES) as running:
        yield running


@pytest.fixture
def users(server: S3Server, monkeypatch: pytest.MonkeyPatch, _sdk_models: None) -> Iterator[EdgeUsers]:
    """Give a repository and the store of its users."""
    with run_edge_users(server, monkeypatch) as running:
        yield running


def token_of(run: CommandRun) -> str:
    """Return the token that a command showed."""
    assert run.code == 0, run.notices
    found = re.search(r"^machine pypi\.example\.com login \S+ password (\S+)$", run.answer, re.MULTILINE)
    assert found is not None, run.answer
    return found[1]


def says(status: int, code: str, message: str = "by the wire") -> Fault:
    """Return what the store says when it refuses."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return wire_answers(json.dumps({"Message": message}).encode(), headers, status=status)


def opened(users: EdgeUsers, *given: tuple[str, str]) -> list[int]:
    """Return how the function answers these names and tokens, with what the store has now: 200 for an object."""
    asked = [request("/python/simple/", authorization=basic(user, token)) for user, token in given]
    found = answers(FULL, *asked, users=users.stored)
    refused = [each for each in found if "statusCode" in each]
    assert refused in ([], [refused[0]] * len(refused) if refused else [])  # whatever was wrong
    return [each.get("statusCode", 200) for each in found]


# Tokens --------------------------------------------------------------------------------------------------------------


@needs_node
def test_a_token_lets_in_until_it_is_taken_away(users: EdgeUsers) -> None:
    """Made, replaced at once, replaced with an overlap, removed; the function decides each time."""
    first = token_of(users.run("add", "ann"))
    wrong = [("bob", first), ("ann", f"{first}x"), ("ann", ""), ("", first)]
    assert opened(users, ("ann", first), *wrong) == [200, 401, 401, 401, 401]
    second = token_of(users.run("rotate", "ann"))
    assert opened(users, ("ann", first), ("ann", second)) == [401, 200]
    rotated = users.run("rotate", "ann", "--overlap")
    third = token_of(rotated)
    assert "the one before works until `bucketwheel user rotate ann --finish`" in rotated.answer
    assert opened(users, ("ann", first), ("ann", second), ("ann", third)) == [401, 200, 200]
    assert users.run("rotate", "ann", "--finish").lines == ["ann has 1 token"]
    assert opened(users, ("ann", second), ("ann", third)) == [401, 200]
    assert users.run("remove", "ann").code == 0
    assert opened(users, ("ann", third)) == [401]
    assert users.stored == {}
    assert len({first, second, third}) == 3


def test_the_store_has_a_digest_and_nobody_else_the_token(users: EdgeUsers) -> None:
    """The token is shown once, on standard output; with -v each request is told, and no secret."""
    run = users.run("add", "ann", "-v")
    token = token_of(run)
    assert len(token) >= SHORTEST_TOKEN
    [stored] = users.stored.values()
    salt = stored.partition(":")[0]
    assert stored == entry("ann", token, salt)
    assert len(salt) == 32
    assert "PutKey ann 200" in run.notices
    assert token not in run.notices
    assert salt not in run.notices + run.answer
    assert token not in repr(bucketwheel.UserChange(user="ann", change="added", tokens=1, token=token))


def test_an_overlap_never_ends_a_token_by_itself(users: EdgeUsers) -> None:
    """Of three, one would be lost that somebody may use; to finish twice changes nothing."""
    token_of(users.run("add", "ann"))
    token_of(users.run("rotate", "ann", "--overlap"))
    before = users.stored
    refused = users.run("rotate", "ann", "--overlap")
    assert refused.code == 1
    assert "ann has two tokens already; run `bucketwheel user rotate ann --finish` first" in refused.notices
    assert users.stored == before
    assert [users.run("rotate", "ann", "--finish").lines for _ in range(2)] == [["ann has 1 token"]] * 2
    assert users.stored["ann"] == before["ann"].split()[0]


def test_a_token_of_ones_own_comes_from_standard_input(users: EdgeUsers) -> None:
    """It is as good as one that is made; one that could be guessed is refused and not shown."""
    assert token_of(users.run("add", "ann", "--token-stdin", typed=f"{TOKEN}\n")) == TOKEN
    stored = users.stored
    assert stored["ann"] == entry("ann", TOKEN, stored["ann"].partition(":")[0])
    for given in (TOKEN[1:], f"{TOKEN} x", f"-{TOKEN}", "", f"{TOKEN}é", "x" * 5000):
        refused = users.run("rotate", "ann", "--token-stdin", typed=f"{given}\n")
        assert (refused.code, refused.answer) == (2, "")
        assert "the token is too short or has other characters" in refused.notices
        assert not given or given not in refused.notices
    assert users.stored == stored


def test_rotate_takes_only_what_goes_together(users: EdgeUsers) -> None:
    """To finish makes no token."""
    for options in (["--overlap"], ["--token-stdin"], ["-o", "file"]):
        run = users.run("rotate", "ann", "--finish", *options)
        assert run.code == 2
        assert "--finish makes no token" in run.notices
    assert not Path("file").exists()


# Names ---------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "",
    "Ann",
    "-ann",
    ".ann",
    "a b",
    "a/b",
    "../ann",
    "a:b",
    "ann\n",
    "a" * 65,
    "\u202eann",
    "é",
    "a\x00b",
    "a@b",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("verb", ["add", "rotate", "remove"])
def test_a_hostile_name_is_refused_before_anything_is_sent(verb: str, name: str) -> None:
    """With exit 2, and nothing in the message that a terminal would obey."""
    run = run_command("user", verb, "-r", "s3://my-bucket", "--", name)
    assert (run.code, run.answer) == (2, "")
    assert "cannot be the name of a user" in run.notices
    assert run.notices.isprintable() or run.notices.rstrip("\n").isprintable()


@needs_node
def test_every_name_that_is_taken_is_one_that_the_function_takes() -> None:
    """And the other way round: what it takes can be added."""
    names = ["a", "0", "a.b_c-d", "a" * 64, "1.2", *HOSTILE]
    token = TOKEN
    asked = [request("/python/simple/", authorization=basic(name, token)) for name in names]
    found = answers(FULL, *asked, users={name: entry(name, token, "aa") for name in names})
    for name, answer in zip(names, found, strict=True):
        try:
            user_name(name)
        except Misconfigured:
            assert answer["statusCode"] == 401, name
        else:
            assert "uri" in answer, name


def test_who_exists_or_does_not_is_told_in_a_sentence(users: EdgeUsers) -> None:
    """With exit 1, and the store stays as it is."""
    token_of(users.run("add", "ann"))
    before = users.stored
    assert "ann exists already; `bucketwheel user rotate ann` gives a new token" in users.run("add", "ann").notices
    for words in (["rotate", "bob"], ["rotate", "bob", "--overlap"], ["rotate", "bob", "--finish"], ["remove", "bob"]):
        run = users.run(*words, "--json")
        assert run.code == 1
        assert "bob is no user; `bucketwheel user list` lists all users" in run.notices
        assert run.document["exit"] == 1
    assert users.stored == before


def test_all_users_are_listed(users: EdgeUsers) -> None:
    """More than the store tells at once; with two tokens, and with a value that lets nobody in."""
    assert users.run("list").lines == ["there are no users"]
    assert users.run("list", "--json").document == {"users": []}
    one = entry("ann", TOKEN, "aa")
    users.put(
        **{f"user-{number}": one for number in range(60)}, ann=f"{one} {one}", bob="nonsense", **{"\x1b[31m": one}
    )
    run = users.run("list")
    assert {
        "ann  2 tokens",
        "bob  no token that can be used",
        "user-59  1 token",
        "\\x1b[31m  no token that can be used",
    } < {*run.lines}
    assert len(run.lines) == 63
    listed = users.run("list", "--json").document["users"]
    assert {"name": "ann", "tokens": 2} in listed
    assert {"name": "bob", "tokens": 0} in listed
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)


@needs_node
def test_entries_are_what_the_function_reads() -> None:
    """The first two, if they are whole; whatever another tool has written."""
    one, two, three = (entry("ann", f"{TOKEN}{salt}", salt) for salt in ("aa", "bb", "cc"))
    digest = one.partition(":")[2]
    values = {
        one: 1,
        f"{one} {two}": 2,
        f"{one} {two} {three}": 2,
        f"x {one}": 1,
        f"{one}:more": 1,
        f"x y {one}": 0,
        "": 0,
        "x": 0,
        f":{digest}": 0,
        one.upper(): 0,
        f" {one}": 1,
        f"  {one}": 0,
        f"{one}\n": 0,
    }
    for value, count in values.items():
        assert len(entries(value)) == count, value
        asked = [
            request("/python/simple/", authorization=basic("ann", f"{TOKEN}{salt}")) for salt in ("aa", "bb", "cc")
        ]
        opened = [each for each in answers(FULL, *asked, users={"ann": value}) if "uri" in each]
        assert len(opened) == count, value


# Files and clients ---------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_keeps_the_token_from_the_screen(users: EdgeUsers, workspace: Path) -> None:
    """Only its owner can read it; standard output names it."""
    path = workspace / "ann.txt"
    run = users.run("add", "ann", "-o", str(path))
    assert run.lines == [f"added ann; the token is in {path}"]
    text = path.read_text(encoding="utf-8")
    found = re.search(r"^machine pypi.example.com login ann password (\S+)$", text, re.MULTILINE)
    assert found is not None
    assert list(client_lines("ann", found[1], "https://pypi.example.com/simple/").values()) == text.splitlines()[1::3]
    assert found[1] not in run.answer + run.notices
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = users.run("rotate", "ann", "-o", str(workspace / "again.txt"), "--json").document
    assert told == {"user": "ann", "change": "rotated", "tokens": 1, "index-url": "https://pypi.example.com/simple/"}


def test_a_file_that_exists_is_not_written_over(users: EdgeUsers, workspace: Path) -> None:
    """Nor is one left behind by a change that was refused; nothing is changed where no file can be made."""
    (workspace / "mine").write_text("mine", encoding="utf-8")
    for target, said in (("mine", "exists already"), ("no/such/file", "cannot be written")):
        run = users.run("add", "ann", "-o", target)
        assert run.code == 1
        assert said in run.notices
    assert (workspace / "mine").read_text(encoding="utf-8") == "mine"
    assert users.stored == {}
    assert users.run("remove", "ann").code == users.run("rotate", "ann", "-o", "new").code == 1
    assert [path.name for path in workspace.iterdir()] == ["mine"]


def test_the_document_has_the_lines_of_all_clients(users: EdgeUsers) -> None:
    """One JSON document with the token, the index and a line for each client."""
    document = users.run("add", "ann", "--json").document
    assert set(document) == {"user", "change", "tokens", "index-url", "token", "clients"}
    assert document["index-url"] == "https://pypi.example.com/simple/"
    assert document["clients"] == client_lines("ann", document["token"], document["index-url"])
    assert set(document["clients"]) == {"netrc", "uv", "poetry", "keyring"}


def test_an_address_with_a_port_has_none_in_a_netrc() -> None:
    """But it has one where clients ask for it."""
    lines = client_lines("ann", TOKEN, "http://127.0.0.1:8080/simple/")
    assert lines["netrc"].startswith("machine 127.0.0.1 ")
    assert lines["keyring"] == f"echo {TOKEN} | keyring set 127.0.0.1:8080 ann"


# The store -----------------------------------------------------------------------------------------------------------


def test_sixteen_who_add_at_once_add_sixteen(users: EdgeUsers) -> None:
    """Each change names the ETag of the store, and one that was lost is made again; no token is lost."""
    names = [f"user-{number}" for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        added = list(pool.map(lambda name: bucketwheel.add_user(name, users.settings), names))
    stored = users.stored
    assert sorted(stored) == sorted(names)
    for each in added:
        salt = stored[each.user].partition(":")[0]
        assert stored[each.user] == entry(each.user, each.token, salt)
    puts = [one for one in users.wire.log if one.verb == "PUT"]
    assert {one.status for one in puts} == {200, 409}  # some were lost, or this shows nothing
    assert all(one.headers["if-match"] for one in puts)


def test_processes_change_users_side_by_side(users: EdgeUsers, tmp_path: Path) -> None:
    """As two people would, each in a shell; one user removed while others come."""
    token_of(users.run("add", "old"))
    words = [["add", "ann"], ["add", "bob"], ["remove", "old"]]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda each: run_user(users, tmp_path, *each), words))
    assert [run.code for run in runs] == [0, 0, 0], [run.notices for run in runs]
    assert sorted(users.stored) == ["ann", "bob"]


def run_user(users: EdgeUsers, home: Path, *words: str, **variables: str) -> CommandRun:
    """Run `bucketwheel user …` as a process of its own."""
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return run_process("user", *words, *users.options, home=home, environ=environ | variables)


WRITES = {"add": ["add", "bob"], "rotate": ["rotate", "ann"], "overlap": ["rotate", "ann", "--overlap"]}
WRITES |= {"finish": ["rotate", "two", "--finish"], "remove": ["remove", "ann"]}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("fault", [DROP_AFTER, DROP_BEFORE], ids=["after", "before"])
def test_a_lost_answer_is_no_lost_change(users: EdgeUsers, name: str, fault: Fault) -> None:
    """The store is read again: what has arrived is done, and what has not is done again; never twice."""
    one, two = entry("ann", TOKEN, "aa"), entry("ann", TOKEN, "bb")
    users.put(ann=one, two=f"{one} {two}")
    lost: list[Exchange] = []

    def lose_first(exchange: Exchange) -> Fault | None:
        if exchange.verb in {"PUT", "DELETE"} and not lost:
            lost.append(exchange)
            return fault
        return None

    users.wire.harm = lose_first
    run = users.run(*WRITES[name])
    assert run.code == 0, run.notices
    assert lost
    expected = {"add": 1, "rotate": 1, "overlap": 2, "finish": 1, "remove": 0}[name]
    assert len(entries(users.stored.get(WRITES[name][1], ""))) == expected
    if name in {"add", "rotate", "overlap"}:
        user, stored = WRITES[name][1], users.stored[WRITES[name][1]].split()[0]
        assert stored == entry(user, token_of(run), stored.partition(":")[0])


@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_user_who_comes_meanwhile_is_not_written_over(users: EdgeUsers, before: int) -> None:
    """Whenever another tool adds the same name: before the ETag is read, before the value is, before the change."""
    theirs, asked = entry("ann", TOKEN, "aa"), []

    def add_meanwhile(exchange: Exchange) -> None:
        asked.append(exchange)
        if len(asked) == before:
            users.put(ann=theirs)

    users.wire.harm = add_meanwhile
    run = users.run("add", "ann")
    assert run.code == 1
    assert "ann exists already" in run.notices
    assert users.stored == {"ann": theirs}


def test_what_cannot_be_known_is_said_to_be_unknown(users: EdgeUsers, workspace: Path) -> None:
    """The write gets no answer, and then nothing does: exit 3, and no file without a token."""
    users.wire.harm = lambda one: (
        DROP_AFTER if one.verb == "PUT" or any(each.verb == "PUT" for each in users.wire.log) else None
    )
    run = users.run("add", "ann", "-o", "token")
    assert run.code == 3
    assert "whether ann was changed is not known" in run.notices
    assert "`bucketwheel user rotate ann` gives a new token" in run.notices
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "code", "message", "times"),
    [
        (409, "ConflictException", "", 1),
        (412, "PreconditionFailed", "", 1),
        (400, "ValidationException", "Pre-Condition failed", 1),
        (400, "ThrottlingException", "Rate exceeded", 3),
    ],
)
def test_a_change_that_comes_too_early_is_made_again(
    users: EdgeUsers, status: int, code: str, message: str, times: int
) -> None:
    """AWS documents 409 for a lost ETag; its store was also seen to answer 400. The SDK itself asks three times."""
    refused: list[Exchange] = []

    def refuse_first(exchange: Exchange) -> Fault | None:
        if exchange.verb == "PUT" and len(refused) < times:
            refused.append(exchange)
            return says(status, code, message)
        return None

    users.wire.harm = refuse_first
    token_of(users.run("add", "ann"))
    assert len([one for one in users.wire.log if one.verb == "PUT"]) == times + 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "AccessDeniedException", "CloudFront refuses PutKey (AccessDeniedException); give this role or user the"),
        (403, "InvalidToken", "set AWS_STS_REGIONAL_ENDPOINTS=regional and get new ones"),
        (403, "UnrecognizedClientException", "those of a session must come from an endpoint of STS in a region"),
        (403, "ExpiredTokenException", "the AWS credentials have expired; get new ones"),
        (402, "ServiceQuotaExceededException", "CloudFront answered ServiceQuotaExceededException to PutKey"),
        (400, "Validation\x1b[31mException", "CloudFront answered Validation\\x1b[31mException to PutKey"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(users: EdgeUsers, status: int, code: str, said: str) -> None:
    """By its code; nothing was changed, so exit 1."""
    users.wire.harm = lambda one: says(status, code) if one.verb == "PUT" else None
    run = users.run("add", "ann")
    assert (run.code, run.answer) == (1, "")
    assert said in run.notices


def test_a_network_that_fails_is_told(users: EdgeUsers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of CloudFront and not of S3; nothing was written."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", "http://127.0.0.1:9")
    run = users.run("list")
    assert run.code == 1
    assert "CloudFront cannot be reached (connection refused); check the network" in run.notices
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert f"no AWS credentials were found for {users.bucket.place}" in users.run("list").notices
    assert "drop no-sign-request" in users.run("list", "--no-sign-request").notices
    assert "no profile nobody" in users.run("list", "--profile", "nobody").notices


def test_without_the_extra_one_sentence_says_what_to_install(users: EdgeUsers, tmp_path: Path) -> None:
    """Before anything is sent."""
    run = run_user(users, tmp_path, "add", "ann", BOTO_DISABLE_CRT="true")
    assert (run.code, run.answer) == (2, "")
    assert run.notices.count("\n") == 1
    assert run.notices.endswith("install it: `pip install 'bucketwheel[edge]'`\n")
    assert users.wire.log == []


def test_a_repository_without_a_store_says_how_to_make_one(users: EdgeUsers) -> None:
    """As where it is public, or in another account."""
    run = run_command("user", "list", "-r", f"{users.bucket.place}/elsewhere")
    assert run.code == 1
    assert "this AWS account has no store of users for" in run.notices
    assert "--basic-auth" in run.notices


def test_a_directory_has_no_users(workspace: Path) -> None:
    """CloudFront reads buckets."""
    run = run_command("user", "list", "-r", str(workspace))
    assert run.code == 2
    assert "is a directory" in run.notices


def test_without_an_address_no_token_is_made(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines for clients need it; the message says how to set it. To list and remove none is needed."""
    with run_edge_users(server, monkeypatch, base_url="") as users:
        run = users.run("add", "ann")
        assert run.code == 1
        assert f"run `bucketwheel init {users.bucket.place} --set base-url=https://…/`" in run.notices
        assert users.stored == {}
        users.put(ann=entry("ann", TOKEN, "aa"))
        assert users.run("list").lines == ["ann  1 token"]
        assert users.run("remove", "ann").code == 0


def test_credentials_of_a_role_come_from_sts_in_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine is set to: tokens of the global endpoint are not valid for this store."""
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    for region, expected in (("eu-west-1", "eu-west-1"), (None, "us-east-1")):
        cloudfront = CloudFront(place=S3Place(bucket="my-bucket"), connection=Connection(region=region))
        assert cloudfront.client("sts").meta.endpoint_url == f"https://sts.{expected}.amazonaws.com"


# Permissions ---------------------------------------------------------------------------------------------------------


def test_the_printed_policy_is_what_the_commands_ask_for(users: EdgeUsers) -> None:
    """None of the actions is missing, and none is too many; on this store only."""
    told: list[Event] = []
    bucketwheel.add_user("ann", users.settings, report=told.append)
    bucketwheel.rotate_user("ann", users.settings, overlap=True, report=told.append)
    bucketwheel.finish_rotation("ann", users.settings, report=told.append)
    bucketwheel.list_users(users.settings, report=told.append)
    bucketwheel.remove_user("ann", users.settings, report=told.append)
    asked = {
        each.verb for each in told if isinstance(each, RequestSent) and each.verb.endswith(("Key", "Keys", "Store"))
    }
    run = run_command("infra", "iam-policy", "user", *users.options)
    assert run.code == 0, run.notices
    objects, bucket, store = run.document["Statement"]
    assert objects["Resource"] == f"arn:aws:s3:::{users.bucket.place.bucket}/_bucketwheel/repository.json"
    assert bucket["Action"] == "s3:ListBucket"
    assert store["Resource"] == users.arn
    expected = {f"cloudfront-keyvaluestore:{verb}" for verb in asked} | {"cloudfront:DescribeKeyValueStore"}
    assert set(store["Action"]) == expected
    assert expected < set(COMMANDS["user"])
    both = run_command("infra", "iam-policy", "user", "show", *users.options).document["Statement"]
    assert both[0]["Resource"].endswith("/*")
    assert both[-1] == store
