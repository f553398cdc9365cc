"""The services as an installation sees them: their settings, consumer groups, and which engines each may reach.

What can be read off the code is (settings, buckets, groups); a test holds the rest to the READMEs' table of privileges.
"""

import ast
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from apoyo.despliegue.dependencias import ROOT, alcance
from apoyo.instalacion import CON_PAGINAS, PUERTOS, SERVICIOS
from kernel.settings import ServiceSettings
from schemas import topics
from services.compulsa.settings import CompulsaSettings
from services.descifrado.settings import Settings as DescifradoSettings
from services.ingesta.settings import IngestaSettings
from services.mesa_control.settings import Settings as MesaSettings
from services.notificaciones.settings import Settings as NotificacionesSettings
from services.portal.settings import Settings as PortalSettings
from services.resultados.settings import Settings as ResultadosSettings

SETTINGS: dict[str, type[ServiceSettings]] = {
    "ingesta": IngestaSettings,
    "descifrado": DescifradoSettings,
    "compulsa": CompulsaSettings,
    "mesa_control": MesaSettings,
    "notificaciones": NotificacionesSettings,
    "resultados": ResultadosSettings,
    "portal": PortalSettings,
}


@dataclass(frozen=True, slots=True)
class Servicio:
    """One service. `cubos`: whether it stores or reads objects; `publico`: whether people or devices come to it."""

    nombre: str
    puerto: int
    cubos: bool
    paginas: bool
    publico: bool
    correo: bool

    @property
    def k8s(self) -> str:
        """Its name where underscores are not allowed."""
        return self.nombre.replace("_", "-")

    @property
    def escribe(self) -> list[str]:
        """The topics that it alone writes."""
        return [nombre for nombre, topic in topics.load().items() if topic.writer == self.nombre]

    @property
    def lee(self) -> list[str]:
        """The topics that it consumes or follows."""
        return [nombre for nombre, topic in topics.load().items() if self.nombre in topic.readers]

    @property
    def consume(self) -> tuple[str, ...]:
        """The topics of the group that bears its name, where most of its work comes from; none: it only answers requests."""
        if not (ROOT / "services" / self.nombre / "agent.py").exists():
            return ()
        return tuple(import_module(f"services.{self.nombre}.agent").TOPICS)

    @property
    def variables(self) -> dict[str, bool]:
        """The variables that its settings know; True: it does not start without."""
        prefijo = str(SETTINGS[self.nombre].model_config["env_prefix"])
        return {
            f"{prefijo}{campo}".upper(): info.is_required()
            for campo, info in SETTINGS[self.nombre].model_fields.items()
        }


@cache
def todos() -> list[Servicio]:
    """Every service, in the order of their ports."""
    return [
        Servicio(
            nombre,
            PUERTOS[nombre],
            cubos=_con_cubos(nombre),
            paginas=nombre in CON_PAGINAS,
            publico=nombre == "ingesta" or nombre in CON_PAGINAS,
            correo="aiosmtplib" in alcance(f"services.{nombre}.__main__"),
        )
        for nombre in SERVICIOS
    ]


def _con_cubos(nombre: str) -> bool:
    """Whether its bootstrap asks for a bucket."""
    arbol = ast.parse((ROOT / "services" / nombre / "bootstrap.py").read_text(encoding="utf-8"))
    return any(isinstance(nodo, ast.Attribute) and nodo.attr == "bucket" for nodo in ast.walk(arbol))
