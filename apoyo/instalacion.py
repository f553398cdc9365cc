"""One installation on one machine: its folder, its secrets, and the environment of each service.

Each service gets its own keys folder and only the secrets that its README entitles it to (ARCHITECTURE, rule 8).

    <root>/
      installation.json        where everything listens (addresses, no secrets)
      secrets/s3               secret key of the object store
      secrets/identidad.key    32 bytes that the services with pages share (kernel/identity)
      secrets/personas.json    e-mails and passwords of the people of this installation
      secrets/oidc/            what the local issuer knows (apoyo/engines/oidc)
      secrets/emisores/<service>.json, <service>.secret
      keys/public/<service>.json
      keys/<service>/private.json, and while it is being replaced previous/<id>.json (ADR 19)
      keys/compulsa/padron.key       32 bytes: key of the roll's hashes
      keys/descifrado/procesos/<key id>.json
      keys/procesos/<PROCESO>.json   public keys of a process, for portal to publish
      keys/resguardo/<id>.json       public keys of the escrows (apoyo/resguardo.py)
      resguardo/<id>/…               sealed copies of everything else in keys/
"""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from apoyo import resguardo
from apoyo.cuentas import INSTITUCIONAL, PERSONAS, PUBLICO
from apoyo.engines.oidc import store as oidc
from kernel import hpke
from kernel.files import write_whole
from kernel.identity.settings import KEY_BYTES
from kernel.settings import ServiceSettings
from kernel.stream import Stream, connect
from schemas.eventos import LlaveProceso
from schemas.paquete import Suite

S = TypeVar("S", bound=ServiceSettings)

_LLAVES = TypeAdapter(list[LlaveProceso])

SERVICIOS = ("ingesta", "descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal")
CON_LLAVE = ("descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal")
"""Who opens sealed data."""

PUERTOS = dict(zip(SERVICIOS, range(8101, 8108), strict=True))
"""Preferred ports; a taken one gets another."""

CON_OBJETOS = ("ingesta", "descifrado", "mesa_control", "portal")
"""Who stores or reads objects."""

CON_PAGINAS = ("mesa_control", "resultados", "portal")
"""Where people enter."""

EMISORES = {INSTITUCIONAL: ("Cuenta institucional", "staff"), PUBLICO: ("Cuenta personal", "public")}
"""Issuers of a local installation: name as people read it, and whom they vouch for."""


@dataclass(frozen=True, slots=True)
class Acceso:
    """How a person enters."""

    emisor: str
    correo: str
    contrasena: str


_ACCESOS = TypeAdapter(dict[str, Acceso])


@dataclass(frozen=True, slots=True)
class Direcciones:
    """Where an installation listens. `oidc_url`: of the local issuer; `puertos`: HTTP port of each instance of a service;
    `anfitriones`: of the services that do not run on this machine, where they do; `kafka_tls_dir`: of the user that commands are in
    Kafka (`kernel.stream.kafka`), where it asks for one; `s3_secure`: TLS towards the objects."""

    stream_url: str
    mongo_uri: str
    s3_endpoint: str
    s3_access_key: str
    smtp_host: str
    smtp_port: int
    inbox: str
    oidc_url: str
    puertos: dict[str, int]
    anfitriones: dict[str, str] = field(default_factory=dict)
    kafka_tls_dir: str | None = None
    s3_secure: bool = False

    def url(self, servicio: str) -> str:
        """Base address of a service; before it was ever started, the one that it would like to have."""
        return f"http://{self.anfitriones.get(servicio, '127.0.0.1')}:{self.puertos.get(servicio) or PUERTOS[servicio]}"


