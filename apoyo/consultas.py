"""What the `apoyo` command shows and loads, given an installation that runs (on the embedded log, `replay` needs none)."""

import datetime as dt
from collections import Counter
from pathlib import Path

import httpx
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from apoyo import actores, cuarentena, cuentas, sesion
from apoyo import replay as vidas
from apoyo.instalacion import SERVICIOS, Instalacion, bitacora
from apoyo.sistema import crear_topics, llavero_del_portal, motores_del_portal, publicar_personas
from kernel.clock import SystemClock
from schemas import topics as publicados
from schemas.autorizacion import Rol
from schemas.ciclo_de_vida import Estado
from schemas.eventos import ProcesoRegistrado
from schemas.tipos import IdProceso
from services.compulsa.bootstrap import cargar_padron
from services.compulsa.padron import Avance, CargaRechazada
from services.compulsa.settings import CompulsaSettings


async def topics(instalacion: Instalacion, consola: Console) -> int:
    """Create the topics that are missing; table of all, what they hold, and what of it waits in quarantine."""
    table = Table(title="Topics")
    for name in ("Topic", "Escribe", "Leen", "Particiones", "Eventos", "En cuarentena"):
        table.add_column(name, justify="right" if name in {"Particiones", "Eventos", "En cuarentena"} else "left")
    async with bitacora(instalacion) as stream:
        await crear_topics(stream)
        en_cuarentena = Counter(a.topic for a in await cuarentena.leer(stream) if a.reenviado_en is None)
        for name, topic in publicados.load().items():
            events = sum((ends := await stream.ends(name)).values())
            readers = ", ".join(topic.readers)
            table.add_row(name, topic.writer, readers, str(len(ends)), f"{events:,}", f"{en_cuarentena[name]:,}")
    consola.print(table)
    return 0


async def replay(instalacion: Instalacion, folio: str, consola: Console) -> int:
    """The life of one apoyo; 1 when there is none."""
    async with bitacora(instalacion) as stream:
        pasos = await vidas.vida(stream, folio)
    if not pasos:
        consola.print(f"No hay ningún evento del folio [bold]{escape(folio)}[/].")
        return 1
    table = Table(title=f"Vida del apoyo {folio}", caption="Leída solo de los topics. Hora Centro.")
    for name in ("Cuándo", "Qué pasó", "Detalle", "v", "Topic/partición/posición"):
        table.add_column(name, overflow="fold")
    for paso in pasos:
        what, detail = vidas.que_paso(paso.sobre.evento)
        hora = f"{paso.hora:%Y-%m-%d %H:%M:%S}.{paso.hora.microsecond // 1000:03d}"
        table.add_row(hora, what, escape(detail), str(paso.sobre.evento.version), paso.lugar)
    consola.print(table)
    consola.print(f"Estado: [bold]{vidas.estado_en_palabras(vidas.ciclo_de(pasos))}[/]")
    return 0


