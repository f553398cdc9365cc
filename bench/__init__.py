"""How fast, against what is possible: `make bench`. Ratios of one run; the machines are noisy (docs/performance.md)."""
