"""Refusals of S3, met by the real verbs: each has one remedy, and none is taken for an empty place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import pytest

from bucketwheel import initialise, load_settings, show
from bucketwheel.errors import Denied, Refused, Unavailable, Unfinished
from bucketwheel.events import Event, Warned
from bucketwheel.storage import Key
from bucketwheel.storage.s3 import S3Storage
from faults.commands import COMMANDS, User
from faults.harness import Harness
from faults.integrity import comparable
from support.wire import Exchange, Fault, Wire, answers, says

DENIED = says(403, "AccessDenied")
EVERY = [
    "publish into an empty place",
    "publish the next version",
    "publish the same again",
    "yank",
    "reindex damaged pages",
    "init",
]


def is_listing(exchange: Exchange) -> bool:
    """Return whether it is a listing."""
    return "list-type=2" in exchange.path


def key_of(exchange: Exchange, user: User) -> str:
    """Return the key that it is about, within the user's place."""
    return urlsplit(exchange.path).path.partition(urlsplit(user.repository).path)[2].removeprefix("/")


class TestWithoutListBucket:
    """S3 answers 403 instead of 404 to those who may not list (GetObject, API Reference), and 403 to listings."""

    @staticmethod
    def hiding(user: User) -> Callable[[Exchange], Fault | None]:
        """Hide what is absent, and every listing."""

        def harm(exchange: Exchange) -> Fault | None:
            if is_listing(exchange):
                return DENIED
            absent = exchange.verb in {"GET", "HEAD"} and user.storage.stat(Key(key_of(exchange, user))) is None
            return (DENIED if exchange.verb == "GET" else says(403)) if absent else None

        return harm

    @pytest.mark.parametrize("name", ["publish the next version", "publish the same again", "yank", "unyank"])
    def test_what_is_known_can_be_changed(self, name: str, harness: Harness, wire: Wire) -> None:
        """Commands that meet nothing absent need no listing."""
        user = harness.prepared(name)
        wire.harm = self.hiding(user)
        COMMANDS[name].run(user)

    @pytest.mark.parametrize("name", ["publish into an empty place", "publish a new project", "init"])
    def test_what_is_hidden_is_not_taken_for_absent(self, name: str, harness: Harness, wire: Wire) -> None:
        """It may or may not be there: refused with both permissions to grant, and nothing is written."""
        user = harness.prepared(name)
        before = user.snapshot()
        wire.harm = self.hiding(user)
        with pytest.raises(Denied, match=r"s3:GetObject on arn:aws:s3:::\S+ and s3:ListBucket on arn:aws:s3:::\S+, so"):
            COMMANDS[name].run(user)
        assert user.snapshot() == before
        assert wire.asked("PUT") == []

    def test_reindex_needs_the_listing(self, harness: Harness, wire: Wire) -> None:
        """Only the listing tells which projects there are."""
        user = harness.prepared("reindex damaged pages")
        before = user.snapshot()
        wire.harm = self.hiding(user)
        with pytest.raises(Denied, match=r"AWS denies s3:ListBucket on arn:aws:s3:::[^/]+; allow it"):
            user.reindex()
        assert user.snapshot() == before


class TestWithoutReading:
    """A repository that cannot be read: stick and s3pypi overwrite their index then."""

    @pytest.mark.parametrize("name", EVERY)
    @pytest.mark.parametrize("listing", [True, False], ids=["may list", "may not list"])
    def test_nothing_is_written(self, name: str, harness: Harness, wire: Wire, *, listing: bool) -> None:
        """Every command is refused with the permission it lacks."""
        user = harness.prepared("publish the next version" if name in {"publish into an empty place", "init"} else name)

        def harm(exchange: Exchange) -> Fault | None:
            if is_listing(exchange):
                return None if listing else DENIED
            return {"GET": DENIED, "HEAD": says(403)}.get(exchange.verb)

        before = user.snapshot()
        wire.harm = harm
        with pytest.raises(Denied, match=r"AWS denies s3:(GetObject|ListBucket) on arn:aws:s3:::"):
            COMMANDS[name].run(user)
        assert user.snapshot() == before
        assert wire.asked("PUT") == []

    def test_show_says_it_too(self, harness: Harness, wire: Wire) -> None:
        """Reading says the same."""
        user = harness.prepared("publish the next version")
        wire.harm = lambda exchange: None if is_listing(exchange) else DENIED
        with pytest.raises(Denied, match=r"AWS denies s3:GetObject on arn:aws:s3:::\S+/_bucketwheel/repository.json; "):
            show(load_settings(options={"repository": user.repository, "endpoint-url": user.endpoint_url}))


