"""Opening packages: what is sealed for whom, alerts, quarantine, repetition (SPEC 6)."""

import asyncio
import base64
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from credencial.codigos import componer_qr
from dispositivo.poblacion.dibujo import lienzo
from kernel import hpke, sealing
from kernel.errors import Unavailable
from kernel.hpke import Private
from kernel.sealing import CannotUnseal, derive, unseal
from schemas import expediente, paquete
from schemas.envelope import Evento
from schemas.eventos import RegistroDescifrado, RegistroEnCuarentena
from schemas.paquete import IMAGENES, DatosRegistro, Lecturas, Modalidad, Parte, Suite
from services import descifrado
from services.descifrado.adapters import LlavesDeProceso
from services.descifrado.domain import Motivo
from services.descifrado.examen import CRITERIOS
from tests.support.recepcion import Mundo, MundoDescifrado, captura, datos, png


@pytest.fixture(params=Suite, ids=lambda s: s.name)
async def mundo(request: pytest.FixtureRequest) -> AsyncIterator[Mundo]:
    mundo = await Mundo(suite=request.param).start()
    yield mundo
    await mundo.stop()


@pytest.fixture
async def aparte() -> AsyncIterator[MundoDescifrado]:
    """One suite is enough for what does not depend on it."""
    mundo = await Mundo(suite=Suite.X25519).start()
    yield MundoDescifrado(mundo)
    await mundo.stop()


def jpeg(ancho: int = 64, alto: int = 48) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (alto, ancho, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])


def assert_cuarentena(evento: Evento, motivo: str) -> RegistroEnCuarentena:
    assert isinstance(evento, RegistroEnCuarentena), evento
    assert evento.motivo == motivo
    return evento


# ---- opened


async def test_mesa_de_control_abre_las_cuatro_imagenes_y_el_formulario(mundo: Mundo) -> None:
    lado = MundoDescifrado(mundo)
    capturado = captura(imagenes={**captura().imagenes, Parte.FOTO: (jpeg(), "image/gif")})
    recibido = await mundo.recibir(mundo.dispositivo.sellar(capturado, mundo.llave))
    evento = await lado.abrir(recibido)
    assert isinstance(evento, RegistroDescifrado)
    assert (evento.folio, evento.recibido_en, evento.envio) == (recibido.folio, recibido.recibido_en, recibido.envio)
    assert evento.codigo_integridad == recibido.codigo_integridad
    assert evento.llave == expediente.id_de_llave(recibido.folio)
    assert [p.nombre for p in evento.partes] == [*IMAGENES, Parte.DATOS]

    root = await lado.llaves["mesa_control"].open(evento.llave)
    objeto = await lado.expedientes.get(evento.objeto)
    assert evento.objeto == f"{recibido.proceso}/{evento.llave}/{hashlib.sha256(objeto).hexdigest()}"
    for parte in evento.partes[:-1]:
        sellada = await lado.expedientes.get(evento.objeto, parte.desde, parte.tamano)
        imagen = unseal(derive(root, "imagenes"), sellada, f"{evento.folio}|{parte.nombre}")
        assert imagen == capturado.imagenes[parte.nombre][0]
        # The media type is the content's, whatever the device declared.
        assert parte.tipo_medio == ("image/jpeg" if parte.nombre is Parte.FOTO else "image/png")
    sellados = base64.b64decode(evento.datos_sellados)
    claro = unseal(derive(root, "datos"), sellados, f"{evento.folio}|datos")
    assert DatosRegistro.model_validate_json(claro) == datos()


