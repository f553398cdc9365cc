"""`python -m services.ingesta`: runs the service as a process, configured by its environment."""

from kernel import logging
from kernel.service import run
from services.ingesta.bootstrap import build
from services.ingesta.settings import IngestaSettings


def main() -> None:
    """Run until SIGTERM."""
    settings = IngestaSettings()
    logging.configure("ingesta", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
