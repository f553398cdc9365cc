"""What actors are told by e-mail, when, and once (P 6, 6.1 F, 7.4, 7.7, 9.17; D 2.3, 3, 3.8, 6.7)."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.errors import BadInput, Unavailable
from schemas.actores import DatosSolicitante, contexto_de_solicitante
from schemas.envelope import Evento
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    CedulaConfirmada,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    SolicitudRegistrada,
)
from schemas.paquete import Modalidad
from schemas.perfil import PERFIL_D, PERFIL_P, InconsistenciaPropia, PerfilReglas
from tests.support.ejemplos import ejemplo
from tests.unit.test_notificaciones_entrega import (
    AUXILIAR,
    CORREO,
    DERFE,
    NOMBRE,
    PORTAL,
    SOLICITUD,
    Instancia,
    Mundo,
    _Muere,
    _MuereAlAsentar,
)

SOLICITANTE = "solicitante@example.com"
DENOMINACION = "Nombre del Aspirante"
ALTA = f"<alta.{SOLICITUD}.{AUXILIAR}@apoyo.invalid>"
CONFIRMACION = f"<confirmacion.{SOLICITUD}@apoyo.invalid>"


@pytest.fixture
def mundo() -> Mundo:
    return Mundo()


async def ocurre(mundo: Mundo, *eventos: Evento, con: Instancia | None = None) -> None:
    """Events of `actores`, one after the other, followed and handled."""
    instancia = con or mundo.instancia("uno")
    for evento in eventos:
        await instancia.recibir(evento, mundo.publicar(evento))


def proceso(perfil: PerfilReglas) -> tuple[Evento, Evento]:
    registrado = ejemplo(
        ProcesoRegistrado,
        proceso="CI26",
        perfil=ReferenciaPerfil(id=perfil.id, version=perfil.version),
        inicio=datetime(2026, 11, 1, 6, tzinfo=UTC),
        fin=datetime(2026, 12, 1, 5, 59, tzinfo=UTC),
    )
    return PerfilRegistrado(version=1, perfil=perfil), registrado


async def solicitud(mundo: Mundo, correo: str = SOLICITANTE, **cambios: Any) -> SolicitudRegistrada:
    vacios = {campo: "" for campo in DatosSolicitante.model_fields if campo != "telefonos"}
    datos = DatosSolicitante.model_validate({**vacios, "telefonos": [], "nombre": NOMBRE, "correo": correo})
    sellados = await mundo.sellar("solicitante", datos, contexto_de_solicitante(SOLICITUD))
    return ejemplo(
        SolicitudRegistrada,
        **{"denominacion": DENOMINACION, "llave": "solicitante", "datos_sellados": sellados, **cambios},
    )


def ids(mundo: Mundo) -> list[str]:
    return [mensaje.id for mensaje in mundo.buzon.mensajes]


CEDULA = ejemplo(CedulaConfirmada, solicitud=SOLICITUD)
BAJA = ejemplo(
    AuxiliarDadoDeBaja, motivo="Cédula no presentada", por="opl", desde=datetime(2026, 11, 20, 18, tzinfo=UTC)
)


# ---- DERFE


def cambio(perfil: PerfilReglas, version: int, **cambios: Any) -> tuple[Evento, Evento]:
    """A new version of the profile, and of the process that names it."""
    nuevo = perfil.model_copy(update={"version": version, **cambios})
    _, registrado = proceso(nuevo)
    assert isinstance(registrado, ProcesoRegistrado)
    return PerfilRegistrado(version=version, perfil=nuevo), registrado.model_copy(
        update={"version": version, "por": "opl.01"}
    )


async def test_el_cambio_de_criterios_del_opl_se_notifica_a_la_derfe_una_vez(mundo: Mundo) -> None:
    """P 13.4, 13.8; D 10.4."""
    propia = InconsistenciaPropia(
        clave="opl_0a1b2c3d",
        tipo="Otra",
        descripcion="La cédula no es la que aprobó el OPL",
        pide_detalle=False,
        fundamento="Acuerdo IEPC/CG12/2026",
        modalidades=[Modalidad.AUXILIAR],
    )
    cambiado = cambio(PERFIL_P, 2, inconsistencias_propias=[propia], misma_persona="todos")
    await ocurre(mundo, *proceso(PERFIL_P), *cambiado)
    (mensaje,) = mundo.buzon.mensajes
    assert (mensaje.id, mensaje.para) == ("<criterios.CI26.2@apoyo.invalid>", DERFE)
    for linea in (
        "Id Proceso:             CI26",
        "Versión de las reglas:  de 1 a 2",
        "Cuenta que lo hizo:     opl.01",
        "- Qué vale si una persona apoya a dos aspirantes o promoventes",
        "- Otra: La cédula no es la que aprobó el OPL (Acuerdo IEPC/CG12/2026)",
    ):
        assert linea in mensaje.cuerpo.splitlines()
    await mundo.instancia("dos").recibir(cambiado[1], 3)
    assert len(mundo.buzon.mensajes) == 1


async def test_lo_que_cambia_el_ine_y_lo_que_no_cambia_no_se_notifica_a_la_derfe(mundo: Mundo) -> None:
    otro_dato = cambio(PERFIL_P, 2)[1].model_copy(update={"perfil": ReferenciaPerfil(id=PERFIL_P.id, version=1)})
    await ocurre(mundo, *proceso(PERFIL_P), otro_dato, *cambio(PERFIL_P, 3, gracia_horas=12))
    assert mundo.buzon.mensajes == []


# ---- solicitantes


async def test_en_participacion_ciudadana_la_confirmacion_sale_al_registrarse_la_solicitud(mundo: Mundo) -> None:
    await ocurre(mundo, *proceso(PERFIL_D), await solicitud(mundo))
    (mensaje,) = mundo.buzon.mensajes
    assert (mensaje.id, mensaje.para) == (CONFIRMACION, SOLICITANTE)
    for linea in (
        "Folio:                  CI26-0001",
        "Id Proceso:             CI26",
        "Id Solicitante:         0001",
        "Inicio del periodo:     1 nov 2026, 00:00 (hora Centro)",
        "Fin del periodo:        30 nov 2026, 23:59 (hora Centro)",
        f"Portal:                 {PORTAL}",
    ):
        assert linea in mensaje.cuerpo.splitlines()


async def test_en_candidaturas_la_confirmacion_espera_la_cedula_firmada(mundo: Mundo) -> None:
    await ocurre(mundo, *proceso(PERFIL_P), await solicitud(mundo))
    assert mundo.buzon.mensajes == []
    await ocurre(mundo, CEDULA)
    assert ids(mundo) == [CONFIRMACION]


@pytest.mark.parametrize("perfil", [PERFIL_P, PERFIL_D])
async def test_la_confirmacion_es_una_por_solicitud_aunque_se_corrija_o_se_confirme_de_nuevo(
    mundo: Mundo, perfil: PerfilReglas
) -> None:
    corregida = await solicitud(mundo, version=2, correo="otro@example.com")
    await ocurre(mundo, *proceso(perfil), await solicitud(mundo), CEDULA, corregida)
    await ocurre(mundo, CEDULA.model_copy(update={"version": 2}))
    assert ids(mundo) == [CONFIRMACION]


async def test_si_el_perfil_cambia_antes_de_la_cedula_la_confirmacion_sale_de_todos_modos(mundo: Mundo) -> None:
    await ocurre(mundo, *proceso(PERFIL_P), await solicitud(mundo))
    otro = PERFIL_P.model_copy(update={"version": 2, "confirmacion": "inmediata"})
    perfil, registrado = proceso(otro)
    await ocurre(mundo, perfil, registrado.model_copy(update={"version": 2}), CEDULA)
    assert ids(mundo) == [CONFIRMACION]


async def test_una_solicitud_sin_datos_o_cuya_llave_se_destruyo_queda_sin_destinatario(mundo: Mundo) -> None:
    await ocurre(mundo, *proceso(PERFIL_D), await solicitud(mundo, llave=None, datos_sellados=None))
    otra = "CI26-0002"
    destruida = await solicitud(mundo, solicitud=otra)
    await mundo.destruir("solicitante")
    await ocurre(mundo, destruida)
    assert mundo.buzon.mensajes == []
    for cual in (SOLICITUD, otra):
        entrega = await mundo.colecciones["entregas"].get(f"confirmacion/{cual}")
        assert entrega is not None
        assert entrega["estado"] == "sin_destinatario"


# ---- auxiliares


async def test_al_registrarse_el_auxiliar_recibe_su_id_proceso_y_su_id_auxiliar(mundo: Mundo) -> None:
    await ocurre(mundo, await mundo.auxiliar())
    (mensaje,) = mundo.buzon.mensajes
    assert (mensaje.id, mensaje.para) == (ALTA, CORREO)
    for linea in ("Id Proceso:             CI26", "Id Auxiliar:            A0001"):
        assert linea in mensaje.cuerpo.splitlines()


async def test_solo_una_version_que_cambia_el_correo_avisa_y_lo_hace_a_la_direccion_nueva(mundo: Mundo) -> None:
    correos = (CORREO, CORREO.upper(), "nuevo@example.com", "nuevo@example.com", CORREO)
    await ocurre(mundo, *[await mundo.auxiliar(correo, version) for version, correo in enumerate(correos, 1)])
    cambio = f"<cambio_de_correo.{SOLICITUD}.{AUXILIAR}.{{}}@apoyo.invalid>"
    assert [(m.id, m.para) for m in mundo.buzon.mensajes] == [
        (ALTA, CORREO),
        (cambio.format(3), "nuevo@example.com"),
        (cambio.format(5), CORREO),
    ]
    assert "en lugar de la anterior" in mundo.buzon.mensajes[1].cuerpo


async def test_al_darse_de_baja_recibe_la_causa_quien_y_desde_cuando(mundo: Mundo) -> None:
    await ocurre(mundo, await mundo.auxiliar(), BAJA)
    mensaje = mundo.buzon.mensajes[-1]
    assert (mensaje.id, mensaje.para) == (f"<baja.{SOLICITUD}.{AUXILIAR}.1@apoyo.invalid>", CORREO)
    for linea in (
        "Causa:                  Cédula no presentada",
        "La determinó:           el Organismo Público Local",
        "Fecha de la baja:       20 nov 2026, 12:00 (hora Centro)",
    ):
        assert linea in mensaje.cuerpo.splitlines()


async def test_con_la_llave_destruida_el_auxiliar_queda_sin_destinatario(mundo: Mundo) -> None:
    registrado = await mundo.auxiliar()
    await mundo.destruir("auxiliar")
    await ocurre(mundo, registrado, BAJA, registrado.model_copy(update={"version": 2}))
    assert mundo.buzon.mensajes == []
    estados = {e["_id"]: e["estado"] for e in await mundo.colecciones["entregas"].find({})}
    quien = f"{SOLICITUD}.{AUXILIAR}"
    assert estados == {f"alta/{quien}": "sin_destinatario", f"baja/{quien}.1": "sin_destinatario"}


async def test_si_la_primera_version_no_se_puede_leer_el_registro_se_avisa_con_la_que_si(mundo: Mundo) -> None:
    ilegible = (await mundo.auxiliar()).model_copy(update={"datos_sellados": "AAAA"})
    with pytest.raises(BadInput, match="auxiliar_no_abre"):
        await ocurre(mundo, ilegible)
    await ocurre(mundo, await mundo.auxiliar(version=2))
    assert ids(mundo) == [ALTA]


# ---- once, whatever happens


async def test_lo_que_no_abre_o_nadie_registro_es_entrada_invalida(mundo: Mundo) -> None:
    ajena = (await solicitud(mundo)).model_copy(update={"solicitud": "CI26-0009"})
    sin_llave = (await mundo.auxiliar()).model_copy(update={"llave": "ninguna"})
    await ocurre(mundo, *proceso(PERFIL_D))
    for evento, motivo in (
        (ajena, "solicitante_no_abre"),
        (sin_llave, "auxiliar_no_abre"),
        (CEDULA, "solicitud_desconocida"),
        (BAJA.model_copy(update={"auxiliar": "A0009"}), "auxiliar_desconocido"),
        (await solicitud(mundo, proceso="OTRO26"), "proceso_desconocido"),
    ):
        with pytest.raises(BadInput, match=motivo):
            await ocurre(mundo, evento)
    assert mundo.buzon.mensajes == []


async def test_un_evento_espera_a_que_este_proceso_haya_leido_actores_hasta_ahi(mundo: Mundo) -> None:
    primera, segunda = await mundo.auxiliar(), await mundo.auxiliar("nuevo@example.com", 2)
    mundo.publicar(primera)
    with pytest.raises(Unavailable):
        await mundo.instancia("uno").recibir(segunda, 1)
    assert mundo.buzon.mensajes == []


async def _historia(mundo: Mundo) -> list[Evento]:
    return [
        *proceso(PERFIL_P),
        await solicitud(mundo),
        await mundo.auxiliar(),
        CEDULA,
        await mundo.auxiliar("nuevo@example.com", 2),
        BAJA,
    ]


@pytest.mark.parametrize("semilla", range(20))
async def test_con_dos_instancias_y_repeticiones_cada_correo_sale_una_vez(semilla: int) -> None:
    azar = random.Random(semilla)
    mundo = Mundo(azar=azar)
    eventos = [(mundo.publicar(evento), evento) for evento in await _historia(mundo)]

    async def trabajar(nombre: str, suyos: Sequence[tuple[int, Evento]]) -> None:
        instancia = mundo.instancia(nombre)
        for offset, evento in suyos:
            await instancia.recibir_con_reintentos(evento, offset)

    desde = azar.randrange(len(eventos))
    await asyncio.gather(trabajar("uno", eventos), trabajar("dos", eventos[desde:] + eventos))
    assert len(ids(mundo)) == len(set(ids(mundo))) == 4


async def test_si_muere_entre_enviar_y_asentar_el_aviso_se_repite_con_el_mismo_message_id(mundo: Mundo) -> None:
    registrado = await mundo.auxiliar()
    mortal = _MuereAlAsentar(mundo.colecciones["entregas"], mundo.azar)
    with pytest.raises(_Muere):
        await ocurre(mundo, registrado, con=mundo.instancia("uno", mortal))
    await mundo.instancia("dos").recibir_con_reintentos(registrado)
    assert ids(mundo) == [ALTA, ALTA]


async def test_ningun_aviso_ni_lo_que_se_guarda_lleva_mas_datos_personales_que_la_direccion(mundo: Mundo) -> None:
    await ocurre(mundo, *await _historia(mundo))
    assert len(mundo.buzon.mensajes) == 4
    guardado = str([await store.find({}) for store in mundo.colecciones.values()])
    for mensaje in mundo.buzon.mensajes:
        dicho = mensaje.asunto + mensaje.cuerpo
        assert not any(dato in dicho for dato in (NOMBRE, DENOMINACION, CORREO, SOLICITANTE, "nuevo@example.com"))
        assert mensaje.para not in guardado
