"""`apoyo paquetes` as people give it, before a Mesa de Control in memory: what it says, what it does, and its exit status."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from apoyo import __main__ as comando
from apoyo import paquetes
from apoyo.instalacion import Instalacion
from tests.support.mesa import PROCESO, Mesa, folio

Pedir = Callable[..., Result]


@pytest.fixture
def mesa() -> Mesa:
    return Mesa()


@pytest.fixture
def pedir(mesa: Mesa, monkeypatch: pytest.MonkeyPatch) -> Pedir:
    """Give a command. Each runs in a loop of its own, on the same stores."""

    @asynccontextmanager
    async def abierta(_: Instalacion, quien: str) -> AsyncIterator[httpx.AsyncClient]:
        await mesa.empieza()
        cookies = await mesa.puerta.entra(quien)
        transport = httpx.ASGITransport(mesa.app())
        async with httpx.AsyncClient(transport=transport, base_url=mesa.puerta.public_url, cookies=cookies) as http:
            yield http

    monkeypatch.setattr(paquetes, "_mesa", abierta)
    monkeypatch.setattr(comando, "consola", Console(width=300))

    def dar(*argumentos: str) -> Result:
        return CliRunner().invoke(comando.app, ["paquetes", *argumentos])

    return dar


def _aparta(mesa: Mesa, *cuales: tuple[int, str, str]) -> None:
    async def todos() -> None:
        for cual in cuales:
            await mesa.aparta(*cual)

    asyncio.run(todos())


def _guardado(mesa: Mesa, n: int) -> dict[str, Any]:
    documento = asyncio.run(mesa.registros.get(folio(n)))
    assert documento is not None
    return documento


DOS = ((1, "llave_desconocida", "ci26-2"), (2, "imagen_invalida", "foto: no es JPEG ni PNG"))


def test_sin_nada_en_cuarentena_lo_dice(pedir: Pedir) -> None:
    assert "Todo lo recibido se pudo abrir." in pedir("list", "--proceso", PROCESO).stdout
    sin = pedir("retry", "--proceso", PROCESO)
    assert (sin.exit_code, "No hay nada que reintentar." in sin.stdout) == (0, True)


def test_lista_por_motivo_quien_puede_actuar_y_uno_por_uno(mesa: Mesa, pedir: Pedir) -> None:
    _aparta(mesa, *DOS)
    por_motivo = pedir("list", "--proceso", PROCESO).stdout
    assert "Falta la llave privada del proceso" in por_motivo
    assert "Operación" in por_motivo
    uno = pedir("list", "--proceso", PROCESO, "--llave", "ci26-2", "--cada-uno").stdout
    assert folio(1) in uno
    assert folio(2) not in uno


def test_sin_si_dice_que_se_reintentaria_y_con_si_lo_pide_una_vez(mesa: Mesa, pedir: Pedir) -> None:
    _aparta(mesa, *DOS)
    ensayo = pedir("retry", "--proceso", PROCESO, "--llave", "ci26-2")
    assert "Se reintentarían 1." in ensayo.stdout
    assert not _guardado(mesa, 1)["reintentando"]
    hecho = pedir("retry", "--proceso", PROCESO, "--llave", "ci26-2", "--si")
    assert (hecho.exit_code, "Se pidió abrir otra vez 1 registros" in hecho.stdout) == (0, True)
    assert _guardado(mesa, 1)["reintento"] == {"version": 1, "por": "ine1"}
    assert not _guardado(mesa, 2)["reintentando"]
    otra = pedir("retry", "--proceso", PROCESO, "--llave", "ci26-2", "--si")
    assert (otra.exit_code, "No hay nada que reintentar" in otra.stdout) == (1, True)


def test_reintenta_solo_los_folios_que_se_nombran_y_muestra_que_fue_de_uno(mesa: Mesa, pedir: Pedir) -> None:
    _aparta(mesa, *DOS)
    assert folio(2) in pedir("retry", "--proceso", PROCESO, "--folio", folio(2)).stdout
    pedir("retry", "--proceso", PROCESO, "--folio", folio(2), "--si", "--como", "supervisor1")
    assert _guardado(mesa, 2)["reintentando"]
    ficha = pedir("show", folio(2)).stdout
    for dicho in ("Situación: reintentando", "Una imagen no es JPEG ni PNG", "Reintentos: 1, el último de supervisor1"):
        assert dicho in ficha


def test_lo_que_mesa_de_control_rechaza_se_dice_y_termina_con_1(mesa: Mesa, pedir: Pedir) -> None:
    desconocido = pedir("show", folio(9))
    assert (desconocido.exit_code, "No existe ese registro" in desconocido.stdout) == (1, True)
    _aparta(mesa, *DOS)
    sin_permiso = pedir("retry", "--proceso", PROCESO, "--si", "--como", "auditor1")
    assert sin_permiso.exit_code == 1
    assert not _guardado(mesa, 1)["reintentando"]
