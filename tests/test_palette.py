"""The palette under colour blindness: roles that occur together stay apart, and each has a second cue.

Colour vision is simulated by the matrices of Machado, Oliveira and Fernandes ("A physiologically-based model for
simulation of color vision deficiency", 2009, severity 1) on linear RGB; differences are CIEDE2000 (Sharma, Wu and
Dalal, "The CIEDE2000 color-difference formula", 2005). A difference of 1 can just be seen; 10 is seen at a glance.
"""

from __future__ import annotations

from itertools import combinations
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

import numpy as np
import pytest

from convviz import plan as plans
from convviz import theme as themes
from convviz.figures.key import WORDS
from convviz.figures.panels import tint
from convviz.theme import THEMES, Theme

NORMAL = np.eye(3)
DEUTERANOPIA = np.array([
    [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
])  # fmt: skip
PROTANOPIA = np.array([
    [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
])  # fmt: skip
TRITANOPIA = np.array([
    [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
])  # fmt: skip
SIGHT = {"normal": NORMAL, "deuteranopia": DEUTERANOPIA, "protanopia": PROTANOPIA, "tritanopia": TRITANOPIA}
TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
WHITE = TO_XYZ @ np.ones(3)

# The edges that meet in one picture, and how far apart they must be for everybody.
TOGETHER = ("input", "kernel", "output", "active")
EDGES = 10.0
TINTS = 2.0  # of neighbouring areas, whose edges differ in colour and form


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: np.ndarray = NORMAL) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of ``#rrggbb`` as somebody sees it."""
    xyz = TO_XYZ @ np.clip(sight @ linear(colour), 0, 1) / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return float(116 * f[1] - 16), float(500 * (f[0] - f[1])), float(200 * (f[1] - f[2]))


def ciede2000(one: tuple[float, float, float], two: tuple[float, float, float]) -> float:
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (hypot(a1, b1) + hypot(a2, b2)) / 2
    g = 0.5 * (1 - sqrt(mean**7 / (mean**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = hypot(a1, b1), hypot(a2, b2)
    h1, h2 = degrees(atan2(b1, a1)) % 360, degrees(atan2(b2, a2)) % 360
    dh = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc, dhh = l2 - l1, c2 - c1, 2 * sqrt(c1 * c2) * sin(radians(dh / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = h1 + h2 if c1 * c2 == 0 else (h1 + dh / 2) % 360
    t = (1 - 0.17 * cos(radians(hm - 30)) + 0.24 * cos(radians(2 * hm))
         + 0.32 * cos(radians(3 * hm + 6)) - 0.20 * cos(radians(4 * hm - 63)))  # fmt: skip
    sl = 1 + 0.015 * (lm - 50) ** 2 / sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    turn = 30 * exp(-(((hm - 275) / 25) ** 2))
    rt = -sin(radians(2 * turn)) * 2 * sqrt(cm**7 / (cm**7 + 25.0**7))
    return sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dhh / sh) ** 2 + rt * (dc / sc) * (dhh / sh))


def distance(a: str, b: str, sight: str = "normal") -> float:
    return ciede2000(lab(a, SIGHT[sight]), lab(b, SIGHT[sight]))


# -- the yardstick ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("one", "two", "known"), [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425), ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.5, 0), (73, 25, -18), 27.1492), ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
])  # fmt: skip
def test_the_difference_is_that_of_sharma_s_table(
    one: tuple[float, ...], two: tuple[float, ...], known: float
) -> None:
    assert ciede2000(one, two) == pytest.approx(known, abs=1e-4)  # type: ignore[arg-type]


def test_the_simulation_leaves_greys_alone_and_merges_what_it_should() -> None:
    for sight in SIGHT:
        assert distance("#808080", "#808080", sight) == 0
        assert distance("#404040", "#c0c0c0", sight) == pytest.approx(distance("#404040", "#c0c0c0"), abs=0.5)
    assert distance("#ff0000", "#00a000", "deuteranopia") < 0.6 * distance("#ff0000", "#00a000")
    assert distance("#0072B2", "#009E73", "tritanopia") < distance("#0072B2", "#009E73")


# -- the palette -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_edges_that_meet_stay_apart_for_everybody(theme: Theme, sight: str) -> None:
    for a, b in combinations(TOGETHER, 2):
        assert distance(theme[a].edge, theme[b].edge, sight) >= EDGES, (a, b)
        assert theme[a].cue != theme[b].cue


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_what_is_read_stands_out_from_every_area_and_the_paper(theme: Theme, sight: str) -> None:
    areas = [theme.paper, *(role.fill for role in theme.roles.values() if role.fill)]
    for area in areas:
        assert distance(theme["active"].edge, area, sight) >= 2 * EDGES, area


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_areas_of_different_roles_are_told_apart(theme: Theme, sight: str) -> None:
    for a, b in combinations([name for name in theme.roles if theme[name].fill], 2):
        assert theme[a].cue != theme[b].cue, (a, b)
        if "muted" not in (a, b) and "shared" not in (a, b):  # these are hatched and crossed out
            fills = [str(theme[name].fill) for name in (a, b)]
            lines = [
                themes.mix(fill, theme[name].edge, 0.55) for fill, name in zip(fills, (a, b), strict=True)
            ]
            assert distance(*fills, sight) >= TINTS and distance(*lines, sight) >= 2 * TINTS, (a, b)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_role_has_a_cue_beside_its_colour(theme: Theme) -> None:
    cues = [role.cue for role in theme.roles.values()]
    assert all(cues) and len(set(cues)) == len(cues)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_groups_of_channels_differ_in_lightness_too(theme: Theme, sight: str) -> None:
    for role in ("input", "kernel", "output"):
        shades = [lab(tint(theme, role, group), SIGHT[sight])[0] for group in range(3)]
        assert min(abs(a - b) for a, b in combinations(shades, 2)) >= 3, role


def test_cues_are_drawn_not_only_coloured() -> None:
    """In one picture with all of them: rounded outputs, thick weights, dashed padding, dots, diagonals."""
    from convviz.figures.plan import figure

    made = figure(plans.plan("conv_transpose", {"dilation": 2}, (1, 3, 3), view="gather"))
    collections = made.axes[0].collections
    styles = {str(style) for collection in collections for style in collection.get_linestyles() if style[1]}
    widths = {round(float(width), 2) for collection in collections for width in collection.get_linewidths()}
    assert styles and max(widths) > 2 > min(widths)
    curved = [c for c in collections for path in c.get_paths() if path.codes is not None and 3 in path.codes]
    assert curved
    drawn = {text.get_text() for text in made.axes[0].texts}
    assert {WORDS["zero"], WORDS["padding"], WORDS["hole"], WORDS["read"]} <= drawn
