"""Errors, told apart by who must act (ARCHITECTURE, rules 3 and 9)."""


class BadInput(Exception):
    """The input can never be handled as it is: record the outcome (quarantine) and go on.

    `reason` is a constant, machine-readable word; `detail` says in one line what was seen, without personal data.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unavailable(Exception):
    """An engine (log, documents, objects, mail) did not answer: worth retrying for a bounded time."""


class Conflict(Exception):
    """Somebody else wrote first: load again, decide again."""


class KeyDestroyed(BadInput):
    """The key was destroyed for good (SPEC 11, end of life): a recorded outcome, never a failure."""

    def __init__(self, key_id: str) -> None:
        super().__init__("llave_destruida", key_id)
