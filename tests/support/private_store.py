"""A private S3: moto, which refuses wrong secrets, behind a proxy of ours, which refuses what is not signed.

moto answers 500 to unsigned requests for what is absent; S3 answers 403. The proxy also plays a reader without
s3:ListBucket, to whom S3 says 403 for what is absent: no emulator knows that.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from support.http_server import Exchange, serve
from support.ministack import free_ports, keep_server, server_program

__all__ = ["REGION", "Keys", "PrivateStore", "Seen", "run_private_store"]

REGION = "eu-central-1"
_START_SECONDS = 60
_SET_UP = 3
"""The calls that are made before moto looks at credentials."""
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/s3/")
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Credentials that the store knows."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """The AWS_ variables of them, and nothing else that could give some."""
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {
            "AWS_ACCESS_KEY_ID": self.id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **token,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as the store saw it."""

    method: str
    path: str
    signed: bool
    status: int


@dataclass(slots=True, kw_only=True)
class PrivateStore:
    """A running store."""

    url: str
    """Of the proxy: what clients are given."""
    keys: Keys
    """Those of a user who may do everything."""
    lists: bool = True
    """False: readers lack s3:ListBucket."""
    forbidden: str = ""
    """A part of paths that answer 403, although they may exist."""
    seen: list[Seen] = field(default_factory=list)
    scopes: set[str] = field(default_factory=set)
    """The regions that requests were signed for."""

    def client(self, service: str) -> Any:  # noqa: ANN401 - the SDK's
        """Return a client of the SDK with the keys."""
        return _client(service, self.url, self.keys)

    def make_bucket(self, name: str) -> None:
        """Make a private bucket."""
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def session(self) -> Keys:
        """Return the credentials of a session, which have a token."""
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam = self.client("iam")
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="reader", AssumeRolePolicyDocument=policy)
            iam.put_role_policy(RoleName="reader", PolicyName="everything", PolicyDocument=_EVERYTHING)
        arn = iam.get_role(RoleName="reader")["Role"]["Arn"]
        got = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return Keys(id=got["AccessKeyId"], secret=got["SecretAccessKey"], token=got["SessionToken"])

    def read(self) -> list[Seen]:
        """Return the requests for pages and files."""
        return [one for one in self.seen if one.method in {"GET", "HEAD"} and "/simple/" in one.path]


@contextmanager
def run_private_store(directory: Path) -> Iterator[PrivateStore]:
    """Run the store while the context lasts, or until this process is killed."""
    with _run_moto(directory) as moto:
        keys = _make_user(moto)
        store = PrivateStore(url="", keys=keys)
        with serve(partial(_pass_on, store, urlsplit(moto).netloc)) as server:
            store.url = server.root
            yield store


def _pass_on(store: PrivateStore, netloc: str, exchange: Exchange) -> None:
    """Answer as S3 would: unsigned requests never get further."""
    signed = "Authorization" in exchange.headers or "X-Amz-Signature" in exchange.path
    listing = "list-type" in exchange.path
    status, headers, body = 403, {"Content-Type": "application/xml"}, _DENIED
    allowed = not store.forbidden or store.forbidden not in exchange.path.replace("%2F", "/")
    if signed and allowed and (store.lists or not listing):
        status, headers, body = _asked(netloc, exchange)
        if status == http.client.NOT_FOUND and not store.lists:
            status, headers, body = 403, {"Content-Type": "application/xml"}, _DENIED
    if scope := _SCOPE.search(exchange.headers.get("Authorization", "")):
        store.scopes.add(scope[1])
    store.seen.append(Seen(method=exchange.command, path=exchange.path, signed=signed, status=status))
    exchange.send(status, headers, body)


def _asked(netloc: str, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    sent = exchange.rfile.read(int(exchange.headers.get("Content-Length", 0)))
    with closing(http.client.HTTPConnection(netloc, timeout=60)) as connection:
        # Host as it came, because it is signed.
        connection.putrequest(exchange.command, exchange.path, skip_host=True, skip_accept_encoding=True)
        for name, value in exchange.headers.items():
            if name.lower() not in {"connection", "expect"}:
                connection.putheader(name, value)
        connection.endheaders(sent)
        answer = connection.getresponse()
        body = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        if exchange.command == "HEAD":
            kept["Content-Length"] = answer.headers.get("Content-Length", "0")
        return answer.status, kept, body


@contextmanager
def _run_moto(directory: Path) -> Iterator[str]:
    for port in free_ports(3):
        environ = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_SET_UP)}
        command = [server_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        with (
            (directory / f"moto-{port}.log").open("wb") as log,
            keep_server(command, environ, directory, log) as process,
        ):
            if _answers(process, port):
                yield f"http://127.0.0.1:{port}"
                return
    raise RuntimeError(f"moto does not start; its log is in {directory}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/moto-api/")  # counts as no call of AWS
            connection.getresponse().read()
            return True
        time.sleep(0.05)
    return False


def _make_user(moto: str) -> Keys:
    iam = _client("iam", moto, Keys(id="setting", secret="up"))  # noqa: S106 - looked at by nobody
    iam.create_user(UserName="owner")
    made = iam.create_access_key(UserName="owner")["AccessKey"]
    iam.put_user_policy(UserName="owner", PolicyName="everything", PolicyDocument=_EVERYTHING)
    return Keys(id=made["AccessKeyId"], secret=made["SecretAccessKey"])


def _client(service: str, url: str, keys: Keys) -> Any:  # noqa: ANN401 - the SDK's
    session = boto3.Session(
        aws_access_key_id=keys.id, aws_secret_access_key=keys.secret, aws_session_token=keys.token or None
    )
    return session.client(service, endpoint_url=url, region_name=REGION)  # type: ignore[call-overload]  # by name
