"""Status per folio, and totals that add up to what was received (SPEC 8, 11). README.md is its specification."""
