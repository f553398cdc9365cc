"""The command line: starts the engines and services of one machine, loads what they need, and shows what happened."""
