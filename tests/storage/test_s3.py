"""What S3 has beyond the contract: the requests as they go over the wire, and how each answer is understood."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from bucketwheel.errors import Denied, OutcomeUnknown, Unavailable
from bucketwheel.events import Event, RequestSent, ignore
from bucketwheel.names import Sha256
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage import NO_MARKS, Key, ObjectHeaders, ObjectVersion, SwapLost
from bucketwheel.storage.opening import create_bucket, open_storage
from bucketwheel.storage.s3 import S3Storage, connect
from support.http_server import broken_tls, make_certificate, serve
from support.ministack import S3Server, TestBucket
from support.wire import (
    DOUBLED,
    DROP_AFTER,
    DROP_BEFORE,
    EMPTIED,
    SILENCE_AFTER,
    SILENCE_BEFORE,
    TRUNCATED,
    UNCONDITIONAL,
    Exchange,
    Fault,
    Wire,
    answers,
    run_wire,
    says,
)

KIND = ObjectHeaders(content_type="application/zip", cache_control="public, max-age=31536000, immutable")
KEY = Key("simple/proj/proj-1.0.zip")
DENIED = says(403, "AccessDenied")
MIB = 1 << 20


@pytest.fixture
def wire(s3_server: S3Server) -> Iterator[Wire]:
    """Give a wire to the server, harmless at first."""
    with run_wire(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def storage(bucket: TestBucket, wire: Wire) -> S3Storage:
    """Give the storage of a fresh place, by way of the wire."""
    return bucket.storage(endpoint_url=wire.url)


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is tried again be tried at once, and not for long."""
    monkeypatch.setattr("bucketwheel.parallel._PATIENCE", 0.5)
    monkeypatch.setattr("bucketwheel.storage.s3.bucket.random.uniform", lambda *_: 0.0)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


def digest(body: bytes) -> Sha256:
    """Compute what the index publishes."""
    return Sha256(hashlib.sha256(body).hexdigest())


def add(storage: S3Storage, body: Path | bytes, *, key: Key = KEY, headers: ObjectHeaders = KIND) -> bool:
    """Add with the right digest."""
    whole = body if isinstance(body, bytes) else body.read_bytes()
    return storage.add(key, body, sha256=digest(whole), headers=headers, marks={"call": "abc"})


def swap(storage: S3Storage, body: bytes, *, expected: ObjectVersion | None = None) -> ObjectVersion:
    """Swap the one key that these tests are about."""
    return storage.swap(KEY, body, expected=expected, headers=KIND, marks=NO_MARKS)


