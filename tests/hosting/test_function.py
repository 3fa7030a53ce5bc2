"""The function of CloudFront, taken from the rendered template and run in Node."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import urljoin

import pytest

from bucketwheel.format.layout import Layout, PageStyle
from bucketwheel.gateway.headers import prefers_json
from bucketwheel.gateway.paths import File, Moved, Page, read_path
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.users import entry
from support.function import answers, basic, code_of, request
from support.hosting import FULL, PUBLIC, read_template
from support.node import needs_node, run_in_node

pytestmark = needs_node

V1 = "application/vnd.pypi.simple.v1+json"
PIP = f"{V1}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
UV = f"{V1}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

# What clients send, and whether they get JSON.
ACCEPTS: Mapping[str | None, bool] = {
    PIP: True,
    UV: True,
    V1: True,
    "application/vnd.pypi.simple.latest+json": True,
    f"{V1};q=0.5, text/html;q=0.5": False,
    f"{V1};q=0, */*": False,
    "application/*": False,
    "application/json, */*": False,
    "text/html": False,
    "*/*": False,
    "": False,
    None: False,
    BROWSER: False,
    "text/html;q=0.1, */*": False,
    f"text/html, {V1.upper()};Q=0.3": False,
    f"{V1};q=nonsense, text/html;q=0.1": False,
    "constructor, __proto__;q=1": False,
    ",,;;,=,q=": False,
}
"""pip, pdm and pipenv; uv; poetry and others that take HTML, renovate and browsers; then what may be sent."""

OPEN = replace(FULL, basic_auth=False)


def outcomes(hosting: Hosting, *uris: str, **headers: object) -> list[object]:
    """Return for each URI that of the object, or the status with the place to go to instead."""
    return [outcome(each) for each in answers(hosting, *(request(uri, "GET", **headers) for uri in uris))]


def outcome(answer: Any) -> object:  # noqa: ANN401 - JSON
    """Return the URI of the object, or the status with the place to go to instead."""
    if "uri" in answer:
        return answer["uri"]
    location = answer["headers"].get("location")
    return answer["statusCode"] if location is None else (answer["statusCode"], location["value"])


def test_the_form_of_a_page_follows_accept() -> None:
    """As each client asks; HTML for those that do not say. The gateway decides in the same way."""
    answered = answers(OPEN, *(request("/python/simple/demo/", accept=accept) for accept in ACCEPTS))
    pages = {True: "/python/simple/demo/index.json", False: "/python/simple/demo/"}
    assert [each["uri"] for each in answered] == [pages[json] for json in ACCEPTS.values()]
    assert [prefers_json(accept or "") for accept in ACCEPTS] == list(ACCEPTS.values())


RANGES = ["text/html", "text/*", "*/*", "application/*", V1, V1.replace("json", "html"), "a/b"]
WEIGHTS = ["", ";q=1", "; q=0.5", ";q=0", ";q=.25", ";level=1;q=0.75", ";q=2", ";q=x", ";q="]


def test_every_accept_means_what_it_means_to_the_gateway() -> None:
    """Weights, wildcards, parameters and nonsense in any order."""
    choices = [f"{media_range}{weight}" for media_range, weight in product(RANGES, WEIGHTS)]
    accepts = [*choices, *map(", ".join, product(choices, repeat=2))]
    answered = answers(OPEN, *(request("/python/simple/demo/", accept=accept) for accept in accepts))
    found = {accept: each["uri"].endswith("json") for accept, each in zip(accepts, answered, strict=True)}
    assert found == {accept: prefers_json(accept) for accept in accepts}


def test_accept_may_come_in_several_headers() -> None:
    """CloudFront then gives a list."""
    several = {"value": "text/html;q=0.1", "multiValue": [{"value": "text/html;q=0.1"}, {"value": V1}]}
    assert outcomes(OPEN, "/python/simple/", accept=several) == ["/python/simple/index.json"]


@pytest.mark.parametrize(
    ("pages", "prefix", "simple", "expected"),
    [
        ("slash", "python/", "simple/", ["/python/simple/", "/python/simple/demo/"]),
        ("slash", "", "simple/", ["/simple/", "/simple/demo/"]),
        ("slash", "", "", ["/index.html", "/demo/"]),
        ("slash", "python/", "", ["/python/index.html", "/python/demo/"]),
        ("index.html", "python/", "simple/", ["/python/simple/index.html", "/python/simple/demo/index.html"]),
        ("both", "", "", ["/index.html", "/demo/index.html"]),
    ],
)
def test_a_page_is_at_the_key_of_its_style(pages: PageStyle, prefix: str, simple: str, expected: list[str]) -> None:
    """In every style and at every prefix the object is one that we write, and so is the JSON page."""
    layout = Layout(pages=pages, simple=simple)
    hosting = replace(OPEN, prefix=prefix, layout=layout)
    index = f"/{prefix}{simple}"
    assert outcomes(hosting, index, f"{index}demo/") == expected
    assert {uri.removeprefix(f"/{prefix}") for uri in expected} <= {
        *layout.root_html_keys,
        *layout.html_keys("demo"),  # type: ignore[arg-type]  # it is a normal name
    }
    assert outcomes(hosting, index, f"{index}demo/", accept=V1) == [f"{index}index.json", f"{index}demo/index.json"]


@pytest.mark.parametrize("pages", ["slash", "index.html", "both"])
def test_pages_for_people_have_one_form(pages: PageStyle) -> None:
    """Outside of the simple index a folder is its index.html, whatever the style and whatever the client prefers."""
    hosting = replace(OPEN, prefix="python/", layout=Layout(pages=pages))
    asked = ["/python/", "/python/project/demo/", "/python/changelog/", "/python/pypi/demo/json"]
    expected = ["/python/index.html", "/python/project/demo/index.html", "/python/changelog/index.html", asked[-1]]
    assert outcomes(hosting, *asked) == expected
    assert outcomes(hosting, *asked, accept=V1) == expected


def test_files_are_passed_on_as_they_were_asked_for() -> None:
    """A plus, which S3 takes for a space, is escaped; the credentials stay at the edge."""
    wheel = "/python/simple/demo/demo-1.0%2Bcu118-py3-none-any.whl"
    plain = wheel.replace("%2B", "+")
    asked = [request(uri, authorization="Basic eA==") for uri in (wheel, plain, f"{wheel}.metadata")]
    answered = answers(OPEN, *asked, request("/python/simple/index.json", "HEAD"))
    assert [each["uri"] for each in answered] == [wheel, wheel, f"{wheel}.metadata", "/python/simple/index.json"]
    assert all("authorization" not in each["headers"] for each in answered)


def test_the_root_of_the_bucket_never_reaches_it() -> None:
    """There CloudFront's right to list would show all names."""
    for prefix, simple, expected in (("", "simple/", "/index.html"), ("", "", "/index.html"), ("python/", "", 404)):
        hosting = replace(OPEN, prefix=prefix, layout=Layout(simple=simple))
        assert outcomes(hosting, "/") == [expected]


