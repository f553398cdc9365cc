"""What is known about the voter card and the roll, as pure functions and data: no I/O, no clock, no randomness.

Sources are marked as in the project's notes: what is not confirmed is only ever a warning, never a reason to reject.
"""