def large_file(path: Path, size: int) -> Path:
    """Write a file without two equal parts."""
    with path.open("wb") as file:
        for number in range(0, size, MIB):
            file.write(hashlib.sha256(b"%d" % number).digest() * (MIB // 32))
    return path


def only(verb: str, fault: Fault, *, first: int = 1, last: int = 1000) -> Callable[[Exchange], Fault | None]:
    """Harm the requests of one verb, counted from 1."""
    seen: list[int] = []

    def harm(exchange: Exchange) -> Fault | None:
        if exchange.verb == verb:
            seen.append(exchange.number)
            return fault if first <= len(seen) <= last else None
        return None

    return harm


class TestRequests:
    """How a write looks on the wire."""

    def test_an_add_names_digest_conditions_and_serving(self, storage: S3Storage, wire: Wire) -> None:
        """One PUT carries the condition, the digest with its algorithm, the exact type, caching and marks."""
        add(storage, b"body")
        (put,) = wire.log
        expected = {
            "if-none-match": "*",
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": "Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=",
            "content-type": "application/zip",
            "cache-control": "public, max-age=31536000, immutable",
            "x-amz-meta-call": "abc",
        }
        assert expected.items() <= put.headers.items()
        assert (put.verb, put.status) == ("PUT", 200)

    def test_big_files_are_sent_on_request_and_all_else_at_once(
        self, storage: S3Storage, wire: Wire, tmp_path: Path
    ) -> None:
        """Above 1 MiB an add asks first whether its body is wanted; no smaller one does, and no swap of any size."""
        bodies: tuple[Path | bytes, ...] = (
            b"small",
            bytes(MIB),
            bytes(MIB + 1),
            large_file(tmp_path / "file", 2 * MIB),
        )
        for number, body in enumerate(bodies):
            add(storage, body, key=Key(f"{number}"))
        version = swap(storage, b"{}")
        swap(storage, bytes(3 * MIB), expected=version)
        asked = [put.headers.get("expect") for put in wire.log]
        assert asked == [None, None, "100-continue", "100-continue", None, None]

    def test_put_args_are_sent(self, storage: S3Storage, wire: Wire) -> None:
        """Further arguments reach S3 with every write, booleans included."""
        put_args = {"StorageClass": "STANDARD_IA", "ServerSideEncryption": "AES256", "BucketKeyEnabled": "true"}
        headers = replace(KIND, put_args=put_args)
        add(storage, b"body", headers=headers)
        storage.swap(Key("page"), b"body", expected=None, headers=headers, marks=NO_MARKS)
        expected = {
            "x-amz-storage-class": "STANDARD_IA",
            "x-amz-server-side-encryption": "AES256",
            "x-amz-server-side-encryption-bucket-key-enabled": "true",
        }
        assert all(expected.items() <= put.headers.items() for put in wire.log)
        assert len(wire.log) == 2

    def test_an_endpoint_of_ones_own_needs_no_host_per_bucket(self, bucket: TestBucket, wire: Wire) -> None:
        """The bucket stands in the path, as servers without wildcard names want it."""
        bucket.storage(endpoint_url=wire.url.replace("127.0.0.1", "localhost")).read(KEY)
        assert wire.log[0].path.startswith(f"/{bucket.place.bucket}/")

    def test_swaps_and_removals_name_what_was_seen(self, storage: S3Storage, wire: Wire) -> None:
        """If-Match carries the version as it was read."""
        version = swap(storage, b"one")
        version = swap(storage, b"two", expected=version)
        storage.remove(KEY, expected=version)
        assert [one.headers.get("if-match") for one in wire.log] == [None, wire.log[1].headers["if-match"], version]
        assert wire.log[1].headers["if-match"] != version

    def test_over_tls_the_signature_covers_the_checksum_instead_of_the_body(self) -> None:
        """A body is not hashed a second time for the signature, which its checksum is part of."""
        storage = open_storage(S3Place(bucket="bucket"), Connection(region="eu-west-1"), jobs=1, report=ignore)
        assert isinstance(storage, S3Storage)
        sent: list[dict[str, bytes]] = []

        def stop(request: object, **_: object) -> None:
            sent.append(dict(request.headers))  # type: ignore[attr-defined]  # the SDK's prepared request
            raise ConnectionRefusedError

        storage.bucket.client.meta.events.register("before-send.s3", stop)
        with pytest.raises(ConnectionRefusedError):
            add(storage, b"body")
        assert sent[0]["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
        assert b";x-amz-checksum-sha256;" in sent[0]["Authorization"]

    def test_over_http_the_signature_covers_the_body(self, storage: S3Storage, wire: Wire) -> None:
        """Without TLS nothing else protects a body on its way."""
        add(storage, b"body")
        assert wire.log[0].headers["x-amz-content-sha256"] == digest(b"body")

    def test_unsigned_requests_carry_no_signature(self, bucket: TestBucket, wire: Wire) -> None:
        """`no-sign-request` reads without credentials, even where there are some."""
        connection = Connection(region="us-east-1", endpoint_url=wire.url, no_sign_request=True)
        open_storage(bucket.place, connection, jobs=1, report=ignore).read(KEY)
        assert "authorization" not in wire.log[0].headers

    def test_no_more_requests_at_once_than_jobs(
        self, bucket: TestBucket, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        """However many threads ask, requests under way never outnumber the connections kept, so none is thrown away."""
        storage = bucket.storage(endpoint_url=wire.url, jobs=3)
        with caplog.at_level(logging.WARNING), ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda number: storage.read(Key(f"{number}")), range(24)))
        at_once = [sum(one.start <= other.start < one.end for one in wire.log) for other in wire.log]
        assert max(at_once) <= 3
        assert caplog.records == []


class TestPrefix:
    """A repository under a prefix is one that nothing outside belongs to."""

    def test_keys_are_relative_to_the_prefix(self, bucket: TestBucket) -> None:
        """What is written lies under the prefix; listings show it without, and nothing else."""
        place = S3Place(bucket=bucket.place.bucket, prefix=f"{bucket.place.prefix}team/pypi/")
        under, whole = replace(bucket, place=place).storage(), bucket.storage()
        add(under, b"inside")
        add(whole, b"outside", key=Key("team/other"))
        assert [listed.key for listed in under.list("")] == [KEY]
        assert [listed.key for listed in whole.list("")] == ["team/other", f"team/pypi/{KEY}"]

    def test_the_folder_itself_is_no_object(self, bucket: TestBucket) -> None:
        """A console makes an empty object for a folder, also for the one that is the place."""
        place = S3Place(bucket=bucket.place.bucket, prefix=f"{bucket.place.prefix}team/")
        add(bucket.storage(), b"", key=Key("team/"))
        assert list(replace(bucket, place=place).storage().list("")) == []

    def test_the_address_is_where_the_store_serves_it(self, bucket: TestBucket) -> None:
        """Path style at an endpoint of one's own; at AWS the bucket's host, unless dots in it break the certificate."""
        assert (
            bucket.storage().address("simple/").startswith(f"{bucket.connection.endpoint_url}/{bucket.place.bucket}/")
        )
        region = Connection(region="eu-west-1")
        for name, expected in (
            ("packages", "https://packages.s3.eu-west-1.amazonaws.com/pypi/simple/a%2Bb"),
            ("a.dotted.name", "https://s3.eu-west-1.amazonaws.com/a.dotted.name/pypi/simple/a%2Bb"),
        ):
            storage = open_storage(S3Place(bucket=name, prefix="pypi/"), region, jobs=1, report=ignore)
            assert storage.address("simple/a+b") == expected


class TestAbsence:
    """Absent is what S3 calls by that name, or what a listing confirms; no error is taken for it."""

    def test_without_permission_to_list_the_listing_is_asked(self, storage: S3Storage, wire: Wire) -> None:
        """S3 answers 403 for what is absent to those who may not list: not in the listing, so absent."""
        wire.harm = lambda exchange: DENIED if "prefix=" not in exchange.path else None
        add_elsewhere = says(403)
        assert storage.read(KEY) is None
        wire.harm = lambda exchange: add_elsewhere if exchange.verb == "HEAD" else None
        assert storage.stat(KEY) is None

    def test_a_key_that_begins_like_another_is_absent(self, storage: S3Storage, wire: Wire) -> None:
        """A longer key of the same beginning in the listing does not make this one present."""
        add(storage, b"", key=Key(f"{KEY}.asc"))
        wire.harm = only("GET", DENIED, last=1)
        assert storage.read(KEY) is None

    def test_what_is_listed_and_denied_is_denied(self, storage: S3Storage, wire: Wire) -> None:
        """A 403 for what the listing shows names the permission and the object, for GET and HEAD alike."""
        add(storage, b"body")
        arn = f"arn:aws:s3:::{storage.bucket.name}/{storage.prefix}{KEY}"
        wire.harm = lambda exchange: (
            says(403, "" if exchange.verb == "HEAD" else "AccessDenied") if ("prefix=" not in exchange.path) else None
        )
        for call in (storage.read, storage.stat):
            with pytest.raises(Denied, match=f"denies s3:GetObject on {arn}"):
                call(KEY)
        with pytest.raises(Denied, match="denies s3:GetObject"), storage.open(KEY):
            pass

    def test_denied_both_ways_names_both_permissions(self, storage: S3Storage, wire: Wire) -> None:
        """Where neither reading nor listing is allowed nothing is known, and the message says what to grant."""
        wire.harm = lambda exchange: says(403, "" if exchange.verb == "HEAD" else "AccessDenied")
        for call in (storage.read, storage.stat):
            with pytest.raises(Denied, match=r"s3:GetObject on arn:aws:s3:::.*/proj-1\.0\.zip and s3:ListBucket on"):
                call(KEY)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("InvalidAccessKeyId", "AWS does not know the access key"),
            ("SignatureDoesNotMatch", "the secret key does not belong"),
            ("RequestTimeTooSkewed", "the clock of this machine"),
        ],
    )
    def test_other_refusals_are_called_by_their_names(
        self, storage: S3Storage, wire: Wire, code: str, words: str
    ) -> None:
        """403 has many reasons, and a missing permission is only one."""
        wire.harm = lambda exchange: says(403, "" if exchange.verb == "HEAD" else code)
        for call in (storage.read, storage.stat):
            with pytest.raises(Denied, match=words):
                call(KEY)

    def test_a_head_that_fails_without_a_word_gets_one(self, storage: S3Storage, wire: Wire) -> None:
        """The answer to HEAD has no body, so an expired token is learnt from the listing."""
        wire.harm = lambda exchange: says(400, "" if exchange.verb == "HEAD" else "ExpiredToken")
        with pytest.raises(Denied, match="the AWS session has expired"):
            storage.stat(KEY)

    def test_a_missing_bucket_is_not_an_empty_one(self, bucket: TestBucket) -> None:
        """NoSuchBucket is an error of its own, for reading, listing and writing."""
        missing = replace(bucket, place=S3Place(bucket="test-there-is-no-such-bucket")).storage()
        for call in (lambda: missing.read(KEY), lambda: list(missing.list("")), lambda: swap(missing, b"")):
            with pytest.raises(Denied, match=r"there is no bucket test-there-is-no-such-bucket; .* --create-bucket"):
                call()

    def test_the_refusal_of_a_role_is_not_a_refusal_of_s3(
        self, bucket: TestBucket, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AccessDenied from STS, on the way to credentials, is said as what it is and never leads to `absent`."""
        config = tmp_path / "config"
        config.write_text(
            "[profile ci]\nrole_arn = arn:aws:iam::123456789012:role/ci\ncredential_source = Environment\n"
            f"region = us-east-1\nendpoint_url = {wire.url}\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        wire.harm = lambda exchange: DENIED if exchange.verb == "POST" else None
        connection = Connection(profile="ci", endpoint_url=wire.url)
        with pytest.raises(Denied, match=r"AWS refuses AssumeRole .*; correct the profile or role"):
            open_storage(bucket.place, connection, jobs=1, report=ignore).read(KEY)
        assert {one.verb for one in wire.log} == {"POST"}


class TestUncertainty:
    """412 may be ourselves, 409 is nobody, and a lost answer is never dressed up."""

    def test_an_add_whose_answer_was_lost_finds_the_key_taken(self, storage: S3Storage, wire: Wire) -> None:
        """The SDK sends again, S3 says 412, and our own bytes lie there."""
        wire.harm = only("PUT", DROP_AFTER, last=1)
        assert add(storage, b"body") is False
        stored = storage.read(KEY)
        assert stored is not None
        assert stored.body == b"body"

    def test_a_swap_whose_answer_was_lost_is_not_decided(self, storage: S3Storage, wire: Wire) -> None:
        """The same for a swap: it is lost to ourselves, which reading back shows."""
        version = swap(storage, b"one")
        wire.harm = only("PUT", DROP_AFTER, last=1)
        with pytest.raises(SwapLost):
            swap(storage, b"two", expected=version)
        stored = storage.read(KEY)
        assert stored is not None
        assert stored.body == b"two"

    @pytest.mark.usefixtures("_no_pauses")
    @pytest.mark.parametrize("fault", [DROP_AFTER, DROP_BEFORE, says(500, "InternalError"), says(503, "SlowDown")])
    def test_a_write_without_an_answer_is_unknown(self, storage: S3Storage, wire: Wire, fault: Fault) -> None:
        """After the SDK's last attempt nobody knows; reading the same way is merely unavailable."""
        version = swap(storage, b"one")
        wire.harm = lambda _: fault
        for call in (
            lambda: add(storage, b"x", key=Key("other")),
            lambda: swap(storage, b"x", expected=version),
            lambda: storage.remove(KEY, expected=version),
        ):
            with pytest.raises(OutcomeUnknown, match="run the same command again to find out"):
                call()
        with pytest.raises(Unavailable) as caught:
            storage.read(KEY)
        assert not isinstance(caught.value, OutcomeUnknown)

    @pytest.mark.usefixtures("_no_pauses")
    @pytest.mark.parametrize(("silence", "written"), [(SILENCE_BEFORE, False), (SILENCE_AFTER, True)])
    def test_silence_ends(
        self, bucket: TestBucket, wire: Wire, monkeypatch: pytest.MonkeyPatch, *, silence: Fault, written: bool
    ) -> None:
        """A server that never answers is waited for a bounded time, and then nobody knows whether it wrote."""
        with monkeypatch.context() as patch:
            patch.setattr("bucketwheel.storage.s3.bucket._READ_TIMEOUT", 0.3)
            storage = bucket.storage(endpoint_url=wire.url)
        wire.harm = lambda _: silence
        with pytest.raises(OutcomeUnknown):
            add(storage, b"body")
        with pytest.raises(Unavailable, match="did not answer GetObject"):
            storage.read(KEY)
        assert len(wire.log) == 6
        assert (bucket.storage().stat(KEY) is not None) is written

    def test_a_write_that_arrives_twice_is_done_once(self, storage: S3Storage, wire: Wire) -> None:
        """The network may deliver a request again: its condition is false by then."""
        wire.harm = only("PUT", DOUBLED)
        first = swap(storage, b"one")
        second = swap(storage, b"two", expected=first)
        seen = storage.stat(KEY)
        assert seen is not None
        assert seen.version == second

    def test_a_store_that_ignores_conditions_can_be_told(self, storage: S3Storage, wire: Wire) -> None:
        """Without conditions a taken key is added to and a wrong version swapped, as the proof of a store finds out."""
        wire.harm = lambda _: UNCONDITIONAL
        assert add(storage, b"one") is True
        assert add(storage, b"two") is True
        swap(storage, b"three", expected=ObjectVersion('"wrong"'))

    def test_a_refusal_after_a_lost_answer_is_unknown_too(self, storage: S3Storage, wire: Wire) -> None:
        """The first attempt may have been the one, whatever is said to the second."""
        outcomes = {1: DROP_AFTER, 2: DENIED}
        wire.harm = lambda exchange: outcomes.get(exchange.number)
        with pytest.raises(OutcomeUnknown):
            add(storage, b"body")
        wire.harm = lambda _: DENIED
        with pytest.raises(Denied, match="AWS denies s3:PutObject on arn:aws:s3:::"):
            add(storage, b"body", key=Key("other"))

    @pytest.mark.usefixtures("_no_pauses")
    def test_what_was_never_sent_did_not_happen(self, bucket: TestBucket) -> None:
        """A server that cannot be reached makes a write fail, not doubtful."""
        storage = bucket.storage(endpoint_url="http://127.0.0.1:1")
        with pytest.raises(
            Unavailable, match=r"http://127\.0\.0\.1:1 cannot be reached \(connection refused\)"
        ) as caught:
            add(storage, b"body")
        assert not isinstance(caught.value, OutcomeUnknown)

    @pytest.mark.usefixtures("_no_pauses")
    @pytest.mark.parametrize("code", ["ConditionalRequestConflict", "ConcurrentModification", "OperationAborted"])
    def test_any_conflict_is_tried_again(self, storage: S3Storage, wire: Wire, code: str, tmp_path: Path) -> None:
        """409 means that nothing was decided: sent again, with the whole body, until something is."""
        file = large_file(tmp_path / "file", 2 * MIB)
        wire.harm = only("PUT", says(409, code), last=3)
        assert add(storage, file) is True
        assert [one.status for one in wire.log] == [409, 409, 409, 200]
        wire.harm = lambda _: None
        stored = storage.read(KEY)
        assert stored is not None
        assert stored.body == file.read_bytes()

    @pytest.mark.usefixtures("_no_pauses")
    def test_conflicts_without_end_are_given_up(self, storage: S3Storage, wire: Wire) -> None:
        """When patience ends the write has failed, and is known to."""
        wire.harm = lambda _: says(409, "ConditionalRequestConflict")
        with pytest.raises(Unavailable, match="409 ConditionalRequestConflict") as caught:
            add(storage, b"body")
        assert not isinstance(caught.value, OutcomeUnknown)
        assert len(wire.log) > 8

    def test_a_store_without_conditions_says_so(self, storage: S3Storage, wire: Wire) -> None:
        """501 to a conditional request is said in words, and is a definite answer."""
        wire.harm = lambda _: says(501, "NotImplemented")
        with pytest.raises(Denied, match="no conditional DeleteObject"):
            storage.remove(KEY, expected=ObjectVersion('"x"'))


class TestBrokenAnswers:
    """An answer that breaks off is never taken for a short one."""

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_broken_read_is_read_again(self, storage: S3Storage, wire: Wire) -> None:
        """The SDK does not notice; we do, and read the object whole."""
        add(storage, b"body" * 100)
        wire.harm = only("GET", TRUNCATED, last=2)
        stored = storage.read(KEY)
        assert stored is not None
        assert stored.body == b"body" * 100

    @pytest.mark.usefixtures("_no_pauses")
    def test_reading_in_vain_ends(self, storage: S3Storage, wire: Wire) -> None:
        """A bounded number of broken answers is an error in words."""
        add(storage, b"body")
        wire.harm = lambda _: TRUNCATED
        with pytest.raises(Unavailable, match="the connection broke at GetObject of s3://"):
            storage.read(KEY)
        assert len(wire.asked("GET")) == 3

    @pytest.mark.usefixtures("_no_pauses")
    def test_altered_bytes_are_not_read(self, storage: S3Storage, wire: Wire) -> None:
        """What is read whole is held against the digest that S3 keeps of it."""
        checksum = {"ETag": '"x"', "x-amz-checksum-sha256": "Iw2DWN3IiQqU3E8JRsxcf7ngTrCIgjyrOXtYSMI3JYk="}
        wire.harm = lambda _: answers(b"altered", checksum)
        with pytest.raises(Unavailable, match=r"the bytes of s3://.* changed on the way"):
            storage.read(KEY)

    def test_a_broken_stream_is_an_error(self, storage: S3Storage, wire: Wire) -> None:
        """A stream cannot start again by itself: it raises where it breaks off, and never ends early in silence."""
        add(storage, bytes(MIB))
        wire.harm = lambda _: TRUNCATED
        read = 0
        with pytest.raises(Unavailable, match="the connection broke"), storage.open(KEY) as stream:  # noqa: PT012 - the loop is what breaks
            while piece := stream.read(1000):
                read += len(piece)
        assert 0 < read < MIB

    @pytest.mark.usefixtures("_no_pauses")
    def test_tls_that_breaks_inside_a_body_is_an_error_in_words(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Of a whole object after some tries, and of a stream at once; the SDK lets urllib3's own error through."""
        certificate = make_certificate(tmp_path)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.certificate))
        place, broken = S3Place(bucket="bucket"), broken_tls(b"x" * 10, promised=100, ETag='"x"')
        with serve(broken, certificate=certificate) as server:
            connection = Connection(region="us-east-1", endpoint_url=server.root)
            storage = connect(place, connection, jobs=1, report=ignore)
            with pytest.raises(Unavailable, match="the connection broke at GetObject of s3://bucket/"):
                storage.read(KEY)
            assert len(server.asked) == 3
            with storage.open(KEY) as stream, pytest.raises(Unavailable, match="the connection broke at GetObject"):
                stream.read()

    @pytest.mark.usefixtures("_no_pauses")
    @pytest.mark.parametrize("fault", [TRUNCATED, EMPTIED])
    def test_a_broken_listing_is_listed_again(self, storage: S3Storage, wire: Wire, fault: Fault) -> None:
        """Half a listing, or none of one, does not say that there are no objects."""
        add(storage, b"body")
        wire.harm = only("GET", fault, last=2)
        assert [listed.key for listed in storage.list("")] == [KEY]
        wire.harm = lambda _: fault
        with pytest.raises(Unavailable, match=r"ListObjectsV2 of s3://.*; run the same command again"):
            list(storage.list(""))

    def test_a_console_is_not_a_store(self, storage: S3Storage, wire: Wire) -> None:
        """Where a wrong port answers every request with a page, no object and no listing is read out of it."""
        wire.harm = lambda _: answers(b"<html><body>log in</body></html>", {"Content-Type": "text/html"})
        host = re.escape(wire.url)
        for read in (lambda: storage.read(KEY), lambda: storage.stat(KEY), lambda: list(storage.list(""))):
            with pytest.raises(Denied, match=f"at {host} is not S3; correct --endpoint-url"):
                read()
        # S3 too may have written, and its answer may have lost its headers on the way: only a read can tell.
        for write in (lambda: add(storage, b"body"), lambda: swap(storage, b"body")):
            with pytest.raises(OutcomeUnknown):
                write()

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_page_that_is_no_answer_of_s3_is_an_error(self, storage: S3Storage, wire: Wire) -> None:
        """What a captive portal says in place of S3 is neither a listing nor a traceback."""
        wire.harm = lambda _: answers(b"<html>log in<br></html>", {"Content-Type": "text/html"})
        with pytest.raises(Unavailable, match="ListObjectsV2"):
            list(storage.list(""))
        with pytest.raises(OutcomeUnknown):
            storage.remove(KEY, expected=ObjectVersion('"x"'))

    @pytest.mark.usefixtures("_no_pauses")
    def test_an_error_after_the_status_is_an_error(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """S3 says 200 to a completion before it is done; what then goes wrong stands in the body."""
        late = answers(b"<Error><Code>InternalError</Code></Error>")
        wire.harm = only("POST", late, first=2)
        with pytest.raises(OutcomeUnknown, match="CompleteMultipartUpload"):
            add(parted, large_file(tmp_path / "file", 6 * MIB))

    def test_a_range_is_not_held_against_the_digest_of_the_whole(self, storage: S3Storage, wire: Wire) -> None:
        """Some stores send that along with a part."""
        checksum = {"ETag": '"x"', "x-amz-checksum-sha256": "Iw2DWN3IiQqU3E8JRsxcf7ngTrCIgjyrOXtYSMI3JYk="}
        wire.harm = lambda _: answers(b"45", checksum, status=206)
        with storage.open(KEY, 4, 6) as stream:
            assert stream.read() == b"45"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-sha256": "Iw2DWN3IiQqU3E8JRsxcf7ngTrCIgjyrOXtYSMI3JYk=-2"},
        {"x-amz-checksum-sha256": "Iw2DWN3IiQqU3E8JRsxcf7ngTrCIgjyrOXtYSMI3JYk=", "x-amz-checksum-type": "COMPOSITE"},
    ],
)
def test_a_digest_of_digests_is_none(storage: S3Storage, wire: Wire, headers: dict[str, str]) -> None:
    """Stores mark the checksum of an object sent in parts in one of two ways; it says nothing of the bytes."""
    wire.harm = lambda _: answers(b"", {"ETag": '"x"', "Content-Length": "9", **headers})
    seen = storage.stat(KEY)
    assert seen is not None
    assert seen.sha256 is None


