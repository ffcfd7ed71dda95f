"""A workbook as this project writes it: one set of styles, notes that wrap, formulas with the value that they give."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from convviz import theme
from convviz.errors import ConvvizError
from convviz.plan.words import DIGITS

PAPER = theme.LIGHT
WIDE, NARROW, NUMBER = 26, 10, 11  # widths of the columns: names, numbers of sets and rows, values
LINE = 15.0  # points of a line of text
FIRST = 2  # the first column of values; names and rows come before it
A4 = 9
ROWS, HALF = 90, 45  # that can be read on one sheet of paper, upright and on its side

# Areas of sets that share: tints that differ from the yellow of the inputs. Edges, numbers and labels tell them, too.
EDGES = (*(PAPER[role].edge for role in ("input", "output", "shared", "active")), PAPER.ramp[2])
TINTS = tuple((theme.mix(PAPER.paper, edge, 0.18), edge) for edge in EDGES)


class Book:
    """A workbook that is being written."""

    def __init__(self, path: Path) -> None:
        import datetime

        import xlsxwriter

        self.workbook = xlsxwriter.Workbook(
            str(path), {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        # A fixed date: the same batch gives the same file.
        self.workbook.set_properties(
            {
                "title": "Normalization, worked",
                "comments": "made by convviz",
                "created": datetime.datetime(2000, 1, 1),
            }
        )
        self.workbook.set_calc_mode("auto")
        self.styles: dict[tuple[tuple[str, Any], ...], Any] = {}
        self.pages: list[Page] = []

    def style(self, **given: Any) -> Any:
        """A cell format; equal ones are one."""
        key = tuple(sorted(given.items()))
        if key not in self.styles:
            self.styles[key] = self.workbook.add_format(
                {"font_name": "Calibri", "font_size": 11, "font_color": PAPER.ink, "valign": "vcenter"}
                | given
            )
        return self.styles[key]

    def name(self, word: str, reference: str) -> None:
        """A name for a cell, so that formulas read well."""
        self.workbook.define_name(word, f"={reference}")

    def page(self, name: str, columns: int, tab: str, slices: bool = False) -> Page:
        self.pages.append(Page(self, name, columns, tab, NARROW + 4 * slices))
        return self.pages[-1]

    def close(self) -> None:
        for page in self.pages:  # what is not too long is printed on one sheet of paper, grids uncut
            page.sheet.fit_to_pages(1, 1 if page.row <= ROWS else 0)
            if page.row > HALF or page.last < FIRST + 8:
                page.sheet.set_portrait()
            else:
                page.sheet.set_landscape()
        self.workbook.close()


class Page:
    """One sheet, filled from top to bottom; ``row`` is the next free one, ``last`` its last column."""

    def __init__(self, book: Book, name: str, columns: int, tab: str, narrow: int = NARROW) -> None:
        self.book, self.name, self.row = book, name, 0
        self.last = FIRST + max(columns, 8) - 1
        self.sheet = book.workbook.add_worksheet(name)
        self.sheet.set_column(0, 0, WIDE)
        self.sheet.set_column(1, 1, narrow)
        self.sheet.set_column(FIRST, self.last, NUMBER)
        self.sheet.hide_gridlines(2)
        self.sheet.set_tab_color(tab)
        self.sheet.set_paper(A4)
        self.sheet.set_margins(0.5, 0.5, 0.6, 0.6)
        self.sheet.set_footer("&L&A&RPage &P of &N")

    @property
    def digits(self) -> str:
        """The number format of values."""
        return "0." + "0" * DIGITS.get() if DIGITS.get() else "0"

    # -- text --
    def title(self, text: str, notes: Sequence[str]) -> None:
        """The head, which stays in sight and is printed on every page."""
        style = self.book.style(font_size=15, bold=True, font_color=PAPER["input"].edge)
        self.sheet.set_row(0, 24)
        self.sheet.write_string(0, 0, text, style)
        self.sheet.freeze_panes(1, FIRST)
        self.sheet.repeat_rows(0)
        self.row = 1
        for note in notes:
            self.note(note)

    def note(self, text: str) -> None:
        """A sentence over the width of the page, as high as it needs."""
        style = self.book.style(text_wrap=True, valign="top", font_color=PAPER.faint_ink)
        width = WIDE + NARROW + NUMBER * min(self.last - FIRST + 1, 10)
        lines = -(-len(text) // int(width * 0.95))
        self.sheet.set_row(self.row, LINE * lines + 2)
        self.sheet.merge_range(self.row, 0, self.row, min(self.last, FIRST + 9), "", style)
        self.sheet.write_string(self.row, 0, text, style)
        self.row += 1

    def section(self, text: str) -> None:
        """A heading with a line below it and space above."""
        self.row += 1
        style = self.book.style(bold=True, font_size=12, bottom=2, bottom_color=PAPER["input"].edge)
        for column in range(self.last + 1):
            self.sheet.write_blank(self.row, column, None, style)
        self.sheet.write_string(self.row, 0, text, style)
        self.sheet.set_row(self.row, 20)
        self.row += 1

    def heads(self, name: str, number: str, heads: Sequence[str]) -> None:
        """Headings of columns, on up to three lines where they are long."""
        style = self.book.style(
            bold=True, align="right", valign="bottom", text_wrap=True, bottom=1, bottom_color=PAPER.faint_ink
        )
        self.sheet.set_row(self.row, LINE * 3 + 2)
        left = self.book.style(bold=True, valign="bottom", bottom=1, bottom_color=PAPER.faint_ink)
        self.sheet.write_string(self.row, 0, name, left)
        for i, head in enumerate((number, *heads)):
            self.sheet.write_string(self.row, 1 + i, head, style)
        self.row += 1

    def label(self, row: int, column: int, text: str, **given: Any) -> None:
        self.sheet.write_string(row, column, text, self.book.style(**given))

    # -- numbers --
    def input(self, row: int, column: int, value: float, made: Any = None, **given: Any) -> None:
        """A cell to change: yellow, blue ink."""
        self.sheet.write_number(row, column, value, made or self.book.style(**(INPUT | given)))

    def formula(
        self, row: int, column: int, formula: str, value: float, made: Any = None, **given: Any
    ) -> None:
        """A formula (without ``=``) and the value that it has now."""
        if not isfinite(value):
            raise ConvvizError(
                "a number is too large for a spreadsheet; use a smaller gamma or smaller values",
                "spreadsheet",
            )
        style = made or self.book.style(**({"num_format": self.digits} | given))
        self.sheet.write_formula(row, column, f"={formula}", style, float(value))

    def watch(self, top: int, left: int, bottom: int, right: int) -> None:
        """Numbers too large or too small for their column are shown as 1.2E+09 once they become so; what is left of a
        rounding stays 0.
        """
        from xlsxwriter.utility import xl_rowcol_to_cell

        at = xl_rowcol_to_cell(top, left)
        least = 0.5 * 10.0 ** -DIGITS.get()
        self.sheet.conditional_format(
            top, left, bottom, right,
            {
                "type": "formula",
                "criteria": f"=OR(ABS({at})>=100000,AND(ABS({at})>1E-12,ABS({at})<{least:.12f}))",
                "format": self.book.workbook.add_format({"num_format": "0.00E+00"}),
            },
        )  # fmt: skip

    # -- references, as formulas of this and of other sheets write them --
    def cell(self, row: int, column: int, fixed: bool = True, here: bool = True) -> str:
        """``$E$6``, on another sheet ``Input!$E$6``."""
        from xlsxwriter.utility import xl_rowcol_to_cell

        found: str = xl_rowcol_to_cell(row, column, row_abs=fixed, col_abs=fixed)
        return found if here else f"{self.name}!{found}"

    def range(
        self, top: int, left: int, bottom: int, right: int, fixed: bool = False, here: bool = False
    ) -> str:
        """``Input!C8:D15``; a single cell as such."""
        first, last = self.cell(top, left, fixed), self.cell(bottom, right, fixed)
        found = first if first == last else f"{first}:{last}"
        return found if here else f"{self.name}!{found}"


INPUT: dict[str, Any] = {
    "bg_color": PAPER["kernel"].fill,
    "font_color": PAPER["input"].edge,
    "bold": True,
    "align": "right",
}
