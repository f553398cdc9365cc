"""A form corrected from the image: who may, when, what it leaves, and how the record comes back to the queue (D 5.8, 10.3)."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from credencial.claves import prefijos
from credencial.mrz import componer_mrz
from kernel.dispatch import Context
from kernel.documents import MemoryDocuments
from kernel.outbox import Outbox
from kernel.sealing import CannotUnseal, derive, unseal
from schemas.envelope import ensobrar, leer
from schemas.eventos import POR_TIPO, Alerta, Fase, RegistroCompulsado, RegistroCorregido, SituacionRegistral
from schemas.expediente import DATOS, contexto_de_correccion
from schemas.paquete import DatosRegistro, Lecturas, Parte
from services.mesa_control import agent
from services.mesa_control.acceso.handlers import Historias
from services.mesa_control.correccion.domain import (
    OrdenDeCorreccion,
    alertas_vigentes,
    aplicar,
    avisos,
    errores_de,
    normalizar,
)
from services.mesa_control.correccion.handlers import Correcciones
from services.mesa_control.domain import Eleccion, Orden, Rechazo
from services.mesa_control.handlers import Proyector
from tests.support.ejemplos import ejemplo
from tests.support.mesa import PROCESO, Mesa, datos, folio
from tests.support.muerte import BitacoraDe, DocumentosDe, Muerte, Vida

BIEN = datos(1)
CUADRA = BIEN.model_copy(
    update={"clave_elector": prefijos("XÓCHITL", "ZZEJEMPLO", "FICTICIA")[0] + BIEN.clave_elector[6:]}
)
MAL = BIEN.model_copy(update={"clave_elector": "ZJFCXC85031410M010", "cic": None, "ocr": None, "lecturas": Lecturas()})
CAMBIOS: dict[Any, str | None] = {"clave_elector": BIEN.clave_elector, "cic": BIEN.cic, "ocr": BIEN.ocr}
ORDEN = OrdenDeCorreccion(CAMBIOS, 1)


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


@pytest.fixture
async def http(mesa: Mesa) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(mesa.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=mesa.puerta.public_url) as client:
        client.cookies.update(await mesa.puerta.entra("operador1"))
        yield client


async def _llega(mesa: Mesa, n: int = 1, situacion: str = "no_encontrado", formulario: DatosRegistro = MAL) -> str:
    return await mesa.llega(n, situacion=situacion, formulario=formulario)


def _respuesta(n: int, correccion: int, situacion: str = "en_lista_nominal", version: int = 2) -> RegistroCompulsado:
    """compulsa's lookup of a corrected form."""
    return ejemplo(
        RegistroCompulsado,
        version=version,
        folio=folio(n),
        fase=Fase.PRELIMINAR,
        situacion=SituacionRegistral(situacion),
        clasificado_version=0,
        duplicado_de=None,
        correccion_version=correccion,
    )


async def _publicadas(mesa: Mesa) -> list[RegistroCorregido]:
    leidas = [leer(POR_TIPO, r.headers, r.value).evento async for r in mesa.stream.read(RegistroCorregido.topic)]
    return [e for e in leidas if isinstance(e, RegistroCorregido)]


async def _niega(
    mesa: Mesa, codigo: str, orden: OrdenDeCorreccion = ORDEN, quien: str = "operador1", llave: str = "x"
) -> None:
    with pytest.raises(Rechazo, match=codigo):
        await Correcciones(mesa.servicio).corregir(folio(1), quien, orden, llave)


# What may be written -----------------------------------------------------------------------------------------------------


def test_lo_escrito_se_guarda_como_lo_lleva_la_credencial() -> None:
    assert normalizar("clave_elector", " zjfcxc 850314 10m100 ") == "ZJFCXC85031410M100"
    assert normalizar("nombre", "  María   josé ") == "MARÍA JOSÉ"
    assert normalizar("numero_emision", "2") == "02"
    assert normalizar("cic", " ") is None


def test_solo_cuentan_los_campos_que_cambian() -> None:
    nuevos, campos = aplicar(MAL, {**CAMBIOS, "nombre": "xóchitl"})
    assert campos == ["cic", "ocr", "clave_elector"]
    assert nuevos == BIEN.model_copy(update={"lecturas": Lecturas()})
    with pytest.raises(Rechazo, match="sin_cambios"):
        aplicar(BIEN, {"nombre": "Xóchitl", "cic": BIEN.cic})


