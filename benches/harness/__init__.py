"""How rows are measured, compared and shown; what is measured stands in `rows`."""
