"""The life of one apoyo, retried: read from the topics alone, each step in words."""

from datetime import timedelta

from apoyo import replay
from kernel.stream import Message, TopicSpec, connect
from schemas.ciclo_de_vida import Estado, estado
from schemas.envelope import ensobrar
from schemas.eventos import (
    AccesoRegistrado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    ReintentoSolicitado,
)
from tests.support.ejemplos import ejemplo
from tests.support.resultados import HORA, folio, vida


async def test_la_vida_de_un_registro_reintentado_se_lee_paso_por_paso() -> None:
    stream = connect("memory:", "prueba")
    await stream.start()
    await stream.create_topics([TopicSpec(topic, 1) for topic in replay.LEIDOS])
    eventos = [
        *vida(Estado.EN_PROCESAMIENTO, 1, cuarentena=True),
        ejemplo(ReintentoSolicitado, folio=folio(1), por="supervisor1"),
        ejemplo(RegistroDescifrado, folio=folio(1), version=2),
        ejemplo(AccesoRegistrado, folio=folio(1), quien="operador1"),
    ]
    for n, evento in enumerate(eventos):
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA + timedelta(seconds=n), causa="prueba")
        await stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
    pasos = await replay.vida(stream, folio(1))
    await stream.stop()
    dicho = [replay.que_paso(p.sobre.evento) for p in pasos]
    assert [que for que, _ in dicho] == ["recibido", "en cuarentena", "reintento solicitado", "descifrado", "entregado"]
    assert dicho[4][1] == "datos, anverso, reverso, foto, firma, a operador1 (asignacion)"
    assert dicho[2][1] == "de la versión 1, por supervisor1"
    ciclo = replay.ciclo_de(pasos)
    assert set(ciclo.hechos) == {"registro_recibido", "descifrado"}
    assert (estado(ciclo), ciclo.es(RegistroDescifrado)) == (Estado.EN_PROCESAMIENTO, True)


async def test_la_vida_de_un_formulario_corregido_dice_que_campos_y_de_que_correccion_es_la_consulta() -> None:
    hecha = ejemplo(RegistroCorregido, campos=["cic", "nombre"], operador="operador1")
    assert replay.que_paso(hecha) == ("formulario corregido", "cic, nombre; por operador1")
    consulta = ejemplo(RegistroCompulsado, correccion_version=1)
    assert "de la corrección 1" in replay.que_paso(consulta)[1]
    assert "corrección" not in replay.que_paso(ejemplo(RegistroCompulsado))[1]
