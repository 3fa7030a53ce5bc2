"""An S3 server in memory that answers as late as one far away, and counts what it is asked.

    python3 benchmarks/server.py --measured-port 8443 --plain-port 8080 --certificate both.pem

One process and one thread: each request is applied in one step, so every condition is decided atomically. The measured
port delays each answer and each new connection, and counts; the plain one does neither, and loads what a benchmark
begins with. Objects above 32 MiB keep their size and ETag only. Of DynamoDB and STS it knows what s3pypi and stick ask.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import bisect
import hashlib
import json
import socket
import ssl
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_LARGEST_KEPT: Final = 32 << 20
_LARGEST_PAGE: Final = 1000
_KEPT_HEADERS: Final = ("content-type", "cache-control", "content-disposition")
_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
LOCKED: Final = "locked"
"""The beginning of the names of the DynamoDB tables that exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object; `body` is None for one that is too large to keep."""

    body: bytes | None
    size: int
    etag: str
    headers: Mapping[str, str]
    sha256: str = ""
    """The verified checksum of all its bytes in base64; empty: the client sent none."""
    modified: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One whole request."""

    verb: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One whole answer; that to HEAD has the length of the object and no body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    def encoded(self, verb: str) -> bytes:
        """Write it as HTTP/1.1, as the answer to this verb."""
        length = len(self.body) if self.length is None else self.length
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join([*lines, "x-amz-request-id: 0", "", ""]).encode()
        return head if verb == "HEAD" else head + self.body


