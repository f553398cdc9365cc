"""A service's pair of keys is replaced while others create and destroy, and whenever it dies it can be repeated (ADR 19)."""

import itertools
from pathlib import Path
from typing import Any

import pytest

import services
from apoyo import instalacion as modulo
from apoyo import llaves
from apoyo.instalacion import CON_LLAVE, Instalacion
from apoyo.llaves import reenvolver
from kernel import hpke
from kernel.documents import MemoryDocuments
from kernel.errors import KeyDestroyed
from kernel.sealing import KeyRing, derive
from services.compulsa import bootstrap as compulsa
from services.descifrado import bootstrap as descifrado
from tests.support.muerte import DocumentosDe, Muerte, Vida

SERVICIO = "compulsa"
CON_DERECHO = {"descifrado": None, SERVICIO: "datos"}


class Instalada:
    """An installation with wraps in memory."""

    def __init__(self, root: Path) -> None:
        self.instalacion = Instalacion(root)
        for name in CON_DERECHO:
            private = hpke.Private.generate(hpke.X25519)
            hpke.save(private, root / "keys" / name / "private.json")
            hpke.save(private.public(), root / "keys" / "public" / f"{name}.json")
        self.wraps = MemoryDocuments()

    def llavero(self, servicio: str, documentos: Any = None) -> KeyRing:
        """As a process of the service has it from its start."""
        keys = self.instalacion.root / "keys"
        publics = hpke.PublicFolder(keys / "public")
        return KeyRing(documentos or self.wraps, servicio, hpke.PrivateFolder(keys / servicio), publics)

    async def rotar(self, vida: Vida | None = None, limite: int = 2) -> int:
        """The command, in a process."""
        self.instalacion.renovar_llave(SERVICIO)
        documentos = DocumentosDe(vida or Vida(), self.wraps)
        cuantas, perdidas = await reenvolver(self.llavero(SERVICIO, documentos), lambda vistas: None, limite)
        assert perdidas == []
        return cuantas

    @property
    def anteriores(self) -> list[Path]:
        return sorted((self.instalacion.root / "keys" / SERVICIO / hpke.PREVIOUS).glob("*.json"))

    @property
    def privada(self) -> hpke.Private:
        return hpke.load_private(self.instalacion.root / "keys" / SERVICIO / "private.json")


@pytest.fixture
def instalada(tmp_path: Path) -> Instalada:
    return Instalada(tmp_path)


async def test_lo_envuelto_se_abre_antes_durante_y_despues_sin_reiniciar_nada(instalada: Instalada) -> None:
    descifrado, compulsa = instalada.llavero("descifrado"), instalada.llavero(SERVICIO)
    roots = {id_: await descifrado.create(id_, CON_DERECHO) for id_ in "abcde"}
    vieja = instalada.privada
    assert instalada.instalacion.renovar_llave(SERVICIO)
    # Between the new key and the last wrap: what there was opens, and what is made now is for the new key.
    roots["f"] = await descifrado.create("f", CON_DERECHO)
    for id_, root in roots.items():
        assert await compulsa.open(id_) == derive(root, "datos")
    assert await instalada.rotar() == 5
    assert instalada.privada != vieja
    assert await instalada.rotar() == 0
    assert instalada.instalacion.retirar_llaves(SERVICIO) == 1
    for llavero in (compulsa, instalada.llavero(SERVICIO)):
        for id_, root in roots.items():
            assert await llavero.open(id_) == derive(root, "datos")
    for id_, root in roots.items():
        assert await instalada.llavero("descifrado").open(id_) == root


async def test_con_la_llave_anterior_ya_no_se_abre_nada(instalada: Instalada) -> None:
    vieja = instalada.privada
    await instalada.llavero("descifrado").create("a", CON_DERECHO)
    await instalada.rotar()
    robada = KeyRing(instalada.wraps, SERVICIO, vieja, {})
    with pytest.raises(hpke.CannotOpen):
        await robada.open("a")


async def test_una_llave_destruida_mientras_se_envuelve_no_vuelve(
    instalada: Instalada, monkeypatch: pytest.MonkeyPatch
) -> None:
    descifrado = instalada.llavero("descifrado")
    for id_ in "abc":
        await descifrado.create(id_, CON_DERECHO)
    cambiar = instalada.wraps.swap

    async def destruyendo(field: str, swaps: Any) -> None:
        await descifrado.destroy("b")
        await cambiar(field, swaps)

    monkeypatch.setattr(instalada.wraps, "swap", destruyendo)
    await instalada.rotar(limite=10)
    for servicio in CON_DERECHO:
        with pytest.raises(KeyDestroyed):
            await instalada.llavero(servicio).open("b")
    stored = await instalada.wraps.get("b")
    assert stored is not None
    assert "wraps" not in stored
    assert await instalada.llavero(SERVICIO).open("a")


