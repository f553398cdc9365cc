"""Packages that no event names go a grace time after their day; whatever a record needs stays (ADR 35)."""

import hashlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from apoyo import retencion
from apoyo.instalacion import Instalacion
from apoyo.retencion import Cuenta, Fuentes
from dispositivo.kit import PaqueteSellado
from kernel.documents import MemoryDocuments
from kernel.errors import Unavailable
from kernel.objects import MemoryObjects, Objects
from kernel.stream import Stream, TopicSpec, connect
from schemas.eventos import RegistroEnCuarentena, RegistroRecibido
from schemas.paquete import Suite, objeto_de
from tests.support.muerte import Muerte, ObjetosDe, Vida
from tests.support.recepcion import DURANTE, PROCESO, Mundo, MundoDescifrado

GRACIA = timedelta(days=10)
DIA = datetime(2026, 1, 20, tzinfo=UTC)
"""The day on which everything here is received (`DURANTE`)."""
VENCE = DIA + timedelta(days=12)
"""From here on it goes: the day's end, the grace, and a day more for clocks and requests."""


@pytest.fixture
async def mundo() -> AsyncIterator[Mundo]:
    mundo = await Mundo(suite=Suite.X25519).start()
    await mundo.abrir()
    yield mundo
    await mundo.stop()


async def retirar(
    mundo: Mundo,
    ahora: datetime = VENCE,
    *,
    si: bool = True,
    sin_dia: bool = False,
    paquetes: Objects | None = None,
    stream: Stream | None = None,
) -> Cuenta:
    """What the command does on that day."""
    fuentes = Fuentes(stream or mundo.stream, paquetes or mundo.paquetes, mundo.documentos, GRACIA)
    return await retencion.retirar(fuentes, ahora, si=si, sin_dia=sin_dia)


async def guardados(mundo: Mundo) -> list[str]:
    """What lies in the bucket."""
    return [nombre async for nombre in mundo.paquetes.names()]


def sha256_de(paquete: PaqueteSellado) -> str:
    """By what its object is named."""
    return hashlib.sha256(paquete.contenido).hexdigest()


async def huerfano(mundo: Mundo, recibido_en: datetime = DURANTE) -> PaqueteSellado:
    """A package that was stored by an ingesta that died before it claimed the folio."""
    paquete = mundo.sellar()
    await mundo.paquetes.put(objeto_de(PROCESO, recibido_en, sha256_de(paquete)), paquete.contenido)
    return paquete


async def test_un_paquete_que_ningun_evento_nombra_se_borra_pasado_su_plazo_y_no_antes(mundo: Mundo) -> None:
    paquete = await huerfano(mundo)
    nombre = objeto_de(PROCESO, DURANTE, sha256_de(paquete))
    assert (await retirar(mundo, VENCE - timedelta(seconds=1))).sobrantes == []
    assert await guardados(mundo) == [nombre]
    with capture_logs() as dicho:
        assert (await retirar(mundo)).sobrantes == [nombre]
    assert await guardados(mundo) == []
    assert dicho == [{"event": "package_without_event_deleted", "log_level": "info", "package": nombre}]
    assert (await retirar(mundo)).sobrantes == []


async def test_lo_que_un_evento_nombra_se_queda_aunque_su_registro_este_en_cuarentena(mundo: Mundo) -> None:
    recibido = await mundo.recibir(mundo.sellar())
    lado = MundoDescifrado(mundo)
    lado.llaves_de_proceso.clear()
    assert isinstance(await lado.abrir(recibido), RegistroEnCuarentena)
    cuenta = await retirar(mundo, VENCE + timedelta(days=3650))
    assert (cuenta.revisados, cuenta.sobrantes, cuenta.estado_de_salida) == (1, [], 0)
    assert await guardados(mundo) == [recibido.objeto]


