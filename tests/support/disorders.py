"""Disorders: each is done to a repository by people or other tools, with the findings that a check must report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bucketwheel.format.catalogue import CATALOGUE_KEY, CatalogueLine, decode_catalogue, encode_catalogue
from bucketwheel.format.layout import FEED_KEYS, FRONT_KEY, Layout, file_marks
from bucketwheel.format.manifest import DeletedFile, PublishedFile, Status
from bucketwheel.format.settings import VIEWS, decode_settings
from bucketwheel.format.views.people import assets
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.proof import store_name
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_wheel, metadata_text
from support.memory import MemoryStorage
from support.releasing import place_of
from support.tampering import (
    change_settings,
    overwrite,
    put,
    put_back,
    rebuild,
    remove,
    stored,
    switch_on,
    write_manifest,
)

__all__ = ["CASES", "DIRECTORY", "MEMORY", "WHEEL", "Case", "disorder"]

WHEEL = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"
JSON_PAGE, JSON_ROOT = "simple/demo-pkg/index.json", "simple/index.json"
MANIFEST = "_bucketwheel/manifests/demo-pkg.json"
STYLE_AND_SCRIPT, LOGO = tuple(assets()), "assets/0123456789abcdef.png"
FEED, DOCUMENT = "rss/project/demo-pkg/releases.xml", "pypi/demo-pkg/1.0/json"


def html_page(storage: Storage, project: str = "demo-pkg/") -> str:
    """Return the key of the HTML page of a project, or of the root."""
    return f"simple/{project}index.html" if isinstance(storage, DirectoryStorage) else f"simple/{project}"


def _wheel(name: str, version: str) -> bytes:
    with TemporaryDirectory() as directory:
        return make_wheel(Path(directory), name, version).read_bytes()


# What is done to it --------------------------------------------------------------------------------------------------


def _damage_manifest(storage: Storage) -> None:
    overwrite(storage, MANIFEST, stored(storage, MANIFEST).body[:100])


def _lose_manifest(storage: Storage) -> None:
    remove(storage, MANIFEST)


def _lose_file(storage: Storage) -> None:
    remove(storage, WHEEL)


def _cut_file(storage: Storage) -> None:
    overwrite(storage, WHEEL, b"short")


def _lose_sidecar(storage: Storage) -> None:
    remove(storage, f"{WHEEL}.metadata")


def _lose_signature(storage: Storage) -> None:
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], gpg_sig=True),)))


def _lose_attestations(storage: Storage) -> None:
    digest = Sha256("a" * 64)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], provenance_sha256=digest),)))


def _lose_style_and_script(storage: Storage) -> None:
    switch_on(storage, "people")
    remove(storage, *STYLE_AND_SCRIPT)


def _lose_logo(storage: Storage) -> None:
    change_settings(storage, lambda settings: replace(settings, logo=LOGO))
    switch_on(storage, "people")


def _lose_page(storage: Storage) -> None:
    remove(storage, html_page(storage))


def _replace_page(storage: Storage) -> None:
    overwrite(storage, html_page(storage), b"<a href='demo_pkg-1.0-py3-none-any.whl'>demo_pkg-1.0</a>")


def _edit_page(storage: Storage) -> None:
    page = stored(storage, JSON_PAGE)
    edited = page.body.replace(b'"yanked":false', b'"yanked":true')
    overwrite(storage, JSON_PAGE, edited, marks=page.marks or {})


def _keep_old_page(storage: Storage) -> None:
    old = stored(storage, JSON_PAGE)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, status=Status(status="deprecated")))
    put_back(storage, JSON_PAGE, old)


def _keep_page_of_old_renderer(storage: Storage) -> None:
    page = stored(storage, JSON_PAGE)
    overwrite(storage, JSON_PAGE, page.body.replace(b'"renderer":2', b'"renderer":1'))


def _keep_old_manifest(storage: Storage) -> None:
    old = stored(storage, MANIFEST)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, status=Status(status="deprecated")))
    put_back(storage, MANIFEST, old)


def _lose_root(storage: Storage) -> None:
    remove(storage, html_page(storage, ""))


def _lose_json_root(storage: Storage) -> None:
    remove(storage, JSON_ROOT)


def _replace_root(storage: Storage) -> None:
    overwrite(storage, html_page(storage, ""), b"<a href='demo-pkg/'>demo-pkg</a>")


def _replace_json_root(storage: Storage) -> None:
    document = json.loads(stored(storage, JSON_ROOT).body)
    overwrite(storage, JSON_ROOT, json.dumps(document, indent=2).encode())


def _shorten_root(storage: Storage) -> None:
    document = json.loads(stored(storage, JSON_ROOT).body)
    document["projects"] = [{"name": "zoo"}]
    document["_bucketwheel"]["revision"] = 1
    overwrite(storage, JSON_ROOT, f"{json.dumps(document, separators=(',', ':'))}\n".encode())


def _lose_project(storage: Storage) -> None:
    remove(storage, MANIFEST, WHEEL, f"{WHEEL}.metadata", html_page(storage), JSON_PAGE)


def _forget_proof(storage: Storage) -> None:
    change_settings(storage, lambda settings: replace(settings, proofs={}))


def _choose_unsafe_store(storage: Storage) -> None:
    store = store_name(storage)
    change_settings(storage, lambda settings: settings.having(store, {"swap": "ignored"}))


def _adopt_and_write_again(storage: Storage) -> None:
    def adopted(file: PublishedFile) -> PublishedFile:
        return replace(file, seen="another etag")

    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(adopted(m.files[0]),)))


def _record_missing(storage: Storage) -> None:
    remove(storage, WHEEL, f"{WHEEL}.metadata")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(), missing=m.files))


def _bring_missing_back(storage: Storage) -> None:
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(), missing=m.files))


def _stop_deleting(storage: Storage) -> None:
    def deleted(file: PublishedFile) -> DeletedFile:
        return DeletedFile(filename=file.filename, version=file.version, sha256=file.sha256, by=file.by)

    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(), deleted=(deleted(m.files[0]),)))


def _stop_deleting_at_the_sidecar(storage: Storage) -> None:
    _stop_deleting(storage)
    remove(storage, WHEEL)


def _stop_pruning(storage: Storage) -> None:
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(), dead_keys=(Key(WHEEL),)))


def _leave_unreleased(storage: Storage) -> None:
    repository = decode_settings(stored(storage, "_bucketwheel/repository.json").body).id
    marks = file_marks(repository=repository, run_id="killed", sha256=sha256_of(b"never released"))
    put(storage, NEW, _wheel("demo-pkg", "1.1"), marks)
    put(storage, f"{NEW}.metadata", metadata_text("demo-pkg", "1.1").encode(), marks)


def _bring_foreign_file(storage: Storage) -> None:
    put(storage, NEW, _wheel("demo-pkg", "1.1"))


def _bring_legacy_sdist(storage: Storage) -> None:
    put(storage, LEGACY, b"of 2009")


def _bring_signature(storage: Storage) -> None:
    put(storage, f"{WHEEL}.asc", b"-----BEGIN PGP SIGNATURE-----")


def _change_style(storage: Storage) -> None:
    change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    rebuild(storage)
    page = stored(storage, "simple/demo-pkg/index.html")
    put(storage, "simple/demo-pkg/", page.body, page.marks or {})


def _change_style_of_root(storage: Storage) -> None:
    change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    rebuild(storage)
    page = stored(storage, "simple/index.html")
    put(storage, "simple/", page.body, page.marks or {})


def _lose_view(storage: Storage) -> None:
    switch_on(storage, *VIEWS)
    remove(storage, "pypi/demo-pkg/json", "project/demo-pkg/index.html", "pypi/demo-pkg/1.0/json")


def _edit_view(storage: Storage) -> None:
    switch_on(storage, "feeds")
    overwrite(storage, FEED, b"<rss/>")


def _keep_old_view(storage: Storage) -> None:
    switch_on(storage, "feeds", "json-versions")
    feed, document = stored(storage, FEED), stored(storage, DOCUMENT)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], yanked="bad"),)))
    put_back(storage, FEED, feed)
    put_back(storage, DOCUMENT, document)


def _keep_view_of_a_removed_file(storage: Storage) -> None:
    switch_on(storage, "json", "json-versions", "people")
    pages = {key: stored(storage, key) for key in ("pypi/demo-pkg/json", DOCUMENT, "project/demo-pkg/index.html")}
    body = stored(storage, WHEEL).body
    remove(storage, WHEEL, f"{WHEEL}.metadata")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(), deleted=(_record(m.files[0], body),)))
    for key, page in pages.items():
        put_back(storage, key, page)


def _record(file: PublishedFile, body: bytes) -> DeletedFile:
    return DeletedFile(filename=file.filename, version=file.version, sha256=sha256_of(body), by=file.by)


def _change_title(storage: Storage) -> None:
    switch_on(storage, "feeds")
    change_settings(storage, lambda settings: replace(settings, title="Another"))


def _keep_view_of_a_later_manifest(storage: Storage) -> None:
    switch_on(storage, "feeds")
    manifest, pages = stored(storage, MANIFEST), {key: stored(storage, key) for key in (html_page(storage), JSON_PAGE)}
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], yanked="bad"),)))
    put_back(storage, MANIFEST, manifest)
    for key, page in pages.items():
        put_back(storage, key, page)


def _switch_off(storage: Storage) -> None:
    switch_on(storage, "feeds")
    change_settings(storage, lambda settings: replace(settings, views=(), retired_views=("feeds",)))


def _lose_catalogue(storage: Storage) -> None:
    switch_on(storage, "people")
    remove(storage, CATALOGUE_KEY)


def _damage_catalogue(storage: Storage) -> None:
    switch_on(storage, "people")
    overwrite(storage, CATALOGUE_KEY, b"{")


def _keep_old_catalogue(storage: Storage) -> None:
    switch_on(storage, "feeds")
    keys = (CATALOGUE_KEY, *FEED_KEYS)
    old = {key: stored(storage, key) for key in keys}
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], yanked="bad"),)))
    for key in keys:
        put_back(storage, key, old[key])


def _restore_catalogue(storage: Storage) -> None:
    switch_on(storage, "feeds")
    old = stored(storage, CATALOGUE_KEY)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], hidden=True),)))
    put_back(storage, CATALOGUE_KEY, old)


def _catalogue_a_lost_project(storage: Storage) -> None:
    switch_on(storage, "people")
    found = decode_catalogue(stored(storage, CATALOGUE_KEY).body)
    lines = {**found.lines, ProjectName("gone"): CatalogueLine(revision=1)}
    overwrite(storage, CATALOGUE_KEY, encode_catalogue(replace(found, lines=lines)))


def _keep_old_front_page(storage: Storage) -> None:
    switch_on(storage, "people")
    old = stored(storage, FRONT_KEY)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], hidden=True),)))
    put_back(storage, FRONT_KEY, old)


def _lose_and_edit_shared_pages(storage: Storage) -> None:
    switch_on(storage, "people")
    remove(storage, FRONT_KEY)
    overwrite(storage, "changelog/index.html", b"<p>mine</p>")


def _keep_state_of_stick(storage: Storage) -> None:
    put(storage, "simple/demo-pkg/manifest.json", b"{}")
    put(storage, "simple/demo-pkg/1.0/json", b"{}")


def _keep_page_of_another_tool(storage: Storage) -> None:
    put(storage, f"simple/legacy/{html_page(storage, '').removeprefix('simple/')}", b"<a href='x'>x</a>")


def _keep_listing_at_the_top(storage: Storage) -> None:
    put(storage, "index.html", b"<a href='whl/'>whl</a>")


def _pile_up_wheels(storage: Storage) -> None:
    put(storage, "torch-2.9.0-py3-none-any.whl", _wheel("torch", "2.9.0"))


def _keep_wheels_elsewhere(storage: Storage) -> None:
    put(storage, "whl/cu129/torch-2.9.0-py3-none-any.whl", _wheel("torch", "2.9.0"))


def _bring_unnormalised_folder(storage: Storage) -> None:
    put(storage, "simple/My.Pkg/My.Pkg-1.0.tar.gz", b"by stick")


def _serve_as_text(storage: Storage) -> None:
    page = stored(storage, JSON_PAGE)
    kind = replace(Layout().json(), content_type="text/plain")
    overwrite(storage, JSON_PAGE, page.body, kind, page.marks or {})


def _serve_files_uncached(storage: Storage) -> None:
    kind = replace(Layout().distribution(), cache_control="")
    overwrite(storage, WHEEL, stored(storage, WHEEL).body, kind)


def _swap_bytes(storage: Storage) -> None:
    body = stored(storage, WHEEL).body
    overwrite(storage, WHEEL, bytes(reversed(body)))


def _swap_sidecar(storage: Storage) -> None:
    overwrite(storage, f"{WHEEL}.metadata", b"Metadata-Version: 2.1", Layout().metadata())


PAGE, ROOT, PLACE = "the HTML page of demo-pkg", "the HTML root", "the repository"
MEMORY, DIRECTORY = MemoryStorage, DirectoryStorage
LEGACY = "simple/demo-pkg/Demo-Pkg-0.1.tar.bz2"
NEW = "simple/demo-pkg/demo_pkg-1.1-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One disorder, with all findings that it leads to, by code and subject."""

    tamper: Callable[[Storage], None]
    found: set[tuple[str, str]]
    deep: bool = False
    only: type | None = None
    """The only kind of store where it can happen; None for all."""

    @property
    def name(self) -> str:
        """Return its name."""
        return self.tamper.__name__.removeprefix("_")

    def found_in(self, storage: Storage) -> set[tuple[str, str]]:
        """Return the findings, with the keys that this kind of store has."""
        places = {PAGE: html_page(storage), ROOT: html_page(storage, ""), PLACE: str(place_of(storage))}
        return {(code, places.get(subject, subject)) for code, subject in self.found}


