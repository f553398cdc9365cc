"""The derived part of deploy/k8s/base: what follows from the topics, the settings, and which engines each service may reach."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from apoyo.despliegue.dependencias import ROOT
from apoyo.despliegue.servicios import Servicio, todos
from schemas import topics
from schemas.asyncapi import PRODUCTION_PARTITIONS
from schemas.eventos import RegistroRecibido

Recurso = dict[str, Any]

CLUSTER = "apoyo"
DOMINIO = "apoyo.ine.mx"
VERSION = "0.1.0"
UID = 10001
LLAVES = "/run/apoyo/llaves"

MOTORES: dict[str, int] = {"kafka": 9093, "documentos": 27017, "objetos": 8333, "emisores": 443, "correo": 587}
"""What services may reach, and on which port; the overlays say where the external ones are."""

PROMETHEUS = "http://prometheus-operated.monitoring.svc:9090"
"""Where the Prometheus Operator puts it; asked by KEDA."""

_COMUNES = ("STREAM_URL", "MONGO_URI", "LOG_LEVEL")
"""Variables whose value is of the installation: in the ConfigMap `apoyo`."""

_CARGA: dict[str, tuple[int, int, str, str, int]] = {
    "ingesta": (2, 12, "250m", "512Mi", 0),
    "descifrado": (2, 24, "1", "768Mi", 200),
    "compulsa": (2, 12, "250m", "384Mi", 500),
    "mesa_control": (2, 12, "250m", "512Mi", 1000),
    "notificaciones": (2, 6, "100m", "256Mi", 500),
    "resultados": (2, 8, "250m", "384Mi", 1000),
    "portal": (2, 6, "250m", "512Mi", 0),
}
"""Fewest and most processes, processor and memory asked for, and events waiting for each process that call for one more."""


def alcanza(servicio: Servicio) -> set[str]:
    """The engines that a service speaks to (ARCHITECTURE, "The stream"; privileges of each README)."""
    motores = {"kafka", "documentos"}
    motores |= {"objetos"} if servicio.cubos else set()
    motores |= {"emisores"} if servicio.paginas else set()
    motores |= {"correo"} if servicio.correo else set()
    return motores


def archivos() -> dict[str, str]:
    """Path under deploy/k8s/base → content."""
    servicios = todos()
    return {
        "topics.generado.yaml": _yaml(_topics()),
        "usuarios.generado.yaml": _yaml(_usuarios(servicios)),
        "red.generado.yaml": _yaml(_red()),
        "secretos.generado.yaml": _yaml(secreto for s in servicios for secreto in _secretos(s)),
        "tareas.generado.yaml": _yaml(_tareas()),
        "vigilancia.generado.yaml": _yaml([*(_monitor(s) for s in servicios), _reglas(), _tablero()]),
        **{f"{s.k8s}.generado.yaml": _yaml(_de_servicio(s)) for s in servicios},
    }


# ---- Kafka -------------------------------------------------------------------------------------------------------------


def _topics() -> Iterable[Recurso]:
    for nombre, cuantas in topics.partitions(PRODUCTION_PARTITIONS).items():
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {
                "name": nombre.replace("_", "-"),
                "labels": {
                    "strimzi.io/cluster": CLUSTER,
                    f"{DOMINIO}/particiones": "una" if cuantas == 1 else "muchas",
                },
            },
            "spec": {
                "topicName": nombre,
                "partitions": cuantas,
                "replicas": 3,
                "config": {"cleanup.policy": "delete", "retention.ms": -1, "min.insync.replicas": 2},
            },
        }


def _usuarios(servicios: Iterable[Servicio]) -> Iterable[Recurso]:
    for servicio in servicios:
        leidos = sorted({*servicio.lee, *servicio.escribe})  # an outbox is recovered from the writer's own topic
        apartados = [nombre + topics.CUARENTENA for nombre in servicio.lee]
        permisos = [_permiso("topic", nombre, ["Describe", "Read"]) for nombre in [*leidos, *apartados]]
        permisos += [_permiso("topic", nombre, ["Describe", "Write"]) for nombre in [*servicio.escribe, *apartados]]
        permisos += [_permiso("group", servicio.nombre, ["Describe", "Read"], "prefix")]
        yield _usuario(servicio.k8s, permisos)
    # The command line: it reads everything, sends quarantined events again, and publishes the first accounts as the portal would.
    nombres = list(topics.partitions())
    permisos = [_permiso("topic", nombre, ["Describe", "Read", "Write"]) for nombre in nombres]
    yield _usuario("apoyo-operacion", [*permisos, _permiso("group", "*", ["Describe"])])
    yield _usuario("apoyo-retencion", [_permiso("topic", RegistroRecibido.topic, ["Describe", "Read"])])
    yield _usuario("apoyo-keda", [_permiso("topic", "*", ["Describe"]), _permiso("group", "*", ["Describe"])])


def _usuario(nombre: str, permisos: list[Recurso]) -> Recurso:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": nombre, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": permisos}},
    }


def _permiso(tipo: str, nombre: str, operaciones: list[str], patron: str = "literal") -> Recurso:
    return {"resource": {"type": tipo, "name": nombre, "patternType": patron}, "operations": operaciones, "host": "*"}


# ---- services ----------------------------------------------------------------------------------------------------------


def _de_servicio(servicio: Servicio) -> Iterable[Recurso]:
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _meta(servicio),
        "automountServiceAccountToken": False,
    }
    yield _despliegue(servicio)
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(servicio),
        "spec": {
            "selector": _selector(servicio),
            "ports": [{"name": "http", "port": servicio.puerto, "targetPort": "http"}],
        },
    }
    yield {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(servicio),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _selector(servicio)}},
    }
    yield _escala(servicio)
    yield _certificado_de_documentos(servicio.k8s)


_POD: Recurso = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": UID,
        "runAsGroup": UID,
        "fsGroup": UID,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
_CONTENEDOR: Recurso = {
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
}
"""What the standard `restricted` asks for."""


def _despliegue(servicio: Servicio) -> Recurso:
    minimo, _, procesador, memoria, _ = _CARGA[servicio.nombre]
    montajes, volumenes = _montajes(servicio)
    sonda = {"httpGet": {"path": "/livez", "port": "http"}, "timeoutSeconds": 5}
    contenedor = {
        "name": servicio.k8s,
        "image": f"apoyo/{servicio.nombre}:{VERSION}",
        "env": entorno(servicio),
        "ports": [{"name": "http", "containerPort": servicio.puerto}],
        "startupProbe": {**sonda, "periodSeconds": 2, "failureThreshold": 30},
        "livenessProbe": {**sonda, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "timeoutSeconds": 5, "periodSeconds": 5},
        "resources": {"requests": {"cpu": procesador, "memory": memoria}, "limits": {"memory": memoria}},
        "volumeMounts": montajes,
        **_CONTENEDOR,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(servicio),
        "spec": {
            "replicas": minimo,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": _selector(servicio)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {**_etiquetas(servicio), **_flechas(servicio)}},
                "spec": {
                    "serviceAccountName": servicio.k8s,
                    "terminationGracePeriodSeconds": 30,
                    **_POD,
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": llave,
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": _selector(servicio)},
                        }
                        for llave in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                    ],
                    "containers": [contenedor],
                    "volumes": volumenes,
                },
            },
        },
    }


def entorno(servicio: Servicio) -> list[Recurso]:
    """The environment of a service's process."""
    de_la_instalacion = list(_COMUNES)
    fijas = {
        "HTTP_HOST": "0.0.0.0",  # noqa: S104 - the network policies say who comes
        "HTTP_PORT": str(servicio.puerto),
        "KAFKA_TLS_DIR": "/run/apoyo/kafka",
        "KEYS_DIR": LLAVES,
        "PUBLIC_KEYS_DIR": "/run/apoyo/publicas",
    }
    if servicio.cubos:
        de_la_instalacion += ["S3_ENDPOINT", "S3_SECURE"]
        fijas |= {"S3_SECRET_KEY_FILE": "/run/apoyo/objetos/secreto", "S3_ACCESS_KEY": f"apoyo-{servicio.k8s}"}
    if servicio.paginas:
        fijas["IDENTITY_KEY_FILE"] = "/run/apoyo/identidad/identidad.key"
        fijas["ISSUERS_FILE"] = "/run/apoyo/emisores/emisores.json"
    if servicio.nombre == "portal":
        fijas["PROCESS_KEYS_DIR"] = "/run/apoyo/procesos"
    if servicio.correo:
        de_la_instalacion += ["SMTP_HOST", "SMTP_PORT", "SMTP_STARTTLS", "MAIL_FROM", "CORREO_DERFE"]
    llaves = {nombre: nombre for nombre in de_la_instalacion}
    if servicio.paginas:
        llaves["PUBLIC_URL"] = f"PUBLIC_URL_{servicio.nombre.upper()}"
    if servicio.correo:
        llaves["PORTAL_URL"] = "PUBLIC_URL_PORTAL"
    tomadas = [
        {"name": f"APOYO_{nombre}", "valueFrom": {"configMapKeyRef": {"name": "apoyo", "key": llave}}}
        for nombre, llave in llaves.items()
    ]
    return sorted(
        [*tomadas, *({"name": f"APOYO_{n}", "value": v} for n, v in fijas.items())], key=lambda v: str(v["name"])
    )


