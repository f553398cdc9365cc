"""Published versions only grow: what breaks a reader fails, what grows passes, and every golden message is still read."""

import copy
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import compat
from schemas.eventos import EVENTOS

Schema = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((compat.FOLDER / "eventos").glob("*.json"))


def _load(path: Path) -> Schema:
    content: Schema = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture
def schema() -> Schema:
    """A published schema with all there is in one: references, enumerations, limits, alternatives, lists, defaults."""
    return _load(compat.FOLDER / "registro_descifrado.v1.json")


def test_lo_publicado_sigue_en_pie() -> None:
    assert compat.problems() == []


def test_cada_evento_se_publico_con_su_esquema_y_un_mensaje_de_oro() -> None:
    for event in EVENTOS:
        stem = f"{event.nombre}.v{event.mayor}"
        assert (compat.FOLDER / f"{stem}.json").exists()
        assert any(path.name.startswith(f"{stem}.") for path in GOLDEN)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_un_mensaje_de_oro_se_lee_igual_que_cuando_se_publico(path: Path) -> None:
    assert compat.unreadable(_load(path)) == []


def _campo(schema: Schema, name: str) -> Schema:
    field: Schema = schema["properties"][name]
    return field


def _modelo(schema: Schema, name: str) -> Schema:
    model: Schema = schema["$defs"][name]["properties"]
    return model


def _nuevo(schema: Schema, *, required: bool) -> None:
    schema["properties"]["nuevo"] = {"type": "string", "maxLength": 5}
    if required:
        schema["required"].append("nuevo")


ROMPEN: dict[str, tuple[Callable[[Schema], object], str]] = {
    "campo quitado": (lambda s: s["properties"].pop("llave"), "llave: removed"),
    "campo quitado dentro": (lambda s: _modelo(s, "Alerta").pop("medida"), "alertas[].medida: removed"),
    "campo nuevo obligatorio": (lambda s: _nuevo(s, required=True), "nuevo: new and required"),
    "ya no es obligatorio": (lambda s: s["required"].remove("llave"), "llave: no longer required"),
    "ahora es obligatorio": (
        lambda s: s["$defs"]["Alerta"]["required"].append("detalle"),
        "alertas[].detalle: now required",
    ),
    "otro tipo": (lambda s: _campo(s, "version").update(type="string"), "version: type"),
    "tipo más amplio": (lambda s: _campo(s, "version").update(type="number"), "version: type"),
    "ahora puede ser nulo": (
        lambda s: s["properties"].update(llave={"anyOf": [_campo(s, "llave"), {"type": "null"}]}),
        "llave: 0 alternatives, now 2",
    ),
    "otro patrón": (lambda s: _campo(s, "folio").update(pattern="^[0-9]+$"), "folio: pattern"),
    "sin patrón": (lambda s: _campo(s, "folio").pop("pattern"), "folio: pattern"),
    "otro formato": (lambda s: _campo(s, "recibido_en").update(format="date"), "recibido_en: format"),
    "límite más corto": (lambda s: _campo(s, "objeto").update(maxLength=10), "objeto: maxLength"),
    "límite nuevo": (lambda s: _campo(s, "partes").update(maxItems=3), "partes: maxItems"),
    "mínimo más alto": (lambda s: _campo(s, "version").update(minimum=2), "version: minimum"),
    "palabra quitada": (
        lambda s: _modelo(s, "Alerta")["severidad"].update(enum=["alerta"]),
        "alertas[].severidad: words removed: advertencia",
    ),
    "palabras donde había texto": (lambda s: _campo(s, "llave").update(enum=["a"]), "llave: now an enumeration"),
    "texto donde había palabras": (
        lambda s: _modelo(s, "Alerta").update(severidad={"type": "string"}),
        "alertas[].severidad: no longer an enumeration",
    ),
    "otro valor por omisión": (
        lambda s: _modelo(s, "Alerta")["detalle"].update(default="ninguno"),
        "alertas[].detalle: default",
    ),
    "algo que nadie ha juzgado": (lambda s: _campo(s, "partes").update(uniqueItems=True), "partes: uniqueItems"),
}

