"""Objects made of parts: each appears at the end, whole, and never over something else.

User Guide, "Uploading and copying objects using multipart upload".
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from bucketwheel.errors import Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.parallel import Workers
from bucketwheel.places import AWS_HOSTS
from bucketwheel.storage import ObjectInfo
from bucketwheel.storage.progress import Progress
from bucketwheel.storage.s3.bucket import Bucket, tries
from bucketwheel.storage.s3.errors import Rejection
from bucketwheel.storage.transfer import Slice, bytes_changed, open_body, read_blocks

__all__ = ["add_in_parts", "add_one_part", "copy_object", "one_service"]

_PARTS_AT_ONCE: Final = 8
_LARGEST_PART: Final = 5 << 30
_TRIES: Final = 3
# S3 may not read the source, it is gone or changed, or the store cannot copy: reading it ourselves shows which.
_NOT_COPIED: Final = frozenset({"400", "403", "404", "412", "501"})

_Parts: TypeAlias = list[dict[str, Any]]
"""What CompleteMultipartUpload must name of each part."""


def add_in_parts(
    bucket: Bucket,
    key: str,
    path: Path,
    *,
    sha256: Sha256,
    part_size: int,
    put_args: Mapping[str, Any],
    progress: Progress,
) -> bool:
    """Create an object from a file that has this digest, several parts at once; False: the key is taken.

    S3 verifies the SHA-256 of every part; that the parts make up the file is verified here, on the same bytes. Only the
    last request has a condition, so look before all parts are sent in vain.
    """
    if _exists(bucket, key):
        return False
    send = partial(_send_file, path=path, part_size=part_size, sha256=sha256, progress=progress)
    return _assemble(bucket, key, put_args, send) is True


def add_one_part(bucket: Bucket, key: str, body: bytes, *, put_args: Mapping[str, Any]) -> bool:
    """Create an object from bytes, as its only part; False: the key is taken."""

    def send(upload: _Upload) -> _Parts:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
        return [_send_body(upload, 1, io.BytesIO(body), len(body), digest)]

    return _assemble(bucket, key, put_args, send) is True


def one_service(source: Bucket, target: Bucket) -> bool:
    """Return whether one S3 serves both buckets: the same endpoint, or AWS in any of its regions."""
    hosts = [urlsplit(bucket.client.meta.endpoint_url).netloc for bucket in (source, target)]
    return hosts[0] == hosts[1] or any(all(host.endswith(aws) for host in hosts) for aws in AWS_HOSTS)


def copy_object(
    source: tuple[Bucket, str],
    target: tuple[Bucket, str],
    *,
    seen: ObjectInfo,
    sha256: Sha256,
    put_args: Mapping[str, Any],
) -> bool | None:
    """Create an object from exactly what was seen; False: the key is taken; None: S3 cannot copy or prove the digest.

    CopyObject will not do, because several stores ignore its If-None-Match. An upload of one part will: S3 tells the
    part's SHA-256 before the object exists.
    """
    if not 0 < seen.size <= _LARGEST_PART:
        return None
    return _assemble(*target, put_args, partial(_copy_part, source=source, seen=seen, sha256=sha256))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A multipart upload that was begun."""

    bucket: Bucket
    key: str
    id: str

    def ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's arguments and answers
        return self.bucket.ask(method, Key=self.key, UploadId=self.id, **arguments)