@pytest.mark.parametrize(
    ("campo", "valor", "error"),
    [
        ("clave_elector", "", "vacío"),
        ("nombre", None, "vacío"),
        ("cic", "12A", "dígitos"),
        ("ocr", "1" * 17, "dígitos"),
        ("numero_emision", "123", "Dos dígitos"),
        ("modelo", "ABCDEFGHI", "8 caracteres"),
        ("segundo_apellido", "A" * 201, "200 caracteres"),
        ("nombre", "A\u0007B", "carácter"),
        ("nombre", "A\u200bB", "carácter"),
    ],
)
def test_lo_que_ningun_formulario_puede_llevar_se_dice_en_su_campo(campo: Any, valor: str | None, error: str) -> None:
    assert error in errores_de({campo: valor})[campo]
    with pytest.raises(Rechazo) as negado:
        aplicar(BIEN, {campo: valor})
    assert negado.value.codigo == "datos_invalidos"
    assert list(negado.value.datos["errores"]) == [campo]


def test_lo_que_no_cuadra_avisa_en_su_campo_y_no_impide_corregir() -> None:
    rara = {"clave_elector": "NOESUNACLAVE", "curp": "ZEFX850314MDGXXX01", "cic": "12"}
    nuevos, _ = aplicar(MAL, rara)
    por_codigo = {a.codigo: a.campos for a in avisos(nuevos)}
    assert por_codigo["clave_formato"] == ("clave_elector",)
    assert por_codigo["cic_formato"] == ("cic",)
    assert "curp" in por_codigo["curp_formato" if "curp_formato" in por_codigo else "curp_digito"]
    assert avisos(CUADRA) == []


def test_las_alertas_del_formulario_se_rehacen_y_las_de_las_imagenes_quedan() -> None:
    mrz = componer_mrz(
        cic="123456001",
        ocr=BIEN.ocr or "",
        nacimiento="850314",
        sexo="M",
        vencimiento="311231",
        numero_emision="02",
        consecutivo="01234",
        nombre="XÓCHITL",
        paterno="ZZEJEMPLO",
        materno="FICTICIA",
    )
    viejas = [
        Alerta(codigo=codigo, inciso="c", parte=parte, medida=1.0, umbral=1.0, severidad="alerta")
        for codigo, parte in (
            ("mrz_cic", Parte.REVERSO),
            ("clave_formato", Parte.DATOS),
            ("imagen_borrosa", Parte.ANVERSO),
            ("qr_imagen", Parte.REVERSO),
        )
    ]
    bien = CUADRA.model_copy(update={"lecturas": Lecturas(mrz="\n".join(mrz))})
    assert [a.codigo for a in alertas_vigentes(viejas, bien)] == ["imagen_borrosa", "qr_imagen"]
    mal = bien.model_copy(update={"cic": "999999999"})
    assert [a.codigo for a in alertas_vigentes([], mal)] == ["mrz_cic"]


# Who may, and when -------------------------------------------------------------------------------------------------------


async def test_corregir_deja_antes_y_despues_quien_y_cuando_y_nada_en_claro(mesa: Mesa) -> None:
    await _llega(mesa)
    hecha = await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    assert (hecha.version, hecha.operador, hecha.campos) == (1, "operador1", ["cic", "ocr", "clave_elector"])
    assert hecha.corregido_en == mesa.reloj.now()
    assert await _publicadas(mesa) == [hecha]
    registro = await mesa.servicio.registro(folio(1), "operador2")
    assert [f.clave_elector for f in registro.formularios] == [MAL.clave_elector, BIEN.clave_elector]
    assert registro.datos.cic == BIEN.cic
    guardado = str(await mesa.registros.get(folio(1))) + str(await mesa.salida.find({}))
    claros = (BIEN.clave_elector, MAL.clave_elector, str(BIEN.cic), str(BIEN.ocr), BIEN.nombre)
    assert not [dato for dato in claros if dato in guardado or dato.encode().hex() in guardado]


async def test_lo_sellado_no_sirve_para_otra_version_ni_para_otro_registro(mesa: Mesa) -> None:
    await _llega(mesa)
    hecha = await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    llave = derive(await mesa.llaves.open(hecha.llave), DATOS)
    sellados = base64.b64decode(hecha.datos_sellados)
    assert unseal(llave, sellados, contexto_de_correccion(folio(1), 1))
    for donde in (contexto_de_correccion(folio(1), 2), contexto_de_correccion(folio(2), 1), f"{folio(1)}|datos"):
        with pytest.raises(CannotUnseal):
            unseal(llave, sellados, donde)


