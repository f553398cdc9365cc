"""What a device has not sent yet. A record leaves it only when reception has acknowledged it (P 9.14)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dispositivo.kit import PaqueteSellado
from kernel.files import write_whole
from schemas.recepcion import Acuse

Problema = Mapping[str, Any]
"""problem+json, as the server sent it."""


class Almacen(Protocol):
    """Packages by folio: to be sent, or refused for good."""

    def guardar(self, paquete: PaqueteSellado) -> None:
        """Keep a package durably, to be sent."""

    def pendientes(self) -> list[str]:
        """Folios to be sent."""
        ...

    def leer(self, folio: str) -> PaqueteSellado:
        """A package to be sent. Raises KeyError."""
        ...

    def acusar(self, acuse: Acuse) -> None:
        """Keep the receipt and let the package go."""

    def rechazar(self, folio: str, problema: Problema) -> None:
        """Keep the package, and why it was refused for good; it is not sent again."""

    def rechazados(self) -> dict[str, Problema]:
        """Why each was refused for good."""
        ...


class AlmacenEnMemoria:
    """`Almacen` of a simulated device."""

    def __init__(self) -> None:
        self.acuses: dict[str, Acuse] = {}
        self._pendientes: dict[str, PaqueteSellado] = {}
        self._rechazados: dict[str, tuple[PaqueteSellado, Problema]] = {}

    def guardar(self, paquete: PaqueteSellado) -> None:
        self._pendientes[paquete.folio] = paquete

    def pendientes(self) -> list[str]:
        return list(self._pendientes)

    def leer(self, folio: str) -> PaqueteSellado:
        return self._pendientes[folio]

    def acusar(self, acuse: Acuse) -> None:
        self.acuses[acuse.folio] = acuse
        self._pendientes.pop(acuse.folio, None)

    def rechazar(self, folio: str, problema: Problema) -> None:
        self._rechazados[folio] = (self._pendientes.pop(folio), problema)

    def rechazados(self) -> dict[str, Problema]:
        return {folio: problema for folio, (_, problema) in self._rechazados.items()}


class AlmacenEnDisco:
    """`Almacen` in a folder: `pendientes/<folio>.paquete`, `acuses/<folio>.json`, `rechazados/<folio>.{paquete,json}`.

    What is new is durable before what is old goes, so that a crash leaves a record twice at worst; a pending record that has a
    receipt is only sent again, and gets the same one.
    """

    def __init__(self, carpeta: Path) -> None:
        self._pendientes = carpeta / "pendientes"
        self._acuses = carpeta / "acuses"
        self._rechazados = carpeta / "rechazados"
        for folder in (self._pendientes, self._acuses, self._rechazados):
            folder.mkdir(parents=True, exist_ok=True)

    def guardar(self, paquete: PaqueteSellado) -> None:
        write_whole(self._pendientes / f"{paquete.folio}.paquete", paquete.contenido)

    def pendientes(self) -> list[str]:
        return sorted(path.stem for path in self._pendientes.glob("*.paquete"))

    def leer(self, folio: str) -> PaqueteSellado:
        try:
            return PaqueteSellado.leer((self._pendientes / f"{folio}.paquete").read_bytes())
        except FileNotFoundError as error:
            raise KeyError(folio) from error

    def acusar(self, acuse: Acuse) -> None:
        write_whole(self._acuses / f"{acuse.folio}.json", acuse.model_dump_json().encode())
        (self._pendientes / f"{acuse.folio}.paquete").unlink(missing_ok=True)

    def rechazar(self, folio: str, problema: Problema) -> None:
        write_whole(self._rechazados / f"{folio}.json", json.dumps(dict(problema), ensure_ascii=False).encode())
        (self._pendientes / f"{folio}.paquete").rename(self._rechazados / f"{folio}.paquete")

    def rechazados(self) -> dict[str, Problema]:
        return {
            path.stem: json.loads((self._rechazados / f"{path.stem}.json").read_text(encoding="utf-8"))
            for path in sorted(self._rechazados.glob("*.paquete"))
        }
