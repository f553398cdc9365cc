"""Mesa de Control: people review every record (SPEC 7; P 13, D 10). README.md is its specification."""