def _montajes(servicio: Servicio) -> tuple[list[Recurso], list[Recurso]]:
    """Where each secret is mounted, and the volumes. Every one but the emptyDir is read only."""
    secretos = {f"{servicio.k8s}-llaves": LLAVES, "apoyo-publicas": "/run/apoyo/publicas"}
    opcionales = {f"{servicio.k8s}-llaves-previas": f"{LLAVES}/previous"}  # while a key is being replaced (ADR 19)
    if servicio.nombre == "descifrado":
        opcionales["descifrado-procesos"] = f"{LLAVES}/procesos"
    if servicio.nombre == "portal":
        opcionales["procesos-publicas"] = "/run/apoyo/procesos"
    if servicio.nombre == "ingesta":  # it opens nothing
        secretos.pop("ingesta-llaves")
        opcionales = {}
    if servicio.cubos:
        secretos[f"{servicio.k8s}-objetos"] = "/run/apoyo/objetos"
    if servicio.paginas:
        secretos |= {"apoyo-identidad": "/run/apoyo/identidad", f"{servicio.k8s}-emisores": "/run/apoyo/emisores"}
    secretos[f"{servicio.k8s}-documentos"] = "/run/apoyo/documentos"
    volumenes: list[Recurso] = [
        {
            "name": nombre,
            "secret": {"secretName": nombre, "defaultMode": 0o440, **({"optional": True} if opcional else {})},
        }
        for grupo, opcional in ((secretos, False), (opcionales, True))
        for nombre in grupo
    ]
    volumenes += [_de_kafka(servicio.k8s), _TMP]
    return _en_lugares({**secretos, **opcionales, "kafka": "/run/apoyo/kafka"}), volumenes


