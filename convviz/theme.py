"""The one visual language: roles and what they look like, on light and on dark, for figures, scenes, page and
reports.

Plans and results name roles, never colours. Colour never carries meaning alone: each role has a second cue,
and the colours are Okabe and Ito's, which stay apart for every common kind of colour blindness.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convviz.errors import ConvvizError, nearest


@dataclass(frozen=True)
class Role:
    """How one role is drawn: an edge colour, a tint for areas (None: not filled), and the cue beside
    colour.
    """

    edge: str
    fill: str | None
    cue: str


@dataclass(frozen=True)
class Theme:
    """All colours of one picture. ``ramp`` orders things by depth, shallow to deep."""

    name: str
    paper: str
    ink: str
    faint_ink: str  # secondary text
    line: str  # hairlines and cell borders
    roles: dict[str, Role]
    ramp: tuple[str, ...]

    def __getitem__(self, role: str) -> Role:
        if role not in self.roles:
            raise ConvvizError(f"no role {role!r} in the theme{nearest(role, self.roles)}")
        return self.roles[role]

    def deep(self, part: float) -> str:
        """The ramp's colour at ``part``, 0 (shallow) to 1 (deep), as ``#rrggbb``."""
        at = min(max(part, 0.0), 1.0) * (len(self.ramp) - 1)
        low = min(int(at), len(self.ramp) - 2)
        return mix(self.ramp[low], self.ramp[low + 1], at - low)


# The second cues, worded for legends and alternative texts.
CUES = {
    "input": "solid edge",
    "kernel": "thick edge, small number",
    "output": "rounded corner",
    "padding": "dashed edge",
    "active": "thick edge, rays",
    "shared": "hatched",
    "muted": "diagonal line",
}

LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b1f24",
    faint_ink="#5d6670",
    line="#d5dae0",
    roles={
        "input": Role("#0072B2", "#cfe4f1", CUES["input"]),
        "kernel": Role("#E69F00", "#fbe8c3", CUES["kernel"]),
        "output": Role("#009E73", "#cdebe1", CUES["output"]),
        "padding": Role("#8a939c", None, CUES["padding"]),
        "active": Role("#D55E00", None, CUES["active"]),
        "shared": Role("#CC79A7", "#f4dfea", CUES["shared"]),
        "muted": Role("#a3abb3", "#e6e9ec", CUES["muted"]),
    },
    ramp=("#56B4E9", "#0072B2", "#5b4a9e", "#a03d8c", "#D55E00"),
)

DARK = Theme(
    name="dark",
    paper="#14171b",
    ink="#eceff2",
    faint_ink="#a2abb5",
    line="#3a424b",
    roles={
        "input": Role("#7CC8F5", "#1f3a4b", CUES["input"]),
        "kernel": Role("#F5C95C", "#4a3c17", CUES["kernel"]),
        "output": Role("#1FA97F", "#153f33", CUES["output"]),
        "padding": Role("#8a939c", None, CUES["padding"]),
        "active": Role("#F26B30", None, CUES["active"]),
        "shared": Role("#DDA0C4", "#45323d", CUES["shared"]),
        "muted": Role("#707a84", "#2b3138", CUES["muted"]),
    },
    ramp=("#9ad4f5", "#56B4E9", "#a497e8", "#e08cc8", "#F26B30"),
)

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}

# Colormap names as matplotlib knows them: data around 0, weights around 0, counts.
MAPS = {"data": "RdBu_r", "weights": "PuOr", "counts": "viridis"}

# What happens to a cell in a step of a plan -> the role that shows it.
MARKS = {
    "read": "active",
    "written": "active",
    "winner": "active",
    "fed": "active",
    "weight": "kernel",
    "hole": "muted",
    "shared": "shared",
}

# Families in order of preference; the first of each is bundled, the last comes with matplotlib.
FONTS = {"text": ("Inter", "DejaVu Sans"), "numbers": ("JetBrains Mono", "DejaVu Sans Mono")}


def font_files() -> list[Path]:
    """The bundled fonts, cut down to Latin, Greek, arrows and mathematics (licence: fonts/OFL.txt)."""
    return sorted((Path(__file__).parent / "fonts").glob("*.ttf"))


def theme(name: str) -> Theme:
    """A theme by name; raises ConvvizError for an unknown one.

    >>> theme("light")["active"].edge
    '#D55E00'
    """
    if name not in THEMES:
        raise ConvvizError(f"no theme {name!r}; there are {', '.join(THEMES)}")
    return THEMES[name]


def mix(a: str, b: str, part: float) -> str:
    """The colour ``part`` of the way from ``a`` to ``b`` (0 to 1), all as ``#rrggbb``.

    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * part):02x}" for x, y in pairs)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, "relative luminance")."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio"); text needs 4.5.

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