async def load_padron(instalacion: Instalacion, archivo: Path, corte: dt.date, consola: Console) -> int:
    """Load a cut of the roll with the keys of compulsa, which alone reads it; 1 when it cannot be loaded like this."""
    with barra(consola, en="KB") as progress:
        task = progress.add_task("Cargar el corte del padrón")

        def avanzar(avance: Avance) -> None:
            progress.update(task, completed=avance.bytes_leidos // 1024, total=avance.bytes_total // 1024)

        try:
            carga = await cargar_padron(instalacion.settings(CompulsaSettings), archivo, corte.isoformat(), avanzar)
        except CargaRechazada as error:
            consola.print(f"[red]{escape(str(error))}[/]")
            return 1
    for rechazo in carga.rechazos:
        consola.print(f"línea {rechazo.linea}: {rechazo.motivo}")
    consola.print(f"Corte {carga.corte}: {carga.cargados:,} registros, {carga.rechazados:,} renglones rechazados.")
    return 0


async def load_actores(instalacion: Instalacion, archivo: Path, consola: Console) -> int:
    """Publish a file of actors."""
    contenido = actores.Archivo.model_validate_json(archivo.read_bytes())
    llavero = llavero_del_portal(instalacion.direcciones().mongo_uri, instalacion.root)
    async with bitacora(instalacion) as stream:
        llaves = instalacion.llaves_de_proceso(contenido.proceso)
        publicados_ahora = await actores.cargar(contenido, llaves, stream, llavero, SystemClock())
    nuevas = await publicar_personas(instalacion, contenido.proceso)
    consola.print(
        f"Proceso {contenido.proceso}: {publicados_ahora} eventos nuevos en `actores`, {nuevas} cuentas nuevas."
    )
    return 0


def llaves_de_proceso(instalacion: Instalacion, proceso: str, consola: Console) -> int:
    """Make the keys of a process where they are missing; 1 when that is no Id Proceso."""
    try:
        TypeAdapter(IdProceso).validate_python(proceso)
    except ValidationError:
        consola.print("[red]El Id Proceso es de 2 a 12 letras mayúsculas y números.[/]")
        return 1
    llaves = instalacion.llaves_de_proceso(proceso)
    consola.print(f"{proceso}: {', '.join(llave.id for llave in llaves)}. Ya se puede registrar en el portal.")
    advertir(instalacion, consola)
    return 0


async def cuenta_inicial(instalacion: Instalacion, alta: cuentas.Alta, consola: Console) -> int:
    """Publish the first account of an installation, INE's, which registers the others; 1 when there is one already."""
    portal = motores_del_portal(instalacion)
    async with portal.connected():
        conocidas = (await cuentas.cuentas_de(portal)).cuentas
        if any(cuenta.rol is Rol.INE_ADMIN for cuenta in conocidas.values()):
            consola.print("[red]Ya hay una cuenta de administración del INE.[/] Las demás se registran en el portal.")
            return 1
        await cuentas.publicar([alta], portal, instalacion.llave_de_identidad.read_bytes(), por=alta.cuenta)
    consola.print(f"Cuenta {alta.cuenta} registrada: entra con el emisor «{alta.datos.emisor}» y registra a las demás.")
    return 0


async def status(instalacion: Instalacion, consola: Console) -> int:
    """Services and totals; 1 when a service is not ready or the totals do not add up."""
    direcciones = instalacion.direcciones()
    servicios = Table(title="Servicios")
    for name in ("Servicio", "Dirección", "Estado"):
        servicios.add_column(name)
    ready = True
    async with httpx.AsyncClient(timeout=5) as client:
        for servicio in SERVICIOS:
            try:
                answer = await client.get(f"{direcciones.url(servicio)}/readyz")
                up = answer.status_code == httpx.codes.OK
            except httpx.HTTPError:
                up = False
            ready = ready and up
            servicios.add_row(servicio, direcciones.url(servicio), "[green]listo[/]" if up else "[red]no responde[/]")
        consola.print(servicios)
        client.cookies.update(await sesion.de(instalacion, "resultados", "auditor1"))
        for proceso in await _procesos(instalacion):
            totales = await totales_de(client, instalacion, proceso)
            consola.print(tabla_de_totales(proceso, totales))
    return 0 if ready else 1


async def totales_de(client: httpx.AsyncClient, instalacion: Instalacion, proceso: str) -> dict[str, int]:
    """Totals of a process as resultados publishes them: status → records, and `recibidos`. `client`: of who may see them."""
    answer = await client.get(f"{instalacion.direcciones().url('resultados')}/api/procesos/{proceso}/totales")
    answer.raise_for_status()
    content = answer.json()
    return {**content["estados"], "recibidos": content["recibidos"]}


def tabla_de_totales(proceso: str, totales: dict[str, int]) -> Table:
    """Totals as a table that adds up."""
    table = Table(title=f"Proceso {proceso}", show_footer=True)
    table.add_column("Estado", footer="recibidos")
    table.add_column("Registros", justify="right", footer=f"{totales['recibidos']:,}")
    for estado in Estado:
        table.add_row(estado.value, f"{totales[estado]:,}")
    return table


def advertir(instalacion: Instalacion, consola: Console) -> None:
    """One line when a lost disk would take the keys with it."""
    if not instalacion.con_resguardo:
        consola.print(
            "[yellow]Sin resguardo:[/] si se pierde esta carpeta, nada se vuelve a abrir (apoyo llaves crear-resguardo)."
        )


def barra(consola: Console, en: str = "") -> Progress:
    """The progress bar of everything that takes long. `en`: unit of what it counts."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(en),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=consola)


async def _procesos(instalacion: Instalacion) -> list[str]:
    found: list[str] = []
    async with bitacora(instalacion) as stream:
        async for record in stream.read("actores"):
            if record.headers.get("ce_type") == ProcesoRegistrado.ce_type():
                found.append(ProcesoRegistrado.model_validate_json(record.value, extra="ignore").proceso)
    return sorted(set(found))