_TMP: Recurso = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "128Mi"}}


def _en_lugares(lugares: Mapping[str, str]) -> list[Recurso]:
    montajes: list[Recurso] = [{"name": n, "mountPath": lugar, "readOnly": True} for n, lugar in lugares.items()]
    return [*montajes, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a volume of the pod


def _de_kafka(usuario: str) -> Recurso:
    """The certificate of a user of Kafka, and the authority of its brokers, both made by Strimzi."""
    fuentes = [
        {"secret": {"name": usuario, "items": _items("user.crt", "user.key")}},
        {"secret": {"name": f"{CLUSTER}-cluster-ca-cert", "items": _items("ca.crt")}},
    ]
    return {"name": "kafka", "projected": {"defaultMode": 0o440, "sources": fuentes}}


def _items(*nombres: str) -> list[Recurso]:
    return [{"key": nombre, "path": nombre} for nombre in nombres]


def _escala(servicio: Servicio) -> Recurso:
    minimo, maximo, _, _, umbral = _CARGA[servicio.nombre]
    disparos: list[Recurso] = []
    if servicio.publico:
        disparos.append({"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}})
    if servicio.nombre == "mesa_control":  # what waits to be reviewed is more people at their pages
        disparos.append(
            {
                "type": "prometheus",
                "metadata": {
                    "serverAddress": PROMETHEUS,
                    "query": "sum(max by (plazo) (apoyo_mesa_pendientes))",
                    "threshold": "20000",
                },
            }
        )
    muchas = {nombre for nombre, topic in topics.load().items() if topic.partitions != "one"}
    for topic in servicio.consume if umbral else ():
        if topic in muchas:
            disparos.append(
                {
                    "type": "kafka",
                    "metadata": {
                        "bootstrapServers": f"{CLUSTER}-kafka-bootstrap.apoyo.svc:{MOTORES['kafka']}",
                        "consumerGroup": servicio.nombre,
                        "topic": topic,
                        "lagThreshold": str(umbral),
                        "offsetResetPolicy": "earliest",
                        "tls": "enable",
                    },
                    "authenticationRef": {"name": "apoyo-kafka"},
                }
            )
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _meta(servicio),
        "spec": {
            "scaleTargetRef": {"name": servicio.k8s},
            "minReplicaCount": minimo,
            "maxReplicaCount": maximo,
            # Each change of members stops the group for some seconds: down slowly.
            "cooldownPeriod": 300,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleDown": {
                            "stabilizationWindowSeconds": 600,
                            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
                        }
                    }
                }
            },
            "triggers": disparos,
        },
    }


