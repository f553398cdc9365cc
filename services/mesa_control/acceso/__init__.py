"""Who was given what a record holds, written before it is opened, and the history of a record (SPEC 7, 12)."""
