"""The documentation site: what its pages show runs and exists, and what is built loads nothing from elsewhere."""

from __future__ import annotations

import doctest
import re
import shlex
import socket
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from convviz.scenes.catalogue import names

import convviz
import convviz.train
from convviz.cli import main
from convviz.questions import claims
from convviz.report.questions import corrections
from tests.browsing import SMALL, WIDE, Browser, Pages, lacking

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts, not a package

import site_api  # noqa: E402
import site_expand  # noqa: E402
import site_style  # noqa: E402

SOURCES = ROOT / "docs" / "site"
PRINT = ROOT / "convviz" / "explorer" / "page" / "src" / "print.css"
PAGES = sorted(SOURCES.glob("*.md"))
GENERATED = {"cli.md", "api.md", "corrections.md"}
CONCEPTS = {
    "kinds", "receptive_field", "checkerboard", "gridding", "normalization", "regularization", "ladder", "comparison",
}  # fmt: skip
page = pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)


# -- the sources ----------------------------------------------------------------------------------------
@page
def test_what_a_page_shows_can_be_made(file: Path) -> None:
    """Every command runs and ends as the page says; every film, picture and claim exists."""
    pytest.importorskip("torch")  # for --verify
    text, assets = site_expand.expand(file.read_text(encoding="utf-8"))
    assert not site_expand.LINE.search(text)
    assert all(not isinstance(found, Path) or found.is_file() for found in assets.values())


@page
def test_python_on_a_page_gives_what_it_shows(file: Path) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "```python" not in file.read_text(encoding="utf-8"), "Python that is shown is run: ```pycon"
    for block in blocks:
        examples = doctest.DocTestParser().get_doctest(block, {}, file.name, str(file), 0)
        assert doctest.DocTestRunner().run(examples).failed == 0


@page
def test_commands_to_copy_are_understood(file: Path) -> None:
    """Those that are not run here (they train, draw or read the reader's files) name real commands and options."""
    for block in re.findall(r"^```sh\n(.*?)^```", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "convviz":
                command = main.get_command(click.Context(main), arguments[0])
                assert command is not None, line
                command.make_context(arguments[0], arguments[1:])


@page
def test_links_between_sources(file: Path) -> None:
    there = {other.name for other in PAGES} | GENERATED
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text(encoding="utf-8")):
        assert target in there, target


@pytest.mark.parametrize("name", sorted(CONCEPTS))
def test_every_concept_has_its_film_its_live_page_its_numbers_and_its_corrections(name: str) -> None:
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    words = [word for word, _ in site_expand.LINE.findall(text)]
    assert {"scene", "explore", "claim"} <= set(words)
    assert {"run", "parts"} & set(words)


