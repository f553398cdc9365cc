"""`python -m services.mesa_control`: one process of the service."""

from kernel import logging
from kernel.service import run
from services.mesa_control.bootstrap import build
from services.mesa_control.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("mesa_control", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