def _certificado_de_documentos(usuario: str) -> Recurso:
    """A user of MongoDB is the subject of its certificate (MONGODB-X509): there is no password."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": f"{usuario}-documentos", "labels": {"app.kubernetes.io/part-of": "apoyo"}},
        "spec": {
            "secretName": f"{usuario}-documentos",
            "commonName": usuario,
            "subject": {"organizations": ["apoyo"], "organizationalUnits": ["servicios"]},
            "usages": ["client auth"],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "additionalOutputFormats": [{"type": "CombinedPEM"}],
            "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "apoyo-documentos"},
        },
    }


def _secretos(servicio: Servicio) -> Iterable[Recurso]:
    """What the store of secrets holds for it; one entry there is one folder of an installation, file by file."""
    if servicio.nombre != "ingesta":
        yield _externo(f"{servicio.k8s}-llaves", f"apoyo/{servicio.nombre}/llaves")
    if servicio.cubos:
        yield _externo(f"{servicio.k8s}-objetos", f"apoyo/{servicio.nombre}/objetos")
    if servicio.paginas:
        yield _externo(f"{servicio.k8s}-emisores", f"apoyo/{servicio.nombre}/emisores")
    if servicio.nombre == "descifrado":
        yield _externo("descifrado-procesos", "apoyo/descifrado/procesos")
    if servicio.nombre == "portal":
        yield _externo("procesos-publicas", "apoyo/portal/procesos")
        yield _externo("apoyo-identidad", "apoyo/identidad")
        yield _externo("apoyo-publicas", "apoyo/publicas")


def _externo(nombre: str, clave: str) -> Recurso:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": nombre, "labels": {"app.kubernetes.io/part-of": "apoyo"}},
        "spec": {
            "refreshInterval": "5m",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": "apoyo"},
            "target": {"name": nombre, "creationPolicy": "Owner"},
            "dataFrom": [{"extract": {"key": clave, "decodingStrategy": "Auto"}}],
        },
    }


# ---- tasks -------------------------------------------------------------------------------------------------------------


def _tareas() -> Iterable[Recurso]:
    """Every night: packages that no event names are deleted, and then the topics are compared with what is stored.

    Of the latter only what is wrong fails it: no task has a person's session, and only with one does resultados tell its totals;
    `verify` says so with status 2.
    """
    yield from _tarea("retencion", "apoyo-retencion", "30 1 * * *", ["python3", "-m", "apoyo", "retention", "--si"])
    verificar = "python3 -m apoyo verify --objetos muestra; [ $? -ne 1 ]"
    yield from _tarea("verificacion", "apoyo-operacion", "30 3 * * *", ["/bin/sh", "-c", verificar])


def _tarea(nombre: str, usuario: str, horario: str, orden: list[str]) -> Iterable[Recurso]:
    """A command of the tools every night, as that user of each engine, with its own installation.json."""
    etiquetas = {"app.kubernetes.io/name": nombre, "app.kubernetes.io/part-of": "apoyo"}
    flechas = {f"{DOMINIO}/{motor}": "si" for motor in ("kafka", "documentos", "objetos")}
    volumenes: list[Recurso] = [
        {
            "name": "instalacion",
            "secret": {
                "secretName": f"{usuario}-instalacion",  # Strimzi makes the one that bears the user's name
                "defaultMode": 0o440,
                "items": [
                    {"key": "installation.json", "path": "installation.json"},
                    {"key": "s3", "path": "secrets/s3"},
                ],
            },
        },
        {"name": "documentos", "secret": {"secretName": f"{usuario}-documentos", "defaultMode": 0o440}},
        _de_kafka(usuario),
        _TMP,
    ]
    lugares = {"instalacion": "/instalacion", "documentos": "/run/apoyo/documentos", "kafka": "/run/apoyo/kafka"}
    contenedor = {
        "name": nombre,
        "image": f"apoyo/herramientas:{VERSION}",
        "command": orden,
        "env": [{"name": "APOYO_ROOT", "value": "/instalacion"}],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
        "volumeMounts": _en_lugares(lugares),
        **_CONTENEDOR,
    }
    pod = {"restartPolicy": "Never", **_POD, "containers": [contenedor], "volumes": volumenes}
    yield {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": nombre, "labels": etiquetas},
        "spec": {
            "schedule": horario,
            "timeZone": "America/Mexico_City",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 7,
            "failedJobsHistoryLimit": 30,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": 6 * 3600,
                    "template": {"metadata": {"labels": {**etiquetas, **flechas}}, "spec": pod},
                }
            },
        },
    }
    yield _certificado_de_documentos(usuario)
    yield _externo(f"{usuario}-instalacion", f"apoyo/{usuario.removeprefix('apoyo-')}")


# ---- network -----------------------------------------------------------------------------------------------------------


def _red() -> Iterable[Recurso]:
    """Nobody speaks to anybody, but for the arrows; a pod's labels say which are its own."""
    yield _politica("nadie", {"app.kubernetes.io/part-of": "apoyo"}, entra=[], sale=[])
    dns = {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    yield _politica("nombres", {"app.kubernetes.io/part-of": "apoyo"}, sale=[dns])
    destinos: Mapping[str, list[Recurso]] = {
        "kafka": [{"podSelector": {"matchLabels": {"strimzi.io/cluster": CLUSTER, "strimzi.io/kind": "Kafka"}}}],
        "documentos": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "mongodb"}}}],
        "objetos": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "seaweedfs"}}}],
        "correo": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "correo"}}}],
        # Issuers are in the Internet: anywhere there, and nowhere within.
        "emisores": [
            {
                "ipBlock": {
                    "cidr": "0.0.0.0/0",
                    "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
                }
            }
        ],
    }
    for motor, puerto in MOTORES.items():
        sale = {"to": destinos[motor], "ports": [{"protocol": "TCP", "port": puerto}]}
        yield _politica(f"a-{motor}", {f"{DOMINIO}/{motor}": "si"}, sale=[sale])
    for nombre, etiqueta, espacio in (
        ("desde-la-entrada", f"{DOMINIO}/publico", f"{DOMINIO}/entrada"),
        ("desde-la-vigilancia", f"{DOMINIO}/servicio", f"{DOMINIO}/vigilancia"),
    ):
        entra = {
            "from": [{"namespaceSelector": {"matchLabels": {espacio: "si"}}}],
            "ports": [{"protocol": "TCP", "port": "http"}],
        }
        yield _politica(nombre, {etiqueta: "si"}, entra=[entra])