CRECEN: dict[str, Callable[[Schema], object]] = {
    "campo nuevo opcional": lambda s: _nuevo(s, required=False),
    "palabra nueva": lambda s: _modelo(s, "Alerta")["severidad"]["enum"].append("nota"),
    "límite más largo": lambda s: _campo(s, "objeto").update(maxLength=400),
    "sin límite": lambda s: _campo(s, "objeto").pop("maxLength"),
    "mínimo más bajo": lambda s: _campo(s, "version").update(minimum=0),
    "otros textos": lambda s: _campo(s, "llave").update(description="x", title="y"),
    "el mismo patrón dicho de otro modo": lambda s: _campo(s, "folio").update(
        pattern=_campo(s, "folio")["pattern"].replace("[0-9]{4}", r"\d{4}")
    ),
    "un modelo con otro nombre": lambda s: s.update(json.loads(json.dumps(s).replace("ParteSellada", "Parte2"))),
}


@pytest.mark.parametrize(("change", "said"), ROMPEN.values(), ids=ROMPEN)
def test_lo_que_rompe_a_un_lector_se_dice_con_su_lugar(
    schema: Schema, change: Callable[[Schema], object], said: str
) -> None:
    later = copy.deepcopy(schema)
    change(later)
    problems = compat.breaking(schema, later)
    assert any(problem.startswith(said) for problem in problems)
    assert {problem.split(":")[0] for problem in problems} == {said.split(":")[0]}


@pytest.mark.parametrize("change", CRECEN.values(), ids=CRECEN)
def test_lo_que_solo_crece_pasa(schema: Schema, change: Callable[[Schema], object]) -> None:
    later = copy.deepcopy(schema)
    change(later)
    assert later != schema
    assert compat.breaking(schema, later) == []


def test_una_constante_puede_volverse_lista_de_palabras_que_la_contiene() -> None:
    old = _load(compat.FOLDER / "registro_clasificado.v1.json")
    later = copy.deepcopy(old)
    later["properties"]["por"] = {"enum": ["revision", "audiencia"], "type": "string"}
    assert compat.breaking(old, later) == []
    assert compat.breaking(later, old) == ["por: words removed: audiencia"]


def test_un_esquema_publicado_que_ya_no_existe_se_dice(schema: Schema) -> None:
    assert compat.breaking(schema, None) == ["removed"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda c: c["events"].update({"mx.ine.apoyo.veredicto.v1": "otro"}),
            "veredicto.v1 was in compulsa_veredictos",
        ),
        (lambda c: c["events"].pop("mx.ine.apoyo.veredicto.v1"), "veredicto.v1 was in compulsa_veredictos, is in None"),
        (lambda c: c["topics"]["envios"].update(key="folio"), "envios: key was envio, is folio"),
        (lambda c: c["topics"]["actores"].update(partitions="folio"), "actores: partitions was one, is folio"),
        (lambda c: c["topics"]["descifrado"].update(internal=True), "descifrado: internal was False, is True"),
        (lambda c: c["topics"].pop("descifrado"), "descifrado removed"),
    ],
)
def test_cambiar_de_topic_de_llave_o_de_particiones_rompe(change: Callable[[Schema], object], said: str) -> None:
    now = copy.deepcopy(compat.contract())
    change(now)
    (problem,) = compat.breaking_topics(compat.contract(), now)
    assert said in problem


