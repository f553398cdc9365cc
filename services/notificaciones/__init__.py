"""Receipts by e-mail: one per envío (SPEC 5; A 27, P 9.14, 12.3, D 6.4). README.md is its specification."""
