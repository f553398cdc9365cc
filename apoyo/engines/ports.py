"""Ports of 127.0.0.1: the preferred one where it is free, else another."""

import socket

_given: set[int] = set()


def free_port(preferred: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: the preferred one, else any, and never the same one twice.

    Another process may still take it before it is bound; the engine that finds it taken dies early and says so.
    """
    if preferred and _is_free(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


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
            if 1024 <= second <= 65535 and second not in _given and _is_free(second):
                _given.add(second)
                return min(first, second), max(first, second)
