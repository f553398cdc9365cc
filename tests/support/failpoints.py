"""Failpoints: a real process that dies (SIGKILL) right before and right after each of its writes, once at each.

`python -m tests.support.failpoints DEATHS MODULE [ARGUMENT...]` runs MODULE as `python -m` would, with every way to write wrapped
(`ESCRITURAS`). A failpoint is a write and when: `outbox.replace before`, `clasificado publish after`. A process that passes one
that the file DEATHS does not name yet writes the name there, durably, and kills itself. It is started again at once, until MODULE
ends by itself: so it dies once at every write that it makes, and nobody has to say which these are. Several processes may
share DEATHS.

`--freeze POINT --until POINT` freezes the process instead at each pass of the first point, for `ZOMBIE_S`, until it has died at
the second: long enough to be taken for dead, and to go on as a zombie.

Each life is a fork of a process that has only imported MODULE: a start costs hundredths of a second instead of seconds.
"""

import argparse
import ctypes
import fcntl
import functools
import importlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import kernel.documents  # noqa: F401 - commands import it when they run, which is too late to wrap it

ESPERA_S = 2.0
"""How long others wait for who died: with the product's ten and twenty seconds a test would do little else."""
ZOMBIE_S = 3 * ESPERA_S

ESPERAS: dict[str, object] = {
    "kernel.stream.kafka:_SESSION_S": ESPERA_S,
    "kernel.stream.kafka:_HEARTBEAT_S": ESPERA_S / 4,
    "services.descifrado.retiro:CADA_S": ESPERA_S,
    "services.descifrado.destruccion:CADA_S": ESPERA_S,
    "services.compulsa.handlers:FIN_CADA_S": ESPERA_S,
    "services.notificaciones.handlers.entregas:PLAZO": timedelta(seconds=ESPERA_S),
    # Activity is written down at once, so that a short run reaches that write too.
    "kernel.identity.sessions:_STEPS": 10**9,
}

_PR_SET_PDEATHSIG = 1

Nombre = Callable[..., str | None]


def _documentos(escritura: str) -> Nombre:
    # A collection rebuilt beside another carries the time in its name.
    return lambda documentos, *_: f"{re.sub(r'_[0-9]{20}$', '_al_lado', documentos.collection.name)}.{escritura}"


def _objetos(escritura: str) -> Nombre:
    return lambda objetos, *_: f"{objetos._bucket}.{escritura}"


ESCRITURAS: dict[str, Nombre] = {
    "kernel.documents:MongoDocuments.prepare": lambda d: _documentos("prepare")(d) if d._indexes else None,
    "kernel.documents:MongoDocuments.put_if_absent": _documentos("put_if_absent"),
    "kernel.documents:MongoDocuments.replace": _documentos("replace"),
    "kernel.documents:MongoDocuments.write": _documentos("write"),
    "kernel.documents:MongoDocuments.swap": _documentos("swap"),
    "kernel.documents:MongoDocuments.unset": _documentos("unset"),
    "kernel.documents:MongoDocuments.remove": _documentos("remove"),
    "kernel.documents:MongoDocuments.take_the_place_of": _documentos("take_the_place_of"),
    "kernel.documents:MongoDocuments.drop": _documentos("drop"),
    "kernel.objects:S3Objects.prepare": _objetos("prepare"),
    "kernel.objects:S3Objects.put": _objetos("put"),
    "kernel.objects:S3Objects.delete": _objetos("delete"),
    "kernel.stream.kafka:KafkaStream.publish": lambda stream, message: f"{message.topic} publish",
    "kernel.stream.kafka:KafkaStream.create_topics": lambda stream, specs: "create_topics",
    "kernel.stream.kafka:_Consumer._commit": lambda consumer, offsets: "commit",
    "services.compulsa.adapters:RenglonesMongo.insertar": lambda renglones, lines: "padron.insertar",
    "services.compulsa.adapters:RenglonesMongo.borrar": lambda renglones, corte: "padron.borrar",
    "services.notificaciones.adapters:Smtp.enviar": lambda correo, mensaje: "correo",
}
"""Every coroutine that writes outside its process, and the name of a write; None where this one writes nothing."""