async def test_lo_que_solo_esta_en_la_bandeja_de_salida_se_queda(mundo: Mundo) -> None:
    """Claimed by an ingesta that died before it published, or the log that is read is not the one that it published to."""
    recibido = await mundo.recibir(mundo.sellar())
    otra = connect("memory:", "otra")
    await otra.start()
    await otra.create_topics([TopicSpec("registro_recibido", 2)])
    assert (await retirar(mundo, stream=otra)).sobrantes == []
    assert await guardados(mundo) == [recibido.objeto]
    await otra.stop()


async def test_lo_que_solo_esta_en_el_topic_se_queda(mundo: Mundo) -> None:
    """The outbox came back from a copy that is older."""
    recibido = await mundo.recibir(mundo.sellar())
    mundo.documentos = MemoryDocuments()
    assert (await retirar(mundo)).sobrantes == []
    assert await guardados(mundo) == [recibido.objeto]


async def test_el_dispositivo_que_vuelve_otro_dia_guarda_otro_objeto_y_solo_el_primero_se_borra(mundo: Mundo) -> None:
    """So nothing that is being received can be deleted, whatever comes first."""
    paquete = await huerfano(mundo)
    mundo.reloj.ahora = DURANTE + timedelta(days=3)
    recibido = await mundo.recibir(paquete)
    assert len(await guardados(mundo)) == 2
    assert (await retirar(mundo)).sobrantes == [objeto_de(PROCESO, DURANTE, sha256_de(paquete))]
    assert await guardados(mundo) == [recibido.objeto]


@pytest.mark.parametrize("en", ["list", "topic", "outbox", "delete"])
async def test_el_dispositivo_vuelve_mientras_se_borra_y_nada_de_lo_que_se_le_acuso_se_pierde(
    mundo: Mundo, en: str
) -> None:
    """At every point at which the command reads or deletes."""
    paquete = await huerfano(mundo)
    mundo.reloj.ahora = VENCE - GRACIA
    recibidos: list[RegistroRecibido] = []

    async def vuelve(donde: str) -> None:
        if donde == en and not recibidos:
            recibidos.append(await mundo.recibir(paquete))

    class Paquetes(MemoryObjects):
        async def names(self, prefix: str = "") -> AsyncIterator[str]:
            async for nombre in mundo.paquetes.names(prefix):
                yield nombre
            await vuelve("list")

        async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
            await vuelve("topic")
            contenido = await mundo.paquetes.get(name, start, length)
            await vuelve("outbox")
            return contenido

        async def delete(self, name: str) -> None:
            await vuelve("delete")
            await mundo.paquetes.delete(name)

    assert len((await retirar(mundo, paquetes=Paquetes())).sobrantes) == 1
    [recibido] = recibidos
    assert await guardados(mundo) == [recibido.objeto]
    assert await mundo.paquetes.get(recibido.objeto) == paquete.contenido


async def test_lo_que_tardo_mas_de_una_hora_en_guardarse_no_se_acusa_y_se_recibe_al_volver(mundo: Mundo) -> None:
    """A process that was frozen, and wakes when what it stored may be deleted already."""
    guardar = mundo.paquetes.put

    async def lento(name: str, content: bytes) -> None:
        await guardar(name, content)
        mundo.reloj.ahora += timedelta(hours=1, seconds=1)

    mundo.paquetes.put = lento  # type: ignore[method-assign]
    paquete = mundo.sellar()
    assert (await mundo.enviar(paquete)).status_code == 503
    assert await mundo.eventos("registro_recibido") == []
    mundo.paquetes.put = guardar  # type: ignore[method-assign]
    assert (await mundo.enviar(paquete)).status_code == 201


async def test_sin_confirmar_solo_se_dice_que_se_borraria(mundo: Mundo) -> None:
    paquete = await huerfano(mundo)
    nombre = objeto_de(PROCESO, DURANTE, sha256_de(paquete))
    cuenta = await retirar(mundo, si=False)
    assert cuenta.sobrantes == await guardados(mundo) == [nombre]
    assert nombre in dicho(cuenta, si=False)
    assert "1 por borrar (con --si)" in dicho(cuenta, si=False)
    assert "1 borrados" in dicho(cuenta, si=True)