class TestWithoutWriting:
    """Permission to read and not to write, or to write only some keys."""

    @pytest.mark.parametrize("name", EVERY)
    def test_nothing_is_committed(self, name: str, harness: Harness, wire: Wire) -> None:
        """The permission and the object are named; exit 1, and everything is as it was."""
        user = harness.prepared(name)
        before = user.snapshot()
        wire.harm = lambda exchange: DENIED if exchange.verb == "PUT" else None
        if name == "publish the same again":
            COMMANDS[name].run(user)
        else:
            with pytest.raises(Denied, match=r"AWS denies s3:PutObject on arn:aws:s3:::\S+; allow it in a policy"):
                COMMANDS[name].run(user)
        assert user.snapshot() == before

    @pytest.mark.parametrize("name", ["publish into an empty place", "publish the next version", "yank"])
    def test_a_dry_run_needs_none(self, name: str, harness: Harness, wire: Wire) -> None:
        """It reads and judges everything, and never asks to write."""
        user = replace(harness.prepared(name), options={"dry-run": True})
        wire.harm = lambda exchange: DENIED if exchange.verb == "PUT" else None
        COMMANDS[name].run(user)
        assert wire.asked("PUT") == []

    def test_without_the_manifests_nothing_is_committed(self, harness: Harness, wire: Wire) -> None:
        """Files that no manifest names are invisible: exit 1, and the manifests are as they were."""
        user = harness.prepared("publish the next version")
        before = user.snapshot()
        wire.harm = lambda exchange: DENIED if exchange.verb == "PUT" and "/manifests/" in exchange.path else None
        with pytest.raises(Denied, match=r"s3:PutObject on arn:aws:s3:::\S+/_bucketwheel/manifests/demo-pkg.json"):
            user.publish(user.files.next)
        assert user.snapshot().manifests == before.manifests

    @pytest.mark.parametrize("name", ["publish the next version", "publish a new project", "yank"])
    def test_without_the_pages_it_is_unfinished(self, name: str, harness: Harness, wire: Wire) -> None:
        """Committed and not to be seen: exit 3, which the same command finishes once it may."""
        user = harness.prepared(name)
        wire.harm = lambda exchange: DENIED if exchange.verb == "PUT" and exchange.path.endswith("/") else None
        with pytest.raises(Unfinished, match=r"s3:PutObject on arn:aws:s3:::\S+/simple/\S*/; allow.*run the same"):
            COMMANDS[name].run(user)
        wire.harm = lambda _: None
        COMMANDS[name].run(user)
        assert comparable(user.snapshot()) == harness.clean_run(name).after


REFUSALS: dict[str, tuple[Fault, str]] = {
    "an expired token": (says(400, "ExpiredToken"), "the AWS session has expired, .*; get new credentials"),
    "a wrong secret key": (
        says(403, "SignatureDoesNotMatch"),
        "the secret key does not belong to the access key .*set",
    ),
    "an unknown access key": (says(403, "InvalidAccessKeyId"), "AWS does not know the access key .*; use"),
    "a clock that is wrong": (says(403, "RequestTimeTooSkewed"), "the clock of this machine .*; set it right"),
    "another region": (
        answers(
            b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>",
            {"Content-Type": "application/xml", "x-amz-bucket-region": "eu-west-1"},
            status=HTTPStatus.MOVED_PERMANENTLY,
        ),
        r"another region \(eu-west-1\); set --region",
    ),
    "a login page": (
        answers(b"<html>Please log in</html>", {"Content-Type": "text/html"}),
        "not S3; correct --endpoint",
    ),
}


class TestRefusedAtOnce:
    """Refusals that stop every command at its first request."""

    @pytest.mark.parametrize("refusal", REFUSALS)
    @pytest.mark.parametrize("name", EVERY)
    def test_it_is_said_in_words(self, name: str, refusal: str, harness: Harness, wire: Wire) -> None:
        """One line with one remedy; nothing is sent that would write."""
        fault, words = REFUSALS[refusal]
        user = harness.prepared(name)
        before = user.snapshot()
        wire.harm = lambda _: fault
        with pytest.raises(Unavailable, match=rf"\A[^\n]*{words}[^\n]*\Z"):
            COMMANDS[name].run(user)
        assert user.snapshot() == before
        assert wire.asked("PUT") == []

    @pytest.mark.parametrize("name", EVERY)
    def test_a_bucket_that_is_not_there(self, name: str, harness: Harness) -> None:
        """No such bucket is not an empty one, and how to make it is said."""
        user = replace(harness.prepared(name), repository="s3://no-such-bucket-anywhere/pypi")
        with pytest.raises(Denied, match=r"`bucketwheel init s3://\S+/pypi --create-bucket --endpoint-url http"):
            COMMANDS[name].run(user)


class TestInsideARepository:
    """A longer prefix than that of a repository: a typing error, except where `init` is told so."""

    @pytest.fixture
    def inner(self, user: User) -> User:
        """Give a user of a place two prefixes below a repository."""
        assert isinstance(user.storage, S3Storage)
        storage = replace(user.storage, prefix=f"{user.storage.prefix}team/a/")
        return replace(user, repository=f"{user.repository}/team/a", storage=storage)

    def test_a_publish_is_refused(self, user: User, inner: User) -> None:
        """Before anything is written."""
        before = user.snapshot()
        with pytest.raises(Refused, match=rf"is inside the repository {user.repository}; publish there, or run "):
            inner.publish(inner.files.first)
        assert user.snapshot() == before

    def test_who_may_not_look_above_publishes(self, user: User, inner: User, wire: Wire) -> None:
        """A role may be allowed its own prefix only, and nothing tells it what is around that."""

        def harm(exchange: Exchange) -> Fault | None:
            return None if "team/a/" in unquote(exchange.path) else DENIED

        wire.harm = harm
        inner.publish(inner.files.first)
        assert inner.snapshot().manifests
        assert user.repository != inner.repository

    def test_init_makes_it_and_says_so(self, user: User, inner: User) -> None:
        """The user named the place on purpose."""
        events: list[Event] = []
        initialise(inner.settings(), changes={}, report=events.append)
        told = [event.message for event in events if isinstance(event, Warned)]
        assert told == [f"{inner.repository} is inside the repository {user.repository}"]
        inner.publish(inner.files.first)