async def test_quien_tiene_una_imagen_y_su_sal_la_coteja_con_el_acuse_sin_el_paquete(mundo: Mundo) -> None:
    lado = MundoDescifrado(mundo)
    recibido = await mundo.recibir(mundo.sellar())
    evento = await lado.abrir(recibido)
    assert isinstance(evento, RegistroDescifrado)
    await mundo.paquetes.delete(recibido.objeto)
    root = await lado.llaves["resultados"].open(evento.llave)
    objeto = await lado.expedientes.get(evento.objeto)
    assert objeto
    ultima = evento.partes[-1]
    sellada = objeto[ultima.desde : ultima.desde + ultima.tamano]
    constancia = expediente.Constancia.model_validate_json(
        unseal(derive(root, "datos"), sellada, f"{evento.folio}|constancia")
    )
    encabezado = base64.b64decode(constancia.encabezado)
    assert hashlib.sha256(encabezado).hexdigest() == recibido.codigo_integridad
    mundo.dispositivo.privada.public_key().verify(
        base64.b64decode(constancia.firma), paquete.FIRMA + encabezado, ec.ECDSA(SHA256())
    )
    firmados = json.loads(encabezado)["partes"]
    for nombre, (contenido, _) in captura().imagenes.items():
        sal = base64.b64decode(constancia.sales[nombre])
        assert hashlib.sha256(sal + contenido).hexdigest() == firmados[nombre]
    sal, form = base64.b64decode(constancia.sales[Parte.DATOS]), base64.b64decode(constancia.datos)
    assert hashlib.sha256(sal + form).hexdigest() == firmados["datos"]
    assert {p.nombre: p.compendio for p in evento.partes} == firmados


async def test_una_parte_se_abre_pidiendo_sus_bytes_y_con_ellos_no_se_abre_otra(aparte: MundoDescifrado) -> None:
    evento = await aparte.abrir(await aparte.mundo.recibir(aparte.mundo.sellar()))
    assert isinstance(evento, RegistroDescifrado)
    imagenes = derive(await aparte.llaves["mesa_control"].open(evento.llave), "imagenes")
    for parte in evento.partes[:-1]:
        sellada = await aparte.expedientes.get(evento.objeto, parte.desde, parte.tamano)
        assert len(sellada) == parte.tamano
        assert unseal(imagenes, sellada, f"{evento.folio}|{parte.nombre}") == captura().imagenes[parte.nombre][0]
        # Bound to its folio and its place: nothing opens as something else.
        for contexto in (f"{evento.folio}|{IMAGENES[IMAGENES.index(parte.nombre) - 1]}", f"otro|{parte.nombre}"):
            with pytest.raises(CannotUnseal):
                unseal(imagenes, sellada, contexto)


