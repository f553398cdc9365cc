"""Settings of this service: those of every service with pages."""

from kernel.identity import PageSettings


class Settings(PageSettings):
    """Who may look."""
