"""Where what the engines need is kept once it is fetched or built: outside the tree, shared by every checkout."""

import os
from pathlib import Path


def folder(name: str) -> Path:
    """The folder of one version of one engine, whether or not it is there."""
    if own := os.environ.get("APOYO_CACHE"):
        return Path(own) / name
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "apoyo" / name
