"""Build every image and start it as docker-compose.yml does, on a machine without a Docker engine: `make images`.

buildah builds in a chroot, on a stand-in for the base image that debootstrap makes. podman starts what compose starts, with its
user, its read-only root and the volumes that it gives to each, in the network of this machine, against engines of `apoyo engines
up` with Apache Kafka; the health check of compose says when a container is ready. What this does not show: the base image itself,
compose's networks, and the images of others.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape

from apoyo import engines
from apoyo.despliegue.dependencias import ROOT
from apoyo.engines import kafka
from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, ProcessFailed, Supervisor, run_once
from apoyo.instalacion import PUERTOS, SERVICIOS

SUITE = "bookworm"
"""Of Debian, with the Python that the base image has."""

BASE = f"localhost/apoyo-base:{SUITE}"

CON_IMAGEN_PROPIA = ("preparar", *SERVICIOS)
"""One service of compose for each image of the Dockerfile; the others that are built run one of these."""

_NEEDED = ("buildah", "podman", "runc", "debootstrap")
_OWNER = 10001
_PODMAN = ("podman", "--runtime=runc")  # crun, the default, refuses a machine with cgroups of both versions
_LOOKS_RIGHT = f"import os; assert os.getuid() == {_OWNER} and os.statvfs('/').f_flag & os.ST_RDONLY"


class Imagenes:
    """The images and containers of one run. `work`: a folder for its installation, engines and logs; two supervisors, one for each
    kind of process: a container bears the name that an engine has, too."""

    def __init__(self, work: Path, motores: Supervisor, contenedores: Supervisor, consola: Console) -> None:
        self._compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))[
            "services"
        ]
        self._work, self._motores, self._contenedores, self._consola = work, motores, contenedores, consola
        self._instalacion = work / "instalacion"
        self._en_lugar_de: dict[str, str] = {}

    async def construir(self) -> None:
        """All images. Raises ProcessFailed."""
        await self._base()
        pip = await asyncio.to_thread(_pip_as_here, self._work)
        for nombre in CON_IMAGEN_PROPIA:
            build = self._compose[nombre]["build"]
            argv = ["buildah", "build", "--isolation=chroot", "--layers", "--pull-never", f"--build-arg=PYTHON={BASE}"]
            # Old versions of buildah build the stages that a target does not need, too, and those need a name.
            args = {"SERVICIO": "ingesta"} | build.get("args", {})
            argv += [f"--build-arg={name}={value}" for name, value in args.items()]
            argv += [*pip, f"--target={build['target']}", f"--file={ROOT / build['dockerfile']}"]
            argv += [f"--tag={self._imagen(nombre)}", str(ROOT)]
            await run_once(f"buildah-{nombre}", argv, self._log(f"buildah-{nombre}"), timeout=3600)
            self._consola.print(f"construida  {self._imagen(nombre)}", highlight=False)

    async def arrancar(self) -> None:
        """Engines, what compose runs once, then every service at once, each until it is ready. Raises ProcessFailed."""
        await self._arrancar_motores()
        for nombre in ("preparar", "topics"):
            await run_once(nombre, self._run(nombre), self._log(nombre), timeout=300)
            self._consola.print(f"terminó     {nombre}", highlight=False, soft_wrap=True)
        for nombre in ("objetos", "oidc"):  # of the same image as the commands; the services have those of `engines up`
            await self._listo(nombre, "--network=none", f"--add-host={nombre}:127.0.0.1")
        await asyncio.gather(*(self._listo(nombre) for nombre in SERVICIOS))
        for nombre in SERVICIOS:
            await self._termina(nombre)

    async def _base(self) -> None:
        if await _ends_well("buildah", "inspect", "--type=image", BASE):
            return
        self._consola.print(f"debootstrap {SUITE}: unos minutos, una sola vez", highlight=False, soft_wrap=True)
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            argv = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", SUITE, folder]
            await run_once("debootstrap", argv, self._log("debootstrap"), timeout=3600)
            script = (
                f'c=$(buildah from scratch) && buildah add -q "$c" {folder} / && buildah commit -q --rm "$c" {BASE}'
            )
            await run_once("base", ["sh", "-c", script], self._log("base"), timeout=600)

    async def _arrancar_motores(self) -> None:
        """Start them, and hold the addresses that take the place of compose's; the installation has their secret of the objects."""
        motores = await engines.up(self._work / "motores", kafka=True, supervisor=self._motores)
        entorno = self._compose["notificaciones"]["environment"]
        self._en_lugar_de = {
            entorno["APOYO_STREAM_URL"]: motores.stream_url,
            entorno["APOYO_MONGO_URI"]: motores.mongo_uri,
            "kafka:9092": motores.stream_url.removeprefix("kafka://"),
            "objetos:8333": motores.s3_endpoint,
            entorno["APOYO_SMTP_HOST"]: motores.smtp_host,
            entorno["APOYO_SMTP_PORT"]: str(motores.smtp_port),
            "correo:1025": f"{motores.smtp_host}:{motores.smtp_port}",
            "http://127.0.0.1:8180": motores.oidc_url,
        }
        for puerto in PUERTOS.values():
            libre = free_port(puerto)
            self._en_lugar_de |= {str(puerto): str(libre), f"http://127.0.0.1:{puerto}": f"http://127.0.0.1:{libre}"}
        secretos = self._instalacion / "secrets"
        secretos.mkdir(parents=True)
        shutil.copy(self._work / "motores" / "data" / "s3" / "s3.json", secretos)
        for path in (self._instalacion, secretos, secretos / "s3.json"):
            os.chown(path, _OWNER, _OWNER)

    async def _listo(self, nombre: str, *opciones: str) -> None:
        """Run it until its health check passes, which is asked within the container, as compose does. Raises ProcessFailed."""
        argv = self._run(nombre, *opciones)

        async def ready() -> bool:
            return await self._exec(nombre, self._compose[nombre]["healthcheck"]["test"][1:])

        await self._contenedores.run(Command(nombre, argv, self._log(nombre), ready=ready, timeout=300))
        if not await self._exec(nombre, ["python3", "-c", _LOOKS_RIGHT]):
            raise ProcessFailed(f"{nombre} is not user {_OWNER} over a read-only root")
        self._consola.print(f"listo       {nombre}", highlight=False, soft_wrap=True)

    async def _termina(self, nombre: str) -> None:
        """SIGTERM reaches the service itself, and it ends within the time that compose gives it. Raises ProcessFailed."""
        plazo = int(self._compose[nombre]["stop_grace_period"].removesuffix("s"))
        await _ends_well(*_PODMAN, "kill", "--signal=TERM", self._nombre(nombre))
        try:
            async with asyncio.timeout(plazo):
                ended = await self._contenedores.failure()
        except TimeoutError:
            raise ProcessFailed(f"{nombre} did not end within {plazo} s of its SIGTERM") from None
        if not str(ended).startswith(f"{nombre} ended with exit code 0"):
            raise ended
        await self._contenedores.stop(nombre)
        self._consola.print(f"se detuvo   {nombre}", highlight=False)

    def _run(self, nombre: str, *opciones: str) -> list[str]:
        contenedor = self._compose[nombre]
        argv = [*_PODMAN, "run", "--rm", "--replace", f"--name={self._nombre(nombre)}", "--pull=never"]
        argv += opciones or ["--network=none" if contenedor.get("network_mode") == "none" else "--network=host"]
        argv += ["--ulimit=nofile=8192:8192", "--ulimit=nproc=4096:4096", "--read-only", "--read-only-tmpfs=false"]
        argv += [f"--tmpfs={place}" for place in contenedor["tmpfs"]]
        argv += [f"--cap-drop={name}" for name in contenedor["cap_drop"]]
        argv += [f"--security-opt={each}" for each in contenedor["security_opt"]]
        argv += [f"--env={name}={self._valor(str(value))}" for name, value in contenedor.get("environment", {}).items()]
        argv += [f"--volume={self._volumen(volumen)}" for volumen in contenedor["volumes"]]
        if "entrypoint" in contenedor:
            argv.append(f"--entrypoint={json.dumps(contenedor['entrypoint'])}")
        command: Sequence[str] = contenedor.get("command", ())
        return [*argv, self._imagen(nombre), *(self._argumento(each) for each in command)]

    def _volumen(self, volumen: str | Mapping[str, Any]) -> str:
        """As podman writes it. A volume of compose is a folder of this run."""
        if isinstance(volumen, str):
            source, target = volumen.split(":")
            folder = self._work / source
            if not folder.exists():
                folder.mkdir()
                os.chown(folder, _OWNER, _OWNER)
            return f"{folder}:{target}"
        source = self._work / volumen["source"] / volumen["volume"]["subpath"]
        return f"{source}:{volumen['target']}{':ro' if volumen.get('read_only') else ''}"

    def _valor(self, value: str) -> str:
        """As compose reads it, with the addresses of this run."""
        plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value).replace("$$", "$")
        return self._en_lugar_de.get(plain, plain)

    def _argumento(self, argument: str) -> str:
        option, equals, value = argument.partition("=")
        return f"{option}={self._valor(value)}" if equals and option.startswith("--") else self._valor(argument)

    def _imagen(self, nombre: str) -> str:
        return f"localhost/{self._valor(self._compose[nombre]['image'])}"

    def _nombre(self, nombre: str) -> str:
        return f"apoyo-{os.getpid()}-{nombre}"

    async def _exec(self, nombre: str, argv: Sequence[str]) -> bool:
        return await _ends_well(*_PODMAN, "exec", self._nombre(nombre), *argv)

    def _log(self, nombre: str) -> Path:
        return self._work / "logs" / f"{nombre}.log"