async def test_ningun_nonce_se_repite_bajo_la_llave_de_un_expediente_ni_al_repetir_la_apertura(
    aparte: MundoDescifrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    usados: list[tuple[bytes, bytes]] = []
    sellar = sealing.seal

    def anotando(key: bytes, plaintext: bytes, context: str) -> bytes:
        sellado = sellar(key, plaintext, context)
        usados.append((key, sellado[: sealing.NONCE]))
        return sellado

    monkeypatch.setattr("services.descifrado.handlers.seal", anotando)
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    for _ in range(20):
        await aparte.abrir(recibido)
        for documento in await aparte.documentos.find({}):  # died before it was written down: all is sealed again
            await aparte.documentos.remove([documento["_id"]])
    assert len(usados) == 20 * 7
    assert len({key for key, _ in usados}) == 3
    assert len(set(usados)) == len(usados)


async def test_compulsa_abre_solo_los_datos_y_notificaciones_solo_el_acuse(aparte: MundoDescifrado) -> None:
    evento = await aparte.abrir(await aparte.mundo.recibir(aparte.mundo.sellar()))
    assert isinstance(evento, RegistroDescifrado)
    root = await aparte.llaves["descifrado"].open(evento.llave)
    assert await aparte.llaves["compulsa"].open(evento.llave) == derive(root, "datos")
    acuse = await aparte.llaves["notificaciones"].open(evento.llave)
    assert acuse == derive(root, "acuse")
    claro = unseal(acuse, base64.b64decode(evento.acuse_sellado), f"{evento.folio}|acuse")
    assert json.loads(claro) == {"cic": "000000017", "ocr": "0001000000017"}


async def test_nada_personal_va_en_claro(aparte: MundoDescifrado) -> None:
    await aparte.abrir(await aparte.mundo.recibir(aparte.mundo.sellar()))
    todo = str([s.evento for t in ("registro_recibido", "descifrado") for s in await aparte.mundo.eventos(t)])
    todo += str([n async for n in aparte.expedientes.names()]) + str(await aparte.documentos.find({}))
    for dato in ("GMLPAN90010109H100", "000000017", "GOMEZ", "19.4"):
        assert dato not in todo


async def test_captura_manual_abre_con_el_formulario_solo(aparte: MundoDescifrado) -> None:
    recibido = await aparte.recibido(captura(modalidad=Modalidad.CAPTURA_MANUAL, imagenes={}))
    evento = await aparte.abrir(recibido)
    assert isinstance(evento, RegistroDescifrado)
    assert [p.nombre for p in evento.partes] == [Parte.DATOS]


async def test_datos_que_se_contradicen_dan_alertas_y_no_deciden(aparte: MundoDescifrado) -> None:
    lecturas = Lecturas(ocr="9999999999999")
    evento = await aparte.abrir(await aparte.recibido(captura(datos=datos(clave_elector="X", lecturas=lecturas))))
    assert isinstance(evento, RegistroDescifrado)
    assert {(a.codigo, a.parte, a.inciso) for a in evento.alertas} >= {
        ("clave_formato", Parte.DATOS, "f"),
        ("lectura_ocr", Parte.REVERSO, "c"),
    }
    assert {(a.medida, a.umbral) for a in evento.alertas if a.codigo not in CRITERIOS} == {(1.0, 1.0)}


async def test_lo_que_se_ve_en_una_imagen_es_una_alerta_de_esa_imagen(aparte: MundoDescifrado) -> None:
    imagenes = {parte: (jpeg(), "image/jpeg") for parte in IMAGENES} | {Parte.REVERSO: (png(64, 40), "image/png")}
    evento = await aparte.abrir(await aparte.recibido(captura(imagenes=imagenes)))
    assert isinstance(evento, RegistroDescifrado)
    assert [(a.parte, a.medida, a.inciso) for a in evento.alertas if a.codigo == "imagen_uniforme"] == [
        (Parte.REVERSO, 1.0, "f")
    ]


def _reverso_con_qr(ocr: str, cic: str) -> tuple[bytes, str]:
    """A picture of a services QR, and its text."""
    texto = componer_qr(ocr, "00", cic, "20190304", "A", "123456")
    imagen = np.pad(lienzo.codigo(texto, "QRCode", 6), 40, constant_values=255)
    return cv2.imencode(".png", imagen)[1].tobytes(), texto


async def test_el_qr_de_la_imagen_se_coteja_con_el_formulario_cuando_el_dispositivo_no_leyo_nada(
    aparte: MundoDescifrado,
) -> None:
    reverso, _ = _reverso_con_qr("0001000000001", "111111111")
    imagenes = {parte: (jpeg(), "image/jpeg") for parte in IMAGENES} | {Parte.REVERSO: (reverso, "image/png")}
    sin_lecturas = datos(ocr="0001000000002", cic="222222222", lecturas=Lecturas())
    evento = await aparte.abrir(await aparte.recibido(captura(datos=sin_lecturas, imagenes=imagenes)))
    assert isinstance(evento, RegistroDescifrado)
    codigos = {(a.codigo, a.parte) for a in evento.alertas}
    assert {("qr_ocr", Parte.REVERSO), ("qr_cic", Parte.REVERSO)} <= codigos
    assert "qr_imagen" not in {codigo for codigo, _ in codigos}


@pytest.mark.parametrize("leido", [None, "222222222 0001000000002"])
async def test_el_codigo_de_barras_de_la_imagen_se_coteja_solo_cuando_el_dispositivo_no_leyo_ninguno(
    aparte: MundoDescifrado, leido: str | None
) -> None:
    barras = np.pad(lienzo.codigo("111111111", "Code128", 3), 40, constant_values=255)
    reverso = cv2.imencode(".png", barras)[1].tobytes()
    imagenes = {parte: (jpeg(), "image/jpeg") for parte in IMAGENES} | {Parte.REVERSO: (reverso, "image/png")}
    suyos = datos(ocr="0001000000002", cic="222222222", lecturas=Lecturas(codigo_barras=leido))
    evento = await aparte.abrir(await aparte.recibido(captura(datos=suyos, imagenes=imagenes)))
    assert isinstance(evento, RegistroDescifrado)
    assert ("barras_cic" in {a.codigo for a in evento.alertas}) is (leido is None)


async def test_que_el_dispositivo_haya_leido_un_qr_de_alta_densidad_no_contradice_al_de_la_imagen(
    aparte: MundoDescifrado,
) -> None:
    reverso, _ = _reverso_con_qr("0001000000001", "111111111")
    imagenes = {parte: (jpeg(), "image/jpeg") for parte in IMAGENES} | {Parte.REVERSO: (reverso, "image/png")}
    otro = datos(ocr="0001000000002", cic="222222222", lecturas=Lecturas(qr="A1b2C3d4"))
    evento = await aparte.abrir(await aparte.recibido(captura(datos=otro, imagenes=imagenes)))
    assert isinstance(evento, RegistroDescifrado)
    codigos = {a.codigo for a in evento.alertas}
    assert "qr_imagen" not in codigos
    assert {"qr_ocr", "qr_cic"} <= codigos


@pytest.mark.parametrize("miente", [True, False])
async def test_un_qr_que_no_es_el_que_el_dispositivo_dice_haber_leido_es_una_alerta(
    aparte: MundoDescifrado, miente: bool
) -> None:
    reverso, texto = _reverso_con_qr("0001000000001", "111111111")
    _, otro = _reverso_con_qr("0001000000002", "222222222")
    imagenes = {parte: (jpeg(), "image/jpeg") for parte in IMAGENES} | {Parte.REVERSO: (reverso, "image/png")}
    lecturas = Lecturas(qr=otro if miente else texto)
    evento = await aparte.abrir(await aparte.recibido(captura(datos=datos(lecturas=lecturas), imagenes=imagenes)))
    assert isinstance(evento, RegistroDescifrado)
    halladas = [(a.inciso, a.parte, a.severidad) for a in evento.alertas if a.codigo == "qr_imagen"]
    assert halladas == ([("n", Parte.REVERSO, "alerta")] if miente else [])


async def test_las_reglas_que_vio_recepcion_siguen_con_el_registro(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    evento = await aparte.abrir(recibido.model_copy(update={"reglas": ["fuera_de_periodo"]}))
    assert isinstance(evento, RegistroDescifrado)
    assert evento.reglas == ["fuera_de_periodo"]


# ---- repetition


async def test_el_mismo_evento_otra_vez_no_cambia_nada(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    primero = await aparte.abrir(recibido)
    aparte.descifrado = aparte.instancia()
    assert await aparte.abrir(recibido) == primero
    assert len(await aparte.mundo.eventos("descifrado")) == 1
    assert len([n async for n in aparte.expedientes.names()]) == 1


async def test_dos_instancias_a_la_vez_dejan_un_evento_y_un_objeto(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    otra = dataclasses.replace(aparte)
    otra.llaves, otra.descifrado = aparte.llaves, aparte.instancia()
    await asyncio.gather(aparte.abrir(recibido), otra.abrir(recibido))
    eventos = await aparte.mundo.eventos("descifrado")
    assert len({sobre.id for sobre in eventos}) == 1
    assert len({sobre.evento.model_dump_json() for sobre in eventos}) == 1
    evento = eventos[0].evento
    assert isinstance(evento, RegistroDescifrado)
    assert [n async for n in aparte.expedientes.names()] == [evento.objeto]


async def test_un_almacen_que_no_responde_no_es_cuarentena(
    aparte: MundoDescifrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())

    async def caido(*_: object) -> bytes:
        raise Unavailable("objects")

    monkeypatch.setattr(aparte.mundo.paquetes, "get", caido)
    with pytest.raises(Unavailable):
        await aparte.abrir(recibido)
    assert await aparte.mundo.eventos("descifrado") == []


# ---- quarantine


async def test_paquete_que_no_esta_en_el_almacen(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    await aparte.mundo.paquetes.delete(recibido.objeto)
    evento = assert_cuarentena(await aparte.abrir(recibido), "objeto_faltante")
    assert (evento.folio, evento.recibido_en, evento.envio) == (recibido.folio, recibido.recibido_en, recibido.envio)
    assert evento.codigo_integridad == recibido.codigo_integridad


async def test_paquete_alterado_en_el_almacen(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    contenido = bytearray(await aparte.mundo.paquetes.get(recibido.objeto))
    contenido[-1] ^= 1
    await aparte.mundo.paquetes.put(recibido.objeto, bytes(contenido))
    assert_cuarentena(await aparte.abrir(recibido), "objeto_alterado")


async def test_llave_privada_que_no_se_tiene(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    aparte.llaves_de_proceso.clear()
    assert assert_cuarentena(await aparte.abrir(recibido), "llave_desconocida").detalle == "k-2026"


async def test_llave_equivocada_no_abre(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    aparte.llaves_de_proceso["k-2026"] = Private.generate(Suite.X25519)
    assert_cuarentena(await aparte.abrir(recibido), "cuerpo_ilegible")


async def test_llave_del_expediente_destruida(aparte: MundoDescifrado) -> None:
    recibido = await aparte.mundo.recibir(aparte.mundo.sellar())
    llave = expediente.id_de_llave(recibido.folio)
    await aparte.wraps.put_if_absent({"_id": llave, "wraps": {}, "destroyed": True})
    assert_cuarentena(await aparte.abrir(recibido), "llave_destruida")


@pytest.mark.parametrize("falta", IMAGENES)
async def test_falta_una_imagen(aparte: MundoDescifrado, falta: Parte) -> None:
    imagenes = {parte: imagen for parte, imagen in captura().imagenes.items() if parte is not falta}
    evento = assert_cuarentena(await aparte.abrir(await aparte.recibido(captura(imagenes=imagenes))), "parte_faltante")
    assert evento.detalle == falta


async def test_una_parte_que_no_es_la_firmada(aparte: MundoDescifrado, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispositivo.kit.compendio", lambda sal, contenido: "0" * 64)
    recibido = await aparte.recibido(captura())
    assert_cuarentena(await aparte.abrir(recibido), "parte_alterada")


async def test_un_cuerpo_con_otra_estructura(aparte: MundoDescifrado, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispositivo.kit.escribir_cuerpo", lambda partes: b"\xff" * 100)
    recibido = await aparte.recibido(captura())
    assert_cuarentena(await aparte.abrir(recibido), "cuerpo_malformado")


async def test_un_formulario_invalido_nombra_campos_y_no_valores(aparte: MundoDescifrado) -> None:
    malo = datos(numero_emision="secreto")
    evento = assert_cuarentena(await aparte.abrir(await aparte.recibido(captura(datos=malo))), "datos_invalidos")
    assert evento.detalle == "numero_emision"


def jpeg_que_declara(ancho: int, alto: int) -> bytes:
    imagen = bytearray(jpeg())
    sof = imagen.index(b"\xff\xc0")
    imagen[sof + 5 : sof + 9] = alto.to_bytes(2, "big") + ancho.to_bytes(2, "big")
    return bytes(imagen)


BOMBA = png(4000, 4000, declarado=(60_000, 60_000))


@pytest.mark.parametrize(
    ("imagen", "motivo"),
    [
        (b"esto no es una imagen", "imagen_invalida"),
        (b"", "imagen_invalida"),
        (b"GIF89a" + bytes(100), "imagen_invalida"),
        (b"\x89PNG\r\n\x1a\n", "imagen_invalida"),
        (b"\xff\xd8\xff\xe0\x00\x02" * 3000, "imagen_invalida"),
        (b"\xff\xd8\xff" + b"\xff" * 50, "imagen_invalida"),
        (jpeg()[:-50], "imagen_invalida"),
        (jpeg()[:200], "imagen_invalida"),
        (png(200, 200)[:-30], "imagen_invalida"),
        (png(8, 8, declarado=(0, 8)), "imagen_invalida"),
        (png(8, 8, declarado=(4000, 4000)), "imagen_invalida"),
        (BOMBA, "imagen_excesiva"),
        (jpeg_que_declara(65_535, 65_535), "imagen_excesiva"),
        (jpeg_que_declara(0, 48), "imagen_invalida"),
        (png(1, 1, declarado=(12_001, 1)), "imagen_excesiva"),
        (png(1, 1, declarado=(2**31 - 1, 2**31 - 1)), "imagen_excesiva"),
    ],
    ids=[
        "texto",
        "vacia",
        "gif",
        "png sin cabecera",
        "jpeg de puros segmentos",
        "jpeg de puro relleno",
        "jpeg cortado al final",
        "jpeg cortado al principio",
        "png cortado",
        "png de ancho cero",
        "png que declara más de lo que trae",
        "bomba png",
        "bomba jpeg",
        "jpeg de ancho cero",
        "lado excesivo",
        "lado máximo de png",
    ],
)
async def test_una_imagen_que_no_lo_es_o_una_bomba(aparte: MundoDescifrado, imagen: bytes, motivo: str) -> None:
    imagenes = {**captura().imagenes, Parte.REVERSO: (imagen, "image/png")}
    evento = assert_cuarentena(await aparte.abrir(await aparte.recibido(captura(imagenes=imagenes))), motivo)
    assert evento.detalle.startswith("reverso: ")
    assert [n async for n in aparte.expedientes.names()] == []
    assert await aparte.wraps.find({}) == []


async def test_una_bomba_se_detiene_antes_de_decodificarla(
    aparte: MundoDescifrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decodificar(*_: object) -> None:
        raise AssertionError("decoded")

    recibido = await aparte.recibido(captura(imagenes={**captura().imagenes, Parte.ANVERSO: (BOMBA, "image/png")}))
    monkeypatch.setattr(cv2, "imdecode", decodificar)
    assert_cuarentena(await aparte.abrir(recibido), "imagen_excesiva")


async def test_un_registro_en_cuarentena_no_detiene_al_siguiente(aparte: MundoDescifrado) -> None:
    malo = await aparte.recibido(captura(imagenes={**captura().imagenes, Parte.FOTO: (b"x", "image/png")}))
    assert_cuarentena(await aparte.abrir(malo), "imagen_invalida")
    bueno = await aparte.recibido(captura())
    await aparte.abrir(bueno)
    tipos = {sobre.evento.asunto: type(sobre.evento) for sobre in await aparte.mundo.eventos("descifrado")}
    assert tipos == {malo.folio: RegistroEnCuarentena, bueno.folio: RegistroDescifrado}


def test_cada_motivo_esta_en_el_readme() -> None:
    readme = Path(descifrado.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert [line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")] == list(Motivo)


# ---- keys on disk


def test_una_llave_que_llega_despues_se_encuentra(tmp_path: Path) -> None:
    primera, tardia = Private.generate(Suite.X25519), Private.generate(Suite.HIBRIDA)
    hpke.save(primera, tmp_path / "k-1.json")
    llaves = LlavesDeProceso(tmp_path)
    assert llaves("k-1") == primera
    assert llaves("k-2") is None
    hpke.save(tardia, tmp_path / "k-2.json")
    assert llaves("k-2") == tardia


def test_una_llave_rota_detiene_el_arranque(tmp_path: Path) -> None:
    (tmp_path / "k-1.json").write_text('{"suite": "otra", "raw": ""}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"k-1\.json"):
        LlavesDeProceso(tmp_path)


async def test_de_los_que_se_leen_juntos_el_que_no_se_abre_no_detiene_a_los_demas(aparte: MundoDescifrado) -> None:
    """Several in hand are read in one go (ADR 34), each with its own outcome, and what was read so is sealed so."""
    grupos: list[tuple[str, int]] = []
    leer, sellar = aparte.descifrado._leer._ask, aparte.descifrado._sellar._ask

    async def leidos(por_leer: Sequence[Any]) -> Sequence[Any]:
        grupos.append(("leer", len(por_leer)))
        return await leer(por_leer)

    async def sellados(por_sellar: Sequence[Any]) -> Sequence[Any]:
        grupos.append(("sellar", len(por_sellar)))
        return await sellar(por_sellar)

    aparte.descifrado._leer._ask, aparte.descifrado._sellar._ask = leidos, sellados
    buenos = [await aparte.recibido(captura()) for _ in range(2)]
    alterado = (await aparte.recibido(captura())).model_copy(update={"paquete_sha256": "0" * 64})
    await asyncio.gather(*(aparte.abrir(recibido) for recibido in (buenos[0], alterado, buenos[1])))
    dichos = {e.evento.folio: e.evento for e in await aparte.mundo.eventos("descifrado")}
    assert grupos == [("leer", 3), ("sellar", 2)]
    assert_cuarentena(dichos[alterado.folio], Motivo.OBJETO_ALTERADO)
    assert all(isinstance(dichos[bueno.folio], RegistroDescifrado) for bueno in buenos)