@pytest.mark.parametrize(("prefix", "simple"), [("", "simple/"), ("python/", "simple/"), ("a/b/", "")])
def test_other_spellings_move(prefix: str, simple: str) -> None:
    """To the page of the project, with prefix and slash, as the gateway does."""
    hosting, index = replace(OPEN, prefix=prefix, layout=Layout(simple=simple)), f"/{prefix}{simple}"
    spellings = ["Demo_Pkg/", "demo.pkg", "demo--pkg/", "DEMO-PKG", "demo-pkg", "d%65mo-pkg"]
    assert outcomes(hosting, *(f"{index}{each}" for each in spellings)) == [(301, f"{index}demo-pkg/")] * len(spellings)
    assert outcomes(hosting, index.rstrip("/") or "/") == [(301, index) if index != "/" else "/"]


HOSTILE = [
    *("/python/_bucketwheel/repository.json", "/python/%5fbucketwheel/manifests/demo.json", "/python/_bucketwheel"),
    *("/", "/other/simple/", "/pythonx/", "//python/simple/", "/python//simple/", "/python/simple//demo/"),
    *("/python/../python/_bucketwheel/x", "/python/./_bucketwheel/x", "/python/simple/%2e%2e/_bucketwheel/x"),
    *(
        "/python/simple/..%2f_bucketwheel/x",
        "/python/simple/demo%5cx",
        "/python/simple/demo/\\x",
        "/python/simple/-x-/",
    ),
    *("/python/simple/caf%C3%A9/", "/python/simple/a%00b", "", "python/simple/", "/python/simple/" + "a" * 3000),
]


def test_what_is_not_shown_is_absent() -> None:
    """Records, other folders of the bucket, and paths that could mean two things."""
    assert outcomes(OPEN, *HOSTILE) == [404] * len(HOSTILE)


@pytest.mark.parametrize("hosting", [OPEN, FULL], ids=["open", "basic-auth"])
def test_what_is_malformed_gets_an_answer(hosting: Hosting) -> None:
    """No request makes the function fail, for then CloudFront answers 503."""
    uris = ["/python/simple/%", "/python/simple/%zz/", "/python/%ff%fe", "/python/simple/demo/%E0%A4%A"]
    statuses = outcomes(hosting, *uris, authorization=f"Basic {b64encode(b'ann:token').decode()}")
    assert statuses == [400 if hosting is OPEN else 401] * len(uris)
    odd: list[Any] = [
        {"method": "GET", "uri": "/python/simple/", "headers": {"accept": {}}},
        {"method": "GET", "uri": None, "headers": {}},
        {"method": "GET", "uri": "/python/simple/", "headers": None},
        {"uri": "/python/simple/", "headers": {}},
    ]
    assert all(each["statusCode"] in {400, 401, 405, 503} for each in answers(hosting, *odd))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "TRACE"])
def test_only_reading_is_answered(method: str) -> None:
    """Everything else is 405, with the methods that are allowed."""
    [answer] = answers(OPEN, request("/python/simple/", method))
    assert (answer["statusCode"], answer["headers"]) == (405, {"allow": {"value": "GET, HEAD"}})


