"""Time is an argument: decisions and tests never read the machine's clock by themselves (ARCHITECTURE, rule 6)."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """This instant."""
        ...


class SystemClock:
    """The machine's clock, cut to milliseconds: what MongoDB stores, so that an instant survives a round trip."""

    def now(self) -> datetime:
        """This instant, to the millisecond."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