def dueno_y_metodo(lugar: str) -> tuple[type, str]:
    """The class and the name of the method of a key of `ESCRITURAS`."""
    modulo, _, camino = lugar.partition(":")
    clase, _, metodo = camino.partition(".")
    return getattr(importlib.import_module(modulo), clase), metodo


def argv(muertes: Path, modulo: str, *argumentos: str, zombi: tuple[str, str] | None = None) -> list[str]:
    """The command. `zombi`: the points of `--freeze` and `--until`."""
    opciones = ["--freeze", zombi[0], "--until", zombi[1]] if zombi else []
    return [sys.executable, "-m", "tests.support.failpoints", *opciones, str(muertes), modulo, *argumentos]


def ocurridas(muertes: Path) -> list[str]:
    """The points at which processes died, in order."""
    return muertes.read_text(encoding="utf-8").splitlines() if muertes.exists() else []


class Failpoints:
    """What happens at a point. `zombi`: as in `argv`."""

    def __init__(self, muertes: Path, zombi: tuple[str, str] | None) -> None:
        self._muertes = muertes
        self._zombi = zombi

    def pasar(self, punto: str) -> None:
        """Pass a point, or die there."""
        antes = ocurridas(self._muertes)
        if self._zombi and punto == self._zombi[0] and self._zombi[1] not in antes:
            os.kill(os.getpid(), signal.SIGSTOP)
        if punto not in antes and self._anotar(punto):
            os.kill(os.getpid(), signal.SIGKILL)

    def _anotar(self, punto: str) -> bool:
        """Write the point down; False when another process that passed it at the same moment was first."""
        file = os.open(self._muertes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if punto in ocurridas(self._muertes):
                return False
            os.write(file, f"{punto}\n".encode())
            os.fsync(file)
            return True
        finally:
            os.close(file)

    def envolver(self) -> None:
        """Put the points around every write of the modules that are imported, and shorten their waits."""
        for lugar, espera in ESPERAS.items():
            modulo, _, constante = lugar.partition(":")
            if modulo in sys.modules:
                setattr(sys.modules[modulo], constante, espera)
        for lugar, nombre in ESCRITURAS.items():
            if lugar.partition(":")[0] in sys.modules:
                dueno, metodo = dueno_y_metodo(lugar)
                setattr(dueno, metodo, self._con_puntos(getattr(dueno, metodo), nombre))

    def _con_puntos(self, escribir: Callable[..., Any], nombre: Nombre) -> Callable[..., Any]:
        @functools.wraps(escribir)
        async def escrito(*args: Any, **kwargs: Any) -> Any:
            escritura = nombre(*args, **kwargs)
            if escritura is None:
                return await escribir(*args, **kwargs)
            self.pasar(f"{escritura} before")
            result = await escribir(*args, **kwargs)
            self.pasar(f"{escritura} after")
            return result

        return escrito


def vivir(correr: Callable[[], int | None]) -> int:
    """Run in one life after another, until one ends that was not killed; its exit status."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    parent = os.getpid()
    while True:
        life = os.fork()
        if not life:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if stopping or os.getppid() != parent:
                os._exit(1)
            sys.exit(correr())
        _, status = os.waitpid(life, os.WUNTRACED)
        while os.WIFSTOPPED(status):
            time.sleep(ZOMBIE_S)
            os.kill(life, signal.SIGCONT)
            _, status = os.waitpid(life, os.WUNTRACED)
        code = os.waitstatus_to_exitcode(status)
        if stopping or code != -signal.SIGKILL:
            return code


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--freeze")
    parser.add_argument("--until")
    parser.add_argument("deaths", type=Path)
    parser.add_argument("module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    # Not loaded before somebody connects to a Kafka.
    importlib.import_module("kernel.stream.kafka")
    program = importlib.import_module(f"{options.module}.__main__")
    Failpoints(options.deaths, (options.freeze, options.until) if options.freeze else None).envolver()
    sys.argv = [options.module, *options.arguments]
    return vivir(program.main)


if __name__ == "__main__":
    sys.exit(main())