async def test_lo_que_otro_crea_atras_con_la_llave_anterior_tambien_se_envuelve(
    instalada: Instalada, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = instalada.instalacion.root / "keys"
    atrasado = KeyRing(
        instalada.wraps,
        "descifrado",
        hpke.PrivateFolder(keys / "descifrado"),
        {name: hpke.load_public(keys / "public" / f"{name}.json") for name in CON_DERECHO},
    )
    for id_ in "bcd":
        await atrasado.create(id_, CON_DERECHO)
    cambiar, creada = instalada.wraps.swap, False

    async def creando(field: str, swaps: Any) -> None:
        nonlocal creada
        await cambiar(field, swaps)
        if not creada:
            creada = True
            await atrasado.create("a", CON_DERECHO)

    monkeypatch.setattr(instalada.wraps, "swap", creando)
    assert await instalada.rotar() == 4
    instalada.instalacion.retirar_llaves(SERVICIO)
    for id_ in "abcd":
        assert await instalada.llavero(SERVICIO).open(id_)


async def test_dos_a_la_vez_no_se_estorban(instalada: Instalada) -> None:
    descifrado = instalada.llavero("descifrado")
    roots = {id_: await descifrado.create(id_, CON_DERECHO) for id_ in "abc"}
    instalada.instalacion.renovar_llave(SERVICIO)
    una, otra = instalada.llavero(SERVICIO), instalada.llavero(SERVICIO)
    cambiar = instalada.wraps.swap

    async def la_otra_primero(field: str, swaps: Any) -> None:
        instalada.wraps.swap = cambiar  # type: ignore[method-assign]
        await reenvolver(otra, lambda vistas: None)
        await cambiar(field, swaps)

    instalada.wraps.swap = la_otra_primero  # type: ignore[method-assign]
    await reenvolver(una, lambda vistas: None)
    instalada.instalacion.retirar_llaves(SERVICIO)
    for id_, root in roots.items():
        assert await instalada.llavero(SERVICIO).open(id_) == derive(root, "datos")


async def test_muere_en_cada_escritura_y_repetida_todo_se_abre_con_una_sola_llave_nueva(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vida = Vida()
    guardar = hpke.save

    def guardar_o_morir(key: hpke.Public | hpke.Private, path: Path) -> None:
        vida.respirar()
        vida.escrituras += 1
        if vida.escrituras == vida.muere_en:
            vida.muerta = True
            raise Muerte
        guardar(key, path)

    for muere_en in itertools.count(1):
        vida = Vida()
        instalada = Instalada(tmp_path / str(muere_en))
        descifrado, compulsa = instalada.llavero("descifrado"), instalada.llavero(SERVICIO)
        roots = {id_: await descifrado.create(id_, CON_DERECHO) for id_ in "abc"}
        vieja = instalada.privada
        vida = Vida(muere_en=muere_en)
        monkeypatch.setattr(modulo.hpke, "save", guardar_o_morir)
        try:
            await instalada.rotar(vida)
            murio = False
        except Muerte:
            murio = True
        monkeypatch.setattr(modulo.hpke, "save", guardar)
        # Whatever it left, all that there is opens, and so does what is made now.
        roots["z"] = await descifrado.create("z", CON_DERECHO)
        for id_, root in roots.items():
            assert await compulsa.open(id_) == derive(root, "datos")
        if not murio:
            assert vida.escrituras == muere_en - 1 == 6
            break
        await instalada.rotar()
        assert instalada.privada != vieja
        assert [path.stem for path in instalada.anteriores] == [vieja.public().id]
        instalada.instalacion.retirar_llaves(SERVICIO)
        for id_, root in roots.items():
            assert await instalada.llavero(SERVICIO).open(id_) == derive(root, "datos")


def test_la_orden_conoce_a_todos_los_que_abren_lo_sellado() -> None:
    assert set(llaves.Servicio.__args__) == set(CON_LLAVE)  # type: ignore[attr-defined]


def test_la_orden_conoce_cada_coleccion_en_que_algo_esta_envuelto() -> None:
    """A ring that `rotar` does not know would be closed for ever by `retirar`."""
    propias = {}
    for path in Path(services.__path__[0]).rglob("*.py"):
        codigo = path.read_text(encoding="utf-8")
        assert "KeyRing(" not in codigo, path
        if anillos := codigo.count(".ring("):
            propias[path.parent.name] = (anillos, codigo.count("engines.ring(engines.collection(LLAVES_DE_PROCESO,"))
    assert propias == dict.fromkeys(llaves.CON_LLAVES_PROPIAS, (1, 1))
    assert {compulsa.LLAVES_DE_PROCESO, descifrado.LLAVES_DE_PROCESO} == {llaves.LLAVES_DE_PROCESO}


def test_quien_lee_una_llave_mientras_se_guarda_otra_lee_una_completa(tmp_path: Path) -> None:
    path = tmp_path / "private.json"
    primera, segunda = hpke.Private.generate(hpke.X25519), hpke.Private.generate()
    hpke.save(primera, path)
    with path.open(encoding="utf-8") as abierta:
        hpke.save(segunda, path)
        assert len(abierta.read()) < 200
    assert hpke.load_private(path) == segunda
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["private.json"]


def test_la_carpeta_de_llaves_publicas_dice_cuantas_tiene(instalada: Instalada) -> None:
    assert len(hpke.PublicFolder(instalada.instalacion.root / "keys" / "public")) == len(CON_DERECHO)
