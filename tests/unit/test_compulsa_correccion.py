"""A corrected form is looked up again; its person, its duplicates and its final compulsa follow it (D 5.8, 10.3)."""

import base64
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from kernel.errors import BadInput
from kernel.sealing import derive, seal
from kernel.stream import Stream, TopicSpec, connect
from schemas.ciclo_de_vida import Estado
from schemas.eventos import ConsultaRespondida, Fase, RegistroCompulsado, RegistroCorregido, SituacionRegistral
from schemas.expediente import contexto_de_correccion
from schemas.perfil import PERFIL_P
from services.compulsa.agent import TOPICS
from tests.support.ejemplos import ejemplo
from tests.unit.test_compulsa_padron import FILA, OTRA
from tests.unit.test_compulsa_registro import DATOS, Compulsa, folio

ERRATA = {"clave_elector": "X" * 18, "cic": None, "ocr": None}


async def _compulsa() -> tuple[Compulsa, Stream]:
    stream = connect("memory:", "compulsa")
    await stream.start()
    salidas = (RegistroCompulsado.topic, ConsultaRespondida.topic)
    await stream.create_topics([TopicSpec(topic, 2) for topic in (*TOPICS, *salidas)])
    compulsa = Compulsa(stream, PERFIL_P)
    await compulsa.cargar(FILA, OTRA)
    return compulsa, stream


async def _corregir(
    compulsa: Compulsa, folio: str, *, version: int = 1, atada_a: int | None = None, **datos: Any
) -> None:
    """As Mesa de Control would: the whole form, sealed. `atada_a`: bound to another version than its own."""
    root = await compulsa.descifrado.create(f"llave-{folio[-4:]}", {"descifrado": None, "compulsa": "datos"})
    plano = DATOS.model_copy(update=datos).model_dump_json().encode()
    sealed = seal(derive(root, "datos"), plano, contexto_de_correccion(folio, atada_a or version))
    await compulsa.escribir(
        ejemplo(
            RegistroCorregido,
            version=version,
            folio=folio,
            llave=f"llave-{folio[-4:]}",
            datos_sellados=base64.b64encode(sealed).decode(),
        )
    )


async def test_a_quien_no_se_encontro_se_le_busca_con_el_formulario_corregido() -> None:
    compulsa, stream = await _compulsa()
    await compulsa.descifrar(folio(1), **ERRATA)
    await compulsa.correr()
    assert (await compulsa.dicho(folio(1))).situacion is SituacionRegistral.NO_ENCONTRADO
    await _corregir(compulsa, folio(1))
    await compulsa.correr()
    hecho = await compulsa.dicho(folio(1))
    assert (hecho.fase, hecho.situacion, hecho.version) == (Fase.PRELIMINAR, SituacionRegistral.EN_LISTA_NOMINAL, 2)
    assert (hecho.correccion_version, hecho.clasificado_version) == (1, 0)
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    assert await compulsa.estado(folio(1)) is Estado.EN_LISTA_NOMINAL
    assert (await compulsa.dicho(folio(1))).correccion_version == 1
    await stream.stop()


async def test_una_correccion_que_no_encuentra_a_nadie_tambien_se_responde() -> None:
    compulsa, stream = await _compulsa()
    await compulsa.descifrar(folio(1), **ERRATA)
    await compulsa.correr()
    await _corregir(compulsa, folio(1), clave_elector="Y" * 18, cic=None, ocr=None)
    await compulsa.correr()
    hecho = await compulsa.dicho(folio(1))
    assert (hecho.situacion, hecho.correccion_version) == (SituacionRegistral.NO_ENCONTRADO, 1)
    await stream.stop()


async def test_al_corregir_otra_persona_deja_su_grupo_y_entra_en_el_otro() -> None:
    """What was the duplicate of one person becomes the first of another, and who came after it counts."""
    compulsa, stream = await _compulsa()
    otra = {c: OTRA[c] for c in ("clave_elector", "cic", "ocr")}
    for n, datos in ((1, {}), (2, {}), (3, otra)):
        await compulsa.descifrar(folio(n), minutos=n, **datos)
        await compulsa.clasificar(folio(n))
    await compulsa.correr()
    assert (await compulsa.dicho(folio(2))).duplicado_de == folio(1)
    await _corregir(compulsa, folio(1), **otra)
    await compulsa.correr()
    assert (await compulsa.dicho(folio(2))).duplicado_de is None
    assert (await compulsa.dicho(folio(3))).duplicado_de == folio(1)
    assert (await compulsa.dicho(folio(1))).duplicado_de is None
    await compulsa.repetir_todo()
    assert (await compulsa.dicho(folio(3))).duplicado_de == folio(1)
    await stream.stop()


@pytest.mark.parametrize("orden", list(permutations(range(4))))
async def test_el_orden_entre_apertura_correcciones_y_decision_no_importa(orden: tuple[int, ...]) -> None:
    compulsa, stream = await _compulsa()
    hacer: list[Callable[[], Any]] = [
        lambda: compulsa.descifrar(folio(1), **ERRATA),
        lambda: _corregir(compulsa, folio(1), clave_elector="Y" * 18, cic=None, ocr=None),
        lambda: _corregir(compulsa, folio(1), version=2),
        lambda: compulsa.clasificar(folio(1)),
    ]
    for n in orden:
        await hacer[n]()
        await compulsa.correr()
    hecho = await compulsa.dicho(folio(1))
    assert (hecho.fase, hecho.situacion) == (Fase.DEFINITIVA, SituacionRegistral.EN_LISTA_NOMINAL)
    assert (hecho.correccion_version, hecho.clasificado_version) == (2, 1)
    await stream.stop()


async def test_la_correccion_de_otro_registro_o_de_otra_version_no_se_abre() -> None:
    compulsa, stream = await _compulsa()
    await compulsa.descifrar(folio(1), **ERRATA)
    await compulsa.correr()
    await _corregir(compulsa, folio(1), atada_a=2)
    with pytest.raises(BadInput, match="datos_ilegibles"):
        await compulsa.correr()
    assert (await compulsa.dicho(folio(1))).correccion_version == 0
    await stream.stop()
