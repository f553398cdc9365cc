"""The synthetic process of the demonstration and of the system tests: who takes part, what they send, and the truth about it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import ec

from apoyo import actores
from dispositivo.kit import Dispositivo
from dispositivo.poblacion.auxiliares import Auxiliar
from dispositivo.poblacion.padron import escribir_padron
from dispositivo.poblacion.personas import Persona, Poblador
from dispositivo.poblacion.plan import Captura, Equipo, Plan, Solicitud, equipos_sinteticos, planear
from schemas.perfil import PERFIL_P, TipoProceso

CENTRO = ZoneInfo("America/Mexico_City")
PROCESO = "CI26"
ENTIDAD = "10"
"""The OPL's: the process is a local one."""
SOLICITUDES = (
    Solicitud(f"{PROCESO}-0001", ENTIDAD, "Aspirante de ejemplo A"),
    Solicitud(f"{PROCESO}-0002", ENTIDAD, "Aspirante de ejemplo B", distrito_local="04"),
    Solicitud(f"{PROCESO}-0003", ENTIDAD, "Aspirante de ejemplo C"),
)


@dataclass(frozen=True)
class Escenario:
    """A process that began 30 days ago and still runs. Deterministic from the seed and the moment, but for the devices' keys."""

    semilla: int
    inicio: datetime
    fin: datetime
    corte: date
    equipos: tuple[Equipo, ...]
    dispositivos: dict[str, Dispositivo]
    plan: Plan

    @property
    def capturas(self) -> tuple[Captura, ...]:
        """What is sent, in the order of capture."""
        return self.plan.capturas

    @property
    def solicitantes(self) -> tuple[Persona, ...]:
        """Who asks for support in each solicitud, in order; they appear in no capture."""
        poblador = Poblador(f"solicitantes-{self.semilla}", self.inicio.date(), (c.persona for c in self.capturas))
        return tuple(poblador.persona(ENTIDAD) for _ in SOLICITUDES)

    def auxiliares(self, solicitud: str) -> tuple[Auxiliar, ...]:
        """Its auxiliares, in the order in which they are registered."""
        return tuple(a for a in self.plan.auxiliares if a.solicitud == solicitud)

    def de_baja(self, solicitud: str) -> list[str]:
        """Ids of its auxiliares whom the OPL dismisses before they send."""
        return sorted({e.auxiliar for e in self.equipos if e.solicitud == solicitud and e.auxiliar_de_baja})

    def archivo(self) -> actores.Archivo:
        """The process and everybody in it, for topic `actores`."""
        return actores.Archivo(
            proceso=PROCESO,
            tipo=TipoProceso.CANDIDATURA_INDEPENDIENTE,
            denominacion="Proceso de ejemplo: candidaturas independientes",
            entidad=ENTIDAD,
            inicio=self.inicio,
            fin=self.fin,
            perfil=PERFIL_P,
            solicitudes=[
                actores.Solicitud(
                    solicitud=s.id,
                    denominacion=s.denominacion,
                    entidad=s.entidad,
                    distrito_federal=s.distrito_federal,
                    distrito_local=s.distrito_local,
                    municipio=s.municipio,
                    auxiliares=self._auxiliares(s.id),
                )
                for s in SOLICITUDES
            ],
        )

    def escribir_padron(self, path: Path) -> int:
        """The cut of the roll; number of rows."""
        return escribir_padron(path, self.plan.padron())

    def _auxiliares(self, solicitud: str) -> list[actores.Auxiliar]:
        equipos = [e for e in self.equipos if e.solicitud == solicitud]
        baja = actores.Baja(desde=self.inicio, por="opl", motivo="Cédula no presentada")
        return [
            actores.Auxiliar(
                auxiliar=auxiliar,
                nombre=f"Auxiliar {auxiliar} de {solicitud}",
                correo=f"{auxiliar.lower()}.{solicitud.lower()}@auxiliares.invalid",
                dispositivos=[
                    actores.Dispositivo(
                        dispositivo=e.dispositivo,
                        publica=self.dispositivos[e.dispositivo].publica,
                        autorizado=e.autorizado,
                    )
                    for e in equipos
                    if e.auxiliar == auxiliar
                ],
                baja=baja if any(e.auxiliar_de_baja for e in equipos if e.auxiliar == auxiliar) else None,
            )
            for auxiliar in sorted({e.auxiliar for e in equipos})
        ]


def preparar(semilla: int, registros: int, ahora: datetime) -> Escenario:
    """The scenario of a seed, for a process that runs at `ahora`."""
    hoy = ahora.astimezone(CENTRO).date()
    inicio = datetime.combine(hoy - timedelta(days=30), datetime.min.time(), CENTRO)
    fin = datetime.combine(hoy + timedelta(days=7), datetime.min.time(), CENTRO)
    equipos = equipos_sinteticos(semilla, SOLICITUDES)
    plan = planear(semilla, registros, SOLICITUDES, equipos, inicio, fin, hasta=ahora - timedelta(minutes=5))
    dispositivos = {e.dispositivo: _dispositivo(e) for e in equipos}
    return Escenario(semilla, inicio, fin, corte_de(ahora), equipos, dispositivos, plan)


def _dispositivo(equipo: Equipo) -> Dispositivo:
    return Dispositivo(equipo.solicitud, equipo.auxiliar, equipo.dispositivo, ec.generate_private_key(ec.SECP256R1()))


def corte_de(recibido_en: datetime) -> date:
    """The cut that a record received at that time needs: last day of the month before, hora Centro (D 10.4)."""
    return recibido_en.astimezone(CENTRO).date().replace(day=1) - timedelta(days=1)
