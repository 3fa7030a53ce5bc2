"""Our own JSON documents: every value has its type, every key that nobody asked for is noted."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bucketwheel.format.documents import Document, DocumentInvalid, dump_document, load_document

EVERYTHING = (
    b'{"text":"t","number":7,"flag":true,"texts":["a","b"],"table":{"a":"b"},"inner":{"text":"i"},'
    b'"list":[{"text":"0"},{"text":"1"}]}'
)


def test_values_come_out_as_they_are() -> None:
    """Each kind of value is read as what it is."""
    document = load_document(EVERYTHING, [])

    assert document.text("text") == "t"
    assert document.number("number") == 7
    assert document.flag("flag") is True
    assert document.texts("texts") == ("a", "b")
    assert document.text_table("table") == {"a": "b"}
    inner = document.optional_document("inner")
    assert inner is not None
    assert inner.text("text") == "i"
    assert [entry.text("text") for entry in document.documents("list")] == ["0", "1"]


def test_absent_values() -> None:
    """What may be absent has a value for that."""
    document = load_document(b"{}", [])

    assert document.optional_text("x") is None
    assert document.optional_document("x") is None
    assert document.flag("x") is False
    assert document.texts("x") == ()
    assert document.text_table("x") == {}


@pytest.mark.parametrize("key", ["text", "number", "documents"])
def test_missing_values_are_named(key: str) -> None:
    """What must be there and is not is named."""
    document = load_document(b"{}", [])
    read: dict[str, Callable[[str], object]] = {
        "text": document.text,
        "number": document.number,
        "documents": lambda key: list(document.documents(key)),
    }

    with pytest.raises(DocumentInvalid, match=f"{key} is missing"):
        read[key](key)


@pytest.mark.parametrize(
    ("read", "value", "why"),
    [
        (Document.text, 1, "x is not a string"),
        (Document.text, None, "x is not a string"),
        (Document.optional_text, None, "x is not a string"),
        (Document.optional_text, ["a"], "x is not a string"),
        (Document.number, "1", "x is not a number"),
        (Document.number, True, "x is not a number"),
        (Document.number, 1.0, "x is not a number"),
        (Document.number, -1, "x is negative or too large"),
        (Document.number, 2**53, "x is negative or too large"),
        (Document.flag, 1, "x is not true or false"),
        (Document.flag, "true", "x is not true or false"),
        (Document.texts, "a", "x is not a list"),
        (Document.texts, ["a", 1], "x is not a list of strings"),
        (Document.text_table, [], "x is not an object"),
        (Document.text_table, {"a": None}, "x is not an object of strings"),
        (Document.optional_document, [], "x is not an object"),
        (lambda document, key: list(document.documents(key)), {}, "x is not a list"),
        (lambda document, key: list(document.documents(key)), [{}, 1], "x[1] is not an object"),
    ],
)
def test_wrong_types_are_named(read: Callable[[Document, str], object], value: object, why: str) -> None:
    """A value of another type is refused, true for a number and null for anything included."""
    document = load_document(json.dumps({"x": value}).encode(), [])

    with pytest.raises(DocumentInvalid) as refused:
        read(document, "x")
    assert str(refused.value) == why


def test_errors_have_a_path() -> None:
    """An error deep inside says where, and a hostile key in the path reaches no terminal as it is."""
    document = load_document(b'{"list":[{"in\\u001b[31m":{"x":1}}]}', [])

    entry = next(document.documents("list"))
    inner = entry.optional_document("in\x1b[31m")
    assert inner is not None
    with pytest.raises(DocumentInvalid) as refused:
        inner.text("x")
    assert str(refused.value) == r"list[0].in\x1b[31m.x is not a string"


def test_unknown_keys_are_noted_with_their_paths() -> None:
    """Every key that was not asked for is noted once its object is finished, sorted within it."""
    unknown: list[str] = []
    document = load_document(b'{"b":1,"a":2,"known":"x","list":[{"c":1},{"known":"y"}]}', unknown)

    assert document.text("known") == document.text("known") == "x"  # a second reading is no missing key
    for entry in document.documents("list"):
        entry.optional_text("known")
    document.finish()

    assert unknown == ["list[0].c", "a", "b"]


@pytest.mark.parametrize(
    "body", [b"", b"nul", b"\xff", b"\xef\xbb\xbf{}", b"{} {}", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_no_json(body: bytes) -> None:
    """What is no JSON in UTF-8 is refused, however it fails to be."""
    with pytest.raises(DocumentInvalid, match="is not JSON in UTF-8"):
        load_document(body, [])


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"'])
def test_no_object(body: bytes) -> None:
    """A document's outermost value is an object."""
    with pytest.raises(DocumentInvalid, match="is not a JSON object"):
        load_document(body, [])


def test_a_document_is_written_in_one_way() -> None:
    """Keys sorted, UTF-8, no white space, nothing absent, a newline at the end."""
    table: dict[str, object] = {"b": [{"y": None, "x": "é"}], "a": {"z": 1, "none": None}, "none": None, "empty": []}

    assert dump_document(table).decode() == '{"a":{"z":1},"b":[{"x":"é"}],"empty":[]}\n'
