"""Writes docs/corrections.md, the claims that are often made and wrong, with their evidence; --check only compares."""

import sys
from pathlib import Path

from convviz.questions import claims
from convviz.report.questions import corrections

FILE = Path(__file__).resolve().parents[1] / "docs" / "corrections.md"


def main() -> int:
    text = corrections(claims())
    if "--check" in sys.argv[1:]:
        if FILE.is_file() and FILE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{FILE.name} is not what the claims say; run python tools/corrections.py", file=sys.stderr)
        return 1
    FILE.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote docs/{FILE.name}: {len(claims())} claims")
    return 0


if __name__ == "__main__":
    sys.exit(main())
