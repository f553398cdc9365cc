"""Keys of processes are replaced without losing a capture, and come back from a sealed escrow (ADR 20)."""

import base64
import itertools
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from apoyo import llaves, resguardo
from apoyo.instalacion import CON_LLAVE, Instalacion
from apoyo.resguardo import ResguardoRechazado
from kernel import files, hpke
from kernel.dispatch import Context
from schemas.envelope import Sobre
from schemas.eventos import RegistroDescifrado, RegistroEnCuarentena
from services.descifrado.adapters import LlavesDeProceso
from services.mesa_control.cuarentena.domain import reintento
from tests.support.muerte import Muerte
from tests.support.recepcion import DURANTE, PROCESO, Mundo, MundoDescifrado, captura

CONSOLA = Console(quiet=True)


@pytest.fixture
def instalacion(tmp_path: Path) -> Instalacion:
    instalacion = Instalacion(tmp_path / "instalacion")
    for name in CON_LLAVE:
        private = hpke.Private.generate(hpke.X25519)
        hpke.save(private, instalacion.root / "keys" / name / "private.json")
        hpke.save(private.public(), instalacion.root / "keys" / "public" / f"{name}.json")
    return instalacion


def contenido(instalacion: Instalacion) -> dict[str, bytes]:
    """Everything in the folder of keys, but the escrows' own."""
    keys = instalacion.root / "keys"
    return {
        path.relative_to(keys).as_posix(): path.read_bytes()
        for path in keys.rglob("*")
        if path.is_file() and path.parent.name != "resguardo"
    }


# ---- rotation of a process's keys


def test_las_llaves_nuevas_son_otras_y_las_privadas_anteriores_se_conservan(instalacion: Instalacion) -> None:
    primeras = instalacion.llaves_de_proceso("CI26")
    assert instalacion.llaves_de_proceso("CI26") == primeras
    nuevas = instalacion.renovar_llaves_de_proceso("CI26", [])
    assert instalacion.llaves_de_proceso("CI26") == nuevas
    assert [llave.id for llave in (*primeras, *nuevas)] == ["ci26-1", "ci26-2", "ci26-3", "ci26-4"]
    assert [llave.suite for llave in primeras] == [llave.suite for llave in nuevas]
    privadas = LlavesDeProceso(instalacion.root / "keys" / "descifrado" / "procesos")
    for llave in (*primeras, *nuevas):
        assert privadas(llave.id) is not None
    assert [llave.id for llave in instalacion.renovar_llaves_de_proceso("CI26", ["ci26-9", "otra"])] == [
        "ci26-10",
        "ci26-11",
    ]


async def test_lo_capturado_antes_de_la_rotacion_se_recibe_y_se_abre_y_lo_de_despues_tambien() -> None:
    mundo = await Mundo().start()
    lado = MundoDescifrado(mundo)
    capturado_antes = mundo.sellar()
    nueva = hpke.Private.generate()
    vieja, mundo.llave = (
        mundo.llave,
        mundo.llave.model_copy(update={"id": "k-2027", "publica": base64.b64encode(nueva.public().raw).decode()}),
    )
    mundo.proceso(llaves=[mundo.llave])
    lado.llaves_de_proceso["k-2027"] = nueva
    # What a device gets when it syncs is the new one alone.
    assert [llave.id for llave in mundo.ingesta.proceso(PROCESO).llaves] == ["k-2027"]
    for paquete in (capturado_antes, mundo.sellar()):
        await mundo.recibir(paquete)
    recibidos = [s.evento for s in await mundo.eventos("registro_recibido")]
    assert len(recibidos) == 2
    for recibido in recibidos:
        assert isinstance(await lado.abrir(recibido), RegistroDescifrado)  # type: ignore[arg-type]
    # A key that the process never had is still refused.
    ajena = vieja.model_copy(update={"id": "k-1999"})
    respuesta = await mundo.enviar(mundo.dispositivo.sellar(captura(), ajena))
    assert (respuesta.status_code, respuesta.json()["code"]) == (422, "llave_desconocida")
    await mundo.stop()


# ---- escrow


def test_de_una_carpeta_vaciada_vuelven_las_mismas_llaves_byte_por_byte(
    instalacion: Instalacion, tmp_path: Path
) -> None:
    instalacion.llaves_de_proceso("CI26")
    privada = tmp_path / "caja-fuerte.json"
    assert llaves.crear_resguardo(instalacion, privada, CONSOLA) == 0
    # Made after the escrow: they are put there without anybody asking.
    instalacion.renovar_llaves_de_proceso("CI26", [])
    instalacion.renovar_llave("compulsa")
    instalacion.resguardar()
    antes = contenido(instalacion)
    assert any(ruta.startswith("compulsa/previous/") for ruta in antes)
    shutil.rmtree(instalacion.root / "keys")
    assert llaves.restaurar(instalacion, privada, CONSOLA) == 0
    assert contenido(instalacion) == antes


def test_cada_resguardo_basta_por_si_solo(instalacion: Instalacion, tmp_path: Path) -> None:
    for nombre in ("una", "otra"):
        resguardo.crear(instalacion.root, tmp_path / nombre)
    instalacion.llaves_de_proceso("CI26")
    antes = contenido(instalacion)
    for nombre in ("una", "otra"):
        shutil.rmtree(instalacion.root / "keys")
        resguardo.restaurar(instalacion.root, tmp_path / nombre)
        assert contenido(instalacion) == antes