class TestListing:
    """Pages of a listing are one listing."""

    def test_all_pages_are_listed(self, storage: S3Storage, wire: Wire) -> None:
        """Seven keys come in pages of three as they do in one."""
        keys = [f"simple/{number}" for number in range(7)]
        for key in keys:
            add(storage, key.encode(), key=Key(key))
        paged = replace(storage, page_size=3)
        assert [listed.key for listed in paged.list("simple/")] == keys
        assert len(wire.asked("GET")) == 3

    def test_all_pages_of_unfinished_uploads_are_listed(self, storage: S3Storage, wire: Wire) -> None:
        """The second request goes on after the key and the upload at which the first answer ended."""
        upload = "<Upload><Key>{}</Key><UploadId>u</UploadId><Initiated>2030-01-02T03:04:05Z</Initiated></Upload>"
        pages = (
            "<IsTruncated>true</IsTruncated><NextKeyMarker>a b</NextKeyMarker>"
            "<NextUploadIdMarker>one</NextUploadIdMarker>" + upload.format("a b"),
            "<IsTruncated>false</IsTruncated>" + upload.format("c"),
        )
        wire.harm = lambda one: answers(_listing("ListMultipartUploadsResult", pages[len(wire.log) > 1], one))
        assert [left.key for left in storage.unfinished_uploads()] == ["a b", "c"]
        assert [_markers(one) for one in wire.log] == [{}, {"key-marker": "a b", "upload-id-marker": "one"}]

    def test_all_pages_of_versions_are_listed(self, storage: S3Storage, wire: Wire) -> None:
        """Two versions of one key are two also where a page ends between them."""
        version = "<Version><Key>{}</Key><VersionId>v</VersionId><ETag>{}</ETag></Version>"
        pages = (
            "<IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker><NextVersionIdMarker>two</NextVersionIdMarker>"
            + version.format("a", "1")
            + version.format("b", "1"),
            "<IsTruncated>false</IsTruncated>" + version.format("b", "2"),
        )
        wire.harm = lambda one: answers(_listing("ListVersionsResult", pages[len(wire.log) > 1], one))
        assert list(storage.overwritten("")) == ["b"]
        assert [_markers(one) for one in wire.log] == [{}, {"key-marker": "b", "version-id-marker": "two"}]


