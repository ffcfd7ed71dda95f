"""The site's colours and fonts as CSS: those of convviz.theme, so that pages, pictures and films look alike."""

from __future__ import annotations

from pathlib import Path

from convviz.theme import DARK, LIGHT, Theme, font_files, mix

# A bundled font's file: family, weight, style.
FACES = {
    "Inter-Regular": ("Inter", 400, "normal"),
    "Inter-Italic": ("Inter", 400, "italic"),
    "Inter-SemiBold": ("Inter", 600, "normal"),
    "JetBrainsMono-Regular": ("JetBrains Mono", 400, "normal"),
    "JetBrainsMono-Bold": ("JetBrains Mono", 700, "normal"),
}
SCHEMES = {"default": LIGHT, "slate": DARK}  # Material's name: the theme


def fonts() -> dict[str, Path]:
    """The bundled fonts and their licence, by place in the site."""
    files = {f"assets/fonts/{file.name}": file for file in font_files()}
    licence = font_files()[0].with_name("OFL.txt")
    return {**files, f"assets/fonts/{licence.name}": licence}


def css() -> str:
    """Font faces, and Material's variables for each colour scheme."""
    return "\n".join([*map(face, font_files()), *(scheme(*row) for row in SCHEMES.items())])


def face(file: Path) -> str:
    family, weight, style = FACES[file.stem]
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
        f'font-display: swap; src: url("fonts/{file.name}") format("truetype"); }}'
    )


def scheme(name: str, theme: Theme) -> str:
    """Paper, ink and accents of one scheme; the roles of pictures as variables of their own."""
    link = theme["input"].edge
    panel = mix(theme.paper, theme.line, 0.28)
    colours = {
        "--md-default-bg-color": theme.paper,
        "--md-default-fg-color": theme.ink,
        "--md-default-fg-color--light": theme.faint_ink,
        "--md-default-fg-color--lighter": theme.line,
        "--md-default-fg-color--lightest": mix(theme.paper, theme.line, 0.6),
        "--md-typeset-color": theme.ink,
        "--md-typeset-a-color": link,
        "--md-accent-fg-color": theme["active"].edge,
        "--md-primary-fg-color": theme.paper,
        "--md-primary-fg-color--light": theme.paper,
        "--md-primary-fg-color--dark": theme.paper,
        "--md-primary-bg-color": theme.ink,
        "--md-primary-bg-color--light": theme.faint_ink,
        "--md-code-bg-color": panel,
        "--md-code-fg-color": theme.ink,
        "--md-footer-bg-color": panel,
        "--md-footer-bg-color--dark": panel,
        "--md-footer-fg-color": theme.ink,
        "--md-footer-fg-color--light": theme.faint_ink,
        "--md-footer-fg-color--lighter": theme.faint_ink,
        "--line": theme.line,
        "--panel": panel,
        **{f"--{role}": found.edge for role, found in theme.roles.items()},
        **{f"--{role}-fill": found.fill for role, found in theme.roles.items() if found.fill},
    }
    body = "".join(f"  {key}: {value};\n" for key, value in colours.items())
    return f'[data-md-color-scheme="{name}"] {{\n{body}}}'