def test_lo_que_esta_no_cambia_al_restaurar(instalacion: Instalacion, tmp_path: Path) -> None:
    resguardo.crear(instalacion.root, tmp_path / "r")
    instalacion.resguardar()
    otra = hpke.Private.generate()
    hpke.save(otra, instalacion.root / "keys" / "portal" / "private.json")
    assert resguardo.restaurar(instalacion.root, tmp_path / "r") == []
    assert hpke.load_private(instalacion.root / "keys" / "portal" / "private.json") == otra


def test_las_copias_no_dicen_nada_a_quien_no_tiene_la_llave_del_resguardo(
    instalacion: Instalacion, tmp_path: Path
) -> None:
    resguardo.crear(instalacion.root, tmp_path / "r")
    instalacion.llaves_de_proceso("CI26")
    copias = [path for path in (instalacion.root / "resguardo").rglob("*") if path.is_file()]
    assert len(copias) == len(contenido(instalacion))
    for copia in copias:
        assert b"raw" not in copia.read_bytes()
    hpke.save(hpke.Private.generate(), tmp_path / "ajena")
    with pytest.raises(ResguardoRechazado, match="no tiene copias"):
        resguardo.restaurar(instalacion.root, tmp_path / "ajena")
    (tmp_path / "nada").write_text("{}", encoding="utf-8")
    with pytest.raises(ResguardoRechazado, match="no es la llave"):
        resguardo.restaurar(instalacion.root, tmp_path / "nada")
    # One that was put in the place of another is noticed: nothing is restored.
    copias[0].write_bytes(copias[1].read_bytes())
    shutil.rmtree(instalacion.root / "keys")
    with pytest.raises(ResguardoRechazado, match="alterada"):
        resguardo.restaurar(instalacion.root, tmp_path / "r")
    assert not (instalacion.root / "keys").exists()


def test_la_privada_del_resguardo_queda_fuera_de_la_instalacion_y_no_pisa_nada(
    instalacion: Instalacion, tmp_path: Path
) -> None:
    assert llaves.crear_resguardo(instalacion, instalacion.root / "r", CONSOLA) == 1
    assert llaves.resguardar(instalacion, CONSOLA) == 1
    ocupado = tmp_path / "ocupado"
    ocupado.write_text("algo", encoding="utf-8")
    assert llaves.crear_resguardo(instalacion, ocupado, CONSOLA) == 1
    assert ocupado.read_text(encoding="utf-8") == "algo"
    assert not instalacion.con_resguardo


def test_ninguna_llave_se_publica_antes_de_estar_en_el_resguardo_muera_donde_muera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instalacion: Instalacion
) -> None:
    privada = tmp_path / "r"
    resguardo.crear(instalacion.root, privada)
    instalacion.resguardar()
    original = files.write_whole
    quedan = 0

    def escribir(path: Path, content: bytes) -> None:
        nonlocal quedan
        quedan -= 1
        if quedan == 0:
            raise Muerte
        original(path, content)

    for modulo in ("kernel.hpke", "apoyo.resguardo", "apoyo.instalacion"):
        monkeypatch.setattr(f"{modulo}.write_whole", escribir)
    for muere_en in itertools.count(1):
        copia = Instalacion(tmp_path / f"copia-{muere_en}")
        shutil.copytree(instalacion.root, copia.root)
        quedan = muere_en
        try:
            copia.llaves_de_proceso("CI26")
            copia.renovar_llaves_de_proceso("CI26", [])
            copia.renovar_llave("compulsa")
            murio = False
        except Muerte:
            murio = True
        quedan = 0
        publicadas = copia.publicas_de("CI26")
        publica = hpke.load_public(copia.root / "keys" / "public" / "compulsa.json")
        shutil.rmtree(copia.root / "keys")
        resguardo.restaurar(copia.root, privada)
        privadas = LlavesDeProceso(copia.root / "keys" / "descifrado" / "procesos")
        for llave in publicadas:
            assert privadas(llave.id) is not None
        assert publica.id in hpke.PrivateFolder(copia.root / "keys" / "compulsa")
        if not murio:
            assert muere_en > 10
            break


async def test_restaurada_la_llave_se_abre_lo_que_quedo_en_cuarentena(instalacion: Instalacion, tmp_path: Path) -> None:
    mundo = Mundo()
    resguardo.crear(instalacion.root, tmp_path / "r")
    llave = instalacion.llaves_de_proceso(PROCESO)[0]
    mundo.llave = llave
    mundo.proceso(llaves=[llave])
    await mundo.start()
    lado = MundoDescifrado(mundo)
    lado.llaves_de_proceso.clear()
    recibido = await mundo.recibir(mundo.sellar())
    procesos = instalacion.root / "keys" / "descifrado" / "procesos"
    shutil.rmtree(procesos)
    lado.descifrado._llave_de_proceso = LlavesDeProceso(procesos)
    apartado = await lado.abrir(recibido)
    assert isinstance(apartado, RegistroEnCuarentena)
    assert apartado.motivo == "llave_desconocida"
    resguardo.restaurar(instalacion.root, tmp_path / "r")
    pedido = reintento(recibido, apartado, "super.01", DURANTE)
    await lado.descifrado.reintento_solicitado(
        pedido, Context(Sobre("otra", "/apoyo/mesa_control", DURANTE, "x", pedido), 0)
    )
    assert isinstance((await mundo.eventos("descifrado"))[-1].evento, RegistroDescifrado)
    await mundo.stop()