def _listing(name: str, page: str, asked: Exchange) -> bytes:
    assert asked.verb == "GET"
    return f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{page}</{name}>'.encode()


def _markers(exchange: Exchange) -> dict[str, str]:
    """Return where a listing is to go on."""
    query = parse_qsl(urlsplit(exchange.path).query)
    return {name: value for name, value in query if name.endswith("-marker")}


class TestEvents:
    """Every attempt is reported, and nothing secret about it."""

    def test_each_attempt_is_an_event(self, bucket: TestBucket, wire: Wire) -> None:
        """Verb, key under the repository, status; 0 where no answer came; listings by their prefix."""
        seen: list[Event] = []
        place = replace(bucket.place, prefix=f"{bucket.place.prefix}pypi/")
        storage = replace(bucket, place=place).storage(endpoint_url=wire.url, report=seen.append)
        outcomes = {1: DROP_BEFORE, 2: says(503, "ServiceUnavailable")}
        wire.harm = lambda exchange: outcomes.get(exchange.number)
        add(storage, b"body")
        storage.stat(Key("simple/"))
        list(storage.list("simple/proj/"))
        list(storage.list(""))
        told = [(event.verb, event.target, event.status) for event in seen if isinstance(event, RequestSent)]
        assert told == [
            ("PUT", KEY, 0),
            ("PUT", KEY, 503),
            ("PUT", KEY, 200),
            ("HEAD", "simple/", 404),
            ("GET", "list simple/proj/", 200),
            ("GET", "list", 200),
        ]

    def test_time_is_told_in_milliseconds(self, bucket: TestBucket, wire: Wire) -> None:
        """A request that takes a fifth of a second says so."""
        seen: list[Event] = []
        storage = bucket.storage(endpoint_url=wire.url, report=seen.append)

        def delay(_: Exchange) -> None:
            time.sleep(0.2)

        wire.harm = delay
        storage.read(KEY)
        (event,) = seen
        assert isinstance(event, RequestSent)
        assert 190 <= event.milliseconds < 5000