def _politica(
    nombre: str, elige: Mapping[str, str], *, entra: list[Recurso] | None = None, sale: list[Recurso] | None = None
) -> Recurso:
    spec: Recurso = {"podSelector": {"matchLabels": dict(elige)}, "policyTypes": []}
    for tipo, campo, reglas in (("Ingress", "ingress", entra), ("Egress", "egress", sale)):
        if reglas is not None:
            spec["policyTypes"].append(tipo)
            spec[campo] = reglas
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": nombre}, "spec": spec}


# ---- watching ----------------------------------------------------------------------------------------------------------


def _monitor(servicio: Servicio) -> Recurso:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": _meta(servicio),
        "spec": {
            "selector": {"matchLabels": _selector(servicio)},
            "endpoints": [
                {
                    "port": "http",
                    "path": "/metrics",
                    "interval": "15s",
                    "relabelings": [{"targetLabel": "servicio", "replacement": servicio.nombre}],
                }
            ],
        },
    }


def _reglas() -> Recurso:
    contenido = yaml.safe_load((ROOT / "deploy" / "prometheus" / "reglas.yml").read_text(encoding="utf-8"))
    meta = {"name": "apoyo", "labels": {"app.kubernetes.io/part-of": "apoyo"}}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": meta, "spec": contenido}


def _tablero() -> Recurso:
    """Grafana's sidecar finds it by its label."""
    tablero = (ROOT / "deploy" / "grafana" / "tableros" / "flujo.json").read_text(encoding="utf-8")
    meta = {"name": "apoyo-tablero", "labels": {"grafana_dashboard": "1"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"flujo.json": tablero}}


# ---- names -------------------------------------------------------------------------------------------------------------


def _selector(servicio: Servicio) -> dict[str, str]:
    return {"app.kubernetes.io/name": servicio.k8s, "app.kubernetes.io/part-of": "apoyo"}


def _etiquetas(servicio: Servicio) -> dict[str, str]:
    return {**_selector(servicio), "app.kubernetes.io/version": VERSION}


def _flechas(servicio: Servicio) -> dict[str, str]:
    marcas = ["servicio", *sorted(alcanza(servicio)), *(["publico"] if servicio.publico else [])]
    return {f"{DOMINIO}/{marca}": "si" for marca in marcas}


def _meta(servicio: Servicio) -> Recurso:
    return {"name": servicio.k8s, "labels": _etiquetas(servicio)}


class _Dumper(yaml.SafeDumper):
    """Writes shared values in full, and texts of many lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _texto(dumper: yaml.SafeDumper, texto: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", texto, style="|" if "\n" in texto else None)


_Dumper.add_representer(str, _texto)


def _yaml(recursos: Iterable[Recurso]) -> str:
    cabeza = "# Derived: `python -m apoyo.despliegue`. Do not edit.\n"
    return cabeza + yaml.dump_all(list(recursos), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