class Instalacion:
    """An installation's folder. `preparar` makes what is missing and changes nothing that exists."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def llave_de_identidad(self) -> Path:
        """File of the key that hides who logs in (`schemas.actores.acceso_de`)."""
        return self.root / "secrets" / "identidad.key"

    @property
    def carpeta_oidc(self) -> Path:
        """Folder of the local issuer."""
        return self.root / "secrets" / "oidc"

    def accesos(self) -> dict[str, Acceso]:
        """How each person of this installation enters, by its word (`operador1`)."""
        return _ACCESOS.validate_json((self.root / "secrets" / "personas.json").read_bytes())

    def dar_acceso(self, personas: Mapping[str, tuple[str, str]]) -> None:
        """Passwords at the local issuer for people who have none yet: word → issuer, e-mail."""
        path = self.root / "secrets" / "personas.json"
        actuales = self.accesos() if path.exists() else {}
        nuevas = {
            persona: Acceso(emisor, correo, secrets.token_urlsafe(9))
            for persona, (emisor, correo) in personas.items()
            if persona not in actuales
        }
        if not nuevas:
            return
        todas = actuales | nuevas
        _write_secret(path, _ACCESOS.dump_json(todas, indent=2))
        people: dict[str, dict[str, oidc.Person]] = {INSTITUCIONAL: {}, PUBLICO: {}}
        for persona, acceso in todas.items():
            people[acceso.emisor][acceso.correo] = oidc.person(persona, acceso.contrasena)
        oidc.Store(self.carpeta_oidc).save_people(people)

    def preparar(self) -> None:
        """Make keys, secrets and passwords that do not exist yet."""
        for name in CON_LLAVE:
            path = self.root / "keys" / name / "private.json"
            if not path.exists():
                private = hpke.Private.generate()
                hpke.save(private, path)
                self.resguardar()
                hpke.save(private.public(), self.root / "keys" / "public" / f"{name}.json")
        # Made here and not at compulsa's first start, whose keys are mounted read-only.
        llave_del_padron = self.root / "keys" / "compulsa" / "padron.key"
        if not llave_del_padron.exists():
            _write_secret(llave_del_padron, secrets.token_bytes(32))
            self.resguardar()
        for carpeta in (self.root / "keys" / "ingesta", self.publicas):
            carpeta.mkdir(parents=True, exist_ok=True)
        if not self.llave_de_identidad.exists():
            _write_secret(self.llave_de_identidad, secrets.token_bytes(KEY_BYTES))
        self.dar_acceso({p.cuenta: (p.emisor, p.correo) for p in PERSONAS})

    def renovar_llave(self, servicio: str) -> bool:
        """Give a service a new pair of keys beside the one it has; False when that was begun before, and is only completed.

        Both private keys are in its folder before anybody can seal to the new one, so it may be interrupted anywhere.
        """
        carpeta = self.root / "keys" / servicio
        actual = hpke.load_private(carpeta / "private.json")
        nueva = not any(path.stem != actual.public().id for path in (carpeta / hpke.PREVIOUS).glob("*.json"))
        if nueva:
            hpke.save(actual, carpeta / hpke.PREVIOUS / f"{actual.public().id}.json")
            actual = hpke.Private.generate()
            hpke.save(actual, carpeta / "private.json")
        self.resguardar()
        hpke.save(actual.public(), self.root / "keys" / "public" / f"{servicio}.json")
        return nueva

    def retirar_llaves(self, servicio: str) -> int:
        """Remove the private keys that a service had before; how many."""
        anteriores = list((self.root / "keys" / servicio / hpke.PREVIOUS).glob("*.json"))
        for path in anteriores:
            path.unlink()
        return len(anteriores)

    def llaves_de_proceso(self, proceso: str) -> list[LlaveProceso]:
        """Public keys of a process, one for each suite, made if absent, for `portal`; the private ones are of `descifrado`."""
        return self.publicas_de(proceso) or self._llaves_desde(proceso, 1)

    def publicas_de(self, proceso: str) -> list[LlaveProceso]:
        """The public keys of a process that `portal` finds; empty when there are none."""
        path = self.publicas / f"{proceso}.json"
        return _LLAVES.validate_json(path.read_bytes()) if path.exists() else []

    def renovar_llaves_de_proceso(self, proceso: str, usadas: Iterable[str]) -> list[LlaveProceso]:
        """New public keys of a process in place of those it has; the private keys of all stay (ADR 20). `usadas`: ids so far."""
        ids = [*usadas, *(llave.id for llave in self.publicas_de(proceso))]
        numeros = [int(n) for id_ in ids if (n := id_.removeprefix(f"{proceso.lower()}-")).isdecimal()]
        return self._llaves_desde(proceso, max(numeros, default=0) + 1)

    def _llaves_desde(self, proceso: str, numero: int) -> list[LlaveProceso]:
        """Nobody can seal to a key before its private half is with descifrado, and in escrow."""
        nuevas: list[LlaveProceso] = []
        for number, suite in enumerate(Suite, start=numero):
            key_id = f"{proceso.lower()}-{number}"
            path = self.root / "keys" / "descifrado" / "procesos" / f"{key_id}.json"
            if not path.exists():
                hpke.save(hpke.Private.generate(suite.value), path)
            public = hpke.load_private(path).public()
            nuevas.append(LlaveProceso(id=key_id, suite=suite.value, publica=base64.b64encode(public.raw).decode()))
        self.resguardar()
        self.publicas.mkdir(parents=True, exist_ok=True)
        write_whole(self.publicas / f"{proceso}.json", _LLAVES.dump_json(nuevas, indent=2))
        self.resguardar()
        return nuevas

    @property
    def con_resguardo(self) -> bool:
        """Whether there is an escrow to put keys into."""
        return bool(resguardo.destinatarios(self.root))

    def resguardar(self) -> int:
        """Put every key that is not there yet into each escrow; how many sealed copies that made."""
        return resguardo.resguardar(self.root)

    def guardar(self, direcciones: Direcciones, s3_secret_key: str) -> None:
        """Write down where everything listens, and secrets apart; the local issuer and the services learn of each other."""
        _write_secret(self._s3_secret, s3_secret_key)
        self._presentar(direcciones)
        (self.root / "installation.json").write_text(json.dumps(asdict(direcciones), indent=2) + "\n", encoding="utf-8")

    def direcciones(self) -> Direcciones:
        """Where everything listens. Raises FileNotFoundError when nothing was ever started here."""
        return Direcciones(**json.loads((self.root / "installation.json").read_text(encoding="utf-8")))

    def entorno(self, servicio: str, port: int) -> dict[str, str]:
        """Environment of a service's process: its settings, with secrets by file."""
        direcciones = self.direcciones()
        env = {
            "STREAM_URL": direcciones.stream_url,
            "MONGO_URI": direcciones.mongo_uri,
            "KEYS_DIR": str(self.root / "keys" / servicio),
            "PUBLIC_KEYS_DIR": str(self.root / "keys" / "public"),
            "HTTP_PORT": str(port),
        }
        if direcciones.kafka_tls_dir is not None:
            env["KAFKA_TLS_DIR"] = direcciones.kafka_tls_dir
        if servicio in CON_OBJETOS:
            env["S3_ENDPOINT"], env["S3_ACCESS_KEY"] = direcciones.s3_endpoint, direcciones.s3_access_key
            env["S3_SECRET_KEY_FILE"] = str(self._s3_secret)
            if direcciones.s3_secure:
                env["S3_SECURE"] = "true"
        if servicio in CON_PAGINAS:
            env["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
            env["IDENTITY_KEY_FILE"] = str(self.llave_de_identidad)
            env["ISSUERS_FILE"] = str(self._emisores_de(servicio))
        if servicio == "portal":
            env["PROCESS_KEYS_DIR"] = str(self.publicas)
        if servicio == "notificaciones":
            env["SMTP_HOST"], env["SMTP_PORT"] = direcciones.smtp_host, str(direcciones.smtp_port)
            env["MAIL_FROM"] = "acuses@apoyo.invalid"
            env["PORTAL_URL"] = direcciones.url("portal")
        return {f"APOYO_{name}": value for name, value in env.items()}

    def settings(self, tipo: type[S], servicio: str = "compulsa") -> S:
        """A service's settings, for a command that works with its rights. What else the environment sets counts, too."""
        entorno = self.entorno(servicio, port=1)
        valores: dict[str, Any] = {name.removeprefix("APOYO_").lower(): value for name, value in entorno.items()}
        return tipo(**valores)

    def _presentar(self, direcciones: Direcciones) -> None:
        clientes: dict[str, oidc.Client] = {}
        for servicio in CON_PAGINAS:
            instancias = [n for n in direcciones.puertos if n.partition(".")[0] == servicio]
            regresos = [f"{direcciones.url(i)}/entrar/{e}/regreso" for i in instancias for e in EMISORES]
            secreto = self.root / "secrets" / "emisores" / f"{servicio}.secret"
            if not secreto.exists():
                _write_secret(secreto, secrets.token_urlsafe(32))
            clientes[servicio] = oidc.client(
                secreto.read_text(encoding="utf-8"), regresos, [f"{direcciones.url(i)}/salir" for i in instancias]
            )
            emisores = [
                {
                    "id": emisor,
                    "name": nombre,
                    "for": [audiencia],
                    "discovery": f"{direcciones.oidc_url}/{emisor}/.well-known/openid-configuration",
                    "client_id": servicio,
                    "client_secret_file": str(secreto),
                }
                for emisor, (nombre, audiencia) in EMISORES.items()
            ]
            _write_secret(self._emisores_de(servicio), json.dumps(emisores, ensure_ascii=False, indent=2))
        oidc.Store(self.carpeta_oidc).save_clients(clientes)

    def _emisores_de(self, servicio: str) -> Path:
        return self.root / "secrets" / "emisores" / f"{servicio}.json"

    @property
    def publicas(self) -> Path:
        """Folder of the public keys of processes, for `portal`."""
        return self.root / "keys" / "procesos"

    @property
    def _s3_secret(self) -> Path:
        return self.root / "secrets" / "s3"


@asynccontextmanager
async def bitacora(instalacion: Instalacion) -> AsyncIterator[Stream]:
    """The installation's log, connected. Raises FileNotFoundError, Unavailable."""
    direcciones = instalacion.direcciones()
    tls = None if direcciones.kafka_tls_dir is None else Path(direcciones.kafka_tls_dir)
    stream = connect(direcciones.stream_url, client_id="apoyo", tls=tls)
    await stream.start()
    try:
        yield stream
    finally:
        await stream.stop()


def _write_secret(path: Path, content: str | bytes) -> None:
    """All at once: a process that starts meanwhile reads the one before."""
    write_whole(path, content.encode() if isinstance(content, str) else content)