def _pip_as_here(work: Path) -> list[str]:
    """Volumes with which pip reaches the index within a build as it does here; nothing of it enters an image."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = dict(
        re.findall(r"^(?:global|:env:)\.(cert|index-url|extra-index-url|proxy|default-timeout)='(.*)'$", told, re.M)
    )
    volumes = []
    if cert := found.pop("cert", None):
        volumes.append(f"--volume={cert}:/run/autoridades.crt:ro")
        found["cert"] = "/run/autoridades.crt"
    config = work / "pip.conf"
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in found.items()), encoding="utf-8")
    return [*volumes, f"--volume={config}:/etc/pip.conf:ro"]


async def _ends_well(*argv: str) -> bool:
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return await process.wait() == 0


async def _comprobar(work: Path, consola: Console) -> None:
    async with Supervisor() as motores, Supervisor() as contenedores:
        imagenes = Imagenes(work, motores, contenedores, consola)
        await imagenes.construir()
        await imagenes.arrancar()


def main() -> int:
    """Exit status: 0 when every image was built and every container was ready; 1 when not; 2 when this machine cannot try."""
    consola = Console()
    missing = [tool for tool in _NEEDED if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        consola.print(f"Se necesita ser root, y: apt-get install {' '.join(_NEEDED)}", highlight=False)
        return 2
    work = Path(tempfile.mkdtemp(prefix="apoyo-imagenes-"))
    try:
        asyncio.run(_comprobar(work, consola))
    except (ProcessFailed, kafka.KafkaUnavailable) as error:
        consola.print(f"[red]{escape(str(error))}[/]\nLo que hubo: {work}", highlight=False, soft_wrap=True)
        return 1
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
