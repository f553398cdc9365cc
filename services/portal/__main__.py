"""`python -m services.portal`: one process of the service."""

from kernel import logging
from kernel.service import run
from services.portal.bootstrap import build
from services.portal.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("portal", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