async def test_la_misma_llave_es_la_misma_correccion_y_con_otra_orden_se_niega(mesa: Mesa) -> None:
    await _llega(mesa)
    correcciones = Correcciones(mesa.servicio)
    primera = await correcciones.corregir(folio(1), "operador1", ORDEN, "llave-0001")
    assert await correcciones.corregir(folio(1), "operador1", ORDEN, "llave-0001") == primera
    assert await _publicadas(mesa) == [primera]
    await _niega(mesa, "llave_reutilizada", OrdenDeCorreccion({"nombre": "OTRA"}, 1), llave="llave-0001")
    await _niega(mesa, "registro_ya_corregido", llave="llave-0002")
    await _niega(mesa, "registro_ya_corregido", quien="operador2", llave="llave-0001")


async def test_solo_se_corrige_lo_no_encontrado_o_lo_que_llego_sin_cic_ni_ocr(mesa: Mesa) -> None:
    await mesa.llega(1)
    await _niega(mesa, "correccion_no_procede", OrdenDeCorreccion({"cic": "111"}, 1))
    await _llega(mesa, 2, "en_lista_nominal", BIEN.model_copy(update={"cic": None, "ocr": None}))
    orden = OrdenDeCorreccion({"cic": BIEN.cic}, 1)
    assert (await Correcciones(mesa.servicio).corregir(folio(2), "operador1", orden, "llave-0001")).campos == ["cic"]


async def test_no_se_corrige_lo_que_otra_persona_revisa_ni_lo_decidido(mesa: Mesa) -> None:
    await _llega(mesa)
    assert await mesa.servicio.siguiente("operador2", PROCESO) is not None
    await _niega(mesa, "registro_asignado_a_otra_persona")
    await mesa.servicio.decidir(folio(1), "operador2", Orden((), 1), "llave-0001")
    await _niega(mesa, "registro_ya_decidido", quien="operador2")


async def test_se_corrige_lo_que_se_vio(mesa: Mesa) -> None:
    await _llega(mesa)
    await _niega(mesa, "correccion_desconocida", OrdenDeCorreccion(CAMBIOS, 1, corrige=1))
    await _niega(mesa, "compulsa_desconocida", OrdenDeCorreccion(CAMBIOS, 2))
    await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    await _niega(mesa, "correccion_en_consulta", OrdenDeCorreccion({"nombre": "OTRA"}, 1, corrige=1))


# Back to the queue -------------------------------------------------------------------------------------------------------


async def test_mientras_se_consulta_no_se_decide_y_despues_vuelve_a_quien_corrigio(mesa: Mesa) -> None:
    await _llega(mesa, 1)
    await _llega(mesa, 2)
    await mesa.servicio.siguiente("operador1", PROCESO)
    await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    siguiente = await mesa.servicio.siguiente("operador1", PROCESO)
    assert siguiente is not None
    assert siguiente.folio == folio(2)
    with pytest.raises(Rechazo, match="correccion_en_consulta"):
        await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-0002")
    await mesa.recibe(_respuesta(1, 1), 9)
    assert (await mesa.servicio.siguiente("operador2", PROCESO)) is None
    vuelve = await mesa.servicio.siguiente("operador1", PROCESO, [folio(2)])
    assert vuelve is not None
    assert (vuelve.folio, vuelve.compulsado.situacion) == (folio(1), SituacionRegistral.EN_LISTA_NOMINAL)
    decision = await mesa.servicio.decidir(folio(1), "operador1", Orden((), 2), "llave-0003")
    assert decision.compulsado_version == 2


async def test_si_quien_corrigio_ya_no_esta_lo_toma_otra_persona(mesa: Mesa) -> None:
    await _llega(mesa)
    await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    await mesa.recibe(_respuesta(1, 1), 9)
    mesa.reloj.avanza(minutes=11)
    vuelve = await mesa.servicio.siguiente("operador2", PROCESO)
    assert vuelve is not None
    assert vuelve.datos.cic == BIEN.cic


