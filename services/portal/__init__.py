"""Who takes part, under which rules: accounts, processes, solicitudes, auxiliares (SPEC 1-3). README.md is its specification."""