@pytest.fixture
def parted(storage: S3Storage) -> S3Storage:
    """Give a storage to which 5 MiB, the least that S3 takes, are a part, and more is too large for one request."""
    return replace(storage, largest_put=5 * MIB, part_size=5 * MIB)


def uploads_left(storage: S3Storage) -> int:
    """Count uploads that were begun and neither completed nor aborted."""
    return len(storage.bucket.ask("list_multipart_uploads", Prefix=storage.prefix).get("Uploads", ()))


class TestLargeFiles:
    """A file above the limit goes up in parts and is still created once, whole and verified."""

    def test_parts_become_one_object(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """Three parts, each with its digest, and a completion that creates; marks, type and caching as for any file."""
        file = large_file(tmp_path / "file", 12 * MIB)
        assert add(parted, file) is True
        with parted.open(KEY) as stream:
            assert stream.read() == file.read_bytes()
        seen = parted.stat(KEY)
        assert seen is not None
        assert seen.size == 12 * MIB
        assert seen.marks == {"call": "abc"}
        assert seen.sha256 is None
        begin, complete = wire.asked("POST")
        assert begin.headers["content-type"] == "application/zip"
        assert begin.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert complete.headers["if-none-match"] == "*"
        parts = wire.asked("PUT")
        assert len({part.headers["x-amz-checksum-sha256"] for part in parts}) == 3
        assert sorted(int(part.headers["content-length"]) for part in parts) == [2 * MIB, 5 * MIB, 5 * MIB]

    def test_a_taken_key_costs_one_look(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """Not a part is sent where an object is stored already."""
        add(parted, b"first")
        wire.log.clear()
        assert add(parted, large_file(tmp_path / "file", 6 * MIB)) is False
        assert [exchange.verb for exchange in wire.log] == ["HEAD"]

    def test_a_taken_key_is_left_alone(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """The completion creates only: what was stored since the look stays, and no parts are left behind."""
        add(parted, b"first")
        wire.harm = only("HEAD", says(404), last=1)
        assert add(parted, large_file(tmp_path / "file", 6 * MIB)) is False
        stored = parted.read(KEY)
        assert stored is not None
        assert stored.body == b"first"
        assert uploads_left(parted) == 0

    def test_of_many_one_succeeds(self, parted: S3Storage, tmp_path: Path) -> None:
        """Four who add large files under one key at once: one is told that it did."""
        files = [large_file(tmp_path / f"{number}", 6 * MIB) for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(lambda file: add(parted, file), files)) == [False, False, False, True]
        assert uploads_left(parted) == 0

    def test_other_bytes_than_judged_are_refused(self, parted: S3Storage, tmp_path: Path) -> None:
        """The parts must make up the file that has the digest."""
        file = large_file(tmp_path / "file", 6 * MIB)
        with pytest.raises(Unavailable, match="changed after they were checked"):
            parted.add(KEY, file, sha256=digest(b"judged"), headers=KIND, marks=NO_MARKS)
        assert parted.stat(KEY) is None
        assert uploads_left(parted) == 0

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_file_that_changes_meanwhile_is_refused(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """S3 verifies of each part the digest that went into the file's, not that of what happens to be sent."""
        file = large_file(tmp_path / "file", 6 * MIB)
        once = iter([True])

        def change(exchange: Exchange) -> Fault | None:
            if "partNumber=1" not in exchange.path or not next(once, False):
                return None
            with file.open("r+b") as changing:
                changing.seek(2 * MIB)
                changing.write(b"changed")
            return says(409, "OperationAborted")

        wire.harm = change
        with pytest.raises(Unavailable, match="changed after they were checked"):
            add(parted, file)
        assert parted.stat(KEY) is None

    def test_a_conflict_starts_anew(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """409 at the end: S3 has dropped the upload, so all begins again, and succeeds."""
        wire.harm = only("POST", says(409, "ConditionalRequestConflict"), first=2, last=2)
        assert add(parted, large_file(tmp_path / "file", 6 * MIB)) is True
        assert len(wire.asked("POST")) == 4
        assert uploads_left(parted) == 0

    def test_a_lost_completion_leaves_the_key_taken(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """The SDK completes again and finds the upload gone: the object is there, and may be ours."""
        outcomes = iter([None, DROP_AFTER, says(404, "NoSuchUpload")])
        wire.harm = lambda exchange: next(outcomes, None) if exchange.verb == "POST" else None
        file = large_file(tmp_path / "file", 6 * MIB)
        assert add(parted, file) is False
        seen = parted.stat(KEY)
        assert seen is not None
        assert (seen.size, seen.marks) == (6 * MIB, {"call": "abc"})

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_completion_without_an_answer_is_unknown(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """What was never answered may have happened."""
        wire.harm = only("POST", DROP_BEFORE, first=2)
        with pytest.raises(OutcomeUnknown, match="CompleteMultipartUpload"):
            add(parted, large_file(tmp_path / "file", 6 * MIB))

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_part_that_fails_ends_it_all(self, parted: S3Storage, wire: Wire, tmp_path: Path) -> None:
        """A part that S3 never takes is an error, known to have created nothing, and the upload is aborted."""
        wire.harm = lambda exchange: DROP_AFTER if "partNumber=2" in exchange.path else None
        with pytest.raises(Unavailable) as caught:
            add(parted, large_file(tmp_path / "file", 12 * MIB))
        assert not isinstance(caught.value, OutcomeUnknown)
        assert parted.stat(KEY) is None
        assert uploads_left(parted) == 0

    @pytest.mark.parametrize("largest_put", [1 << 30, 16 * MIB], ids=["one request", "in parts"])
    def test_memory_stays_flat(self, bucket: TestBucket, tmp_path: Path, largest_put: int) -> None:
        """A file of 96 MiB takes no more than 24 MiB of memory, in one request as in parts."""
        file = large_file(tmp_path / "file", 96 * MIB)
        script = tmp_path / "measure.py"
        script.write_text(
            "import resource, sys\n"
            "from dataclasses import replace\n"
            "from pathlib import Path\n"
            "from bucketwheel.events import ignore\n"
            "from bucketwheel.places import Connection, S3Place\n"
            "from bucketwheel.storage import ObjectHeaders\n"
            "from bucketwheel.storage.s3 import connect\n"
            "bucket, prefix, endpoint, file, sha256, largest = sys.argv[1:]\n"
            "place = S3Place(bucket=bucket, prefix=prefix)\n"
            "connection = Connection(region='us-east-1', endpoint_url=endpoint or None)\n"
            "storage = connect(place, connection, jobs=8, report=lambda _: None)\n"
            "storage = replace(storage, largest_put=int(largest), part_size=8 << 20)\n"
            "storage.read('absent')\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "headers = ObjectHeaders(content_type='application/zip', cache_control='no-cache')\n"
            "assert storage.add('large', Path(file), sha256=sha256, headers=headers, marks={})\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        )
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        place, endpoint = bucket.place, bucket.connection.endpoint_url or ""
        arguments = [place.bucket, place.prefix, endpoint, str(file), sha256, str(largest_put)]
        grown = subprocess.run(
            [sys.executable, str(script), *arguments], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 24 * MIB


class TestConnection:
    """What is wrong before anything is sent, or on the way, is said in words."""

    def test_no_credentials(self, bucket: TestBucket, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without credentials the message says how to give some."""
        with monkeypatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.delenv(name)
            with pytest.raises(Denied, match=r"no AWS credentials were found .* --profile"):
                bucket.storage().read(KEY)

    def test_unknown_profile(self) -> None:
        """A profile that nobody wrote is named."""
        with pytest.raises(Denied, match="no profile nobody-wrote-this; choose one"):
            open_storage(S3Place(bucket="bucket"), Connection(profile="nobody-wrote-this"), jobs=1, report=ignore)

    def test_nonsense_as_endpoint(self) -> None:
        """An endpoint that is no URL is an error of the settings, and may be a secret, so it is not repeated."""
        with pytest.raises(Denied, match="correct --endpoint-url") as caught:
            open_storage(S3Place(bucket="bucket"), Connection(endpoint_url="secret"), jobs=1, report=ignore)
        assert "secret" not in str(caught.value)

    @pytest.mark.usefixtures("_no_pauses")
    def test_no_tls_where_tls_is_asked_for(self, bucket: TestBucket, wire: Wire) -> None:
        """A server that does not speak TLS is not taken for one that is down."""
        storage = bucket.storage(endpoint_url=wire.url.replace("http:", "https:"))
        with pytest.raises(Unavailable, match=r"no secure connection to https://127\.0\.0\.1:\d+ \(no TLS: "):
            storage.read(KEY)

    @pytest.mark.usefixtures("_no_pauses")
    def test_a_certificate_that_nobody_vouches_for(self, bucket: TestBucket, tmp_path: Path) -> None:
        """It is named as the cause."""
        with serve(certificate=make_certificate(tmp_path)) as server:
            storage = bucket.storage(endpoint_url=server.root)
            with pytest.raises(Unavailable, match=r"\(certificate not trusted: self-signed certificate\); check"):
                storage.read(KEY)

    def test_a_bucket_is_made_once(self, s3_server: S3Server, wire: Wire) -> None:
        """`init --create-bucket` makes it in the connection's region, and finds it the next time."""
        if s3_server.place is not None:
            pytest.skip("this S3 is somebody's; tests make no buckets in it")
        place = S3Place(bucket=f"test-{os.urandom(6).hex()}")
        connection = Connection(region="eu-west-1", endpoint_url=wire.url)
        assert create_bucket(place, connection, report=ignore) is True
        assert create_bucket(place, connection, report=ignore) is False
        storage = open_storage(place, connection, jobs=1, report=ignore)
        assert isinstance(storage, S3Storage)
        assert storage.bucket.ask("get_bucket_location")["LocationConstraint"] == "eu-west-1"

    def test_a_bucket_of_somebody_else_is_not_waited_for(self, wire: Wire) -> None:
        """That conflict is one that trying again does not change."""
        wire.harm = lambda _: says(409, "BucketAlreadyExists")
        connection = Connection(region="eu-west-1", endpoint_url=wire.url)
        with pytest.raises(Denied, match="belongs to another account"):
            create_bucket(S3Place(bucket="packages"), connection, report=ignore)
        assert len(wire.log) == 1


def test_a_directory_needs_no_sdk(tmp_path: Path) -> None:
    """Opening a directory loads neither boto3 nor botocore."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bucketwheel.events import ignore\n"
        "from bucketwheel.places import Connection, DirectoryPlace\n"
        "from bucketwheel.storage.opening import open_storage\n"
        f"open_storage(DirectoryPlace(path=Path({str(tmp_path)!r})), Connection(), jobs=1, report=ignore)\n"
        "import bucketwheel.storage.s3\n"
        "print(sorted({'boto3', 'botocore'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout == "[]\n"
