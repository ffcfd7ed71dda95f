"""Builds the documentation site from mkdocs.yml and docs/site into outputs/site; --output FOLDER for another place.

Open index.html, from the disk or from any server. Pages, numbers and references are made when it is built:
see site_expand.py for what a page can hold.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build(output: Path) -> None:
    """Build the site, or raise for a broken link, a command that fails, or any other warning."""
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(output), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build(config)
    finally:
        config.plugins.on_shutdown()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "site")
    output = parser.parse_args().output.resolve()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        build(output)
    except ModuleNotFoundError as error:
        print(f"site: {error}; pip install '.[docs]'", file=sys.stderr)
        return 1
    except Exception as error:  # mkdocs has no common class for what can go wrong
        print(f"site: {error}", file=sys.stderr)
        return 1
    pages = len(list(output.rglob("*.html")))
    print(f"wrote {pages} pages to {output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
