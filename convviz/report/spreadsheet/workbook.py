"""Normalized batches as a spreadsheet (.xlsx) with live formulas: change a pixel, and every number follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.errors import ConvvizError
from convviz.ops.base import show

MOST = 20_000  # values of the batch, times the methods
COLUMNS = 4_000  # of values; Excel has 16,384 columns
UPDATES = 20_000  # rows of running statistics
LARGEST = 1e150  # of a value: its square must be a number, too


def write(result: Normalized | Norms, path: Any) -> None:
    """A result as a workbook: a sheet of inputs, one of formulas for each method, one of running statistics where they
    are kept, and for several methods a summary.

    Each formula also carries the value that it has now, so that previews show it. Raises ConvvizError for a batch that
    is too large for a sheet to be read, and where the file cannot be written.
    """
    results = tuple(result) if isinstance(result, Norms) else (result,)
    check(results)
    from xlsxwriter.exceptions import XlsxWriterException

    from convviz.report.spreadsheet.book import Book
    from convviz.report.spreadsheet.input import write_inputs
    from convviz.report.spreadsheet.method import write_method
    from convviz.report.spreadsheet.running import write_running
    from convviz.report.spreadsheet.statistics import running_kept
    from convviz.report.spreadsheet.summary import write_summary

    book = Book(Path(path))
    inputs = write_inputs(book, results)
    methods = []
    for one in results:
        if running_kept(one) and not one.live:
            running = write_running(book, inputs, one)
            methods.append(write_method(book, inputs, one, running.reference))
        else:
            methods.append(write_method(book, inputs, one, None))
            if running_kept(one):
                write_running(book, inputs, one)
    if isinstance(result, Norms):
        write_summary(book, inputs, methods, result.left_out)
    try:
        book.close()
    except (XlsxWriterException, OSError) as err:
        raise ConvvizError(f"cannot be written: {getattr(err, 'strerror', None) or err}", str(path)) from None


def check(results: tuple[Normalized, ...]) -> None:
    """Raise where a sheet would be too large to open and to read."""
    first = results[0]
    values = first.x.size * len(results)
    if values > MOST:
        each = f" under {len(results)} methods" if len(results) > 1 else ""
        raise ConvvizError(
            f"a spreadsheet takes at most {MOST:,} values, and {show(first.shape)}{each} has {values:,}",
            "spreadsheet",
        )
    if float(abs(first.x).max()) > LARGEST:
        raise ConvvizError(
            f"a spreadsheet takes values up to {LARGEST:g}, got {abs(first.x).max():g}", "spreadsheet"
        )
    wide = first.shape[1] * (first.shape[-1] if first.x.ndim > 2 else 1)
    if wide > COLUMNS:
        raise ConvvizError(
            f"a spreadsheet takes at most {COLUMNS:,} columns of values, and {show(first.shape)} has {wide:,}",
            "spreadsheet",
        )
    rows = max(len(one.updates) * one.shape[1] for one in results)
    if rows > UPDATES:
        raise ConvvizError(
            f"a spreadsheet takes at most {UPDATES:,} rows of running statistics, and these steps have {rows:,}",
            "spreadsheet",
        )
