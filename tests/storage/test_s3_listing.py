"""The entries of a listing are what the SDK's own parser reads, in each form that a store may write."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.parsers import ResponseParserError, create_parser

from bucketwheel.storage.s3.listing import take_entries

KEY, ETAG, SIZE = "<Key>a%2Fb+c</Key>", "<ETag>&quot;0c92&quot;</ETag>", "<Size>7</Size>"
DATE, OWNER = "<LastModified>2026-11-29T10:05:12.000Z</LastModified>", "<Owner><ID>75aa</ID></Owner>"

TAKEN = {
    "AWS": [KEY, DATE, ETAG, "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>", SIZE, OWNER],
    "quotes as they are": [KEY, DATE, '<ETag>"0c92"</ETag>', SIZE],
    "another order": [SIZE, DATE, KEY, "<Type>Normal</Type>", ETAG],
    "indented": ["\n  ", KEY, "\n  ", ETAG, "\n  ", SIZE, "\n"],
    "a key that is not encoded": ["<Key>a b/c>d</Key>", ETAG, SIZE],
}
LEFT = {
    "an entity in a key": ["<Key>a&amp;b</Key>", ETAG, SIZE],
    "a key beyond ASCII": ["<Key>é</Key>", ETAG, SIZE],
    "a line end that XML reads as another": ["<Key>a\r\nb</Key>", ETAG, SIZE],
    "no ETag": [KEY, DATE, SIZE],
    "an empty element": ["<Key/>", ETAG, SIZE],
    "an attribute": ['<Key kind="x">a</Key>', ETAG, SIZE],
    "a comment": [KEY, "<!-- <ETag>x</ETag> -->", ETAG, SIZE],
    "only a comment": [KEY, "<!-- <ETag>x</ETag> -->", SIZE],
    "CDATA": ["<Key><![CDATA[a<b]]></Key>", ETAG, SIZE],
    "an element twice": [KEY, ETAG, SIZE, "<Tag>", KEY, "</Tag>"],
    "no number": [KEY, ETAG, "<Size>many</Size>"],
}


def listing(*entries: list[str], around: str = "<IsTruncated>true</IsTruncated>") -> bytes:
    """Write an answer to ListObjectsV2."""
    contents = "".join(f"<Contents>{''.join(entry)}</Contents>" for entry in entries)
    root = f'<ListBucketResult xmlns="x">{around}{contents}</ListBucketResult>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}'.encode()


@cache
def sdk() -> tuple[Any, Any]:
    """Return the SDK's parser, and the shape of the answer."""
    client = boto3.client("s3", region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    return create_parser("rest-xml"), client.meta.service_model.operation_model("ListObjectsV2").output_shape


def read_by_sdk(body: bytes) -> dict[str, Any]:
    """Read an answer as the SDK does."""
    parser, shape = sdk()
    answer: dict[str, Any] = parser.parse({"body": body, "headers": {}, "status_code": 200}, shape)
    return answer


@pytest.mark.parametrize("form", TAKEN)
def test_entries_are_what_the_sdk_reads(form: str) -> None:
    """Every form that is taken gives the SDK's own keys, sizes and ETags, and leaves the rest of the answer."""
    other = [part.replace("a", "z", 1) if part.startswith("<Key") else part for part in TAKEN[form]]
    body = listing(TAKEN[form], other)

    entries, rest = take_entries(body)

    expected = [{name: each[name] for name in ("Key", "Size", "ETag")} for each in read_by_sdk(body)["Contents"]]
    assert entries == expected
    assert len(entries) == 2
    assert rest == listing()


@pytest.mark.parametrize("form", LEFT)
def test_any_other_form_is_left_to_the_sdk(form: str) -> None:
    """One entry of another form among usual ones: the answer stays as it is."""
    body = listing(TAKEN["AWS"], LEFT[form], TAKEN["AWS"])

    assert take_entries(body) == ([], body)


def test_entries_in_different_orders_are_left_to_the_sdk() -> None:
    """A store that writes elements in any order could mix up the parts of two entries."""
    body = listing([KEY, ETAG, SIZE], [ETAG, KEY, SIZE])

    assert take_entries(body) == ([], body)


def test_an_empty_listing_is_left_to_the_sdk() -> None:
    """Nothing is taken where there is nothing."""
    for body in (b"", listing(), b"<html>"):
        assert take_entries(body) == ([], body)


@pytest.mark.parametrize("end", ["<Size>", "</Size>", "</Contents>", "</ListBucketResult>"])
def test_a_listing_that_broke_off_stays_broken(end: str) -> None:
    """Whatever is taken, the SDK refuses the rest of it, and asks again."""
    body = listing(TAKEN["AWS"], TAKEN["AWS"])

    _, rest = take_entries(body[: body.rindex(end.encode())])

    with pytest.raises(ResponseParserError):
        read_by_sdk(rest)


def test_an_element_of_another_name_space_is_left_to_the_sdk() -> None:
    """With a prefix before their names elements are not known by their text."""
    body = listing(TAKEN["AWS"]).replace(b"Contents>", b"s3:Contents>")

    assert take_entries(body) == ([], body)
