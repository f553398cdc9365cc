"""Processes and their rules: all fields and limits, who registers, versions that change nothing decided (SPEC 2; P 6.1, D 1.2)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.autorizacion import Rol
from schemas.eventos import CalendarioRegistrado, PerfilRegistrado, ProcesoRegistrado
from schemas.perfil import PERFIL_D, PERFIL_P, Plazo
from tests.support.portal import Navegante, PortalDePrueba, portal

PROCESO = {
    "tipo": "candidatura_independiente",
    "proceso": "CI27",
    "denominacion": "Diputaciones locales, Durango 2027",
    "ambito": "local",
    "entidad": "10",
    "inicio": "2026-12-01T00:00",
    "fin": "2027-01-15T23:59",
    "activo": ["si"],
    "mi_apoyo": ["si"],
    "convenio_hasta": "2027-06-30",
    "estimado_solicitantes": "12",
    "estimado_apoyos": "120 000",
}


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        p.puerta.cuenta("ine1", Rol.INE_ADMIN)
        p.puerta.cuenta("opl1", Rol.OPL_ADMIN, entidad="10")
        yield p


@pytest.fixture
async def ine(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("ine1") as ine:
        yield ine


@pytest.fixture
async def opl(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("opl1") as opl:
        yield opl


async def _registrado(opl: Navegante, **cambios: object) -> None:
    hoja = await opl.envia("/procesos/nuevo", {**PROCESO, **cambios})
    assert hoja.status == 200, hoja.errores


async def test_el_opl_registra_un_proceso_con_su_copia_de_las_reglas_de_su_tipo(
    p: PortalDePrueba, opl: Navegante
) -> None:
    hoja = await opl.envia("/procesos/nuevo", PROCESO)
    assert (hoja.status, hoja.url) == (200, "/procesos/CI27")
    for texto in ("Aún no inicia", "1 dic 2026, 00:00 (hora Centro)", "120 000 apoyos", "30 jun 2027", "ci26-1"):
        assert texto in hoja.texto
    proceso = p.vista.actores.procesos["CI27"]
    assert (proceso.inicio, proceso.fin) == (
        datetime(2026, 12, 1, 6, tzinfo=UTC),
        datetime(2027, 1, 16, 5, 59, tzinfo=UTC),
    )
    assert (proceso.entidad, proceso.ambito, proceso.mi_apoyo, proceso.regimen_de_excepcion) == (
        "10",
        "local",
        True,
        False,
    )
    assert proceso.por == "opl1"
    perfil = p.vista.actores.perfil_de("CI27")
    assert perfil == PERFIL_P.model_copy(update={"id": "candidatura_independiente_ci27"})
    assert [type(e) for e in await p.dichos()] == [PerfilRegistrado, ProcesoRegistrado]


async def test_cada_tipo_lo_registra_quien_dice_su_norma(p: PortalDePrueba, ine: Navegante, opl: Navegante) -> None:
    revocacion = {**PROCESO, "tipo": "revocacion_de_mandato", "proceso": "RM27", "ambito": "federal", "entidad": ""}
    assert "Revocación" not in (await opl.abre("/procesos/nuevo")).texto
    assert (await opl.envia("/procesos/nuevo", revocacion)).errores["tipo"] == "Elija una opción."
    assert "su OPL (P 6.1)" in (await ine.envia("/procesos/nuevo", PROCESO)).errores["ambito"]
    hoja = await ine.envia("/procesos/nuevo", revocacion)
    assert hoja.status == 200
    assert p.vista.actores.perfil_de("RM27").registra == "ine"
    assert p.vista.actores.perfil_de("RM27").plazo_de_revision == PERFIL_D.plazo_de_revision
    await _registrado(opl)
    assert (await ine.abre("/procesos/CI27/cambiar")).status == 403
    assert "lo registra el OPL" in (await ine.abre("/procesos/CI27/cambiar")).texto


async def test_una_candidatura_federal_no_tiene_opl_y_la_registra_el_ine(p: PortalDePrueba, ine: Navegante) -> None:
    federal = {**PROCESO, "ambito": "federal", "entidad": ""}
    assert "todo el país" in (await ine.envia("/procesos/nuevo", {**federal, "entidad": "10"})).errores["entidad"]
    assert (await ine.envia("/procesos/nuevo", federal)).status == 200
    assert p.vista.actores.perfil_de("CI27").registra == "ine"
    assert (await ine.abre("/procesos/CI27/cambiar")).status == 200


async def test_se_dicen_todos_los_campos_que_faltan(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.envia("/procesos/nuevo", {"ambito": None, "entidad": ""})
    assert list(hoja.errores) == ["tipo", "proceso", "denominacion", "ambito", "inicio", "fin"]
    assert await p.dichos() == []


@pytest.mark.parametrize(
    ("cambios", "campo", "dice"),
    [
        ({"denominacion": "x" * 480}, "denominacion", "el máximo es 479"),
        ({"proceso": "A"}, "proceso", "de 2 a 12"),
        ({"proceso": "ABCDEFGHIJKLM"}, "proceso", "de 2 a 12"),
        ({"proceso": "CI-27"}, "proceso", "sin espacios"),
        ({"proceso": "../../x"}, "proceso", "sin espacios"),
        ({"proceso": "ZZ99"}, "proceso", "llaves públicas"),
        ({"fin": "2026-11-30T23:59"}, "fin", "posterior al inicio"),
        ({"fin": "2026-12-01T00:00"}, "fin", "posterior al inicio"),
        ({"inicio": "2026-12-01T00:00Z"}, "inicio", "hora Centro"),
        ({"inicio": "2026-12-01"}, "inicio", "día y hora"),
        ({"inicio": "2022-04-03T02:30", "fin": "2026-12-31T00:00"}, "inicio", "cambió el horario"),
        ({"entidad": ""}, "entidad", "es de una entidad"),
        ({"ambito": "federal"}, "ambito", "lo registra el INE"),
        ({"entidad": "20"}, "entidad", "no alcanza"),
        ({"calendario": "no_hay"}, "calendario", "Elija"),
        ({"estimado_apoyos": "muchos"}, "estimado_apoyos", "número entero"),
        ({"estimado_solicitantes": "-1"}, "estimado_solicitantes", "número entero"),
        ({"convenio_hasta": "2027-02-30"}, "convenio_hasta", "fecha que exista"),
    ],
)
async def test_cada_limite_se_dice_en_su_campo(
    p: PortalDePrueba, opl: Navegante, cambios: dict[str, str], campo: str, dice: str
) -> None:
    hoja = await opl.envia("/procesos/nuevo", {**PROCESO, **cambios})
    assert hoja.status == 422
    assert list(hoja.errores) == [campo]
    assert dice in hoja.errores[campo]
    assert await p.dichos() == []


async def test_un_id_proceso_que_ya_existe_se_rechaza_en_su_campo(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    hoja = await opl.envia("/procesos/nuevo", {**PROCESO, "denominacion": "Otro"})
    assert "Ya hay un proceso" in hoja.errores["proceso"]


async def test_el_mismo_envio_repetido_es_un_proceso(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.abre("/procesos/nuevo")
    for _ in range(2):
        assert (await opl.reenvia(hoja, PROCESO)).url == "/procesos/CI27"
    assert len(await p.dichos()) == 2


async def test_lo_que_murio_entre_las_reglas_y_el_proceso_se_termina_al_repetir(
    p: PortalDePrueba, opl: Navegante, monkeypatch: pytest.MonkeyPatch
) -> None:
    hoja = await opl.abre("/procesos/nuevo")
    emitir = p.escritor.emitir

    class Muerte(Exception):
        pass

    async def muere(evento: object, *args: object, **kwargs: object) -> object:
        if isinstance(evento, ProcesoRegistrado):
            raise Muerte
        return await emitir(evento, *args, **kwargs)  # type: ignore[arg-type, type-var]

    monkeypatch.setattr(p.escritor, "emitir", muere)
    with pytest.raises(Muerte):
        await opl.reenvia(hoja, PROCESO)
    monkeypatch.undo()
    assert [type(e) for e in await p.dichos()] == [PerfilRegistrado]
    assert (await opl.reenvia(hoja, PROCESO)).url == "/procesos/CI27"
    assert [type(e) for e in await p.dichos()] == [PerfilRegistrado, ProcesoRegistrado]


async def test_ampliar_el_periodo_es_una_version_nueva_y_no_cambia_lo_decidido(
    p: PortalDePrueba, opl: Navegante
) -> None:
    await _registrado(opl)
    antes = p.vista.actores.procesos["CI27"]
    p.reloj.avanza(days=30)
    async with p.navega("opl1") as opl_de_nuevo:
        hoja = await opl_de_nuevo.envia("/procesos/CI27/cambiar", {"fin": "2027-01-20T23:59"})
        assert "Cambió: término opl1" in hoja.texto
        assert "En curso" in hoja.texto
    despues = p.vista.actores.procesos["CI27"]
    assert (despues.version, despues.perfil, despues.inicio) == (2, antes.perfil, antes.inicio)
    assert despues.fin == datetime(2027, 1, 21, 5, 59, tzinfo=UTC)
    assert next(e for e in await p.dichos() if isinstance(e, ProcesoRegistrado)) == antes


async def test_lo_que_ya_empezo_no_cambia_de_inicio_ni_termina_en_el_pasado(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    p.reloj.avanza(days=30)
    async with p.navega("opl1") as despues:
        hoja = await despues.envia("/procesos/CI27/cambiar", {"inicio": "2026-12-02T00:00", "fin": "2026-12-10T00:00"})
        assert hoja.errores == {
            "fin": "El término no puede moverse al pasado: lo que se recibió hasta ahora vale.",
            "inicio": "El proceso ya inició: su inicio no puede cambiar.",
        }


async def test_desactivado_se_dice(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    hoja = await opl.envia("/procesos/CI27/cambiar", {"activo": None})
    assert "Inactivo" in hoja.texto
    assert not p.vista.actores.procesos["CI27"].activo


async def test_los_enlaces_van_sellados_y_se_avisa_si_faltan_48_horas_antes(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    falta = "Faltan los enlaces"
    assert falta not in (await opl.abre("/procesos/CI27")).texto
    p.reloj.ahora = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    async with p.navega("opl1") as opl_de_nuevo:
        assert falta in (await opl_de_nuevo.abre("/procesos/CI27")).texto
        mala = await opl_de_nuevo.envia("/procesos/CI27/enlaces", {"nombre_2": "Sin lo demás"})
        assert list(mala.errores) == [
            *("nombre_1", "puesto_1", "correo_1", "telefono_1", "puesto_2", "correo_2", "telefono_2"),
        ]
        datos = {
            "nombre_1": "Ana Zzejemplo",
            "puesto_1": "Vocal",
            "correo_1": "ana@opl.invalid",
            "telefono_1": "6180000000",
        }
        hoja = await opl_de_nuevo.envia("/procesos/CI27/enlaces", datos)
        assert hoja.status == 200
        assert falta not in hoja.texto
        llena = await opl_de_nuevo.abre("/procesos/CI27/enlaces")
        assert llena.forma is not None
        assert llena.forma.campos["nombre_1"] == "Ana Zzejemplo"
        assert (await opl_de_nuevo.envia("/procesos/CI27/cambiar", {"fin": "2027-01-20T23:59"})).status == 200
    assert p.vista.actores.procesos["CI27"].enlaces_sellados is not None
    crudo = b"".join([r.value async for r in p.stream.read("actores")])
    assert b"Zzejemplo" not in crudo
    assert b"ana@" not in crudo


async def test_se_avisa_del_convenio_sesenta_dias_antes(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl, convenio_hasta="2027-01-19")
    assert "termina en 60 días" in (await opl.abre("/procesos/CI27")).texto
    await opl.envia("/procesos/CI27/cambiar", {"convenio_hasta": "2027-01-20"})
    assert "vigencia del convenio termina" not in (await opl.abre("/procesos/CI27")).texto
    await opl.envia("/procesos/CI27/cambiar", {"convenio_hasta": "2026-11-19"})
    assert "vigencia del convenio terminó" in (await opl.abre("/procesos/CI27")).texto


# ---- rules


async def test_la_pagina_de_reglas_dice_cada_una_con_su_numeral_y_su_dueno(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    texto = (await opl.abre("/procesos/CI27/reglas")).texto
    assert "Plazo de revisión, desde la recepción en Mesa de Control 10 días naturales P 13.9; D 10.2 el INE" in texto
    assert "Si una persona apoya a dos aspirantes o promoventes vale el que se recibió primero P 15.3 el OPL" in texto
    assert "Cambiar las del OPL" in texto


async def test_el_opl_cambia_solo_lo_suyo_y_se_dice_que_se_notifica_a_la_derfe(
    p: PortalDePrueba, opl: Navegante
) -> None:
    await _registrado(opl)
    hoja = await opl.abre("/procesos/CI27/reglas/cambiar")
    assert "se notifica a la DERFE (P 13.4, 13.8" in hoja.texto
    assert hoja.forma is not None
    campos = {c for c in hoja.forma.campos if not c.startswith("propia_")}
    assert campos == {"llave", "version", "misma_persona", "cuentan", "audiencia_cubre"}
    hoja = await opl.reenvia(hoja, {"misma_persona": "todos", "gracia_horas": "0", "dispositivos_activos": "9"})
    assert hoja.url == "/procesos/CI27/reglas"
    assert "vale el que se recibió primero → valen todos" in hoja.texto
    perfil = p.vista.actores.perfil_de("CI27")
    assert (perfil.version, perfil.misma_persona, perfil.gracia_horas, perfil.dispositivos_activos) == (
        2,
        "todos",
        24,
        2,
    )
    proceso = p.vista.actores.procesos["CI27"]
    assert (proceso.version, proceso.perfil.version) == (2, 2)
    assert p.vista.actores.perfiles[(perfil.id, 1)].misma_persona == "primero_recibido"


async def test_el_ine_cambia_plazos_y_dispositivos(p: PortalDePrueba, opl: Navegante, ine: Navegante) -> None:
    await _registrado(opl)
    cambios = {
        "plazo_de_revision_dias": "12",
        "plazo_de_revision_habiles": "si",
        "dispositivos_activos": "3",
        "mi_apoyo_un_correo_una_persona": "si",
        "llave_opl_dias_antes": "",
        "portal_cierra_dias": "30",
        "bajas_de_auxiliar": ["opl", "ine"],
    }
    hoja = await ine.envia("/procesos/CI27/reglas/cambiar", cambios)
    assert hoja.status == 200, hoja.errores
    assert "Mesa de Control: 10 días naturales → 12 días hábiles" in hoja.texto
    perfil = p.vista.actores.perfil_de("CI27")
    assert perfil.plazo_de_revision == Plazo(dias=12, habiles=True)
    assert (perfil.dispositivos_activos, perfil.mi_apoyo_un_correo_una_persona) == (3, True)
    assert (perfil.llave_opl_dias_antes, perfil.bajas_de_auxiliar) == (None, ["opl", "ine"])
    assert perfil.portal_cierra == Plazo(dias=30, habiles=False)
    assert perfil.misma_persona == "primero_recibido"


@pytest.mark.parametrize(
    ("cambios", "campo"),
    [
        ({"dispositivos_activos": "0"}, "dispositivos_activos"),
        ({"dispositivos_activos": "11"}, "dispositivos_activos"),
        ({"gracia_horas": ""}, "gracia_horas"),
        ({"plazo_de_revision_dias": ""}, "plazo_de_revision_dias"),
        ({"plazo_de_revision_dias": "367"}, "plazo_de_revision_dias"),
        ({"emblema_tipos": None}, "emblema_tipos"),
        ({"compulsa": "nunca"}, "compulsa"),
        ({}, None),
    ],
)
async def test_una_regla_fuera_de_sus_limites_no_pasa(
    p: PortalDePrueba, opl: Navegante, ine: Navegante, cambios: dict[str, str], campo: str | None
) -> None:
    await _registrado(opl)
    hoja = await ine.envia("/procesos/CI27/reglas/cambiar", cambios)
    assert hoja.status == 422
    assert list(hoja.errores) == ([campo] if campo else [])
    assert "Ninguna regla cambió" in hoja.texto or campo
    assert p.vista.actores.perfil_de("CI27").version == 1


PROPIA = {
    "propia_0_descripcion": "La cédula trae una firma que no es de puño y letra",
    "propia_0_tipo": "Firma no válida",
    "propia_0_fundamento": "Acuerdo IEPC/CG12/2026, punto 4",
    "propia_0_detalle": "si",
    "propia_0_modalidades": ["auxiliar", "mi_apoyo"],
}
ESCRITO_DE_PROPIA = ("propia_0_descripcion", "propia_0_tipo", "propia_0_fundamento")


async def test_el_opl_agrega_inconsistencias_al_catalogo_y_cada_version_dice_que_cambio(
    p: PortalDePrueba, opl: Navegante
) -> None:
    """P 13.8."""
    await _registrado(opl)
    hoja = await opl.envia("/procesos/CI27/reglas/cambiar", PROPIA)
    assert hoja.status == 200, hoja.errores
    assert (
        "Inconsistencias que el OPL agrega al catálogo: ninguna → Firma no válida: La cédula trae una firma"
        in hoja.texto
    )
    [propia] = p.vista.actores.perfil_de("CI27").inconsistencias_propias
    assert (propia.tipo, propia.pide_detalle) == ("Firma no válida", True)
    assert [m.value for m in propia.modalidades] == ["auxiliar", "mi_apoyo"]
    hoja = await opl.envia("/procesos/CI27/reglas/cambiar", {"misma_persona": "todos"})
    assert p.vista.actores.perfil_de("CI27").inconsistencias_propias == [propia]
    await opl.envia("/procesos/CI27/reglas/cambiar", dict.fromkeys(ESCRITO_DE_PROPIA, ""))
    assert p.vista.actores.perfil_de("CI27").inconsistencias_propias == []
    assert p.vista.actores.propias() == {propia.clave: propia}


@pytest.mark.parametrize(
    ("cambios", "campo"),
    [
        ({"propia_0_descripcion": ""}, "propia_0_descripcion"),
        ({"propia_0_tipo": ""}, "propia_0_tipo"),
        ({"propia_0_fundamento": ""}, "propia_0_fundamento"),
        ({"propia_0_detalle": "tal vez"}, "propia_0_detalle"),
        ({"propia_0_modalidades": None}, "propia_0_modalidades"),
        ({"propia_0_descripcion": "x" * 201}, "propia_0_descripcion"),
        ({campo.replace("0", "1"): valor for campo, valor in PROPIA.items()}, "propia_1_descripcion"),
    ],
)
async def test_una_inconsistencia_propia_incompleta_o_repetida_no_pasa(
    p: PortalDePrueba, opl: Navegante, cambios: dict[str, Any], campo: str
) -> None:
    await _registrado(opl)
    hoja = await opl.envia("/procesos/CI27/reglas/cambiar", PROPIA | cambios)
    assert (hoja.status, list(hoja.errores)) == (422, [campo])
    assert p.vista.actores.perfil_de("CI27").inconsistencias_propias == []


@pytest.mark.parametrize("escrito", ESCRITO_DE_PROPIA)
async def test_de_una_inconsistencia_propia_se_pide_todo_en_cuanto_se_escribe_algo_de_ella(
    p: PortalDePrueba, opl: Navegante, escrito: str
) -> None:
    await _registrado(opl)
    campo = escrito.replace("0", "9")
    hoja = await opl.envia("/procesos/CI27/reglas/cambiar", {campo: "Acuerdo 9", "misma_persona": "nadie"})
    todos = [c.replace("0", "9") for c in PROPIA]
    assert (hoja.status, list(hoja.errores)) == (422, ["misma_persona", *(c for c in todos if c != campo)])
    assert hoja.forma is not None
    assert hoja.forma.campos[campo] == "Acuerdo 9"
    assert p.vista.actores.perfil_de("CI27").inconsistencias_propias == []


async def test_dos_cambios_de_reglas_a_la_vez_no_se_pisan(p: PortalDePrueba, opl: Navegante, ine: Navegante) -> None:
    await _registrado(opl)
    hoja = await opl.abre("/procesos/CI27/reglas/cambiar")
    await ine.envia("/procesos/CI27/reglas/cambiar", {"gracia_horas": "12"})
    tarde = await opl.reenvia(hoja, {"misma_persona": "ninguno"})
    assert tarde.status == 409
    assert p.vista.actores.perfil_de("CI27").misma_persona == "primero_recibido"


# ---- terms and capacity


async def test_los_plazos_se_siguen_de_las_reglas_y_del_calendario(p: PortalDePrueba, ine: Navegante) -> None:
    await ine.envia("/calendarios/nuevo", {"calendario": "federal", "festivos": "2026-12-25 2027-01-01\n2027-02-01"})
    await ine.envia(
        "/procesos/nuevo",
        {
            **PROCESO,
            "tipo": "consulta_popular",
            "proceso": "RM27",
            "ambito": "federal",
            "entidad": "",
            "calendario": "federal",
        },
    )
    texto = (await ine.abre("/procesos/RM27/plazos")).texto
    for dice in (
        "27 nov 2026 Registrar el proceso y sus solicitudes 2 días hábiles antes del inicio D 1.2",
        "29 nov 2026, 00:00 (hora Centro) Registrar a los enlaces 48 horas antes del inicio P 13.2",
        "16 ene 2027, 23:59 (hora Centro) Última recepción",
        "29 ene 2027 Terminar la revisión en Mesa de Control 10 días hábiles",
        "8 feb 2027 a más tardar Entrega preliminar 5 días hábiles",
        "8 feb 2027 Entrega única, en lugar de las dos anteriores 15 días hábiles",
        "10 mar 2027 a más tardar Cierre del portal",
        "antes de la entrega de resultados D 13.6",
        "según el aviso Entrega final 2 días hábiles",
    ):
        assert dice in texto, texto


async def test_el_plan_de_capacidad_se_sigue_de_la_estimacion(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrado(opl)
    hoja = await opl.abre("/procesos/CI27/capacidad")
    assert "400 registros al día por persona (P 13.3)" in hoja.texto
    assert "74.4 GB" in hoja.texto
    assert "620 KB: cuatro imágenes de 150 KB" in hoja.texto
    assert (await opl.abre("/procesos/CI27/capacidad?ritmo=parejo")).status == 200
    assert (await opl.abre("/procesos/CI27/capacidad?ritmo=otro")).status == 422
    await opl.envia("/procesos/CI27/cambiar", {"estimado_apoyos": ""})
    assert "Falta la estimación" in (await opl.abre("/procesos/CI27/capacidad")).texto


# ---- calendars


async def test_un_calendario_se_registra_se_cambia_y_se_usa(p: PortalDePrueba, ine: Navegante, opl: Navegante) -> None:
    hoja = await ine.envia(
        "/calendarios/nuevo", {"calendario": "durango_2027", "festivos": "2027-02-01\n2026-12-25, 2027-02-01"}
    )
    assert "25 dic 2026" in hoja.texto
    assert p.vista.actores.calendarios["durango_2027"].festivos == ["2026-12-25", "2027-02-01"]
    repetido = await ine.envia("/calendarios/nuevo", {"calendario": "durango_2027", "festivos": ""})
    assert "festivos" in repetido.errores
    repetido = await ine.envia("/calendarios/nuevo", {"calendario": "durango_2027", "festivos": "2027-03-15"})
    assert "Ya hay un calendario" in repetido.errores["calendario"]
    malo = await ine.envia("/calendarios/durango_2027/cambiar", {"festivos": "2027-02-30\nnavidad"})
    assert "2027-02-30, navidad" in malo.errores["festivos"]
    await ine.envia("/calendarios/durango_2027/cambiar", {"festivos": "2027-03-15"})
    assert p.vista.actores.calendarios["durango_2027"].version == 2
    await _registrado(opl, calendario="durango_2027")
    assert "durango_2027 1 CI27" in (await ine.abre("/calendarios")).texto
    assert (await opl.abre("/calendarios")).status == 403
    assert [type(e) for e in await p.dichos()][:2] == [CalendarioRegistrado] * 2


async def test_lo_que_no_existe_se_dice(p: PortalDePrueba, ine: Navegante) -> None:
    for url in (
        "/procesos/NADA",
        "/procesos/NADA/reglas",
        "/procesos/NADA/plazos",
        "/calendarios/nada",
        "/cuentas/nada",
    ):
        hoja = await ine.abre(url)
        assert hoja.status == 404, url
        assert "No existe" in hoja.texto
