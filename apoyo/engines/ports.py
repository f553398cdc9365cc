"""Ports of 127.0.0.1: the preferred one where it is free, else another."""

import socket
import sys

_claimed: dict[int, socket.socket] = {}


def free_port(preferred: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: the preferred one, else any that was not given before.

    Of our processes that look at the same moment one gets it, until that process ends. A stranger may still take it before it is
    bound; the engine that finds it taken dies early and says so.
    """
    if preferred and _is_free(preferred) and _claim(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _claimed and _claim(port):
            return port


def _claim(port: int) -> bool:
    """Whether it is this process's from now on: the name of an abstract socket is one process's, and goes with it.

    Linux alone has such names: elsewhere every process takes what it finds free.
    """
    if port not in _claimed:
        claim = socket.socket(socket.AF_UNIX)
        if sys.platform == "linux":
            try:
                claim.bind(f"\0apoyo-port-{port}")
            except OSError:
                claim.close()
                return False
        _claimed[port] = claim
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port_pair(distance: int) -> tuple[int, int]:
    """Two free ports that lie this far apart, for servers that derive one from the other."""
    while True:
        first = free_port()
        for second in (first + distance, first - distance):
            if 1024 <= second <= 65535 and second not in _claimed and _is_free(second) and _claim(second):
                return min(first, second), max(first, second)