async def test_nadie_decide_con_la_consulta_anterior_a_la_correccion(mesa: Mesa) -> None:
    await _llega(mesa)
    await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    await mesa.recibe(_respuesta(1, 1), 9)
    with pytest.raises(Rechazo) as negado:
        await mesa.servicio.decidir(folio(1), "operador1", Orden((Eleccion("a"),), 1), "llave-0002")
    assert negado.value.codigo == "registro_corregido"
    assert negado.value.datos["operador"] == "operador1"


async def test_se_corrige_otra_vez_si_sigue_sin_encontrarse(mesa: Mesa) -> None:
    await _llega(mesa)
    correcciones = Correcciones(mesa.servicio)
    await correcciones.corregir(folio(1), "operador1", OrdenDeCorreccion({"cic": "1"}, 1), "llave-0001")
    await mesa.recibe(_respuesta(1, 1, "no_encontrado"), 9)
    segunda = await correcciones.corregir(folio(1), "operador1", OrdenDeCorreccion(CAMBIOS, 2, 1), "llave-0002")
    assert segunda.version == 2
    registro = await mesa.servicio.registro(folio(1), "operador1")
    assert [f.cic for f in registro.formularios] == [None, "1", BIEN.cic]


async def test_en_cualquier_orden_y_al_reconstruir_queda_el_mismo_documento(mesa: Mesa) -> None:
    eventos: list[Any] = [*(await mesa.eventos(1, situacion="no_encontrado", formulario=MAL)), _respuesta(1, 1)]
    for evento in eventos[:3]:
        await mesa.recibe(evento, 1)
    eventos.append(await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001"))
    await mesa.recibe(eventos[3], 2)
    esperado = await mesa.registros.get(folio(1))
    assert esperado is not None
    for orden in ([4, 3, 2, 1, 0], [0, 1, 3, 4, 2], [4, 0, 4, 1, 2, 3, 3]):
        documentos = MemoryDocuments()
        handle = agent.build(Proyector(documentos))
        for n in orden:
            sobre = ensobrar(eventos[n], fuente="/apoyo/x", hora=mesa.reloj.now(), causa="x")
            await handle(mesa.registro(sobre, 2 if n == 3 else 1))
        hecho = await documentos.get(folio(1))
        assert hecho is not None
        sin = {"revision", "operador", "asignado_hasta"}
        assert {k: v for k, v in hecho.items() if k not in sin} == {k: v for k, v in esperado.items() if k not in sin}


async def test_la_respuesta_que_llega_antes_que_la_correccion_espera_por_ella(mesa: Mesa) -> None:
    await _llega(mesa)
    await mesa.recibe(_respuesta(1, 1), 9)
    assert await mesa.servicio.siguiente("operador1", PROCESO) is None


@pytest.mark.parametrize("muere_en", range(1, 9))
async def test_una_correccion_que_muere_en_cada_escritura_y_se_repite_queda_una_vez(mesa: Mesa, muere_en: int) -> None:
    await _llega(mesa)

    async def corregir(vida: Vida) -> RegistroCorregido:
        registros: Any = DocumentosDe(vida, mesa.registros)
        salida: Any = DocumentosDe(vida, mesa.salida)
        stream: Any = BitacoraDe(vida, mesa.stream)
        outbox = Outbox(salida, stream, mesa.reloj, "/apoyo/mesa_control")
        return await Correcciones(replace(mesa.servicio, registros=registros, outbox=outbox)).corregir(
            folio(1), "operador1", ORDEN, "llave-0001"
        )

    vida = Vida(muere_en)
    try:
        hecha = await corregir(vida)
    except (Muerte, BaseExceptionGroup):
        hecha = await corregir(Vida())
    assert vida.escrituras == min(muere_en, 3)  # written, published and folded
    assert {e.model_dump_json() for e in await _publicadas(mesa)} == {hecha.model_dump_json()}
    guardado = await mesa.registros.get(folio(1))
    assert guardado is not None
    assert [c["version"] for c in guardado["correcciones"]] == [1]
    assert guardado["cola"].endswith("/esperando")


# Over HTTP ---------------------------------------------------------------------------------------------------------------


async def test_por_http_se_ve_si_procede_se_revisa_se_corrige_y_se_ve_la_historia(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await _llega(mesa)
    registro = (await http.get(f"/api/siguiente?proceso={PROCESO}")).json()
    correccion = registro["correccion"]
    assert (correccion["procede"], correccion["version"], correccion["en_consulta"]) == ("no_encontrado", 0, False)
    assert {"clave": "clave_elector", "etiqueta": "Clave de elector", "valor": MAL.clave_elector} in correccion[
        "formulario"
    ]
    ruta = f"/api/registros/{folio(1)}/correccion"
    revision = await http.post(correccion["revision"], json={"datos": {"cic": "12A", "clave_elector": "NO"}})
    assert revision.json()["errores"] == {"cic": "Solo dígitos, 12 a lo más."}
    assert [a["campos"] for a in revision.json()["avisos"] if a["codigo"] == "clave_formato"] == [["clave_elector"]]
    orden = {"datos": CAMBIOS, "compulsado_version": 1}
    hecha = await http.post(ruta, json=orden, headers={"Idempotency-Key": "llave-0001"})
    assert (hecha.status_code, hecha.json()["version"]) == (200, 1)
    assert (await http.post(ruta, json=orden, headers={"Idempotency-Key": "llave-0001"})).json() == hecha.json()
    correccion = (await http.get(f"/api/registros/{folio(1)}")).json()["correccion"]
    assert correccion["en_consulta"]
    [historia] = correccion["historia"]
    assert historia["operador"] == "operador1"
    assert historia["cambios"][0] == {"clave": "cic", "etiqueta": "CIC", "antes": None, "despues": BIEN.cic}


@pytest.mark.parametrize(
    ("datos_", "estado", "codigo"),
    [
        ({"cic": "12A"}, 422, "datos_invalidos"),
        ({"nombre": "Xóchitl"}, 422, "sin_cambios"),
        ({"lecturas": {"qr": "x"}}, 422, "solicitud_invalida"),
    ],
)
async def test_por_http_lo_negado_dice_su_campo_en_espanol(
    mesa: Mesa, http: httpx.AsyncClient, datos_: dict[str, Any], estado: int, codigo: str
) -> None:
    """What a machine read of the card is no field of a correction (D 5.6)."""
    await _llega(mesa)
    respuesta = await http.post(
        f"/api/registros/{folio(1)}/correccion",
        json={"datos": datos_, "compulsado_version": 1},
        headers={"Idempotency-Key": "llave-0001"},
    )
    assert (respuesta.status_code, respuesta.json()["code"]) == (estado, codigo)
    if codigo == "datos_invalidos":
        assert respuesta.json()["errores"] == {"cic": "Solo dígitos, 12 a lo más."}
    assert await _publicadas(mesa) == []


async def test_abrir_para_corregir_queda_anotado_y_la_correccion_esta_en_la_historia(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await _llega(mesa)
    await http.post(f"/api/registros/{folio(1)}/correccion/revision", json={"datos": {"cic": "1"}})
    assert [(a.quien, a.folio, a.via) for a in await mesa.accedidos()] == [("operador1", folio(1), "folio")]
    abierto = (await http.get(f"/api/registros/{folio(1)}")).json()["correccion"]["revision"]
    for cic in ("1", "12"):
        assert (await http.post(abierto, json={"datos": {"cic": cic}})).is_success
    assert len(await mesa.accedidos()) == 2  # revising again what one has open is no other access
    await Correcciones(mesa.servicio).revisar(folio(1), "operador2", {"cic": "1"}, abierto.partition("acceso=")[2])
    assert [a.quien for a in await mesa.accedidos()] == ["operador1", "operador1", "operador2"]
    hecha = await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    await mesa.cuenta_la_historia(hecha)
    [paso] = [
        p for p in await Historias(mesa.historias, lambda: mesa.actores).de(folio(1)) if p.que == "registro_corregido"
    ]
    assert (paso.quien, paso.detalle) == ("operador1", "CIC, OCR, Clave de elector")


async def test_la_correccion_de_un_contexto_ajeno_no_cambia_nada(mesa: Mesa) -> None:
    """An older or repeated correction changes nothing."""
    await _llega(mesa)
    hecha = await Correcciones(mesa.servicio).corregir(folio(1), "operador1", ORDEN, "llave-0001")
    antes = await mesa.registros.get(folio(1))
    sobre = ensobrar(hecha, fuente="/apoyo/mesa_control", hora=mesa.reloj.now(), causa="llave-0001")
    await mesa.servicio.proyector.correccion(hecha, Context(sobre, 4))
    assert await mesa.registros.get(folio(1)) == antes
