"""Four bugs of the kind that the simulation is for, planted one at a time: it must find each, and soon."""

from collections import defaultdict
from typing import Any

import pytest

from kernel.documents import Document
from kernel.outbox import Emitted, Outbox
from schemas.envelope import Evento
from schemas.eventos import RegistroClasificado
from services.compulsa.domain import persona
from services.compulsa.handlers import Estados, _salida
from services.mesa_control import domain
from services.mesa_control.domain import Orden
from services.mesa_control.handlers import MesaDeControl, _ciclo
from tests.simulation import __main__ as orden
from tests.simulation import mundo
from tests.simulation.correr import correr

SEMILLAS = 60
"""How many seeds a planted bug may survive."""


def _primera_que_lo_encuentra(palabra: str) -> int:
    """The first seed with a problem that says that word."""
    for semilla in range(1, SEMILLAS + 1):
        corrida = correr(semilla)
        if found := [problema for problema in corrida.problemas if palabra in problema]:
            print(f"\nfound by seed {semilla}: {found[0]}")
            return semilla
    raise AssertionError(f"{SEMILLAS} seeds did not find it")


def test_un_efecto_antes_de_su_evento_deja_un_registro_decidido_sin_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    async def decide(self: MesaDeControl, folio: str, operador: str, orden: Orden, causa: str) -> RegistroClasificado:
        stored = await self.outbox.get(RegistroClasificado.topic, folio, orden.version)
        if stored is not None:
            return await original(self, folio, operador, orden, causa)
        documento = await self._leer(folio)
        ciclo, contexto = _ciclo(documento), self._contexto(documento["proceso"])
        evento = domain.decidir(ciclo, None, operador, orden, contexto)
        await self._registrar(evento, documento)  # the effect; its event only afterwards
        await self.outbox.emit(evento, cause=causa)
        return evento

    original = MesaDeControl.decidir
    monkeypatch.setattr(MesaDeControl, "decidir", decide)
    _primera_que_lo_encuentra("mesa ")


def test_un_contador_que_no_es_idempotente_deja_un_envio_sin_acuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """ingesta counts the records of an envío as they are handed to it, instead of looking at what is there."""
    emit = Outbox.emit

    def counter(outbox: Outbox) -> defaultdict[str, list[str]]:
        memoria: Any = outbox._documents._documents._memoria  # type: ignore[attr-defined]
        memoria.__dict__.setdefault("contador", defaultdict(list))
        found: defaultdict[str, list[str]] = memoria.contador
        return found

    async def counting(self: Outbox, event: Evento, *, cause: str, correlation: str | None = None) -> Emitted:
        if correlation is not None:
            counter(self)[correlation].append(event.asunto)
        return await emit(self, event, cause=cause, correlation=correlation)

    async def counted(self: Outbox, correlation: str) -> list[str]:
        return list(counter(self)[correlation])

    monkeypatch.setattr(Outbox, "emit", counting)
    monkeypatch.setattr(Outbox, "correlated", counted)
    _primera_que_lo_encuentra("no receipt")


def test_un_duplicado_que_depende_del_orden_de_llegada_contradice_al_oraculo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persona, "sorted", lambda members, key: list(members), raising=False)
    _primera_que_lo_encuentra("duplicado")


def test_la_semilla_que_lo_encuentra_se_dice_y_repetirla_da_lo_mismo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(persona, "sorted", lambda members, key: list(members), raising=False)
    monkeypatch.setattr(orden, "correr_muchas", lambda seeds: map(correr, seeds))  # here, where the bug is planted
    semilla = _primera_que_lo_encuentra("duplicado")

    def ordenar(argumentos: str) -> list[str]:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["tests.simulation", *argumentos.split()])
        assert orden.main() == 1
        return capsys.readouterr().out.splitlines()[:-1]

    dicho = ordenar(f"--semillas 2 --desde {semilla}")
    ultima = next(n for n, linea in enumerate(dicho) if linea.startswith("Repítase con: "))
    assert ultima > 10  # its last steps, too
    repeticion = dicho[ultima].removeprefix("Repítase con: python -m tests.simulation ")
    assert ordenar(repeticion) == dicho[: ultima + 1]


def test_una_version_que_se_usa_de_nuevo_tras_una_caida_tiene_dos_contenidos(monkeypatch: pytest.MonkeyPatch) -> None:
    """compulsa says before it writes down what it said, and nothing keeps versions unique."""

    async def advance(self: Estados, id_: str, causa: str, decidir: Any) -> None:
        document = await self._documents.get(id_)
        paso = await decidir(document["estado"] if document else None)
        for evento in paso.eventos:
            await self._outbox.emit(evento, cause=_salida(evento, causa)["causa"])
        revision = document["revision"] if document else 0
        nuevo: Document = {"_id": id_, "revision": revision + 1, "estado": paso.estado}
        if paso.espera is not None:
            nuevo["espera"] = paso.espera
        await (self._documents.replace(nuevo, revision) if document else self._documents.put_if_absent(nuevo))

    monkeypatch.setattr(Estados, "avanzar", advance)
    monkeypatch.setattr(mundo, "UNIQUE", [])
    _primera_que_lo_encuentra("contents")