async def test_muere_en_cada_borrado_y_repetido_no_queda_nada(mundo: Mundo) -> None:
    recibido = await mundo.recibir(mundo.sellar())
    for _ in range(3):
        await huerfano(mundo)
    for quedan in (2, 1):
        with pytest.raises(Muerte):
            await retirar(mundo, paquetes=ObjetosDe(Vida(muere_en=2), mundo.paquetes))
        assert len(await guardados(mundo)) == quedan + 1
    await retirar(mundo, paquetes=ObjetosDe(Vida(muere_en=2), mundo.paquetes))
    assert await guardados(mundo) == [recibido.objeto]


async def test_lo_que_guardo_la_version_anterior_se_borra_solo_si_se_pide(mundo: Mundo) -> None:
    """Its ingesta could store under the same name again; a record of that release is named by its event."""
    huerfano_de_antes, de_antes = mundo.sellar(), mundo.sellar()
    for paquete in (huerfano_de_antes, de_antes):
        await mundo.paquetes.put(f"{PROCESO}/{sha256_de(paquete)}", paquete.contenido)
    recibido = await mundo.recibir(de_antes)
    await mundo.paquetes.delete(recibido.objeto)
    [escrito] = await mundo.documentos.find({"subject": de_antes.folio})
    escrito["value"] = (
        recibido.model_copy(update={"objeto": f"{PROCESO}/{sha256_de(de_antes)}"}).model_dump_json().encode()
    )
    await mundo.documentos.remove([escrito["_id"]])
    await mundo.documentos.put_if_absent(escrito)
    cuenta = await retirar(mundo)
    assert (cuenta.sobrantes, cuenta.sin_dia, cuenta.estado_de_salida) == ([], 1, 0)
    assert "--sin-dia" in dicho(cuenta, si=True)
    assert len((await retirar(mundo, sin_dia=True)).sobrantes) == 1
    assert await guardados(mundo) == [f"{PROCESO}/{sha256_de(de_antes)}"]


async def test_lo_que_no_es_un_paquete_se_conserva_y_alguien_debe_verlo(mundo: Mundo) -> None:
    nombre = objeto_de(PROCESO, DURANTE, "a" * 64)
    await mundo.paquetes.put(nombre, b"otra cosa")
    cuenta = await retirar(mundo)
    assert (cuenta.ilegibles, cuenta.sobrantes, cuenta.estado_de_salida) == ([nombre], [], 1)
    assert nombre in dicho(cuenta, si=True)
    assert await guardados(mundo) == [nombre]


async def test_si_un_motor_no_responde_no_se_borra_nada(mundo: Mundo) -> None:
    await huerfano(mundo)

    async def no(*args: object, **kwargs: object) -> list[dict[str, object]]:
        raise Unavailable("no contesta")

    mundo.documentos.find = no  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await retirar(mundo)
    assert len(await guardados(mundo)) == 1


async def test_lo_que_otro_borro_mientras_tanto_no_es_una_falla(mundo: Mundo) -> None:
    await huerfano(mundo)

    class YaNo(MemoryObjects):
        def names(self, prefix: str = "") -> AsyncIterator[str]:
            return mundo.paquetes.names(prefix)

    assert (await retirar(mundo, paquetes=YaNo())).estado_de_salida == 0


async def test_sin_instalacion_se_dice(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await retencion.correr(Instalacion(tmp_path), Console(file=io.StringIO()), si=False, sin_dia=False)


def dicho(cuenta: Cuenta, *, si: bool) -> str:
    """What the command prints."""
    consola = Console(file=io.StringIO(), width=100)
    retencion.mostrar(cuenta, consola, si=si)
    assert isinstance(consola.file, io.StringIO)
    return consola.file.getvalue()
