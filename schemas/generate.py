"""Writes `json/` (the schema of every event, of the package's header and of its form), `asyncapi.yaml`, and the table of who may do
what (`docs/security/autorizacion.md`); nothing may differ.

python -m schemas.generate [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas import asyncapi, autorizacion
from schemas.eventos import EVENTOS
from schemas.paquete import DatosRegistro, Encabezado, Indice

HERE = Path(__file__).parent
FOLDER = HERE / "json"
TABLE = "../docs/security/autorizacion.md"


def documents() -> dict[str, str]:
    """Path within this package → content, of every derived file."""
    return {f"{FOLDER.name}/{name}": content for name, content in schemas().items()} | {
        "asyncapi.yaml": asyncapi.render(),
        TABLE: autorizacion.documento(),
    }


def schemas() -> dict[str, str]:
    """File name → JSON Schema, of everything that crosses a border."""
    models: dict[str, tuple[str, type[BaseModel]]] = {
        f"{e.nombre}.v{e.mayor}.json": (f"urn:apoyo:schema:{e.nombre}:v{e.mayor}", e) for e in EVENTOS
    }
    models["paquete.encabezado.v1.json"] = ("urn:apoyo:schema:paquete.encabezado:v1", Encabezado)
    models["paquete.indice.v1.json"] = ("urn:apoyo:schema:paquete.indice:v1", Indice)
    models["paquete.datos.v1.json"] = ("urn:apoyo:schema:paquete.datos:v1", DatosRegistro)
    return {name: _render(id_, model) for name, (id_, model) in models.items()}


def differing() -> list[str]:
    """Names of the files that are missing, stale, or that no model stands behind."""
    wanted = documents()
    present = {_name(path): path.read_text(encoding="utf-8") for path in _present()}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def write() -> None:
    """Write all of them and remove what no model stands behind."""
    FOLDER.mkdir(exist_ok=True)
    wanted = documents()
    for path in _present():
        if _name(path) not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (HERE / name).write_text(content, encoding="utf-8")


def _present() -> list[Path]:
    return [*FOLDER.glob("*.json"), *(HERE / name for name in ("asyncapi.yaml", TABLE) if (HERE / name).exists())]


def _name(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def _render(id_: str, model: type[BaseModel]) -> str:
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": id_}
    schema |= model.model_json_schema(mode="serialization")
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        stale = differing()
        if stale:
            sys.exit(f"stale files, run `python -m schemas.generate`: {', '.join(stale)}")
    else:
        write()
