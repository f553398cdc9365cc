"""`apoyo demo`: the whole way, shown."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from apoyo import consultas, motores
from apoyo.engines.procs import Supervisor
from apoyo.escenario import corte_de, preparar
from apoyo.instalacion import Instalacion
from apoyo.recorrido import Comparacion, Recorrido
from apoyo.sistema import Sistema
from dispositivo.poblacion.plan import Captura
from kernel.clock import SystemClock
from services.notificaciones.domain import Clase

POR_PROBAR = 40
"""Supports that `--keep` sends last and leaves in the queue, for whoever opens the pages."""


@dataclass(frozen=True)
class Opciones:
    """Of one demonstration."""

    registros: int
    semilla: int
    kafka: bool
    native: bool
    keep: bool
    root: Path


def correr(opciones: Opciones, consola: Console) -> int:
    """Run it; 0 when every status equals the truth."""
    return motores.correr(lambda supervisor: _demo(opciones, supervisor, consola), consola)


async def _demo(opciones: Opciones, supervisor: Supervisor, consola: Console) -> int:
    _vaciar(opciones.root, supervisor)
    ahora = SystemClock().now()
    por_probar = POR_PROBAR if opciones.keep else 0
    escenario = preparar(opciones.semilla, opciones.registros + por_probar, ahora)
    sistema = Sistema(Instalacion(opciones.root), supervisor, kafka=opciones.kafka, native=opciones.native)
    recorrido = Recorrido(sistema, escenario)
    with consola.status("Arrancando motores, padrón sintético y servicios…") as paso:
        await recorrido.arrancar_por_el_portal(
            corte_de(ahora), lambda que: paso.update(f"Registrando en el portal · {que}…")
        )
    comparacion = await _recorrer(recorrido, escenario.capturas[: opciones.registros], consola)
    consola.print(_tabla(comparacion))
    correos = await _esperar_correos(recorrido)
    consola.print(f"Acuses por correo: {correos} de {recorrido.envios_cerrados} envíos.")
    iguales = comparacion.iguales and correos == recorrido.envios_cerrados
    folio = next(f for f, estado in comparacion.verdad.items() if estado == "en_lista_nominal")
    raiz = "" if opciones.root == Path(".apoyo/demo") else f" --root {opciones.root}"
    if iguales:
        consola.print("[green bold]Todo coincide con la verdad conocida, registro por registro.[/]")
    else:
        consola.print("[red bold]Hay diferencias con la verdad conocida:[/]")
        for distinto, (verdad, estado) in comparacion.distintos.items():
            consola.print(f"  {distinto}: debe ser {verdad}, es {estado}", highlight=False)
    programa = sys.argv[0] if Path(sys.argv[0]).name == "apoyo" else "apoyo"
    consola.print(
        f"La vida de un apoyo: [bold]{programa} replay{raiz} --folio {folio}[/]", soft_wrap=True, highlight=False
    )
    if opciones.keep:
        ultimas = escenario.capturas[opciones.registros :]
        await recorrido.enviar(ultimas)
        _direcciones(sistema, consola, por_probar=sum(not c.verdad.cuarentena for c in ultimas))
        raise await supervisor.failure()
    return 0 if iguales else 1


async def _recorrer(recorrido: Recorrido, capturas: Sequence[Captura], consola: Console) -> Comparacion:
    total = len(capturas)
    with consultas.barra(consola) as progress:
        enviar = progress.add_task("Dibujar, sellar y enviar", total=total)
        revisar = progress.add_task("Revisar en Mesa de Control", total=total)
        compulsar = progress.add_task("Con estado final", total=total)
        await recorrido.enviar(capturas, lambda n: progress.update(enviar, completed=n))
        progress.update(enviar, total=len(recorrido.acuses) + len(recorrido.rechazados))
        por_revisar = sum(1 for c in capturas if not c.verdad.cuarentena)
        progress.update(revisar, total=por_revisar)
        await asyncio.gather(
            recorrido.revisar(lambda n: progress.update(revisar, completed=n)),
            recorrido.esperar_compulsa(lambda n: progress.update(compulsar, completed=n), plazo_s=600),
        )
    return await recorrido.comparar()


async def _esperar_correos(recorrido: Recorrido) -> int:
    for _ in range(60):
        if len(set(recorrido.correos(Clase.ACUSE))) >= recorrido.envios_cerrados:
            break
        await asyncio.sleep(0.25)
    return len(set(recorrido.correos(Clase.ACUSE)))


def _tabla(comparacion: Comparacion) -> Table:
    table = Table(title="Estados de todos los registros", show_footer=True)
    verdad = sum(v for v, _ in comparacion.por_estado.values())
    table.add_column("Estado", footer="recibidos")
    table.add_column("Verdad", justify="right", footer=f"{verdad:,}")
    table.add_column("Resultados", justify="right", footer=f"{comparacion.totales.get('recibidos', 0):,}")
    table.add_column("", footer="")
    for estado, (debe, es) in comparacion.por_estado.items():
        table.add_row(estado.value, f"{debe:,}", f"{es:,}", "[green]=[/]" if debe == es else "[red]≠[/]")
    return table


def _direcciones(sistema: Sistema, consola: Console, por_probar: int) -> None:
    direcciones, accesos = sistema.instalacion.direcciones(), sistema.instalacion.accesos()
    consola.rule("En marcha: Ctrl-C detiene todo")
    for pagina, servicio, persona in (
        ("Mesa de Control", "mesa_control", "operador1"),
        ("Resultados", "resultados", "opl1"),
        ("Resultados de una solicitud", "resultados", "promovente1"),
        ("Portal", "portal", "ine1"),
    ):
        # No table: in a narrow terminal it would cut what has to be copied.
        acceso = accesos[persona]
        consola.print(f"[bold]{pagina}[/bold]: {direcciones.url(servicio)}", soft_wrap=True)
        consola.print(f"    {acceso.correo}  {acceso.contrasena}", soft_wrap=True, highlight=False, markup=False)
    consola.print(
        "Para cambiar de cuenta en el mismo navegador, salga primero. Todas las cuentas: secrets/personas.json."
    )
    consola.print(f"En Mesa de Control quedan {por_probar} registros para probar: son los últimos que se enviaron.")
    consola.print(
        f"Correos: {direcciones.inbox}\nRegistros de los procesos: {sistema.instalacion.root / 'logs'}", soft_wrap=True
    )


def _vaciar(root: Path, supervisor: Supervisor) -> None:
    """Begin anew; never remove a folder that is not an installation, or that another process runs. Raises ProcessFailed."""
    if not root.exists():
        return
    if any(root.iterdir()) and not (root / "secrets").exists():
        raise SystemExit(f"{root} no es una carpeta de demostración: no se toca.")
    (root / "data").mkdir(exist_ok=True)
    supervisor.claim(root / "data")
    shutil.rmtree(root)