def disorder(name: str) -> Callable[[Storage], None]:
    """Return the disorder of a case."""
    return next(case.tamper for case in CASES if case.name == name)


CASES = (
    Case(tamper=_damage_manifest, found={("manifest-damaged", MANIFEST)}),
    Case(
        tamper=_lose_manifest,
        found={("manifest-missing", PAGE), ("manifest-missing", JSON_PAGE), ("root-dangling", JSON_ROOT)},
    ),
    Case(tamper=_lose_file, found={("file-missing", WHEEL)}),
    Case(tamper=_cut_file, found={("file-differs", WHEEL)}),
    Case(tamper=_lose_sidecar, found={("sidecar-missing", f"{WHEEL}.metadata")}),
    Case(tamper=_lose_signature, found={("sidecar-missing", f"{WHEEL}.asc")}),
    Case(tamper=_lose_attestations, found={("sidecar-missing", f"{WHEEL}.provenance")}),
    Case(tamper=_lose_page, found={("page-missing", PAGE)}),
    Case(tamper=_replace_page, found={("page-edited", PAGE)}),
    Case(tamper=_edit_page, found={("page-edited", JSON_PAGE)}),
    Case(tamper=_keep_old_page, found={("page-behind", JSON_PAGE)}),
    Case(tamper=_keep_page_of_old_renderer, found={("page-behind", JSON_PAGE)}),
    Case(tamper=_keep_old_manifest, found={("page-ahead", PAGE), ("page-ahead", JSON_PAGE)}),
    Case(tamper=_lose_root, found={("root-missing", ROOT)}),
    Case(tamper=_lose_json_root, found={("root-missing", JSON_ROOT)}),
    Case(tamper=_replace_root, found={("root-edited", ROOT)}),
    Case(tamper=_replace_json_root, found={("root-edited", JSON_ROOT)}),
    Case(tamper=_shorten_root, found={("root-incomplete", JSON_ROOT)}),
    Case(tamper=_lose_project, found={("root-dangling", JSON_ROOT)}),
    Case(tamper=_forget_proof, found={("store-unproven", PLACE)}),
    Case(tamper=_choose_unsafe_store, found={("store-unsafe", PLACE)}),
    Case(tamper=_adopt_and_write_again, found={("file-changed", WHEEL)}),
    Case(tamper=_record_missing, found={("file-lost", WHEEL)}),
    Case(tamper=_bring_missing_back, found={("file-lost", WHEEL)}),
    Case(tamper=_stop_deleting, found={("deleted-remains", WHEEL)}),
    Case(tamper=_stop_deleting_at_the_sidecar, found={("deleted-remains", WHEEL)}),
    Case(tamper=_stop_pruning, found={("deleted-remains", WHEEL)}),
    Case(tamper=_leave_unreleased, found={("orphan", NEW)}, only=MEMORY),
    Case(tamper=_leave_unreleased, found={("file-unnamed", NEW)}, only=DIRECTORY),
    Case(tamper=_bring_foreign_file, found={("file-foreign", NEW)}, only=MEMORY),
    Case(tamper=_bring_foreign_file, found={("file-unnamed", NEW)}, only=DIRECTORY),
    Case(tamper=_bring_signature, found={("sidecar-unnamed", f"{WHEEL}.asc")}),
    Case(tamper=_change_style, found={("page-retired", "simple/demo-pkg/")}, only=MEMORY),
    Case(tamper=_change_style_of_root, found={("page-retired", "simple/")}, only=MEMORY),
    Case(
        tamper=_lose_view,
        found={
            ("page-missing", key)
            for key in ("pypi/demo-pkg/json", "project/demo-pkg/index.html", "pypi/demo-pkg/1.0/json")
        },
    ),
    Case(tamper=_edit_view, found={("page-edited", FEED)}),
    Case(tamper=_keep_old_view, found={("page-behind", FEED), ("page-behind", DOCUMENT)}),
    Case(
        tamper=_keep_view_of_a_removed_file,
        found={
            (code, key)
            for code in ("page-behind", "view-dangling")
            for key in ("pypi/demo-pkg/json", DOCUMENT, "project/demo-pkg/index.html")
        },
    ),
    Case(
        tamper=_change_title,
        found={("page-behind", key) for key in (FEED, "rss/project/zoo/releases.xml", *FEED_KEYS)},
    ),
    Case(tamper=_keep_view_of_a_later_manifest, found={("page-ahead", FEED)}),
    Case(
        tamper=_switch_off,
        found={("page-retired", key) for key in (FEED, "rss/project/zoo/releases.xml", *FEED_KEYS)},
    ),
    Case(tamper=_lose_catalogue, found={("catalogue-missing", CATALOGUE_KEY)}),
    Case(tamper=_damage_catalogue, found={("catalogue-damaged", CATALOGUE_KEY)}),
    Case(tamper=_keep_old_catalogue, found={("catalogue-behind", CATALOGUE_KEY)}),
    Case(
        tamper=_restore_catalogue,
        found={("catalogue-behind", CATALOGUE_KEY), *(("page-ahead", key) for key in FEED_KEYS)},
    ),
    Case(tamper=_catalogue_a_lost_project, found={("catalogue-dangling", CATALOGUE_KEY)}),
    Case(tamper=_keep_old_front_page, found={("page-behind", FRONT_KEY)}),
    Case(
        tamper=_lose_and_edit_shared_pages,
        found={("page-missing", FRONT_KEY), ("page-edited", "changelog/index.html")},
    ),
    Case(tamper=_lose_style_and_script, found={("page-missing", key) for key in STYLE_AND_SCRIPT}),
    Case(tamper=_lose_logo, found={("page-missing", LOGO)}),
    Case(tamper=_keep_state_of_stick, found={("leftovers", "simple/demo-pkg/")}),
    Case(tamper=_keep_page_of_another_tool, found={("leftovers", "simple/legacy/")}),
    Case(tamper=_keep_listing_at_the_top, found={("leftovers", "/")}),
    Case(tamper=_pile_up_wheels, found={("file-foreign", "/")}),
    Case(tamper=_keep_wheels_elsewhere, found={("file-foreign", "whl/")}),
    Case(tamper=_bring_legacy_sdist, found={("file-foreign", LEGACY)}, only=MEMORY),
    Case(tamper=_bring_unnormalised_folder, found={("file-foreign", "simple/My.Pkg/")}),
    Case(tamper=_serve_as_text, found={("headers-wrong", JSON_PAGE)}, deep=True, only=MEMORY),
    Case(tamper=_serve_files_uncached, found={("headers-wrong", WHEEL)}, deep=True, only=MEMORY),
    Case(tamper=_swap_bytes, found={("file-differs", WHEEL)}, deep=True),
    Case(tamper=_swap_sidecar, found={("sidecar-differs", f"{WHEEL}.metadata")}, deep=True),
)
