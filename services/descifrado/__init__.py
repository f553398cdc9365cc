"""Decryption: opens packages, checks them again, and seals each expediente under a key of its own (SPEC 6)."""
