"""What commands show and leave."""

import io
from pathlib import Path

from rich.console import Console

from apoyo import consultas
from apoyo.instalacion import Direcciones, Instalacion
from apoyo.sistema import crear_topics
from kernel.stream import Message, connect
from schemas.envelope import ensobrar
from schemas.eventos import Inconsistencia, RegistroClasificado
from services.portal.adapters import LlavesEnCarpeta
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


def test_las_llaves_de_un_proceso_quedan_donde_el_portal_las_busca_y_las_privadas_no(tmp_path: Path) -> None:
    instalacion = Instalacion(tmp_path)
    salida = Console(file=io.StringIO())
    assert consultas.llaves_de_proceso(instalacion, "../CI27", salida) == 1
    assert not (tmp_path / "keys").exists()
    assert consultas.llaves_de_proceso(instalacion, "CI27", salida) == 0
    llaves = LlavesEnCarpeta(tmp_path / "keys" / "procesos")
    primeras = llaves("CI27")
    assert [llave.id for llave in primeras] == ["ci27-1", "ci27-2"]
    assert consultas.llaves_de_proceso(instalacion, "CI27", salida) == 0
    assert llaves("CI27") == primeras
    assert llaves("CI28") == []
    assert [p.name for p in (tmp_path / "keys" / "procesos").iterdir()] == ["CI27.json"]