class Failure(Exception):
    """An error of S3: its status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.answer = xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)


def xml(text: str, status: int = 200) -> Answer:
    """Answer with an XML document."""
    return Answer(status=status, body=f"{_XML}{text}".encode(), headers={"Content-Type": "application/xml"})


class Bucket:
    """The objects of one bucket, their keys sorted, and the uploads in parts that are under way."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.keys: list[str] = []
        self.uploads: dict[str, tuple[str, Mapping[str, str], dict[int, StoredObject]]] = {}

    def put(self, key: str, stored: StoredObject) -> None:
        """Store an object, whatever is there."""
        if key not in self.objects:
            bisect.insort(self.keys, key)
        self.objects[key] = stored

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        if self.objects.pop(key, None) is not None:
            del self.keys[bisect.bisect_left(self.keys, key)]

    def following(self, prefix: str, after: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix and come after another key."""
        start = max(bisect.bisect_left(self.keys, prefix), bisect.bisect_right(self.keys, after))
        for index in range(start, len(self.keys)):
            if not self.keys[index].startswith(prefix):
                return
            yield self.keys[index]


class Store:
    """All buckets and locks; every method is one atomic step, because nothing else runs meanwhile."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.locks: dict[str, object] = {}

    def answer(self, request: Request) -> Answer:
        """Carry out one request."""
        try:
            if not request.bucket:
                return self._other_service(request)
            if not request.key:
                return self._of_bucket(request)
            return _OF_OBJECTS[request.verb](self._bucket(request.bucket), request)
        except Failure as failure:
            return failure.answer

    def _bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise Failure(404, "NoSuchBucket")
        return self.buckets[name]

    def load(self, name: str, records: bytes) -> None:
        """Put many objects: each a line of JSON with key, size and headers, then its bytes."""
        bucket, position = self.buckets.setdefault(name, Bucket()), 0
        new: dict[str, StoredObject] = {}
        while position < len(records):
            end = records.index(b"\n", position)
            head = json.loads(records[position:end])
            position = end + 1 + head["size"]
            new[head["key"]] = stored_object(records[end + 1 : position], head["headers"])
        bucket.objects.update(new)
        bucket.keys = sorted(bucket.objects)

    def _of_bucket(self, request: Request) -> Answer:
        if request.verb == "PUT":
            self.buckets.setdefault(request.bucket, Bucket())
            return Answer()
        bucket = self._bucket(request.bucket)
        if request.verb == "HEAD":
            return Answer()
        if request.verb == "POST" and "delete" in request.query:
            return delete_objects(bucket, request)
        if "location" in request.query:
            return xml("<LocationConstraint/>")
        if "uploads" in request.query:
            return xml("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
        if "versions" in request.query:
            return xml("<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>")
        if "versioning" in request.query:
            return xml("<VersioningConfiguration/>")
        return list_objects(bucket, request)

    def _other_service(self, request: Request) -> Answer:
        """Answer what STS and DynamoDB are asked for."""
        action = request.headers.get("x-amz-target", "").partition(".")[2]
        if not action:
            return xml(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account><Arn>arn:aws:iam::1:user/b"
                "</Arn><UserId>U</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
        asked = json.loads(request.body)
        if not asked["TableName"].startswith(LOCKED):
            return Answer(status=400, body=b'{"__type":"ResourceNotFoundException"}')
        lock = asked.get("Key", asked.get("Item"))["LockID"]["S"]
        if action == "PutItem":
            if lock in self.locks:
                return Answer(status=400, body=b'{"__type":"ConditionalCheckFailedException"}')
            self.locks[lock] = asked["Item"]
        elif action == "DeleteItem":
            self.locks.pop(lock, None)
        item = self.locks.get(lock) if action == "GetItem" else None
        return Answer(body=json.dumps({} if item is None else {"Item": item}).encode())


def stored_object(body: bytes, headers: Mapping[str, str]) -> StoredObject:
    """Make an object of bytes; refuses those that the client's checksum contradicts."""
    checksum = headers.get("x-amz-checksum-sha256", "")
    if checksum and base64.b64encode(hashlib.sha256(body).digest()).decode() != checksum:
        raise Failure(400, "BadDigest")
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return StoredObject(
        body=body if len(body) <= _LARGEST_KEPT else None,
        size=len(body),
        etag=f'"{etag}"',
        headers=kept_headers(headers),
        sha256=checksum,
    )


def without_chunks(body: bytes) -> bytes:
    """Take the framing of aws-chunked off, which the SDK puts on what has its checksum behind it."""
    whole: list[bytes] = []
    position = 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(whole)
        whole.append(body[end + 2 : end + 2 + size])
        position = end + size + 4


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what an object is served with."""
    kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS or name.startswith("x-amz-meta-")}
    encoding = headers.get("content-encoding", "").removeprefix("aws-chunked").strip(", ")
    return kept | ({"content-encoding": encoding} if encoding else {})


def check_conditions(bucket: Bucket, request: Request) -> None:
    """Refuse a write whose condition does not hold."""
    found = bucket.objects.get(request.key)
    if request.headers.get("if-none-match") == "*" and found is not None:
        raise Failure(412, "PreconditionFailed")
    if (wanted := request.headers.get("if-match")) is not None:
        if found is None:
            raise Failure(404, "NoSuchKey")
        if wanted.strip('"') != found.etag.strip('"'):
            raise Failure(412, "PreconditionFailed")


def put(bucket: Bucket, request: Request) -> Answer:
    """Store an object, a copy of one, or a part of one."""
    source = request.headers.get("x-amz-copy-source")
    stored = stored_object(request.body, request.headers) if source is None else _copied(bucket, source, request)
    if "uploadId" in request.query:
        bucket.uploads[request.query["uploadId"]][2][int(request.query["partNumber"])] = stored
    else:
        check_conditions(bucket, request)
        bucket.put(request.key, stored)
    if source is not None:
        kind = "CopyPartResult" if "uploadId" in request.query else "CopyObjectResult"
        return xml(f"<{kind}><ETag>{escape(stored.etag)}</ETag></{kind}>")
    return Answer(headers={"ETag": stored.etag} | _checksum(stored))


def _copied(bucket: Bucket, source: str, request: Request) -> StoredObject:
    """Return the object that a copy makes; sources are in the same bucket here."""
    key = unquote(source.lstrip("/").partition("/")[2])
    if key not in bucket.objects:
        raise Failure(404, "NoSuchKey")
    found = bucket.objects[key]
    replaced = request.headers.get("x-amz-metadata-directive") == "REPLACE"
    headers = kept_headers(request.headers) if replaced else found.headers
    return StoredObject(body=found.body, size=found.size, etag=found.etag, headers=headers, sha256=found.sha256)


def get(bucket: Bucket, request: Request) -> Answer:
    """Answer GET and HEAD, with a range if one is asked for."""
    found = bucket.objects.get(request.key)
    if found is None:
        raise Failure(404, "NoSuchKey")
    headers = {
        "ETag": found.etag,
        "Last-Modified": formatdate(found.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        **found.headers,
    }
    if request.headers.get("if-none-match", "").strip('"') == found.etag.strip('"'):
        return Answer(status=304, headers=headers)
    if "x-amz-checksum-mode" in request.headers:
        headers |= _checksum(found)
    if request.verb == "HEAD":
        return Answer(headers=headers, length=found.size)
    if found.body is None:
        raise Failure(501, "NotKept")
    span = request.headers.get("range", "")
    if not span.startswith("bytes="):
        return Answer(headers=headers, body=found.body)
    first, _, last = span.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, found.size - int(last))
    end = min(int(last) + 1, found.size) if first and last else found.size
    if start >= found.size:
        raise Failure(416, "InvalidRange")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return Answer(status=206, headers=headers, body=found.body[start:end])


def _checksum(stored: StoredObject) -> dict[str, str]:
    if not stored.sha256:
        return {}
    return {"x-amz-checksum-sha256": stored.sha256, "x-amz-checksum-type": "FULL_OBJECT"}


def delete(bucket: Bucket, request: Request) -> Answer:
    """Remove an object, or give up an upload in parts."""
    if "uploadId" in request.query:
        bucket.uploads.pop(request.query["uploadId"], None)
    else:
        check_conditions(bucket, request)
        bucket.remove(request.key)
    return Answer(status=204)


def delete_objects(bucket: Bucket, request: Request) -> Answer:
    """Remove many objects."""
    for element in ET.fromstring(request.body).iter():  # noqa: S314 - of the tools that we run
        if element.tag.rpartition("}")[2] == "Key":
            bucket.remove(element.text or "")
    return xml("<DeleteResult/>")


def post(bucket: Bucket, request: Request) -> Answer:
    """Begin or complete an upload in parts."""
    if "uploads" in request.query:
        upload_id = f"upload-{len(bucket.uploads)}-{time.monotonic_ns()}"
        bucket.uploads[upload_id] = request.key, request.headers, {}
        name = "InitiateMultipartUploadResult"
        return xml(f"<{name}><Key>{escape(request.key)}</Key><UploadId>{upload_id}</UploadId></{name}>")
    check_conditions(bucket, request)
    _, headers, parts = bucket.uploads.pop(request.query["uploadId"])
    ordered = [parts[number] for number in sorted(parts)]
    bodies = [part.body for part in ordered]
    size = sum(part.size for part in ordered)
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in ordered)
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(ordered)}"'
    kept = b"".join(body for body in bodies if body is not None) if size <= _LARGEST_KEPT else None
    bucket.put(request.key, StoredObject(body=kept, size=size, etag=etag, headers=kept_headers(headers)))
    name = "CompleteMultipartUploadResult"
    return xml(f"<{name}><Key>{escape(request.key)}</Key><ETag>{escape(etag)}</ETag></{name}>")


def list_objects(bucket: Bucket, request: Request) -> Answer:
    """Answer one page of ListObjectsV2, or of ListObjects."""
    query = request.query
    second, prefix, delimiter = "list-type" in query, query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after", "") if second else query.get("marker", "")
    limit = min(int(query.get("max-keys", _LARGEST_PAGE)), _LARGEST_PAGE)
    spelled: Callable[[str], str] = quote if query.get("encoding-type") == "url" else escape
    lines: list[str] = []
    folders: dict[str, None] = {}
    last, more = "", False
    for key in bucket.following(prefix, after):
        rest = key[len(prefix) :]
        folder = prefix + rest.partition(delimiter)[0] + delimiter if delimiter and delimiter in rest else ""
        if folder and (folder in folders or after.startswith(folder)):
            last = key
            continue
        if len(lines) + len(folders) == limit:
            more = True
            break
        last = key
        if folder:
            folders[folder] = None
        else:
            lines.append(_contents(spelled(key), bucket.objects[key]))
    lines += [f"<CommonPrefixes><Prefix>{spelled(folder)}</Prefix></CommonPrefixes>" for folder in folders]
    head = f"<Name>{request.bucket}</Name><Prefix>{spelled(prefix)}</Prefix><MaxKeys>{limit}</MaxKeys>"
    head += f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    if query.get("encoding-type") == "url":
        head += "<EncodingType>url</EncodingType>"
    if more:
        tag = "NextContinuationToken" if second else "NextMarker"
        head += f"<{tag}>{escape(last) if second else spelled(last)}</{tag}>"
    name = 'ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    return xml(f"<{name}>{head}{''.join(lines)}</ListBucketResult>")


def _contents(key: str, stored: StoredObject) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(stored.modified))
    return (
        f"<Contents><Key>{key}</Key><LastModified>{moment}</LastModified><ETag>{escape(stored.etag)}</ETag>"
        f"<Size>{stored.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


_OF_OBJECTS: Final[dict[str, Callable[[Bucket, Request], Answer]]] = {
    "GET": get,
    "HEAD": get,
    "PUT": put,
    "POST": post,
    "DELETE": delete,
}


@dataclass(slots=True)
class Counts:
    """The requests of the measured port since the last reset."""

    verbs: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    begin: float = 0.0
    """When the first connection was accepted."""
    end: float = 0.0
    """When the last answer was sent."""
    cpu: float = field(default_factory=time.process_time)
    """What this process had used at the reset."""

    def as_json(self) -> bytes:
        """Return them as a document."""
        return json.dumps(
            {
                "verbs": self.verbs,
                "statuses": self.statuses,
                "connections": self.connections,
                "bytes_up": self.bytes_up,
                "bytes_down": self.bytes_down,
                "span": self.end - self.begin,
                "cpu": time.process_time() - self.cpu,
            }
        ).encode()


class Server:
    """The store behind its two ports."""

    def __init__(self) -> None:
        self.store = Store()
        self.counts = Counts()
        self.delay = 0.0

    def control(self, request: Request) -> Answer:
        """Answer on the plain port: `/-/counts`, `/-/reset?delay=0.03`, `/-/load?bucket=NAME`, `/-/drop?…`."""
        if request.key == "counts":
            return Answer(body=self.counts.as_json())
        if request.key == "reset":
            self.counts = Counts()
            self.delay = float(request.query["delay"])
        elif request.key == "load":
            self.store.load(request.query["bucket"], request.body)
        elif request.key == "drop":
            self.store.buckets.pop(request.query["bucket"], None)
        return Answer()


class Connection(asyncio.Protocol):
    """One connection of a client: requests one after the other."""

    def __init__(self, server: Server, *, measured: bool) -> None:
        self._server, self._measured = server, measured
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._body: list[bytes] = []
        self._missing = 0
        self._chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer each request that is whole."""
        self._buffer += data
        while self._head is not None or self._read_head():
            if not (self._read_chunks() if self._chunked else self._read_body()):
                return
            self._answer()

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        verb, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._head, self._body = (verb, target, headers), []
        self._missing = int(headers.get("content-length", 0))
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        if headers.get("expect") == "100-continue":
            self._later(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self) -> bool:
        if self._missing:
            taken = self._buffer[: self._missing]
            del self._buffer[: len(taken)]
            self._body.append(bytes(taken))
            self._missing -= len(taken)
        return not self._missing

    def _read_chunks(self) -> bool:
        """Read a body of unknown length."""
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            size = int(self._buffer[:end].split(b";")[0], 16)
            if size == 0:
                trailer = self._buffer.find(b"\r\n\r\n")
                if trailer >= 0:
                    del self._buffer[: trailer + 4]
                return trailer >= 0
            if len(self._buffer) < end + size + 4:
                return False
            self._body.append(bytes(self._buffer[end + 2 : end + 2 + size]))
            del self._buffer[: end + size + 4]

    def _answer(self) -> None:
        assert self._head is not None  # noqa: S101 - for mypy
        (verb, target, headers), self._head = self._head, None
        parts = urlsplit(target)
        bucket, _, key = parts.path.lstrip("/").partition("/")
        framed = "x-amz-decoded-content-length" in headers
        request = Request(
            verb=verb,
            bucket=bucket,
            key=unquote(key),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=headers,
            body=without_chunks(b"".join(self._body)) if framed else b"".join(self._body),
        )
        self._body = []
        if bucket == "-" and not self._measured:
            self._transport.write(self._server.control(request).encoded(verb))
            return
        answer = self._server.store.answer(request)
        sent = answer.encoded(verb)
        if self._measured:
            self._count(request, answer, len(sent))
        self._later(sent)

    def _count(self, request: Request, answer: Answer, sent: int) -> None:
        counts = self._server.counts
        listing = request.verb == "GET" and request.bucket and not request.key
        counts.verbs["LIST" if listing else request.verb if request.bucket else "OTHER"] += 1
        counts.statuses[str(answer.status)] += 1
        counts.bytes_up += len(request.body)
        counts.bytes_down += sent

    def _later(self, data: bytes) -> None:
        if not self._measured:
            self._transport.write(data)
        elif self._server.delay:
            asyncio.get_running_loop().call_later(self._server.delay, self._send, data)
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        self._transport.write(data)
        self._server.counts.end = time.monotonic()


async def accept(server: Server, listener: socket.socket, context: ssl.SSLContext | None, *, measured: bool) -> None:
    """Take connections; a measured one is set up as late as one far away."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def begin(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if measured:
            counts = server.counts
            counts.connections += 1
            counts.begin = counts.begin or time.monotonic()
            await asyncio.sleep(server.delay)
        try:
            await loop.connect_accepted_socket(lambda: Connection(server, measured=measured), client, ssl=context)
        except (OSError, ssl.SSLError):
            client.close()  # a client that went away, or does not trust the certificate

    while True:
        client, _ = await loop.sock_accept(listener)
        task = loop.create_task(begin(client))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def serve(measured_port: int, plain_port: int, certificate: str) -> None:
    """Serve both ports until the process ends."""
    server, context = Server(), None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listeners = [socket.create_server(("127.0.0.1", port), backlog=512) for port in (measured_port, plain_port)]
    for listener in listeners:
        listener.settimeout(0)
    print("ready", flush=True)
    await asyncio.gather(
        accept(server, listeners[0], context, measured=True), accept(server, listeners[1], None, measured=False)
    )


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured-port", type=int, required=True)
    parser.add_argument("--plain-port", type=int, required=True)
    parser.add_argument("--certificate", default="", help="PEM with key and certificate; without it no TLS")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.measured_port, options.plain_port, options.certificate))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
