"""An operator's working day, by keyboard alone, in a real browser on the real service and engines: at the end the events say what
the person meant, one decision a record (SPEC 7, P 13)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from apoyo.engines import Engines
from schemas.eventos import Alerta, RegistroClasificado
from schemas.paquete import IMAGENES, Modalidad, Parte
from services.mesa_control.domain import Eleccion, Orden
from tests.support.mesa import PROCESO, Mesa, folio, imagen
from tests.support.mesa_en_motores import mesa_en_motores, publica
from tests.support.navegador import entra, pagina

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]
Elegidas = list[tuple[str, str | None]]
PENDIENTES = f"{PROCESO}/pendiente"


@dataclass(frozen=True)
class Turno:
    """A record, the keys that decide it (a text of several letters is typed), and what must be on record."""

    teclas: Sequence[str]
    queda: Elegidas
    llega: dict[str, Any] = field(default_factory=dict)


def _alerta(codigo: str, parte: Parte) -> Alerta:
    return Alerta(codigo=codigo, inciso="f", parte=parte, medida=0.9, umbral=0.5, severidad="alerta")


LIMPIO = Turno((" ",), [])
CON_REGLA = {"reglas": ["fuera_de_periodo"]}
CON_ALERTAS = {"alertas": [_alerta(c, Parte.ANVERSO) for c in ("pantalla", "imagen_borrosa", "imagen_oscura")]}
MANUAL = {"modalidad": Modalidad.CAPTURA_MANUAL}
MANANA = [
    *[LIMPIO] * 8,
    *(Turno((letra, "Enter"), [(letra, None)]) for letra in "abcdeglkm"),
    Turno(("f", "1", "Enter"), [("f", "Ilegible: clave de elector")]),
    Turno(("h", "2", "Enter"), [("h", "Foto no tomada directamente de la persona")]),
    Turno(("i", "1", "Enter"), [("i", "Cubrebocas")]),
    Turno(("j", "Una equis", "Enter"), [("j", "Una equis")]),
    Turno(("n", "2", "Enter"), [("n", "La información no coincide")]),
    *[LIMPIO] * 4,
    Turno(("d", "2", "Enter"), [("d", "Monitor")]),
    Turno(("e", "1", "Enter"), [("e", "Blanco y negro")]),
    Turno(("g", "f", "2", "m", "Enter"), [("g", None), ("f", "Ilegible: OCR"), ("m", None)]),
    Turno(("a", "c", "a", "Enter"), [("c", None)]),
    Turno((" ",), [("fuera_de_periodo", None)], CON_REGLA),
    Turno(("l", "Enter"), [("l", None), ("fuera_de_periodo", None)], CON_REGLA),
    Turno(("w", "w", "1", "Escape", "v", "x", "+", "0", "v", " "), [], CON_ALERTAS),
    *(
        Turno((tecla, "Enter"), [(clave, None)], MANUAL)
        for tecla, clave in (("a", "manual_en_copia"), ("d", "manual_sin_firma"))
    ),
    Turno(("e", "Rota", "Enter"), [("manual_otra", "Rota")], MANUAL),
    *[LIMPIO] * 4,
]
TARDE = [LIMPIO] * 6


@cache
def _imagenes() -> dict[str, bytes]:
    return {parte.value: imagen(parte.value, 1) for parte in IMAGENES}


@dataclass
class Jornada:
    """The person at the keys, and what they meant."""

    mesa: Mesa
    page: Page
    quiso: dict[str, Elegidas] = field(default_factory=dict)
    llegaron: int = 0

    async def llega(self, turno: Turno = LIMPIO, **cambios: object) -> int:
        """One more record in the queue; its number. The page asks by itself: what comes after it must not be there before it."""
        await self.publica(turno, **cambios)
        async with asyncio.timeout(60):
            while await self.mesa.registros.count({"_id": folio(self.llegaron), "cola": PENDIENTES}) == 0:
                await asyncio.sleep(0.05)
        return self.llegaron

    async def publica(self, turno: Turno, **cambios: object) -> None:
        self.llegaron += 1
        await publica(self.mesa, self.llegaron, **({"imagenes": _imagenes()} | turno.llega | cambios))

    async def ve(self, n: int) -> None:
        """Record `n` stands with its images, and the keys go to it."""
        await expect(self.page.locator("main")).to_have_attribute("data-folio", folio(n))
        await expect(self.page.locator("[data-parte] .lienzo[data-lista]")).to_have_count(4)
        await expect(self.page.locator("main")).to_be_focused()

    async def teclea(self, *teclas: str) -> None:
        for tecla in teclas:
            await (
                self.page.keyboard.press(tecla)
                if tecla in (" ", "Enter", "Escape") or len(tecla) == 1
                else self.page.keyboard.type(tecla)
            )

    async def decide(self, n: int, turno: Turno = LIMPIO) -> None:
        await self.ve(n)
        await self.teclea(*turno.teclas)
        self.quiso[folio(n)] = turno.queda

    async def pasan(self, segundos: float) -> None:
        """Time of the page alone."""
        await self.page.clock.fast_forward(int(segundos * 1000))

    async def dice(self, texto: str) -> None:
        await expect(self.page.locator("#aviso")).to_contain_text(texto)


async def test_una_jornada_de_trabajo_con_el_teclado_deja_lo_que_la_persona_quiso(
    engines: Engines, tmp_path: Path, browser: Browser
) -> None:
    async with (
        mesa_en_motores(engines, f"embedded://{tmp_path}/bitacora.db") as mesa,
        pagina(browser, mesa.app(), mesa.puerta, "operador1") as page,
    ):
        await page.clock.install()
        j = Jornada(mesa, page)
        for turno in MANANA:
            await j.publica(turno)
        await _plegados(mesa, len(MANANA))
        await page.goto("/")
        for n, turno in enumerate(MANANA, 1):
            await j.decide(n, turno)
        await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
        await _se_deshace(j)
        no_se_abre = await _una_imagen_no_se_abre(j)
        await _se_va_la_red(j)
        await _termina_la_sesion(j)
        await _sale_a_comer_y_otra_persona_decide(j)
        await _demasiado_tarde_para_deshacer(j)
        await _vuelve_el_que_no_se_abre(j, no_se_abre)
        for n in [await j.llega(turno) for turno in TARDE]:
            await j.pasan(6)
            await j.decide(n)
        await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
        await j.dice("✓")
        await _queda_lo_que_quiso(j)


async def _plegados(mesa: Mesa, cuantos: int) -> None:
    async with asyncio.timeout(60):
        while await mesa.registros.count({"cola": PENDIENTES}) < cuantos:
            await asyncio.sleep(0.05)


async def _se_deshace(j: Jornada) -> None:
    """In time: the last decision comes back with its marks, and the new one takes its place."""
    n = await j.llega(Turno(("a", "Enter"), []))
    await j.pasan(6)
    await j.decide(n, Turno(("a", "Enter"), [("a", None)]))
    await j.dice("✓")
    await j.teclea("z")
    await j.ve(n)
    await expect(j.page.locator(".inconsistencia[aria-pressed=true]")).to_have_attribute("data-clave", "a")
    await j.decide(n, Turno(("a", "m", "Enter"), [("m", None)]))
    await j.dice("con inconsistencia m")


async def _una_imagen_no_se_abre(j: Jornada) -> int:
    """It is said, nothing is decided, and the record waits for somebody who can look at it."""
    n = await j.llega(imagenes=_imagenes() | {"foto": b"esto no es una imagen"})
    siguiente = await j.llega()
    await j.pasan(6)
    await _se_deja(j, n)
    await j.decide(siguiente)
    await j.dice("✓")
    return n


async def _se_deja(j: Jornada, n: int) -> None:
    await expect(j.page.locator("main")).to_have_attribute("data-folio", folio(n))
    await expect(j.page.locator("[data-parte=foto] [data-falla]")).to_have_count(1)
    await expect(j.page.locator("[data-parte] .lienzo[data-lista]")).to_have_count(3)
    await j.teclea(" ")
    await j.dice("Una imagen no cargó")
    await j.teclea("s")


async def _vuelve_el_que_no_se_abre(j: Jornada, n: int) -> None:
    """Its time ran out, so it came back to the queue."""
    await j.llega()
    await j.pasan(6)
    await _se_deja(j, n)
    await j.decide(j.llegaron)


async def _se_va_la_red(j: Jornada) -> None:
    """What was decided without a network is saved when it is back; meanwhile the page says so."""
    primero, segundo = await j.llega(), await j.llega()
    await j.pasan(6)
    await j.ve(primero)
    await expect(j.page.locator("#cola")).to_be_visible()
    await j.page.context.set_offline(True)
    await j.decide(primero)
    await j.dice("No hay conexión")
    await j.page.context.set_offline(False)
    await j.pasan(3)
    await j.decide(segundo)
    await j.pasan(3)
    await j.dice(f"{folio(segundo)[-6:]} sin inconsistencia")


async def _termina_la_sesion(j: Jornada) -> None:
    """Marks stay; after entering again, what waited is saved by itself."""
    n = await j.llega()
    await j.pasan(6)
    await j.ve(n)
    await j.page.context.clear_cookies()
    await j.teclea("k", "Enter")
    await expect(j.page.get_by_text("Su sesión terminó")).to_be_visible()
    await entra(j.page.context, j.mesa.puerta, "operador1", j.page.url)
    await j.pasan(3)
    await j.dice("con inconsistencia k")
    j.quiso[folio(n)] = [("k", None)]


async def _sale_a_comer_y_otra_persona_decide(j: Jornada) -> None:
    """The time of what was on the screen ran out: another person decided it, and the page says who."""
    n = await j.llega()
    await j.pasan(6)
    await j.ve(n)
    j.mesa.reloj.avanza(minutes=20)
    tomado = await j.mesa.servicio.siguiente("operador2", PROCESO)
    assert tomado is not None
    while tomado.folio != folio(n):
        tomado = await j.mesa.servicio.siguiente("operador2", PROCESO, [tomado.folio])
        assert tomado is not None
    await j.mesa.servicio.decidir(folio(n), "operador2", Orden((Eleccion("b"),), 1), "la-de-operador2")
    j.quiso[folio(n)] = [("b", None)]
    await j.teclea(" ")
    rechazo = j.page.locator("#rechazos > *")
    await expect(rechazo).to_contain_text("operador2")
    await j.teclea("Escape")
    await expect(rechazo).to_have_count(0)


async def _demasiado_tarde_para_deshacer(j: Jornada) -> None:
    n = await j.llega()
    await j.pasan(6)
    await j.decide(n)
    await j.dice("✓")
    j.mesa.reloj.avanza(minutes=16)
    await j.teclea("z")
    await j.dice("pasó el plazo")


async def _queda_lo_que_quiso(j: Jornada) -> None:
    """One decision in force a record, and one event each but for what was undone."""
    decisiones = [RegistroClasificado.model_validate_json(r.value) async for r in j.mesa.stream.read("clasificado")]
    vigente = {d.folio: [(i.clave, i.detalle) for i in d.inconsistencias] for d in decisiones}
    assert vigente == j.quiso
    assert len(vigente) == j.llegaron - 1  # the one that could not be seen waits
    assert len(decisiones) == len(vigente) + 1
    assert sorted(d.version for d in decisiones)[-2:] == [1, 2]