def test_un_topic_o_un_evento_nuevo_no_rompe_nada() -> None:
    now = copy.deepcopy(compat.contract())
    now["events"]["mx.ine.apoyo.cosa_registrada.v1"] = "cosas"
    now["topics"]["cosas"] = {"key": "subject", "partitions": "one", "internal": False}
    assert compat.breaking_topics(compat.contract(), now) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda m: m.update(value=m["value"].replace('"version":1', '"version":0')),
            "not readable: cuerpo_invalido: version",
        ),
        (lambda m: m["headers"].update(ce_type="mx.ine.apoyo.otro.v1"), "not readable: tipo_desconocido"),
        (lambda m: m.update(key="otra"), "key was otra"),
        (lambda m: m.update(topic="otro"), "topic was otro"),
        (lambda m: m["headers"].update(ce_id="0"), "ce_id was 0"),
        (lambda m: m.update(value=m["value"].replace("{", '{"viejo":1,', 1)), "a value that it carries is not read"),
    ],
)
def test_un_mensaje_viejo_que_ya_no_se_lee_como_se_quiso_se_dice(change: Callable[[Schema], object], said: str) -> None:
    golden = _load(compat.FOLDER / "eventos" / "registro_recibido.v1.1.json")
    change(golden)
    (problem,) = compat.unreadable(golden)
    assert problem.startswith(said)


def test_publicar_otra_vez_no_cambia_nada_y_con_algo_roto_no_se_publica(tmp_path: Path) -> None:
    folder = tmp_path / "publicados"
    shutil.copytree(compat.FOLDER, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    assert compat.publish(folder) == []
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before

    broken = folder / "veredicto.v1.json"
    content = _load(broken)
    content["properties"]["antes"] = {"type": "string"}
    broken.write_text(json.dumps(content), encoding="utf-8")
    assert compat.publish(folder) == ["veredicto.v1.json: antes: removed"]
    assert _load(broken) == content


def test_lo_publicado_no_se_puede_borrar_ni_cambiar_sin_que_se_note(tmp_path: Path) -> None:
    folder = tmp_path / "publicados"
    shutil.copytree(compat.FOLDER, folder)
    (folder / "veredicto.v1.json").unlink()
    (folder / "eventos" / "envio_abierto.v1.1.json").unlink()
    golden = folder / "eventos" / "envio_cerrado.v1.1.json"
    golden.write_text(golden.read_text(encoding="utf-8").replace("2026-11-20", "2026-11-21"), encoding="utf-8")
    shutil.copy(golden, folder / "eventos" / "envio_cerrado.v1.9.json")
    assert compat.problems(folder) == [
        "envio_abierto.v1: nothing left of it in publicados/",
        "veredicto.v1: nothing left of it in publicados/",
        "eventos/envio_abierto.v1.1.json: removed",
        "eventos/envio_cerrado.v1.1.json: changed",
        "eventos/envio_cerrado.v1.9.json: not in SHA256SUMS (--publish adds it)",
    ]
    assert compat.publish(folder) == compat.problems(folder)[:-1]


def test_lo_que_se_publica_queda_anotado_para_siempre(tmp_path: Path) -> None:
    folder = tmp_path / "publicados"
    assert compat.publish(folder) == []
    sums = folder / "eventos" / compat.SUMS
    assert {line.split("  ")[1] for line in sums.read_text(encoding="utf-8").splitlines()} == {
        path.name for path in (folder / "eventos").glob("*.json")
    }
    assert compat.problems(folder) == []


def test_nada_de_lo_que_la_historia_del_repositorio_publico_se_rompio_ni_se_perdio(tmp_path: Path) -> None:
    """Without a history (an export of one version) there is only today's, which the hashes anchor."""
    publicados = compat.FOLDER.relative_to(ROOT)
    hoy = {path.read_bytes() for path in GOLDEN}
    sumas = set((compat.FOLDER / "eventos" / compat.SUMS).read_text(encoding="utf-8").splitlines())
    for commit in _git("log", "--format=%H", "--", str(publicados)).decode().split():
        antes = tmp_path / commit
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit, str(publicados)))) as archive:
            archive.extractall(antes, filter="data")
        folder = antes / publicados
        assert {p.name for p in (folder / "eventos").glob("*.json") if p.read_bytes() not in hoy} == set(), commit
        sums = folder / "eventos" / compat.SUMS
        if sums.exists():
            assert set(sums.read_text(encoding="utf-8").splitlines()) <= sumas, commit
        assert [p for p in compat.problems(folder) if compat.SUMS not in p] == [], commit


def _git(*arguments: str) -> bytes:
    if not (ROOT / ".git").exists():
        return b""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
