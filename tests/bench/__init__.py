"""Times: a table of rows, contestants and sites, and what is measured by hand."""
