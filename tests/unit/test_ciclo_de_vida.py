"""Every received record is in exactly one status, and the earliest of the list that applies wins (SPEC 8, D 10.7)."""

import pytest

from schemas.ciclo_de_vida import Ciclo, Estado, a_documento, aplicar, de_documento, en_cuarentena, estado
from schemas.envelope import Evento
from schemas.eventos import (
    Fase,
    Inconsistencia,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
)
from tests.support.ejemplos import ejemplo

RECIBIDO = ejemplo(RegistroRecibido)
DESCIFRADO = ejemplo(RegistroDescifrado)
CUARENTENA = ejemplo(RegistroEnCuarentena)
PRELIMINAR = ejemplo(RegistroCompulsado, version=1, fase=Fase.PRELIMINAR, clasificado_version=0, duplicado_de=None)
LIMPIO = ejemplo(RegistroClasificado, version=1, inconsistencias=[])
INCONSISTENTE = ejemplo(RegistroClasificado, version=1, inconsistencias=[Inconsistencia(clave="e", origen="revision")])
DEFINITIVA = ejemplo(RegistroCompulsado, version=2, fase=Fase.DEFINITIVA, clasificado_version=1, duplicado_de=None)
HASTA_MESA = (RECIBIDO, DESCIFRADO, PRELIMINAR)


def ciclo(*eventos: Evento) -> Ciclo:
    result = Ciclo()
    for offset, evento in enumerate(eventos):
        result = aplicar(result, evento, offset)
    return result


def test_lo_que_no_se_ha_recibido_no_cuenta() -> None:
    assert estado(ciclo(DESCIFRADO, PRELIMINAR, LIMPIO, DEFINITIVA)) is None


@pytest.mark.parametrize(
    "eventos", [(RECIBIDO,), (RECIBIDO, CUARENTENA), (RECIBIDO, DESCIFRADO), (RECIBIDO, CUARENTENA, PRELIMINAR)]
)
def test_recibido_sin_descifrar_o_sin_consulta_preliminar_esta_en_procesamiento(eventos: tuple[Evento, ...]) -> None:
    assert estado(ciclo(*eventos)) is Estado.EN_PROCESAMIENTO


def test_lo_que_esta_en_cuarentena_se_cuenta_aparte_hasta_que_se_abre() -> None:
    assert en_cuarentena(ciclo(RECIBIDO, CUARENTENA))
    reabierto = ciclo(RECIBIDO, CUARENTENA, ejemplo(RegistroDescifrado, version=2))
    assert not en_cuarentena(reabierto)


def test_con_consulta_preliminar_y_sin_decision_esta_en_mesa_de_control() -> None:
    assert estado(ciclo(*HASTA_MESA)) is Estado.EN_MESA_DE_CONTROL


def test_una_inconsistencia_gana_a_la_situacion_registral() -> None:
    assert estado(ciclo(*HASTA_MESA, INCONSISTENTE, DEFINITIVA)) is Estado.CON_INCONSISTENCIA


def test_sin_inconsistencia_y_sin_compulsa_definitiva_espera_el_envio_a_compulsa() -> None:
    assert estado(ciclo(*HASTA_MESA, LIMPIO)) is Estado.PARA_ENVIO_A_COMPULSA


def test_una_compulsa_de_una_decision_anterior_no_vale_para_la_nueva() -> None:
    nueva = ejemplo(RegistroClasificado, version=2, inconsistencias=[])
    assert estado(ciclo(*HASTA_MESA, LIMPIO, DEFINITIVA, nueva)) is Estado.PARA_ENVIO_A_COMPULSA


def test_un_duplicado_gana_a_la_situacion_registral() -> None:
    duplicado = DEFINITIVA.model_copy(update={"duplicado_de": ejemplo(RegistroCompulsado).duplicado_de})
    assert estado(ciclo(*HASTA_MESA, LIMPIO, duplicado)) is Estado.DUPLICADO


@pytest.mark.parametrize("situacion", [s for s in SituacionRegistral if s is not SituacionRegistral.PENDIENTE])
def test_tras_la_compulsa_el_estado_es_la_situacion_registral(situacion: SituacionRegistral) -> None:
    definitiva = DEFINITIVA.model_copy(update={"situacion": situacion})
    assert estado(ciclo(*HASTA_MESA, LIMPIO, definitiva)) is Estado(situacion.value)


def test_mientras_falta_el_corte_no_hay_situacion_definitiva() -> None:
    pendiente = DEFINITIVA.model_copy(update={"situacion": SituacionRegistral.PENDIENTE})
    assert estado(ciclo(*HASTA_MESA, LIMPIO, pendiente)) is Estado.PARA_ENVIO_A_COMPULSA


def test_dos_contenidos_con_la_misma_version_se_recuerdan_y_queda_el_primero_del_topic() -> None:
    otro = LIMPIO.model_copy(update={"operador": "otra"})
    en_orden = ciclo(LIMPIO, otro)
    al_reves = aplicar(aplicar(Ciclo(), otro, 1), LIMPIO, 0)
    assert en_orden == al_reves
    assert en_orden.clasificado == LIMPIO
    assert en_orden.divergentes == {"clasificado"}


def test_los_hechos_se_guardan_como_documento_y_se_leen_iguales() -> None:
    completo = ciclo(*HASTA_MESA, LIMPIO, DEFINITIVA, LIMPIO.model_copy(update={"operador": "otra"}))
    assert de_documento(a_documento(completo)) == completo