PARTS = ["", "simple", "_bucketwheel", "Demo.Pkg", "demo", "index.json", "a-1.0.tar.gz", "..", "%2e", "%41", "+", "-"]


def test_every_path_means_what_it_means_to_the_gateway() -> None:
    """A page, a file, another spelling, or nothing that is shown."""
    uris = ["/" + "/".join(path) for length in range(1, 4) for path in product(PARTS, repeat=length)]
    hosting = replace(OPEN, prefix="")
    for uri, found in zip(uris, outcomes(hosting, *uris), strict=True):
        match read_path(uri.encode(), hosting.layout):
            case Page():
                assert found == uri
            case File():
                folder = "index.html" if uri.endswith("/") else ""
                assert found == uri.replace("+", "%2B") + folder
            case Moved(location=location):
                assert found == (301, urljoin(uri, location))
            case None:
                # A folder that is no page is absent at the origin.
                assert found == 404 or (isinstance(found, str) and (found.endswith("/") or uri == "/")), uri


# Basic auth ----------------------------------------------------------------------------------------------------------


USERS = {
    "ann": entry("ann", "right", "00ff"),
    "bob": f"{entry('bob', 'new', 'aa')} {entry('bob', 'old', 'bb')}",
    "bad": "x",
}
UNKNOWN: list[object] = [
    *(basic("ann", "wrong"), basic("nobody", "right"), basic("bob", "right"), basic("ANN", "right"), basic("bad", "")),
    *(basic("ann", ""), basic("", "right"), basic("constructor", "x"), basic("ann:right", "")),
    *("Basic", "Basic ", "Basic !!!", "Bearer right", "Basic YW5u", "basic  " + "A" * 5000, "ann:right", "", None),
    {"value": basic("ann", "right"), "multiValue": [{"value": basic("ann", "right")}, {"value": "x"}]},
]


def test_users_read_with_their_tokens() -> None:
    """One or, while a token is replaced, two; the scheme in any case."""
    opens = [
        basic("ann", "right"),
        basic("bob", "new"),
        basic("bob", "old"),
        basic("ann", "right").replace("B", "b", 1),
    ]
    asked = [request("/python/simple/demo/", authorization=each) for each in opens]
    answered = answers(FULL, *asked, users=USERS)
    assert [each["uri"] for each in answered] == ["/python/simple/demo/"] * len(opens)
    assert all("authorization" not in each["headers"] for each in answered)


def test_all_others_get_the_same_answer() -> None:
    """Unknown user, wrong token, broken header, and whatever they ask for."""
    asked = [request("/python/simple/demo/", authorization=each) for each in UNKNOWN]
    asked += [request(uri, authorization=basic("ann", "x")) for uri in (*HOSTILE, "/python/simple/Demo", "/%")]
    answered = answers(FULL, *asked, users=USERS)
    expected = {
        "statusCode": 401,
        "statusDescription": "Unauthorized",
        "headers": {"www-authenticate": {"value": 'Basic realm="bucketwheel"'}},
    }
    assert answered == [expected] * len(asked)


def test_a_store_that_fails_lets_nobody_in() -> None:
    """It is no 401, for which clients would ask for a password."""
    asked = request("/python/simple/demo/", authorization=basic("ann", "right"))
    assert [each["statusCode"] for each in answers(FULL, asked, store=False)] == [503]


# The runtime ---------------------------------------------------------------------------------------------------------

# Developer Guide of CloudFront, "JavaScript runtime 2.0 features": ES 5.1, const, let, async, await.
# Left out on purpose: arrow functions, for-of, classes, spread, destructuring, template literals.
DOCUMENTED = {
    *("ArrayExpression", "AssignmentExpression", "AwaitExpression", "BinaryExpression", "BlockStatement"),
    *("CallExpression", "CatchClause", "ConditionalExpression", "ExpressionStatement", "ForStatement"),
    *("FunctionDeclaration", "FunctionExpression", "Identifier", "IfStatement", "ImportDeclaration"),
    *("ImportDefaultSpecifier", "Literal", "LogicalExpression", "MemberExpression", "ObjectExpression", "Program"),
    *("Property", "ReturnStatement", "TryStatement", "UnaryExpression", "UpdateExpression", "VariableDeclaration"),
    "VariableDeclarator",
}


@pytest.mark.parametrize("hosting", [OPEN, FULL], ids=["open", "basic-auth"])
def test_the_function_keeps_to_what_the_runtime_documents(hosting: Hosting) -> None:
    """Syntax, modules and globals; and it is far below 10 KB."""
    code = code_of(hosting)
    found = run_in_node("syntax.cjs", code)
    assert set(found["nodes"]) <= DOCUMENTED
    assert found["imports"] == (["cloudfront"] if hosting.basic_auth else [])
    assert found["requires"] == (["crypto"] if hosting.basic_auth else [])
    assert set(found["globals"]) <= {"Buffer", "Math", "decodeURIComponent", "parseFloat", "require", "undefined"}
    assert len(code.encode()) < 8_000


def test_a_public_bucket_has_no_function() -> None:
    """Nor anything else of CloudFront."""
    assert "CloudFront" not in json.dumps([each["Type"] for each in read_template(PUBLIC)["Resources"].values()])
