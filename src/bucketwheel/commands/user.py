"""Change who may read at the edge: the users in the store that a function of CloudFront reads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, OutcomeUnknown, Problem, Refused, Unavailable, Unfinished
from bucketwheel.events import Report, ignore
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.users import client_lines, entries, entry, tokens_of, user_name, user_token
from bucketwheel.parallel import Patience
from bucketwheel.places import S3Place
from bucketwheel.protocol.repository import open_target, open_to_read
from bucketwheel.storage.key_values import CloudFront, KeyValues

__all__ = ["User", "UserChange", "Users", "add_user", "finish_rotation", "list_users", "remove_user", "rotate_user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may read."""

    name: str
    tokens: int
    """How many let in: two while one is replaced; none if what the store has of this name cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """All who may read."""

    users: tuple[User, ...]
    """By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """The change of a user, with the token if one was given; it is stored nowhere."""

    user: str
    change: Literal["added", "rotated", "finished", "removed"]
    tokens: int
    """How many let in now."""
    index_url: str = ""
    """The index that the token is for."""
    token: str = field(default="", repr=False)
    clients: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The line with which each client sends the token."""


def add_user(name: str, settings: Settings, *, token: str | None = None, report: Report = ignore) -> UserChange:
    """Let a new user read, with this token or one that is made; raises Refused for a user that exists."""

    def add(found: str | None, ours: str) -> str:
        if found is not None:
            remedy = f"`bucketwheel user rotate {name}` gives a new token"
            raise Refused(Problem(subject=name, what="exists already", remedy=remedy))
        return ours

    return _give_token(name, settings, add, change="added", token=token, report=report)


def rotate_user(
    name: str, settings: Settings, *, token: str | None = None, overlap: bool = False, report: Report = ignore
) -> UserChange:
    """Give a user a new token; with `overlap` the one before stays valid until `finish_rotation`.

    Raises Refused for an unknown user, and for an overlap with two tokens already.
    """

    def rotate(found: str | None, ours: str) -> str:
        before = entries(_existing(name, found))
        if not overlap:
            return ours
        if len(before) > 1:
            remedy = f"run `bucketwheel user rotate {name} --finish` first, which ends the older one"
            raise Refused(Problem(subject=name, what="has two tokens already", remedy=remedy))
        return " ".join((ours, *before))

    return _give_token(name, settings, rotate, change="rotated", token=token, report=report)


def finish_rotation(name: str, settings: Settings, *, report: Report = ignore) -> UserChange:
    """End the older of a user's two tokens, if there are two; raises Refused for an unknown user."""

    def finish(found: str | None) -> str:
        value = _existing(name, found)
        return next(iter(entries(value)), value)

    user_name(name)
    store = _open_store(settings, report)
    return UserChange(user=name, change="finished", tokens=_change(store, name, finish))


def remove_user(name: str, settings: Settings, *, report: Report = ignore) -> UserChange:
    """Let a user read no longer; raises Refused for an unknown one."""

    def remove(found: str | None) -> None:
        _existing(name, found)

    user_name(name)
    store = _open_store(settings, report)
    return UserChange(user=name, change="removed", tokens=_change(store, name, remove))


def list_users(settings: Settings, *, report: Report = ignore) -> Users:
    """Return who may read, and with how many tokens."""
    found = sorted(_open_store(settings, report).items())
    return Users(users=tuple(User(name=name, tokens=tokens_of(name, value)) for name, value in found))


def index_url_of(settings: Settings, report: Report) -> str:
    """Return the address that clients use; raises Refused if the repository does not say it."""
    repository = open_to_read(open_target(settings, report))
    if repository.settings.base_url is None:
        place = settings.require_repository()
        remedy = f"run `bucketwheel init {place} --set base-url=https://…/` with that of the distribution or domain"
        raise Refused(Problem(subject=str(place), what="does not say at which address it is read", remedy=remedy))
    return repository.index_url


def _give_token(
    name: str,
    settings: Settings,
    decide: Callable[[str | None, str], str],
    *,
    change: Literal["added", "rotated"],
    token: str | None,
    report: Report,
) -> UserChange:
    user_name(name)
    token = secrets.token_hex(16) if token is None else user_token(token)
    ours = entry(name, token, secrets.token_hex(16))
    store = _open_store(settings, report)
    index_url = index_url_of(settings, report)
    tokens = _change(store, name, lambda found: decide(found, ours))
    clients = client_lines(name, token, index_url)
    return UserChange(user=name, change=change, tokens=tokens, index_url=index_url, token=token, clients=clients)


def _existing(name: str, found: str | None) -> str:
    if found is None:
        raise Refused(Problem(subject=name, what="is no user", remedy="`bucketwheel user list` lists all users"))
    return found


def _open_store(settings: Settings, report: Report) -> KeyValues:
    place = settings.require_repository()
    if not isinstance(place, S3Place):
        what = "is a directory, and CloudFront reads buckets"
        raise Misconfigured(Problem(subject=str(place), what=what, remedy="name a repository in S3"))
    # `infra` names the store so, in both languages.
    name = Hosting(bucket=place.bucket, prefix=place.prefix).name
    return CloudFront(place=place, connection=settings.connection, report=report).open_store(name)


def _change(store: KeyValues, name: str, decide: Callable[[str | None], str | None]) -> int:
    """Change what the store has of a user, as often as it takes; return the number of tokens that let in then.

    The ETag is that of the whole store, so a change is lost to any other one. It is read before the value, so that it
    is lost to one between the two as well.
    """
    sent: list[str | None] = []
    patience = Patience()
    for _ in patience:
        version, found = _read(store, name, sent)
        wanted = decide(found) if found not in sent else found  # an answer may be lost where the change was not
        if wanted == found:
            return len(entries(wanted or ""))
        sent.append(wanted)
        with suppress(OutcomeUnknown):
            if store.replace(name, wanted, expected=version):
                return len(entries(wanted or ""))
        patience.give_way()
    raise _not_known(name)


def _read(store: KeyValues, name: str, sent: Collection[str | None]) -> tuple[str, str | None]:
    try:
        return store.version(), store.get(name)
    except Unavailable as error:
        raise (_not_known(name) if sent else error) from None


def _not_known(name: str) -> Unfinished:
    return Unfinished(
        f"whether {name} was changed is not known, because CloudFront did not answer; `bucketwheel user list` shows "
        f"who may read, and `bucketwheel user rotate {name}` gives a new token"
    )
