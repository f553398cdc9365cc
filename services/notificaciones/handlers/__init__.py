"""Load → decide → store → send. Every handler is idempotent and takes its events in any order, in any number of instances."""
