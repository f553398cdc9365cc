"""Bugs of the kind that the simulation is for, planted one at a time: it must find each, and soon."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from kernel.documents import Document, MemoryDocuments
from kernel.objects import MemoryObjects
from kernel.outbox import Emitted, Outbox
from schemas.envelope import Evento
from schemas.eventos import ExpedientesDestruidos, RegistroClasificado
from services.compulsa.domain import persona
from services.compulsa.handlers import Estados, FinDeProcesos, _salida
from services.descifrado import destruccion
from services.descifrado.destruccion import Destrucciones
from services.mesa_control import domain
from services.mesa_control.domain import Orden
from services.mesa_control.handlers import MesaDeControl, _ciclo
from tests.simulation import __main__ as orden
from tests.simulation import mundo
from tests.simulation.correr import correr

SEMILLAS = range(1, 61)
"""How many seeds a planted bug may survive."""
CON_FIN = range(mundo.FIN_CADA, 500, mundo.FIN_CADA)
"""Those of the 500 that play a process to its end."""


def _primera_que_lo_encuentra(palabra: str, semillas: Iterable[int] = SEMILLAS) -> int:
    """The first seed with a problem that says that word."""
    for semilla in semillas:
        corrida = correr(semilla)
        if found := [problema for problema in corrida.problemas if palabra in problema]:
            print(f"\nfound by seed {semilla}: {found[0]}")
            return semilla
    raise AssertionError(f"{semillas} did not find it")


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

    async def counting(
        self: Outbox, event: Evento, *, cause: str, correlation: str | None = None, **mas: Any
    ) -> Emitted:
        if correlation is not None:
            counter(self)[correlation].append(event.asunto)
        return await emit(self, event, cause=cause, correlation=correlation, **mas)

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


# The end of a process -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("que", "vacio", "palabra"),
    [
        ("_paquetes", MemoryObjects, "paquetes/CI26/"),
        ("_expedientes", MemoryObjects, "expedientes/CI26/"),
        ("_huellas", MemoryDocuments, "hashes of"),
    ],
)
def test_una_destruccion_que_olvida_un_almacen_lo_deja_lleno(
    monkeypatch: pytest.MonkeyPatch, que: str, vacio: Callable[[], Any], palabra: str
) -> None:
    def creada(self: Destrucciones, *de: Any) -> None:
        original(self, *de)
        setattr(self, que, vacio())

    original = Destrucciones.__init__
    monkeypatch.setattr(Destrucciones, "__init__", creada)
    _primera_que_lo_encuentra(palabra, CON_FIN)


def test_una_destruccion_que_se_salta_la_ultima_pagina_no_los_cuenta_todos(monkeypatch: pytest.MonkeyPatch) -> None:
    async def about(self: Outbox, topic: str, prefix: str, after: str, limit: int) -> list[Document]:
        found = await original(self, topic, prefix, after, limit)
        return found if len(found) == limit else []

    original = Outbox.about
    monkeypatch.setattr(Outbox, "about", about)
    _primera_que_lo_encuentra("up to", CON_FIN)


def test_quien_abre_despues_de_la_orden_es_visto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Destrucciones, "ordenada", lambda self, proceso: False)
    _primera_que_lo_encuentra("opened it after the order", CON_FIN)


def test_una_marca_que_no_dice_de_que_pagina_es_esconde_lo_que_vuelve_a_media_destruccion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(destruccion, "_marca", lambda dicho: f"destruccion-{dicho.proceso}")
    _primera_que_lo_encuentra("can open it after the end", CON_FIN)


def test_una_destruccion_que_no_se_sostiene_deja_lo_que_vuelve_de_un_respaldo(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nada_queda(self: Destrucciones, dicho: ExpedientesDestruidos) -> str:
        return ""

    monkeypatch.setattr(Destrucciones, "_queda", nada_queda)
    _primera_que_lo_encuentra("is left", CON_FIN)


def test_una_llave_de_proceso_que_nadie_destruye_es_vista(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nada(self: FinDeProcesos) -> None:
        pass

    monkeypatch.setattr(FinDeProcesos, "una_vez", nada)
    _primera_que_lo_encuentra("compulsa.llaves_de_proceso: the key", CON_FIN)


def test_lo_que_se_destruye_de_otro_proceso_es_visto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destruccion, "_de", lambda proceso: {"_id": {"$gt": proceso, "$lt": f"{proceso}~"}})
    _primera_que_lo_encuentra("touched, and of another", CON_FIN)


def test_una_destruccion_que_borra_lo_que_se_dijo_es_vista(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tambien_lo_dicho(self: Destrucciones, proceso: str) -> None:
        await original(self, proceso)
        dichos = await self._outbox.about(destruccion.TOPIC, f"{proceso}-", "", 100)
        await self._outbox._documents.remove([d["_id"] for d in dichos])

    original = Destrucciones._lo_demas
    monkeypatch.setattr(Destrucciones, "_lo_demas", tambien_lo_dicho)
    _primera_que_lo_encuentra("events changed", CON_FIN)
