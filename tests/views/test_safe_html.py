"""HTML of strangers stays inside of its place, does nothing, and says what it said."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bucketwheel.format.views.safe_html import safe_html

REL = 'rel="nofollow noopener noreferrer"'
LINK = f'<a href="https://example.com/" {REL}>'
TABLE = '<div class="bw-scroll" tabindex="0" role="region" aria-label="Table 1 of the description">'

CASES = {
    "text": ("a < b & c", "a &lt; b &amp; c"),
    "entities": ("&lt;script&gt;&#60;b&#x3e;", "&lt;script&gt;&lt;b&gt;"),
    "a link": ('<a href="https://example.com/" title=x onclick=y>z</a>', f"{LINK}z</a>"),
    "mail": ('<a href="mailto:a@b.example">z</a>', f'<a href="mailto:a@b.example" {REL}>z</a>'),
    "a relative link": ('<p><a href="docs/a.md">z</a> <a href="#b">y</a></p>', "<p>z y</p>"),
    "another scheme": ("<a href='javascript:alert(1)'>z</a><a href='data:text/html,x'>y</a>", "zy"),
    "a hidden scheme": ("<a href='java&#9;script:alert(1)'>z</a><a href=' javascript&colon;x'>y</a>", "zy"),
    "no scheme": ("<a href='//example.com/'>z</a>", "z"),
    "a link in a link": ('<a href="https://example.com/">x<a href="https://evil.example">y</a>', f"{LINK}xy</a>"),
    "a link that says nothing": ('<a href="https://example.com/"> </a>x', "x"),
    "a link with quotes": (
        """<a href='https://example.com/"onclick="x()"><b>&amp;'>z</a>""",
        f'<a href="https://example.com/&quot;onclick=&quot;x()&quot;&gt;&lt;b&gt;&amp;" {REL}>z</a>',
    ),
    "an image": (
        '<img src="https://example.com/a.png" alt="A &quot;b&quot;">',
        f'<a href="https://example.com/a.png" {REL} class="bw-image">A "b"</a>',
    ),
    "an image without a text": (
        '<img src="https://example.com/x/a.png">',
        f'<a href="https://example.com/x/a.png" {REL} class="bw-image">a.png</a>',
    ),
    "a relative image": ('<img src="a.png" alt=A>', '<span class="bw-image">A</span>'),
    "an image as data": ('<img src="data:image/png;base64,AA/A">', '<span class="bw-image">image</span>'),
    "an image in a link": (
        '<a href="https://example.com/"><img src="https://evil.example/a.png" alt="CI"></a>',
        f'{LINK}<span class="bw-image">CI</span></a>',
    ),
    "ids, classes, styles": ('<p id="bw-main" class="bw-top" style="position:fixed">x</p>', "<p>x</p>"),
    "colours of code": (
        '<pre class=x><span class="k">if</span><span class="w"> </span><span class="n">a</span></pre>',
        '<pre><span class="bw-keyword">if</span> a</pre>',
    ),
    "a class like a colour": ('<span class="bw-top">x</span><span class="keyword">y</span>', "xy"),
    "code of docutils": ('<span class="docutils literal">x</span>', "<code>x</code>"),
    "alignment": ('<p align="center">x</p>', '<p class="bw-center">x</p>'),
    "an alert": ('<aside class="admonition note"><p>x</p></aside>', '<div class="bw-note"><p>x</p></div>'),
    "headings": (
        "<h1>a</h1><h2>b</h2><h4>c</h4><h2>d</h2><h1>e</h1>",
        "<h3>a</h3><h4>b</h4><h5>c</h5><h4>d</h4><h3>e</h3>",
    ),
    "headings from below": ("<h4>a</h4><h2>b</h2><h3>c</h3>", "<h3>a</h3><h3>b</h3><h4>c</h4>"),
    "a heading that says nothing": ("<h1></h1><h2>b</h2>", "<h3>b</h3>"),
    "a heading in a heading": ("<h1>a<h2>b</h2></h1>", "<h3>ab</h3>"),
    "tasks": (
        "<ul><li><input type=checkbox checked disabled> a</li><li><input type=checkbox> b</li></ul>",
        "<ul><li>☑ a</li><li>☐ b</li></ul>",
    ),
    "forms": ("<form action=x><input name=a><button>b</button><textarea>c</textarea></form>", "bc"),
    "elements of a head": ("<base href=//evil.example><meta http-equiv=refresh content=0><title>x</title>", "x"),
    "vectors and formulas": ("<svg><a xlink:href='javascript:x'>y</a></svg><math><mi>z</mi></math>", "yz"),
    "unclosed": ("<div><b><a href='https://example.com/'>x", f"<div><b>{LINK}x</a></b></div>"),
    "closed too often": ("x</div></section></main></body></html>y", "xy"),
    "a paragraph in a paragraph": ("<p>a<b>b<div>c</div></b></p>", "<p>a<b>b</b></p><div>c</div>"),
    "a table": (
        '<table style=x><tr><th align=right>a</th><th></th></tr><tr><td colspan="2" rowspan=999999>b</td></tr></table>',
        f'{TABLE}<table><tr><th class="bw-right">a</th><td></td></tr><tr><td colspan="2">b</td></tr></table></div>',
    ),
    "a table in a table": (
        "<table><tr><td><table><tr><td>a</td></tr></table></td></tr></table>",
        f"{TABLE}<table><tr><td><table><tr><td>a</td></tr></table></td></tr></table></div>",
    ),
    "what a browser would move out of a table": (
        "<table>a<div>b</div><tr>c<td>d</td></tr></table>",
        f"{TABLE}<table><tr><td>d</td></tr></table></div>",
    ),
    "parts of a table without one": ("<tr><td>a</td></tr>", "a"),
    "a list of anything": ("<ul>a<li>b</li><p>c</p></ul>", "<ul><li>a</li><li>b</li><li><p>c</p></li></ul>"),
    "numbers": ('<ol start="7"><li>a</li></ol><ol start="-1x">', '<ol start="7"><li>a</li></ol>'),
    "characters that mislead": ("a\u202eb\x07\ufeff", "a\\u202eb\\x07\\ufeff"),
    "the same as entities": ("<code>&#x202e;&#x2066;</code>", "<code>\\u202e\\u2066</code>"),
    "spaces and emoji": ("a\xa0b\u202fc 👩\u200d💻", "a\xa0b\u202fc 👩\u200d💻"),
    "nothing": ("<p> <!-- x --></p><div></div>", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_it(name: str) -> None:
    """Each thing that a description may contain becomes what a page can show."""
    html, safe = CASES[name]

    assert safe_html(html) == safe


NAMES = (
    *(
        "a",
        "b",
        "p",
        "div",
        "h1",
        "h4",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "td",
        "th",
    ),
    *("caption", "details", "summary", "pre", "code", "span", "img", "br", "hr", "section", "aside", "figure", "tt"),
    *(
        "main",
        "body",
        "html",
        "form",
        "button",
        "select",
        "option",
        "svg",
        "math",
        "template",
        "script",
        "style",
        "object",
    ),
    *("colgroup", "col", "figcaption", "blockquote", "em", "input", "title", "textarea", "nobr", "font", "applet"),
)
ATTRIBUTES = (
    *("", ' href="https://example.com/"', " href=javascript:x", ' id="bw-main"', ' class="k"', " class='admonition'"),
    *(
        ' src="https://evil.example/x.png" alt="y"',
        " align=center",
        " type=checkbox",
        " style=x onclick=y",
        " colspan=3",
    ),
)
PIECES = st.one_of(
    st.builds("<{}{}>".format, st.sampled_from(NAMES), st.sampled_from(ATTRIBUTES)),
    st.builds("</{}>".format, st.sampled_from(NAMES)),
    st.sampled_from(
        ["x", " ", "\n", "&lt;b>", "&#x202e;", "<!--", "-->", "<![CDATA[", "]]>", "<a href='", '"', ">", "<"]
    ),
    st.text(max_size=5),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_confined(html: str) -> None:
    """Whatever comes in, a browser's parser finds no error in the page, and nothing of it outside of its place."""
    page = f"<!DOCTYPE html><title>t</title><main><section><div>{safe_html(html)}</div></section><p>after</p></main>"
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)

    [main] = tree.findall("body/*")
    assert [each.tag for each in main] == ["section", "p"]
    assert [each.tag for each in main[0]] == ["div"]
    for element in main[0][0].iter():
        assert harmless(element), element.attrib
    assert not [each for link in main.iter("a") for each in link.iter("a") if each is not link]


def harmless(element: Any) -> bool:  # noqa: ANN401 - of an element tree
    """Whether an element can do nothing but link to another page."""
    allowed = {"href", "rel", "class", "colspan", "rowspan", "start", "tabindex", "role", "aria-label"}
    return (
        element.tag not in {"script", "style", "img", "form", "iframe", "svg", "section", "main"}
        and {*element.attrib} <= allowed
        and all(name.startswith("bw-") for name in element.get("class", "").split())
        and urlsplit(element.get("href", "https:")).scheme in {"http", "https", "mailto"}
    )


def test_deep_and_wide() -> None:
    """Elements nested twenty thousand times, or as many beside each other, are done at once."""
    for tag in ("div", "b", "ul><li", "object", "table><tr><td", "p"):
        assert safe_html(f"<{tag}>" * 20_000 + "x").count("<") < 1000
    assert safe_html("<b>x</b>" * 20_000) == "<b>x</b>" * 20_000
