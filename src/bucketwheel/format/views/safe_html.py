"""HTML of strangers made safe for a page of ours: only elements that we know, and none of their ids, classes or styles.

Whatever comes in, what goes out is a tree of known elements, each closed, and each where a browser's parser leaves it.
So it can neither end an element of the page around it nor go on behind it. Attributes are written again, never copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

from bucketwheel.names import printable

__all__ = ["RenderedDescription", "linkable", "safe_html"]

_LONGEST_URL = 64 * 1024
_SCHEMES = ("http", "https", "mailto")

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_FIRST_LEVEL, _LAST_LEVEL = 3, 6
"""A description is below an h2 of the page."""

_KEPT = (
    *("a", "abbr", "b", "blockquote", "caption", "cite", "code", "dd", "del", "details", "div", "dl", "dt", "em"),
    *("figcaption", "figure", "i", "kbd", "li", "ol", "p", "pre", "span", "strong", "sub", "summary", "sup", "table"),
    *("tbody", "td", "th", "thead", "tr", "ul", "var", *_HEADINGS),
)
_TAGS = dict(zip(_KEPT, _KEPT, strict=True)) | {"tt": "code", "section": "div", "aside": "div", "nav": "div"}
"""What the elements become; of all others the text is left. Landmarks are the page's own."""
_WITHOUT_END = frozenset(
    ("area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_BLOCKS = frozenset(
    (
        *("blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "hr", "li", "ol", "p", "pre"),
        *("summary", "table", "ul", *_HEADINGS),
    )
)
"""They end a paragraph that is open."""
_CHILDREN = {
    "table": {"caption", "thead", "tbody", "tr"},
    "thead": {"tr"},
    "tbody": {"tr"},
    "tr": {"td", "th"},
    "ul": {"li"},
    "ol": {"li"},
    "dl": {"dt", "dd"},
}
_PARENTS = {
    child: {parent for parent, children in _CHILDREN.items() if child in children}
    for child in set().union(*_CHILDREN.values())
} | {"summary": {"details"}, "figcaption": {"figure"}}
_FILLERS = {"ul": "li", "ol": "li", "dl": "dd"}
"""What goes around other content of a list; other content of a table is dropped: a browser would move it."""
_DEEPEST = 100

_TOKEN_KINDS = {"c": "comment", "k": "keyword", "m": "number", "s": "string"}
_TOKENS = {"nb": "name", "nc": "name", "nd": "name", "nf": "name", "nt": "keyword", "gd": "deleted", "gi": "inserted"}
_TOKEN = re.compile(r"[a-z][a-z0-9]{0,2}\Z")
# Spaces and the joiners of emoji and of Persian are what text is made of.
_WORDS = re.compile("[^\t\n\xa0\u2000-\u200a\u200c\u200d\u202f\u205f\u3000]+")


@dataclass(frozen=True, slots=True)
class RenderedDescription:
    """A description after it was looked at by what renders descriptions, or one that nothing needs to look at."""

    html: str | None
    """Safe HTML, made by `safe_html`; None: it can be shown as text only."""


@dataclass(slots=True)
class _Element:
    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[_Element | str] = field(default_factory=list)
    has_text: bool = False


def linkable(url: str) -> str | None:
    """Return an address that a page may link to; None for any other."""
    if printable(url) != url or any(character.isspace() for character in url) or len(url) > _LONGEST_URL:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in _SCHEMES and (parts.hostname or parts.scheme == "mailto") else None


def safe_html(html: str) -> str:
    """Return HTML that says the same and can do nothing; empty if no text is left."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    writer = _Writer()
    writer.write_children(reader.root)
    return "".join(writer.pieces).strip() if reader.root.has_text else ""


class _Reader(HTMLParser):
    """Builds the tree. An open element is one that was taken, or None for one of which only the text is."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("div")
        self._open: list[tuple[str, _Element | None]] = [("", self.root)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag in _WITHOUT_END:
            self._take_without_end(tag, given)
            return
        if len(self._open) > _DEEPEST:
            return
        element = self._element(tag, given)
        parent = None if element is None else self._parent(element.tag)
        if element is not None and parent is not None:
            parent.children.append(element)
            self._open.append((tag, element))
        else:
            self._open.append((tag, None))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self._open) - 1, 0, -1):
            if self._open[at][0] == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        blank = not data.strip()
        parent = self._current if blank else self._parent("")
        if parent is None or (blank and parent.tag in _CHILDREN):
            return
        parent.children.append(data)
        if not blank:
            for _, element in self._open:
                if element is not None:
                    element.has_text = True

    def _take_without_end(self, tag: str, given: Mapping[str, str]) -> None:
        if tag == "img":
            self._take_image(given)
        elif tag == "input" and given.get("type", "").lower() == "checkbox":
            self.handle_data("☑" if "checked" in given else "☐")
        elif tag in {"br", "hr"}:
            parent = self._parent(tag)
            if parent is not None:
                parent.children.append(_Element(tag))

    def _take_image(self, given: Mapping[str, str]) -> None:
        """Show an image by its text: nothing is loaded from another host."""
        url = linkable(given.get("src", ""))
        name = urlsplit(url).path.rpartition("/")[2] if url else ""
        text = given.get("alt", "").strip() or name or "image"
        linked = url is not None and not url.startswith("mailto:") and not self._inside("a")
        parent = self._parent("a")
        if parent is None:
            return
        link = {"href": url, "rel": _REL} if linked and url is not None else {}
        element = _Element("a" if link else "span", link | {"class": "bw-image"})
        parent.children.append(element)
        self._open.append(("img", element))
        self.handle_data(text)
        self._open.pop()

    def _element(self, tag: str, given: Mapping[str, str]) -> _Element | None:
        if tag not in _TAGS or (tag in _HEADINGS and self._inside(*_HEADINGS)):
            return None
        if tag == "a" and (self._inside("a") or not linkable(given.get("href", ""))):
            return None
        if tag == "span" and "literal" in given.get("class", "").split():  # docutils' code
            return _Element("code")
        element = _Element(_TAGS[tag], _attributes(tag, given))
        return None if tag == "span" and not element.attributes else element

    def _parent(self, tag: str) -> _Element | None:
        """Return the element that an element, or text (""), goes into; None if it can go nowhere."""
        if tag in _BLOCKS:
            self._end_paragraph()
        if self._open[-1][0] == "" and len(self._open) > 1 and tag in _CHILDREN[self._above.tag]:
            self._open.pop()
        current = self._current
        if tag in _CHILDREN.get(current.tag, {tag}):
            return current if current.tag in _PARENTS.get(tag, {current.tag}) else None
        if current.tag not in _FILLERS or tag in _PARENTS:
            return None
        filler = _Element(_FILLERS[current.tag])
        current.children.append(filler)
        self._open.append(("", filler))
        return filler

    def _end_paragraph(self) -> None:
        for at in range(len(self._open) - 1, 0, -1):
            element = self._open[at][1]
            if element is not None and element.tag in {"td", "th", "caption"}:
                return
            if element is not None and element.tag == "p":
                del self._open[at:]
                return

    @property
    def _current(self) -> _Element:
        return next(element for _, element in reversed(self._open) if element is not None)

    @property
    def _above(self) -> _Element:
        return next(element for _, element in reversed(self._open[:-1]) if element is not None)

    def _inside(self, *tags: str) -> bool:
        return any(element is not None and element.tag in tags for _, element in self._open)


_REL = "nofollow noopener noreferrer"


def _attributes(tag: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of ours that say what those of the description say."""
    attributes = {}
    if tag == "a":
        attributes = {"href": given["href"], "rel": _REL}
    elif tag in {"td", "th"}:
        spans = {name: _number(given.get(name, ""), 100) for name in ("colspan", "rowspan")}
        attributes = {name: str(span) for name, span in spans.items() if span}
    elif tag == "ol" and _number(given.get("start", ""), 10**6) is not None:
        attributes = {"start": str(int(given["start"]))}
    name = _class(tag, given.get("class", "").split(), given.get("align", "").lower())
    return attributes | ({"class": name} if name else {})


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 and int(text) <= most else None  # noqa: PLR2004 - no number that matters is longer


def _class(tag: str, given: list[str], align: str) -> str | None:
    if align in {"center", "right"}:
        return f"bw-{align}"
    if tag == "span" and len(given) == 1 and _TOKEN.match(given[0]):
        kind = _TOKENS.get(given[0]) or _TOKEN_KINDS.get(given[0][0])
        return f"bw-{kind}" if kind else None
    if tag in {"aside", "div"} and "admonition" in given:
        return "bw-note"
    return "bw-label" if tag == "p" and {"admonition-title", "topic-title"} & {*given} else None


class _Writer:
    """Writes the tree; wide tables scroll by themselves, and each says which of the tables it is."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._tables = self._nested = 0
        self._headings: list[str] = []

    def write_children(self, element: _Element) -> None:
        """Write all that is in an element."""
        for child in element.children:
            if isinstance(child, str):
                self.pieces.append(escape(_WORDS.sub(lambda match: printable(match[0]), child), quote=False))
            elif not child.has_text and child.tag not in {"br", "hr", "td", "th"}:
                self.write_children(child)  # a link or a heading that says nothing is in the way of those who listen
            elif child.tag == "table":
                self._write_table(child)
            else:
                self._write(child)

    def _write_table(self, table: _Element) -> None:
        if self._nested:
            self._write(table)
            return
        self._tables += 1
        label = f"Table {self._tables} of the description"
        self.pieces.append(f'<div class="bw-scroll" tabindex="0" role="region" aria-label="{label}">')
        self._nested += 1
        self._write(table)
        self._nested -= 1
        self.pieces.append("</div>")

    def _write(self, element: _Element) -> None:
        tag = element.tag
        if tag in _HEADINGS:
            tag = self._level(tag)
        elif tag == "th" and not element.has_text:
            tag = "td"
        attributes = "".join(f' {name}="{escape(value)}"' for name, value in element.attributes.items())
        self.pieces.append(f"<{tag}{attributes}>")
        if tag not in _WITHOUT_END:
            self.write_children(element)
            self.pieces.append(f"</{tag}>")

    def _level(self, tag: str) -> str:
        """Return the heading that follows the headings before it and skips no level."""
        while self._headings and self._headings[-1] >= tag:
            self._headings.pop()
        self._headings.append(tag)
        return f"h{min(_FIRST_LEVEL + len(self._headings) - 1, _LAST_LEVEL)}"