@pytest.mark.parametrize(
    "line, told",
    [
        ("[[runs convviz rf code8]]", "no [[runs]]"),
        ("[[run convviz rf code88]]", "ended with 2, not 0"),
        ("[[fails convviz list nets]]", "ended with 0, not 2"),
        ("[[run rm -r x]]", "is no convviz command"),
        ("[[parts 1,99 convviz list nets]]", "which 1,99 does not fit"),
        ("[[parts 2,1 convviz list nets]]", "which 2,1 does not fit"),
        ("[[picture none.png Words]]", "the gallery has no none.png"),
        ("[[claim none]]", "no claim none"),
        ("[[explore no_op]]", "no_op --output page.html` ended with 2"),
    ],
)
def test_what_cannot_be_shown_is_told(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        site_expand.expand(f"# Title\n\n{line}\n")


def test_the_state_of_a_live_page_is_in_its_link() -> None:
    text, assets = site_expand.expand("[[explore max_pool#kernel_size=3&at=output:0,1,1]]")
    assert 'src="live/max-pool.html#kernel_size=3&amp;at=output:0,1,1"' in text
    assert list(assets) == ["live/max-pool.html"]
    assert "<code>convviz explore max_pool</code>" in text


def test_parts_of_an_output() -> None:
    whole = site_expand.printed("convviz gridding 1,2,5", (), 0).split("\n\n")
    text, _ = site_expand.expand("[[parts 2 convviz gridding 1,2,5]]")
    assert f"\n…\n\n{whole[1]}\n\n…\n" in text
    assert whole[0] not in text


def test_films_missing_from_the_gallery_leave_their_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(site_expand, "GALLERY", tmp_path)
    text, assets = site_expand.expand("[[scenes]]")
    assert "<video" not in text and not assets
    assert all(f"convviz render {name}</code>" in text for name in names())


def test_subtitles_as_the_web_wants_them() -> None:
    srt = "1\n00:00:00,533 --> 00:00:06,666\nA < B,\nC\n\n2\n00:01:06,666 --> 01:00:12,866\nD\n\n"
    assert site_expand.captions(srt) == (
        "WEBVTT\n\n00:00:00.533 --> 00:00:06.666\nA &lt; B,\nC\n\n00:01:06.666 --> 01:00:12.866\nD\n"
    )


def test_claims_are_linked_to_their_own_evidence() -> None:
    text = corrections(claims())
    assert all(f"](#{site_expand.anchor(claim.claim)})" in text for claim in claims())


def test_python_reference_has_every_public_name() -> None:
    pytest.importorskip("torch")
    text = site_api.reference()
    for name in convviz.__all__:
        assert name == "__version__" or f"### convviz.{name} {{" in text
    assert all(f"### convviz.train.{name} {{" in text for name in convviz.train.__all__)
    assert "convviz.receptive_field(\n    graph: Graph,\n" in text
    assert "mode: str = 'eval'" in text


def test_the_site_has_the_theme_of_pictures_and_films() -> None:
    text = site_style.css()
    for theme in (site_style.LIGHT, site_style.DARK):
        assert theme.paper in text and all(role.edge in text for role in theme.roles.values())
    assert {file.stem for file in site_style.font_files()} == set(site_style.FACES)


# -- what is built --------------------------------------------------------------------------------------
class Seen(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.policy = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.ids |= {found[key] for key in ("id", "name") if key in found}
        self.loads += [found[key] for key in ("src", "poster", "data") if key in found]
        if "href" in found and tag == "link" and found.get("rel") not in ("prev", "next"):
            self.loads.append(found["href"])
        elif "href" in found:
            self.links.append(found["href"])
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does, by a process that must not reach out."""
    for module in ("material", "mkdocs", "torch"):
        pytest.importorskip(module)
    import site_build

    def refuse(*_: object) -> None:
        raise AssertionError("building the site reaches for the network")

    output = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        site_build.build(output)
    return output


@pytest.fixture(scope="module")
def seen(built: Path) -> dict[Path, Seen]:
    return {file: Seen(file) for file in built.glob("*.html")}


def test_every_page_is_built(seen: dict[Path, Seen]) -> None:
    written = {Path(name).stem for name in GENERATED} | {file.stem for file in PAGES}
    assert {file.stem for file in seen} == written | {"404"}


def test_every_internal_link_leads_somewhere(built: Path, seen: dict[Path, Seen]) -> None:
    lost = []
    for file, found in seen.items():
        for link in [*found.links, *found.loads]:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("/"):  # 404 may be shown at any depth
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                lost.append(f"{file.name}: {link}")
            elif parts.fragment and target in seen and unquote(parts.fragment) not in seen[target].ids:
                lost.append(f"{file.name}: {link} (no such place)")
    assert not lost


def test_external_links_are_few_and_known(seen: dict[Path, Seen]) -> None:
    hosts = {urlsplit(link).netloc for found in seen.values() for link in found.links}
    assert hosts <= {""}


def test_no_page_loads_anything_from_elsewhere(built: Path, seen: dict[Path, Seen]) -> None:
    for file, found in seen.items():
        assert not [load for load in found.loads if urlsplit(load).netloc], file.name
        assert "default-src 'self'" in found.policy and "http" not in found.policy, file.name
    for file in built.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", text), file.name


def test_no_script_knows_another_server(built: Path) -> None:
    """Addresses are left in comments and namespaces; none is of a server that the theme would fetch from."""
    servers = re.compile(r"https?://[^\s\"'`]*(?:unpkg|github\.com/repos|jsdelivr|googleapis)")
    for file in built.rglob("*.js"):
        assert not servers.search(file.read_text(encoding="utf-8")), file.name


def test_films_come_with_posters_and_captions(built: Path) -> None:
    films = built / "films"
    for film in films.glob("*.mp4"):
        assert film.with_suffix(".png").is_file()
        subtitles = (site_expand.GALLERY / "scenes" / f"{film.stem}.srt", film.with_suffix(".vtt"))
        counts = {file.read_text(encoding="utf-8").count(" --> ") for file in subtitles}
        assert len(counts) == 1 and 0 not in counts


def test_search_works_from_the_disk(built: Path) -> None:
    index = (built / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = ") and "proximal" in index


# -- in a browser ---------------------------------------------------------------------------------------
browser = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))
EVERY = sorted({Path(name).stem for name in GENERATED} | {file.stem for file in PAGES})  # 404 is for servers
TURNS = (
    ("light", "dark"),
    ("dark", "light"),
)  # the reduced form has every second page, in turn light and dark
CASES = [(name, scheme) for i, name in enumerate(EVERY) for scheme in TURNS[i // 2 % 2]]
AROUND = """<body data-md-color-scheme="default"><figure class="live"><iframe></iframe></figure><script>
  const told = [], frame = document.querySelector("iframe");
  frame.contentWindow.addEventListener("message", (e) => told.push(e.data.convviz.theme));
</script><script>%s</script></body>"""


def stay_inside(found: Browser, site: Path) -> None:
    """Fails where the console shows an error, or the page asks for anything but the site's own files."""
    seen = found("faults")
    assert seen["faults"] == []
    assert [place for place in seen["requests"] if not place.startswith(site.as_uri())] == []


@browser
def test_every_page_opens_from_the_disk(built: Path, pages: Pages) -> None:
    """Without an error, without a request to elsewhere, and no wider than a small screen."""
    pages.open(built / "index.html", viewport=SMALL, colorScheme="light")
    for name in EVERY:
        pages("goto", (built / f"{name}.html").as_uri())
        stay_inside(pages, built)
        wide = pages.run("() => document.documentElement.scrollWidth")
        assert wide <= SMALL["width"], f"{name} is {wide} pixels wide"


@browser
@pytest.mark.slow(keep=8)
@pytest.mark.parametrize("name, scheme", CASES)
def test_every_page_is_clear_to_all(built: Path, pages: Pages, name: str, scheme: str) -> None:
    pages.open(built / f"{name}.html", viewport=WIDE, colorScheme=scheme)
    pages.wait("document.body.dataset.mdColorScheme")
    assert (
        pages.run("() => document.body.dataset.mdColorScheme")
        == {"light": "default", "dark": "slate"}[scheme]
    )
    stay_inside(pages, built)
    assert pages.serious() == []  # axe itself reads style sheets, which a page on the disk may not


@browser
def test_search_finds_from_the_disk(built: Path, pages: Pages) -> None:
    pages.open(built / "index.html", viewport=WIDE, colorScheme="light")
    pages("click", ".md-search__input")
    pages("keyboard.type", "proximal")
    pages.wait("document.querySelectorAll('.md-search-result__link').length > 0")
    links = pages.run("() => [...document.querySelectorAll('.md-search-result__link')].map((a) => a.href)")
    assert any("regularization.html" in link for link in links)
    stay_inside(pages, built)


@browser
def test_live_pages_get_the_height_that_they_need(built: Path, pages: Pages) -> None:
    pages.open(built / "kinds.html", viewport={"width": 1440, "height": 5000}, colorScheme="dark")
    pages.wait("document.querySelectorAll('figure.live iframe[style*=height]').length > 0")
    stay_inside(pages, built)
    # A plan keeps to what is in sight, for its scrubber.
    pages.open(built / "regularization.html", viewport=WIDE, colorScheme="dark")
    pages.run("() => document.querySelector('figure.live').scrollIntoView()")
    pages.run("() => new Promise((done) => setTimeout(done, 1000))")
    assert (
        pages.run("() => document.querySelector('figure.live iframe').offsetHeight")
        <= 0.92 * WIDE["height"] + 1
    )


@browser
def test_live_pages_are_there_on_paper(built: Path, pages: Pages) -> None:
    """All of them, though nobody scrolled to them, and as wide as the handout that they make of themselves."""
    pages.open(built / "comparison.html", viewport={"width": 718, "height": 900}, colorScheme="light")
    frames = "[...document.querySelectorAll('figure.live iframe')]"
    assert pages.run(f"() => {frames}.length") > 1
    pages.wait(f"{frames}.every((frame) => frame.loading === 'eager')")
    pages("emulate", {"media": "print"})
    sheet = re.search(r"cv-sheet\s*\{\s*width:\s*(\d+)px", PRINT.read_text(encoding="utf-8"))
    assert sheet is not None
    widths = pages.run(f"() => {frames}.map((frame) => frame.clientWidth)")
    assert widths == [int(sheet[1])] * len(widths)
    room = pages.run("() => document.querySelector('article').getBoundingClientRect().width")
    assert room == pytest.approx(int(sheet[1]), abs=6), "a sheet of A4 between its margins"


@browser
def test_live_pages_are_told_the_theme(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "around.html"
    script = (SOURCES / "assets" / "page.js").read_text(encoding="utf-8")
    file.write_text(AROUND % script, encoding="utf-8")
    pages.open(file, viewport=WIDE)
    pages.wait("told.at(-1) === 'light'")
    pages.run("() => { document.body.dataset.mdColorScheme = 'slate' }")
    pages.wait("told.at(-1) === 'dark'")
    for height, wanted in ((812, "812px"), (9999, "4000px"), (1, "240px")):
        pages.run(
            "(height) => frame.contentWindow.setTimeout(`parent.postMessage({ convviz: { height: ${height} } }, '*')`)",
            height,
        )
        pages.wait(f"frame.style.height === '{wanted}'")
    pages.run(
        "() => { postMessage({ convviz: { height: 500 } }, '*'); postMessage(null, '*') }"
    )  # no live page
    pages.run("() => new Promise((done) => setTimeout(done, 50))")
    assert pages.run("() => frame.style.height") == "240px"
    pages.clean()
