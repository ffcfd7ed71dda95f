"""What mkdocs calls (`hooks` of mkdocs.yml): pages are expanded, references are added, and nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import site_api
import site_expand
import site_style
from cli_reference import reference as cli_reference
from mkdocs.structure.files import File, Files

from convviz.questions import claims
from convviz.report.questions import corrections

# Features of Material that fetch from elsewhere; the site uses none of them, and none shall be reached by accident.
ELSEWHERE = re.compile(r"https://(?:unpkg\.com|api\.github\.com)/[^\"'`]*")


def on_files(files: Files, config: Any) -> Files:
    """Add what is generated, and put into each page what its [[lines]] stand for."""
    assets: dict[str, Path | str] = {
        "cli.md": cli_reference(),
        "api.md": site_api.reference(),
        "corrections.md": corrections(claims()),
        "assets/theme.css": site_style.css(),
        **site_style.fonts(),
    }
    for file in files.documentation_pages():
        try:
            file.content_string, shown = site_expand.expand(file.content_string)
        except ValueError as error:
            raise ValueError(f"{file.src_uri}: {error}") from None
        assets |= shown
    for place, found in assets.items():
        if isinstance(found, Path):
            files.append(File.generated(config, place, abs_src_path=str(found)))
        else:
            files.append(File.generated(config, place, content=found))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Name Material's search for those who hear the page."""
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">', 1)


def on_post_build(config: Any) -> None:
    """Take the addresses of other servers out of the theme's script."""
    for script in Path(config.site_dir, "assets", "javascripts").rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        if ELSEWHERE.search(text):
            script.write_text(ELSEWHERE.sub("", text), encoding="utf-8")
    for source_map in Path(config.site_dir).rglob("*.map"):
        source_map.unlink()
