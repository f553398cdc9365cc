"""What a service imports, through our packages too: the requirements of its image, and the code that goes into it."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NUESTROS = frozenset({"apoyo", "bench", "credencial", "dispositivo", "kernel", "schemas", "services"})

_DISTRIBUCION = {
    "PIL": "pillow",
    "bson": "pymongo",
    "cv2": "opencv-python-headless",
    "faust": "faust-streaming",
    "fpdf": "fpdf2",
    "jwt": "authlib",
    "starlette": "fastapi",
    "urllib3": "minio",
    "zxingcpp": "zxing-cpp",
}
"""Where the name of an import is not that of what requirements.in asks for."""

_CALLADAS = {
    "kernel.forms": "python-multipart",
    "kernel.identity.routes": "python-multipart",
    "starlette.middleware.sessions": "itsdangerous",
    "zoneinfo": "tzdata",
}
"""What an import needs besides, without anybody importing it."""


@cache
def alcance(modulo: str) -> frozenset[str]:
    """Every module that this one imports, directly or through ours, wherever the import stands; itself included."""
    alcanzados: set[str] = set()
    pendientes = [modulo]
    while pendientes:
        nombre = pendientes.pop()
        if nombre in alcanzados:
            continue
        alcanzados.add(nombre)
        if (archivo := _archivo(nombre)) is not None:
            paquete = nombre.rpartition(".")[0]
            pendientes += [*([paquete] if paquete else []), *_importados(archivo)]
    return frozenset(alcanzados)


def requisitos(servicio: str) -> list[str]:
    """The lines of requirements.in that a service's process needs. Raises LookupError for an import that none of them gives."""
    renglones = _renglones()
    pedidos: set[str] = set()
    for modulo in alcance(f"services.{servicio}.__main__"):
        if modulo in _CALLADAS:
            pedidos.add(_CALLADAS[modulo])
        raiz = modulo.partition(".")[0]
        if raiz in NUESTROS or raiz in sys.stdlib_module_names:
            continue
        nombre = _DISTRIBUCION.get(raiz, raiz.replace("_", "-"))
        if nombre not in renglones:
            raise LookupError(f"services/{servicio} imports {raiz}, which requirements.in does not name")
        pedidos.add(nombre)
    return sorted(renglones[nombre] for nombre in pedidos)


def paquetes(servicio: str) -> list[str]:
    """Our packages that a service's image carries besides its own."""
    raices = {modulo.partition(".")[0] for modulo in alcance(f"services.{servicio}.__main__")}
    return sorted((raices & NUESTROS) - {"services"})


def archivos() -> dict[str, str]:
    """Path under deploy/images/requirements → content, of what `make requirements` compiles for each image."""
    servicios = sorted(path.parent.name for path in (ROOT / "services").glob("*/__main__.py"))
    cabeza = "# Derived from what the service imports: `python -m apoyo.despliegue`. `make requirements` compiles it.\n"
    return {f"{servicio}.in": cabeza + "\n".join(requisitos(servicio)) + "\n" for servicio in servicios}


def _archivo(modulo: str) -> Path | None:
    if modulo.partition(".")[0] not in NUESTROS:
        return None
    lugar = ROOT / modulo.replace(".", "/")
    for archivo in (lugar / "__init__.py", lugar.with_suffix(".py")):
        if archivo.exists():
            return archivo
    return None


def _importados(archivo: Path) -> set[str]:
    nombres: set[str] = set()
    for nodo in ast.walk(ast.parse(archivo.read_text(encoding="utf-8"))):
        if isinstance(nodo, ast.Import):
            nombres |= {alias.name for alias in nodo.names}
        elif isinstance(nodo, ast.ImportFrom) and nodo.module:
            nombres |= {nodo.module, *(f"{nodo.module}.{alias.name}" for alias in nodo.names)}
    return nombres


def _renglones() -> dict[str, str]:
    """Name → line of requirements.in."""
    lineas = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    return {_nombre(linea): linea for linea in lineas if linea and not linea.startswith("#")}


def _nombre(linea: str) -> str:
    return re.split(r"[^A-Za-z0-9-]", linea, maxsplit=1)[0].lower()
