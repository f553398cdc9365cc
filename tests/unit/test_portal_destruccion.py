"""When what a process holds may be destroyed, who says so, and what the portal shows of it (SPEC 2, 11; P 16.1, D 13.9)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.actores import Actores
from schemas.autorizacion import Rol
from schemas.eventos import (
    CierreRegistrado,
    DestruccionOrdenada,
    ExpedientesDestruidos,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
)
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from services.portal.domain.destruccion import asienta, desde, impedimento, mas_meses
from tests.support.ejemplos import ejemplo
from tests.support.portal import Hoja, Navegante, PortalDePrueba, portal

FIN = datetime(2026, 2, 10, 6, tzinfo=UTC)
CUANDO = datetime(2026, 11, 23, 18, tzinfo=UTC)
"""Three months and some days after the final result of the examples, 20 August."""
URL = "/procesos/CI26/expedientes"
ORDEN = {"documento": "INE/DERFE/0412/2026", "motivo": "Terminó el plazo.", "confirma": "CI26"}


def hechos(perfil: PerfilReglas = PERFIL_P, entidad: str | None = "10") -> list[Any]:
    return [
        PerfilRegistrado(version=1, perfil=perfil),
        ejemplo(
            ProcesoRegistrado,
            perfil=ReferenciaPerfil(id=perfil.id, version=perfil.version),
            entidad=entidad,
            inicio=FIN - timedelta(days=30),
            fin=FIN,
        ),
    ]


def actores(*mas: Any, perfil: PerfilReglas = PERFIL_P) -> Actores:
    actores = Actores()
    for offset, evento in enumerate([*hechos(perfil), *mas]):
        actores.aplicar(evento, offset)
    return actores


# ---- when


@pytest.mark.parametrize(
    ("dia", "despues"),
    [
        ("2026-08-20", "2026-11-20"),
        ("2026-11-30", "2027-02-28"),
        ("2027-11-30", "2028-02-29"),
        ("2026-12-31", "2027-03-31"),
    ],
)
def test_tres_meses_despues_es_el_mismo_dia_o_el_ultimo_del_mes(dia: str, despues: str) -> None:
    assert mas_meses(date.fromisoformat(dia), 3) == date.fromisoformat(despues)


def test_el_ultimo_dia_de_los_tres_meses_aun_se_puede_consultar() -> None:
    """P 16.1, hora Centro."""
    cierre = ejemplo(CierreRegistrado, fecha="2026-08-20")
    primero = datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert desde(cierre) == primero
    todo = actores(cierre)
    assert impedimento(todo, "CI26", "ine1", primero - timedelta(seconds=1)) == (
        "Los expedientes aún se pueden consultar: se puede ordenar desde el 21 nov 2026 (P 16.1)."
    )
    assert impedimento(todo, "CI26", "ine1", primero) is None


def test_sin_resultado_final_no_se_destruye_por_mas_que_pase_el_tiempo() -> None:
    assert (
        impedimento(actores(), "CI26", "ine1", CUANDO + timedelta(days=3650))
        == "Falta asentar el resultado final (P 16.1)."
    )


def test_en_participacion_se_destruye_cuando_consta_que_se_pudo_abrir_y_no_antes() -> None:
    """D 13.9."""
    falta = "Falta asentar que se recibieron los resultados y se pudieron abrir (D 13.9)."
    final = ejemplo(CierreRegistrado, hecho="resultado_final")
    abierto = ejemplo(CierreRegistrado, hecho="apertura_confirmada", fecha="2026-11-23")
    assert impedimento(actores(perfil=PERFIL_D), "CI26", "ine1", CUANDO) == falta
    assert impedimento(actores(final, perfil=PERFIL_D), "CI26", "ine1", CUANDO) == falta
    assert impedimento(actores(abierto, perfil=PERFIL_D), "CI26", "ine1", CUANDO) is None


def test_mientras_se_recibe_no_se_destruye() -> None:
    """P 9.16: until the grace is over."""
    abierto = ejemplo(CierreRegistrado, hecho="apertura_confirmada", fecha="2026-02-10")
    todo = actores(abierto, perfil=PERFIL_D)
    assert "Todavía se reciben registros" in (impedimento(todo, "CI26", "ine1", FIN + timedelta(hours=24)) or "")
    assert impedimento(todo, "CI26", "ine1", FIN + timedelta(hours=25)) is None


def test_quien_asienta_el_hecho_no_da_la_orden() -> None:
    cierre = ejemplo(CierreRegistrado, por="ine1")
    assert "la orden la da otra persona" in (impedimento(actores(cierre), "CI26", "ine1", CUANDO) or "")
    assert impedimento(actores(cierre), "CI26", "ine2", CUANDO) is None


def test_el_hecho_lo_asienta_el_opl_y_donde_no_hay_el_ine() -> None:
    local, nacional = (ejemplo(ProcesoRegistrado, entidad=entidad) for entidad in ("10", None))
    assert [asienta(rol, local) for rol in Rol] == [rol is Rol.OPL_ADMIN for rol in Rol]
    assert [asienta(rol, nacional) for rol in Rol] == [rol is Rol.INE_ADMIN for rol in Rol]


def test_desde_la_orden_no_se_recibe_nada_aunque_el_periodo_se_ampliara_en_el_mismo_momento() -> None:
    ampliado = ejemplo(ProcesoRegistrado, version=9, fin=CUANDO + timedelta(days=9), perfil=hechos()[1].perfil)
    todo = actores(ejemplo(DestruccionOrdenada, ordenada_en=CUANDO), ampliado)
    assert todo.limite_de_recepcion("CI26") == CUANDO


# ---- the pages


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    p = await portal()
    p.reloj.ahora = CUANDO
    async with p.en_marcha() as p:
        for cuenta, rol, entidad in (
            ("ine1", Rol.INE_ADMIN, None),
            ("opl1", Rol.OPL_ADMIN, "10"),
            ("auditor1", Rol.AUDITOR, None),
        ):
            p.puerta.cuenta(cuenta, rol, entidad=entidad)
        await p.publica(*hechos())
        yield p


async def cerrar(p: PortalDePrueba, **cambios: str) -> Hoja:
    async with p.navega("opl1") as opl:
        return await opl.envia(f"{URL}/cierre", {"fecha": "2026-08-20", "documento": "IEPC/CG12/2026", **cambios})


@asynccontextmanager
async def ine(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("ine1") as ine:
        yield ine


async def ordenes(p: PortalDePrueba) -> list[DestruccionOrdenada]:
    return [e for e in await p.dichos() if isinstance(e, DestruccionOrdenada)]


async def test_el_opl_asienta_el_resultado_y_el_ine_ordena_con_su_fundamento(p: PortalDePrueba) -> None:
    assert (await cerrar(p)).url == URL
    async with ine(p) as quien:
        hoja = await quien.envia(f"{URL}/destruir", ORDEN)
        assert (hoja.status, hoja.url) == (200, URL)
        for texto in (
            "Se están destruyendo",
            "ine1",
            "P 16.1",
            "INE/DERFE/0412/2026",
            "Terminó el plazo.",
            "IEPC/CG12/2026",
        ):
            assert texto in hoja.texto
        assert (
            "Se ordenó destruir los expedientes (P 16.1, INE/DERFE/0412/2026)"
            in (await quien.abre("/procesos/CI26")).texto
        )
    [orden] = await ordenes(p)
    assert (orden.proceso, orden.por, orden.cierre_version, orden.ordenada_en) == ("CI26", "ine1", 1, CUANDO)


async def test_antes_de_su_plazo_se_rechaza_y_se_dice_desde_cuando(p: PortalDePrueba) -> None:
    await cerrar(p, fecha="2026-08-25")
    async with ine(p) as quien:
        vista = await quien.abre(URL)
        assert "Aún no se puede ordenar la destrucción" in vista.texto
        assert "Ordenar la destrucción" not in vista.texto
        hoja = await quien.envia(f"{URL}/destruir", ORDEN)
        assert hoja.status == 422
        assert "se puede ordenar desde el 26 nov 2026 (P 16.1)" in hoja.texto
    assert await ordenes(p) == []


@pytest.mark.parametrize("escrito", ["", "ci26", "CI27", "sí"])
async def test_sin_escribir_el_id_proceso_otra_vez_no_se_destruye(p: PortalDePrueba, escrito: str) -> None:
    await cerrar(p)
    async with ine(p) as quien:
        hoja = await quien.envia(f"{URL}/destruir", {**ORDEN, "confirma": escrito, "motivo": ""})
        assert hoja.status == 422
        assert list(hoja.errores) == ["motivo", "confirma"]
    assert await ordenes(p) == []


async def test_la_misma_orden_repetida_o_de_dos_a_la_vez_es_una(p: PortalDePrueba) -> None:
    await cerrar(p)
    p.puerta.cuenta("ine2", Rol.INE_ADMIN)
    async with ine(p) as uno, p.navega("ine2") as otro:
        hojas = [await quien.abre(f"{URL}/destruir") for quien in (uno, otro)]
        assert (await uno.reenvia(hojas[0], ORDEN)).url == URL
        assert (await uno.reenvia(hojas[0], ORDEN)).url == URL
        assert (await otro.reenvia(hojas[1], ORDEN)).status == 409
    assert len(await ordenes(p)) == 1


async def test_si_lo_asentado_se_corrige_mientras_se_ordena_hay_que_verlo_de_nuevo(p: PortalDePrueba) -> None:
    await cerrar(p)
    async with ine(p) as quien:
        hoja = await quien.abre(f"{URL}/destruir")
        await cerrar(p, fecha="2026-08-21")
        assert (await quien.reenvia(hoja, ORDEN)).status == 409
    assert await ordenes(p) == []
    assert p.vista.actores.cierres["CI26"].version == 2


@pytest.mark.parametrize(
    ("cambios", "campo", "dice"),
    [
        ({"fecha": "2026-11-24"}, "fecha", "posterior al día de hoy"),
        ({"fecha": "2026-02-09"}, "fecha", "anterior al término"),
        ({"documento": ""}, "documento", "Escriba"),
    ],
)
async def test_lo_asentado_se_revisa_en_su_campo(
    p: PortalDePrueba, cambios: dict[str, str], campo: str, dice: str
) -> None:
    hoja = await cerrar(p, **cambios)
    assert (hoja.status, list(hoja.errores)) == (422, [campo])
    assert dice in hoja.errores[campo]


async def test_el_ine_no_asienta_por_un_opl(p: PortalDePrueba) -> None:
    async with ine(p) as quien:
        hoja = await quien.abre(f"{URL}/cierre")
        assert hoja.status == 403
        assert "El OPL" in hoja.texto or "el OPL" in hoja.texto


async def test_ordenada_la_destruccion_el_proceso_ya_no_cambia(p: PortalDePrueba) -> None:
    await cerrar(p)
    async with ine(p) as quien:
        await quien.envia(f"{URL}/destruir", ORDEN)
        assert (await quien.abre(f"{URL}/destruir")).status == 409
    async with p.navega("opl1") as opl:
        for ruta in ("/procesos/CI26/cambiar", f"{URL}/cierre", "/procesos/CI26/solicitudes/nueva"):
            assert (await opl.abre(ruta)).status == 409, ruta
        antes = len(await p.dichos())
        for ruta in ("/procesos/CI26/reglas/cambiar", "/procesos/CI26/enlaces"):
            campos = {f"{c}_1": "Ana" for c in ("nombre", "puesto")} | {
                "correo_1": "a@b.invalid",
                "telefono_1": "6180000000",
            }
            assert (await opl.envia(ruta, campos)).status == 409, ruta
        assert len(await p.dichos()) == antes


async def test_quien_audita_ve_cuanto_lleva_y_cuando_termino(p: PortalDePrueba) -> None:
    await p.publica(ejemplo(CierreRegistrado), ejemplo(DestruccionOrdenada))
    async with p.navega("auditor1") as auditor:
        for version, registros, terminada, dice in (
            (1, 0, False, "0 de 2 140"),
            (3, 2000, False, "2 000 de 2 140"),
            (2, 1000, False, "2 000 de 2 140"),
            (4, 2140, True, "Se destruyeron: terminó el 23 nov 2026"),
        ):
            p.destrucciones.aplicar(
                ejemplo(ExpedientesDestruidos, version=version, registros=registros, terminada=terminada), 0
            )
            assert dice in (await auditor.abre(URL)).texto.replace("\u202f", " ")
