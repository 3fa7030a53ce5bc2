"""With awscrt installed the SDK would sign by that: S3 is asked for the same, by the same code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import io, json, re, sys
from urllib.parse import parse_qsl, urlsplit
import botocore.compat
from bucketwheel.events import ignore
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage.opening import open_storage

CALLS = [
    ("put_object", {"Key": "a b/x+y", "Body": io.BytesIO(b"body"), "ChecksumSHA256": "c2hh", "IfNoneMatch": "*"}),
    ("put_object", {"Key": "page", "Body": b"body", "ChecksumSHA256": "c2hh", "IfMatch": '"etag"'}),
    ("get_object", {"Key": "caf\\u00e9/+", "Range": "bytes=0-1"}),
    ("head_object", {"Key": "page"}),
    ("list_objects_v2", {"Prefix": "a b/+~", "StartAfter": "x"}),
    ("create_multipart_upload", {"Key": "large", "ChecksumAlgorithm": "SHA256"}),
    ("upload_part", {"Key": "large", "UploadId": "u/+=", "PartNumber": 1, "Body": b"part", "ChecksumSHA256": "c2hh"}),
    ("delete_object", {"Key": "page", "IfMatch": '"etag"'}),
]
# Those that differ with every call.
VARYING = {"User-Agent", "amz-sdk-invocation-id", "amz-sdk-request", "X-Amz-Date"}
told = []


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def stop(request, **_):
    headers = {name: text(value) for name, value in request.headers.items()}
    headers["Authorization"] = re.search("SignedHeaders=[^,]+", headers["Authorization"])[0]
    told.append([request.method, request.url, {name: headers[name] for name in sorted(set(headers) - VARYING)}])
    raise ConnectionRefusedError


for endpoint_url in (None, "http://127.0.0.1:9"):
    connection = Connection(region="eu-west-1", endpoint_url=endpoint_url)
    client = open_storage(S3Place(bucket="bucket"), connection, jobs=1, report=ignore).bucket.client
    client.meta.events.register("before-send.s3", stop)
    for method, arguments in CALLS:
        try:
            getattr(client, method)(Bucket="bucket", **arguments)
        except ConnectionRefusedError:
            pass
    link = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a b/x+y"}))
    signed = [(name, value) for name, value in parse_qsl(link.query) if name not in {"X-Amz-Signature", "X-Amz-Date"}]
    told.append([link.netloc, link.path, signed])
print(json.dumps({"crt": botocore.compat.HAS_CRT, "told": told}))
"""


def requests(directory: Path, *, crt: bool) -> Any:  # noqa: ANN401 - JSON
    """Run the program in a process of its own: the SDK chooses its signers when it is imported."""
    environ = {**os.environ, "AWS_SESSION_TOKEN": "token", "BOTO_DISABLE_CRT": str(not crt).lower()}
    program = directory / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(program)], env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["crt"] is crt
    return found["told"]


def test_s3_is_asked_for_the_same_with_and_without_awscrt(tmp_path: Path) -> None:
    """Every header, what of it is signed, and whether the body is; links too."""
    pytest.importorskip("awscrt")
    with_crt, without = requests(tmp_path, crt=True), requests(tmp_path, crt=False)
    assert with_crt == without
    over_tls, over_http = without[0][2], without[9][2]
    assert over_tls["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert over_http["X-Amz-Content-SHA256"] != "UNSIGNED-PAYLOAD"
    assert ";x-amz-checksum-sha256;" in over_tls["Authorization"]
