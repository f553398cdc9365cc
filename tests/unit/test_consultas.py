"""What a command shows of what people typed: as they typed it."""

import io
from pathlib import Path

from rich.console import Console

from apoyo import consultas
from apoyo.instalacion import Direcciones, Instalacion
from apoyo.sistema import crear_topics
from kernel.stream import Message, connect
from schemas.envelope import ensobrar
from schemas.eventos import Inconsistencia, RegistroClasificado
from tests.support.ejemplos import ejemplo


async def test_replay_muestra_el_detalle_de_una_persona_tal_como_lo_escribio(tmp_path: Path) -> None:
    instalacion = Instalacion(tmp_path)
    url = f"embedded://{tmp_path}/log.db"
    instalacion.guardar(
        Direcciones(url, "mongodb://127.0.0.1:9/", "127.0.0.1:9", "x", "127.0.0.1", 9, "x", "x", {}), "x"
    )
    detalle = "lentes [/oscuros] [bold]"
    clasificado = ejemplo(
        RegistroClasificado, inconsistencias=[Inconsistencia(clave="i", detalle=detalle, origen="revision")]
    )
    stream = connect(url, client_id="prueba")
    await stream.start()
    await crear_topics(stream)
    sobre = ensobrar(clasificado, fuente="/apoyo/mesa_control", hora=clasificado.decidido_en, causa="c")
    await stream.publish(Message("clasificado", clasificado.folio, sobre.cuerpo(), sobre.headers()))
    await stream.stop()

    salida = io.StringIO()
    assert await consultas.replay(instalacion, clasificado.folio, Console(file=salida, width=300)) == 0
    assert detalle in salida.getvalue()
    assert await consultas.replay(instalacion, "[/nada]", Console(file=salida, width=300)) == 1
    assert "[/nada]" in salida.getvalue()
