"""From the file of a solicitud to the verified auxiliar: portal, the real compulsa, and portal again (P 7.3, 7.6)."""

import asyncio
import csv
from datetime import date
from pathlib import Path

import pytest

from dispositivo.poblacion.auxiliares import auxiliares_sinteticos, escribir_auxiliares
from dispositivo.poblacion.padron import escribir_padron
from kernel.hpke import Private
from kernel.stream import TopicSpec, connect
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarVerificado, ConsultaRespondida, RegistroCompulsado
from schemas.perfil import PERFIL_P
from services.compulsa.agent import TOPICS as TOPICS_DE_COMPULSA
from services.portal.domain.lotes import EstadoLote
from tests.support import portal as soporte
from tests.support.auxiliares import SOLICITUD, con_procesos
from tests.support.portal import TOPICS, PortalDePrueba
from tests.unit.test_compulsa_registro import PRIVADAS, Compulsa
from tests.unit.test_portal_auxiliares import hasta


async def test_el_archivo_de_la_poblacion_se_registra_y_quien_no_esta_en_el_padron_queda_de_baja(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        soporte,
        "LLAVES",
        {"portal": PRIVADAS["portal"], "compulsa": PRIVADAS["compulsa"], "notificaciones": Private.generate()},
    )
    gente = auxiliares_sinteticos(1, [(SOLICITUD, "10", 5)], date(2026, 11, 1))
    escribir_auxiliares(tmp_path / "auxiliares.csv", gente, "Google")
    escribir_padron(tmp_path / "padron.csv", [a.persona for a in gente if a.persona.situacion != "no_encontrado"])

    stream = connect("memory:", "todos")
    await stream.start()
    topics = {*TOPICS, *TOPICS_DE_COMPULSA, ConsultaRespondida.topic, RegistroCompulsado.topic}
    await stream.create_topics([TopicSpec(t, 1) for topic in topics for t in (topic, f"{topic}.cuarentena")])
    compulsa = Compulsa(stream, PERFIL_P)
    with (tmp_path / "padron.csv").open(encoding="utf-8", newline="") as file:
        await compulsa.cargar(*csv.DictReader(file))

    async with PortalDePrueba(stream=stream, llaves=compulsa.llaves).en_marcha() as p:
        await con_procesos(p)
        contenido = (tmp_path / "auxiliares.csv").read_bytes()
        lote = await p.lotes.subir(p.orden("promovente1"), SOLICITUD, contenido)
        assert (lote.cuenta.buena, lote.cuenta.todas) == (len(gente), len(gente))
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
        while (await p.lotes.ver(SOLICITUD, lote.lote)).estado is EstadoLote.EN_CURSO:
            await p.lotes.trabajar()
        assert [f.auxiliar for f in await p.lotes.finales(lote.lote)] == [a.auxiliar for a in gente]
        await compulsa.correr()
        await hasta(p, AuxiliarVerificado, len(gente))
        await hasta(p, AuxiliarDadoDeBaja, 2)
        antes = await p.dichos()
        await compulsa.repetir_todo()
        await asyncio.sleep(0.2)
        assert await p.dichos() == antes
        actores = p.vista.actores
        for a in gente:
            verificado = actores.verificaciones[(SOLICITUD, a.auxiliar)]
            assert (verificado.resultado == "procede") is a.procede
            assert ((SOLICITUD, a.auxiliar) in actores.bajas) is not a.procede
        motivos = {actores.bajas[(SOLICITUD, a.auxiliar)].motivo for a in gente if not a.procede}
        assert len(motivos) == 2
    await stream.stop()
