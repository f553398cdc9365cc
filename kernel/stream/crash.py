"""How a process ends when going on would lose an event."""

import logging
import os
import sys
import traceback
from collections.abc import Callable

import structlog

EXIT_CODE = 70  # EX_SOFTWARE in sysexits.h

Die = Callable[[BaseException], None]


def die(cause: BaseException) -> None:
    """Log `cause` and end the process at once: no `finally`, no `atexit`, so that nothing can commit the offset."""
    # As text: a renderer given the exception itself may print the local variables, and with them personal data.
    structlog.get_logger(__name__).critical("process_dies", traceback="".join(traceback.format_exception(cause)))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_CODE)
