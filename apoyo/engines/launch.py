"""Run a command that cannot outlive the process that asked for it.

`python launch.py PARENT_PID COMMAND...` asks the kernel to kill this process when its parent dies, then becomes COMMAND.
It is a program of its own, and not a `preexec_fn`, because Python code between fork and exec may deadlock in a process
with threads. It runs with `-I -S` and imports three small modules: a start costs about 20 ms.

Linux only: elsewhere it just becomes COMMAND, and only an orderly end of the parent stops it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Arm the parent-death signal, then replace this process by the command. Ends with 127 if it cannot be run."""
    parent, command = int(argv[1]), argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above: nobody will send the signal
            os._exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main(sys.argv)
