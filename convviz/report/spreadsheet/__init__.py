"""A normalized batch as a workbook whose numbers are formulas."""
