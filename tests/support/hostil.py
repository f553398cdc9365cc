"""descifrado before hostile packages, each in a process of its own that has so much memory and processor and no more.

`python -m tests.support.hostil FOLDER RESULTS` opens each package of the folder (`<case>.imagen`: as the picture of the reverse;
`<case>.cuerpo`: as the encrypted body) and writes a JSON line for each into the file RESULTS: what became of it, and what it took.
The limits are the system's (`RLIMIT_AS`, `RLIMIT_CPU`): who passes one fails or is killed, and the line says so. What is
done once (reading the cascade, above all) is done before they are made, without a thread: they would not inherit it.
"""

import asyncio
import hashlib
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dispositivo.kit import PaqueteSellado
from schemas.eventos import RegistroEnCuarentena
from schemas.paquete import Parte, Suite, escribir_encabezado, escribir_paquete, leer_paquete
from services.descifrado.hilos import EnHilo, P, T, UnHilo
from tests.support.imagenes import jpeg
from tests.support.recepcion import Mundo, MundoDescifrado, captura

MEMORIA = 1 << 30
"""Bytes of address space more than what the process has before it opens anything."""
PROCESADOR_S = 15
"""Seconds of processor for one package, far above what any takes and far below what a bomb would."""


async def abrir(caso: Path, en_hilo: Callable[[], EnHilo] = UnHilo) -> str:
    """What becomes of a record with that picture or body: `abierto`, or the reason of its quarantine."""
    mundo = await Mundo(suite=Suite.X25519).start()
    lado = MundoDescifrado(mundo, en_hilo=en_hilo)
    contenido = caso.read_bytes()
    if caso.suffix == ".imagen":
        imagenes = {**captura().imagenes, Parte.REVERSO: (contenido, "image/jpeg")}
        recibido = await lado.recibido(captura(imagenes=imagenes))
    else:
        recibido = await lado.recibido_en_bytes(_con_cuerpo(mundo, contenido))
    evento = await lado.abrir(recibido)
    await mundo.stop()
    return evento.motivo if isinstance(evento, RegistroEnCuarentena) else "abierto"


def _con_cuerpo(mundo: Mundo, cuerpo: bytes) -> PaqueteSellado:
    """A package that its device signed, with that body."""
    antes = leer_paquete(mundo.sellar().contenido)
    suyo = {"cuerpo_sha256": hashlib.sha256(cuerpo).hexdigest()}
    encabezado = escribir_encabezado(antes.encabezado.model_copy(update=suyo))
    return PaqueteSellado.leer(escribir_paquete(encabezado, antes.firma, cuerpo))


async def _aqui(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    return func(*args, **kwargs)


def medir(caso: Path) -> dict[str, Any]:
    """Open one in a child with the limits; what became of it, MiB and seconds of processor."""
    entrada, salida = os.pipe()
    hijo = os.fork()
    if not hijo:
        os.close(entrada)
        tamano = os.sysconf("SC_PAGE_SIZE") * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (tamano + MEMORIA, tamano + MEMORIA))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESADOR_S, PROCESADOR_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            que = asyncio.run(abrir(caso))
        except BaseException as error:
            que = repr(error)[:300]
        os.write(salida, que.encode())
        os._exit(0)
    os.close(salida)
    que = os.read(entrada, 1000).decode()
    os.close(entrada)
    _, estado, uso = os.wait4(hijo, 0)
    codigo = os.waitstatus_to_exitcode(estado)
    return {
        "caso": caso.name,
        "que": que if codigo == 0 else f"murió: {codigo}",
        "mib": uso.ru_maxrss // 1024,
        "segundos": round(uso.ru_utime + uso.ru_stime, 2),
    }


def main() -> None:
    """See the module."""
    with tempfile.TemporaryDirectory() as folder:
        una = Path(folder) / "una.imagen"
        una.write_bytes(jpeg())
        asyncio.run(abrir(una, lambda: _aqui))
    with Path(sys.argv[2]).open("w", encoding="utf-8") as results:
        for caso in sorted(Path(sys.argv[1]).iterdir()):
            results.write(json.dumps(medir(caso)) + "\n")


if __name__ == "__main__":
    main()