def _assemble(
    bucket: Bucket, key: str, put_args: Mapping[str, Any], send: Callable[[_Upload], _Parts | None]
) -> bool | None:
    """Create an object from the parts that `send` uploads; False: the key is taken; None: `send` returned None.

    Every upload that creates no object is aborted.
    """
    for _ in tries(_TRIES):
        begun = bucket.ask("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **put_args)
        upload = _Upload(bucket=bucket, key=key, id=begun["UploadId"])
        try:
            parts = send(upload)
            created = parts is not None and _complete(upload, parts)
        except Exception:  # not after Ctrl-C: a silent store must not hold up its end
            _abort(upload)
            raise
        if created:
            return True
        _abort(upload)
        if parts is None:
            return None
        if _exists(bucket, key):
            return False
    raise Unavailable(f"others keep writing s3://{printable(bucket.name)}/{printable(key)}; run the same command again")


def _exists(bucket: Bucket, key: str) -> bool:
    return not isinstance(bucket.ask("head_object", Key=key, expected=frozenset({"403", "404"})), Rejection)


def _complete(upload: _Upload, parts: _Parts) -> bool:
    """Create the object; False: taken (412), nothing decided (409), or the upload is gone, perhaps completed."""
    expected = frozenset({"412", "409", "NoSuchUpload"})
    answer = upload.ask(
        "complete_multipart_upload", expected=expected, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
    )
    return not isinstance(answer, Rejection)


def _abort(upload: _Upload) -> None:
    """Free the parts if possible; an error here must not hide the one that came before."""
    with suppress(Unavailable):
        upload.ask("abort_multipart_upload", expected=frozenset({"NoSuchUpload"}))


def _send_file(upload: _Upload, *, path: Path, part_size: int, sha256: Sha256, progress: Progress) -> _Parts:
    """Send the parts of a file; raises Unavailable if it is not the file that has this digest."""
    whole = hashlib.sha256()
    sending: list[Future[dict[str, Any]]] = []
    with Workers(_PARTS_AT_ONCE) as workers, open_body(path) as file:
        for start in range(0, path.stat().st_size, part_size):
            digest = _digest(Slice(file, start, start + part_size), whole)
            if len(sending) >= _PARTS_AT_ONCE:  # hash no further ahead than that, and learn early of a failure
                sending[-_PARTS_AT_ONCE].result()
            number = len(sending) + 1
            sending.append(workers.start(partial(_send_part, upload, number, path, start, part_size, digest, progress)))
        if whole.hexdigest() != sha256:
            raise bytes_changed(str(path))
        return [future.result() for future in sending]


def _send_part(
    upload: _Upload, number: int, path: Path, start: int, size: int, digest: str, progress: Progress
) -> dict[str, Any]:
    with open_body(path) as file:
        reached = progress.reached(counts=upload.bucket.monitor.is_sending)
        body = Slice(file, start, min(start + size, path.stat().st_size), reached)
        return _send_body(upload, number, body, len(body), digest)


def _send_body(upload: _Upload, number: int, body: io.IOBase, length: int, digest: str) -> dict[str, Any]:
    answer = upload.ask(
        "upload_part",
        PartNumber=number,
        Body=body,
        ContentLength=length,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=digest,
    )
    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}


def _digest(part: Slice, whole: hashlib._Hash) -> str:
    """Return a part's SHA-256 as S3 writes it, and update the whole file's."""
    digest = hashlib.sha256()
    for block in read_blocks(part):
        digest.update(block)
        whole.update(block)
    return base64.b64encode(digest.digest()).decode("ascii")


def _copy_part(upload: _Upload, *, source: tuple[Bucket, str], seen: ObjectInfo, sha256: Sha256) -> _Parts | None:
    """Copy an object as the only part; None where S3 cannot, or cannot prove the digest."""
    bucket, key = source
    answer = upload.ask(
        "upload_part_copy",
        expected=_NOT_COPIED,
        PartNumber=1,
        CopySource={"Bucket": bucket.name, "Key": key},
        CopySourceIfMatch=seen.version,
    )
    if isinstance(answer, Rejection):
        return None
    part = answer.get("CopyPartResult", {})
    if "ETag" not in part:  # the answer broke off: a copy that cannot be named cannot be completed
        return None
    told = {"ChecksumSHA256": part["ChecksumSHA256"]} if "ChecksumSHA256" in part else {}
    arrived = base64.b64decode(part["ChecksumSHA256"]).hex() if told else seen.sha256
    return [{"PartNumber": 1, "ETag": part["ETag"], **told}] if arrived == sha256 else None
