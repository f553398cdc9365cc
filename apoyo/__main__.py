"""The `apoyo` command. Each command does one thing people do; `--help` of all of them stands in the README."""

import asyncio
import datetime as dt
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from apoyo.instalacion import Instalacion
from apoyo.sesion import EntradaRechazada, Rechazada
from apoyo.verificacion import Alcance
from kernel.errors import Unavailable

app = typer.Typer(
    name="apoyo",
    help="Firmas de apoyo ciudadano: motores, servicios y consultas de una instalación.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
motores = typer.Typer(help="Motores locales: bitácora, documentos, objetos y correo.", no_args_is_help=True)
app.add_typer(motores, name="engines")
cuarentena = typer.Typer(help="Eventos que un servicio no pudo leer: verlos y reenviarlos.", no_args_is_help=True)
app.add_typer(cuarentena, name="quarantine")
llaves = typer.Typer(
    help="Llaves de servicios y procesos: cambiarlas sin detener nada, resguardarlas.", no_args_is_help=True
)
app.add_typer(llaves, name="llaves")
registros_apartados = typer.Typer(
    no_args_is_help=True,
    help="Registros cuyo paquete no se pudo abrir: verlos con su motivo y pedir que se abran otra vez.",
)
app.add_typer(registros_apartados, name="paquetes")
consola = Console()

Raiz = Annotated[Path, typer.Option("--root", envvar="APOYO_ROOT", help="Carpeta de la instalación.")]
RAIZ = Path(".apoyo/demo")
DeTopic = Annotated[str | None, typer.Option("--topic", help="Solo los de este topic.")]
DeMotivo = Annotated[str | None, typer.Option("--motivo", help="Solo los de este motivo.")]
DeGrupo = Annotated[str | None, typer.Option("--grupo", help="Solo los que apartó este servicio.")]

DelProceso = Annotated[str, typer.Option("--proceso", help="De este proceso.")]
PorMotivo = Annotated[str, typer.Option("--motivo", help="Solo los de este motivo.")]
PorLlave = Annotated[str, typer.Option("--llave", help="Solo los que esperan esta llave de proceso.")]
Desde = Annotated[str, typer.Option("--desde", help="Recibidos desde este día, AAAA-MM-DD, hora Centro.")]
Hasta = Annotated[str, typer.Option("--hasta", help="Recibidos hasta este día, incluido.")]
Como = Annotated[str, typer.Option("--como", help="Con la cuenta de esta persona de la instalación.")]


@app.command()
def demo(
    registros: Annotated[int, typer.Option(help="Cuántos apoyos se envían.", min=150)] = 400,
    semilla: Annotated[int, typer.Option(help="Semilla de la población sintética.")] = 2026,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Usa Apache Kafka real en lugar de la bitácora embebida.")
    ] = False,
    native: Annotated[
        bool, typer.Option("--native", help="Usa el servidor de documentos compilado (Rust) en lugar del de Python.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Lo deja en marcha y muestra las direcciones de las páginas.")
    ] = False,
    root: Raiz = RAIZ,
) -> None:
    """Recorre todo el camino: envía apoyos sintéticos, los revisa y compara los estados con la verdad conocida."""
    from apoyo import demo as demostracion

    opciones = demostracion.Opciones(
        registros=registros, semilla=semilla, kafka=kafka, native=native, keep=keep, root=root
    )
    raise typer.Exit(demostracion.correr(opciones, consola))


@motores.command("up")
def engines_up(
    real: Annotated[
        bool, typer.Option("--real", help="Apache Kafka como bitácora y el servidor de documentos compilado (Rust).")
    ] = False,
    servicios: Annotated[bool, typer.Option("--servicios", help="También los siete servicios.")] = False,
    root: Raiz = Path(".apoyo/engines"),
) -> None:
    """Arranca los motores y los topics, y los deja en marcha hasta Ctrl-C. Lo guardado queda para el siguiente arranque."""
    from apoyo import motores as gestion

    raise typer.Exit(gestion.arrancar(root, real=real, servicios=servicios, consola=consola))


@motores.command("fetch")
def engines_fetch(
    native: Annotated[
        bool, typer.Option("--native", help="También compila el servidor de documentos (cargo, unos minutos).")
    ] = False,
    minio: Annotated[
        bool, typer.Option("--minio", help="También compila MinIO, para sus pruebas (Go, unos minutos).")
    ] = False,
) -> None:
    """Trae Kafka (Maven), comprobado por su hash."""
    from apoyo import motores as gestion

    raise typer.Exit(gestion.traer(consola, native=native, con_minio=minio))


@app.command()
def preparar(
    kafka: Annotated[str, typer.Option(help="Servidores de Kafka: host:puerto, varios con comas.")],
    mongo: Annotated[str, typer.Option(help="Dirección de MongoDB: mongodb://host:puerto/…")],
    s3: Annotated[str, typer.Option(help="Servidor de objetos: host:puerto.")],
    smtp: Annotated[str, typer.Option(help="Servidor de correo: host:puerto.")],
    oidc: Annotated[str, typer.Option(help="Dirección del emisor de identidad local.")],
    en: Annotated[
        list[str] | None,
        typer.Option("--en", help="Un servicio que no está en esta máquina: servicio=host; se puede repetir."),
    ] = None,
    root: Raiz = RAIZ,
) -> None:
    """Hace las llaves, los secretos y las contraseñas que falten, y anota dónde están los motores; no conecta con nada."""
    from apoyo import preparacion

    try:
        preparacion.preparar(Instalacion(root), kafka=kafka, mongo=mongo, s3=s3, smtp=smtp, oidc=oidc, en=en or [])
    except ValueError as error:
        consola.print(f"[red]{escape(str(error))}[/]")
        raise typer.Exit(2) from error
    consola.print("Listo: lo que ya existía no cambió.")


@app.command()
def topics(root: Raiz = RAIZ) -> None:
    """Crea los topics que falten y los muestra: quién escribe, quién lee y cuántos eventos hay."""
    from apoyo import consultas

    _con_motores(consultas.topics(Instalacion(root), consola))


@app.command("load-padron")
def load_padron(
    archivo: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV con el corte del padrón.")],
    corte: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Fecha del corte.")],
    root: Raiz = RAIZ,
) -> None:
    """Carga un corte del padrón (se puede repetir: lo ya cargado no cambia)."""
    from apoyo import consultas

    _con_motores(consultas.load_padron(Instalacion(root), archivo, corte.date(), consola))


@app.command("load-actores")
def load_actores(
    archivo: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON con el proceso y sus actores.")],
    root: Raiz = RAIZ,
) -> None:
    """Publica en `actores` un proceso, sus solicitudes, auxiliares, dispositivos y cuentas de ejemplo (se puede repetir)."""
    from apoyo import consultas

    _con_motores(consultas.load_actores(Instalacion(root), archivo, consola))


@app.command("llaves-de-proceso")
def llaves_de_proceso(
    proceso: Annotated[str, typer.Argument(help="Id Proceso: de 2 a 12 letras mayúsculas y números.")],
    root: Raiz = RAIZ,
) -> None:
    """Pone las llaves de un proceso: las públicas donde el portal las busca, las privadas con descifrado (se puede repetir)."""
    from apoyo import consultas

    raise typer.Exit(consultas.llaves_de_proceso(Instalacion(root), proceso, consola))


@app.command("cuenta-inicial")
def cuenta_inicial(
    hasta: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Último día de la vigencia.")],
    declaracion: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Fecha de la Declaración de Confidencialidad firmada.")
    ],
    cuenta: Annotated[str, typer.Option(help="Palabra de la cuenta; no dice quién es la persona.")] = "ine1",
    emisor: Annotated[str, typer.Option(help="Emisor con el que entra.")] = "institucional",
    root: Raiz = RAIZ,
) -> None:
    """Registra la primera cuenta, del INE, que registra a las demás en el portal. Pregunta los datos personales."""
    from apoyo import consultas, cuentas

    alta = cuentas.inicial(
        cuenta,
        emisor,
        hasta=hasta.date(),
        firmada_en=declaracion.date(),
        preguntar=lambda que: typer.prompt(que).strip(),
    )
    _con_motores(consultas.cuenta_inicial(Instalacion(root), alta, consola))


@app.command()
def replay(folio: Annotated[str, typer.Option(help="Folio del apoyo.")], root: Raiz = RAIZ) -> None:
    """Cuenta la vida de un apoyo, evento por evento, leída solo de los topics."""
    from apoyo import consultas

    _con_motores(consultas.replay(Instalacion(root), folio, consola))


@app.command()
def status(root: Raiz = RAIZ) -> None:
    """Muestra qué servicios responden y los totales de cada proceso."""
    from apoyo import consultas

    _con_motores(consultas.status(Instalacion(root), consola))


@app.command()
def verify(
    objetos: Annotated[
        Alcance, typer.Option(help="Cuántos objetos guardados se leen y se comparan con su hash.")
    ] = Alcance.MUESTRA,
    archivo: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="Escribe el informe completo en este archivo.")
    ] = None,
    root: Raiz = RAIZ,
) -> None:
    """Recalcula todo desde los topics y dice si algo falta, sobra o no coincide.

    Termina con 0 si todo se comprobó y está bien, con 1 si algo está mal y con 2 si no se pudo comprobar todo.
    """
    from apoyo import verify as verificador

    _con_motores(verificador.correr(Instalacion(root), objetos, archivo, consola))


@app.command()
def retention(
    si: Annotated[bool, typer.Option("--si", help="Confirma; sin esto solo muestra qué se borraría.")] = False,
    sin_dia: Annotated[
        bool,
        typer.Option(
            "--sin-dia",
            help="También los que guardó la versión 0.1.0, sin día en su nombre; ningún ingesta de ella debe correr.",
        ),
    ] = False,
    root: Raiz = RAIZ,
) -> None:
    """Borra los paquetes que ningún evento nombra, pasado el plazo (se puede interrumpir y repetir).

    Son los que quedaron guardados sin acuse y cuyo dispositivo no volvió. Termina con 1 si algo falló o hay objetos por revisar.
    """
    from apoyo import retencion
    from kernel.logging import configure

    configure("apoyo", "info")
    _con_motores(retencion.correr(Instalacion(root), consola, si=si, sin_dia=sin_dia))


@app.command()
def rebuild(
    servicio: Annotated[
        Literal["resultados", "mesa_control", "notificaciones", "compulsa"],
        typer.Argument(
            help="De qué servicio. notificaciones y compulsa deben estar detenidos; los otros siguen en marcha."
        ),
    ],
    root: Raiz = RAIZ,
) -> None:
    """Reconstruye desde los topics los documentos de un servicio, junto a los que están en uso, y luego los pone en su lugar."""
    from apoyo import rebuild as reconstruccion

    _con_motores(reconstruccion.correr(Instalacion(root), servicio, consola))


DeServicio = Annotated[
    Literal["descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal"],
    typer.Argument(help="De qué servicio; sigue en marcha."),
]


@llaves.command("rotar")
def llaves_rotar(servicio: DeServicio, root: Raiz = RAIZ) -> None:
    """Da a un servicio un par de llaves nuevo y envuelve para él lo que estaba con el anterior (se puede interrumpir y repetir)."""
    from apoyo import llaves as gestion

    _con_motores(gestion.rotar(Instalacion(root), servicio, consola))


@llaves.command("retirar")
def llaves_retirar(servicio: DeServicio, root: Raiz = RAIZ) -> None:
    """Quita la llave anterior de un servicio, si ya nada está envuelto con ella (se puede repetir)."""
    from apoyo import llaves as gestion

    _con_motores(gestion.retirar(Instalacion(root), servicio, consola))


@llaves.command("rotar-proceso")
def llaves_rotar_proceso(
    proceso: Annotated[str, typer.Argument(help="Id Proceso.")],
    root: Raiz = RAIZ,
) -> None:
    """Publica llaves nuevas de un proceso; lo capturado con las anteriores se sigue recibiendo (se puede repetir)."""
    from apoyo import llaves as gestion

    _con_motores(gestion.rotar_proceso(Instalacion(root), proceso, consola))


@llaves.command("crear-resguardo")
def llaves_crear_resguardo(
    archivo: Annotated[
        Path, typer.Argument(dir_okay=False, help="Dónde queda la llave privada: fuera de la instalación.")
    ],
    root: Raiz = RAIZ,
) -> None:
    """Crea un resguardo de todas las llaves; su llave privada se guarda fuera de línea. Puede haber varios, cada uno basta."""
    from apoyo import llaves as gestion

    raise typer.Exit(gestion.crear_resguardo(Instalacion(root), archivo, consola))


@llaves.command("resguardar")
def llaves_resguardar(root: Raiz = RAIZ) -> None:
    """Pone en cada resguardo las llaves que le falten (se puede repetir; las órdenes que crean llaves ya lo hacen)."""
    from apoyo import llaves as gestion

    raise typer.Exit(gestion.resguardar(Instalacion(root), consola))


@llaves.command("restaurar")
def llaves_restaurar(
    archivo: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="La llave privada de un resguardo.")],
    root: Raiz = RAIZ,
) -> None:
    """Recupera del resguardo las llaves que falten; las que están no cambian."""
    from apoyo import llaves as gestion

    raise typer.Exit(gestion.restaurar(Instalacion(root), archivo, consola))


@cuarentena.command("list")
def quarantine_list(
    topic: DeTopic = None,
    motivo: DeMotivo = None,
    grupo: DeGrupo = None,
    cada_uno: Annotated[bool, typer.Option("--cada-uno", help="Un renglón por evento, con su origen.")] = False,
    root: Raiz = RAIZ,
) -> None:
    """Cuenta lo que hay en cuarentena por topic, motivo y servicio que no lo pudo leer."""
    from apoyo import cuarentena as apartados

    filtro = apartados.Filtro(topic, motivo, grupo)
    _con_motores(apartados.listar(Instalacion(root), filtro, consola, cada_uno=cada_uno))


@cuarentena.command("show")
def quarantine_show(
    origen: Annotated[str, typer.Argument(help="Origen del evento, como lo muestra `list`: topic/partición/posición.")],
    completo: Annotated[
        bool, typer.Option("--completo", help="Muestra los bytes del cuerpo: pueden contener datos personales.")
    ] = False,
    root: Raiz = RAIZ,
) -> None:
    """Muestra un evento en cuarentena: motivo, encabezados y la forma de su cuerpo, sin valores."""
    from apoyo import cuarentena as apartados

    _con_motores(apartados.mostrar(Instalacion(root), origen, consola, completo=completo))


@cuarentena.command("redrive")
def quarantine_redrive(
    topic: DeTopic = None,
    motivo: DeMotivo = None,
    grupo: DeGrupo = None,
    origen: Annotated[str | None, typer.Option("--origen", help="Solo el de este origen.")] = None,
    si: Annotated[bool, typer.Option("--si", help="Confirma; sin esto solo muestra qué se reenviaría.")] = False,
    root: Raiz = RAIZ,
) -> None:
    """Reenvía a su topic, tal como llegó, lo que espera en cuarentena (se puede repetir: cada evento se reenvía una vez)."""
    from apoyo import cuarentena as apartados

    filtro = apartados.Filtro(topic, motivo, grupo, origen)
    _con_motores(apartados.reenviar_en(Instalacion(root), filtro, consola, si=si))


@cuarentena.command("accept")
def quarantine_accept(
    topic: DeTopic = None,
    motivo: DeMotivo = None,
    grupo: DeGrupo = None,
    origen: Annotated[str | None, typer.Option("--origen", help="Solo el de este origen.")] = None,
    si: Annotated[bool, typer.Option("--si", help="Confirma; sin esto solo muestra qué se aceptaría.")] = False,
    root: Raiz = RAIZ,
) -> None:
    """Deja apartado en definitiva lo que espera en cuarentena; el servicio que se detuvo por su límite sigue al arrancarlo."""
    from apoyo import cuarentena as apartados

    filtro = apartados.Filtro(topic, motivo, grupo, origen)
    _con_motores(apartados.aceptar_en(Instalacion(root), filtro, consola, si=si))


@registros_apartados.command("list")
def paquetes_list(
    proceso: DelProceso,
    motivo: PorMotivo = "",
    llave: PorLlave = "",
    desde: Desde = "",
    hasta: Hasta = "",
    cada_uno: Annotated[bool, typer.Option("--cada-uno", help="Un renglón por registro, con su folio.")] = False,
    como: Como = "ine1",
    root: Raiz = RAIZ,
) -> None:
    """Cuenta por motivo los registros que no se pudieron abrir, y dice quién puede actuar."""
    from apoyo import paquetes

    filtro = paquetes.Filtro(proceso, motivo, llave, desde, hasta)
    _con_motores(paquetes.listar(Instalacion(root), como, filtro, consola, cada_uno=cada_uno))


@registros_apartados.command("show")
def paquetes_show(
    folio: Annotated[str, typer.Argument(help="Folio completo del registro.")],
    como: Como = "ine1",
    root: Raiz = RAIZ,
) -> None:
    """Muestra un registro que está o estuvo en cuarentena: por qué, quién puede actuar y sus reintentos."""
    from apoyo import paquetes

    _con_motores(paquetes.mostrar(Instalacion(root), como, folio, consola))


@registros_apartados.command("retry")
def paquetes_retry(
    proceso: DelProceso,
    motivo: PorMotivo = "",
    llave: PorLlave = "",
    desde: Desde = "",
    hasta: Hasta = "",
    folio: Annotated[list[str] | None, typer.Option("--folio", help="Solo este registro; se puede repetir.")] = None,
    si: Annotated[bool, typer.Option("--si", help="Confirma; sin esto solo muestra qué se reintentaría.")] = False,
    como: Como = "ine1",
    root: Raiz = RAIZ,
) -> None:
    """Pide que se abran otra vez los registros en cuarentena (se puede repetir: cada cuarentena se reintenta una vez)."""
    from apoyo import paquetes

    filtro = paquetes.Filtro(proceso, motivo, llave, desde, hasta, tuple(folio or ()))
    _con_motores(paquetes.reintentar(Instalacion(root), como, filtro, consola, si=si))


def _con_motores(command: Coroutine[Any, Any, int]) -> None:
    """Run a command that needs an installation; its failures become one clear line and exit status 1."""
    try:
        code = asyncio.run(command)
    except FileNotFoundError:
        consola.print("[red]No hay una instalación en esa carpeta.[/] Arranque una con `make demo KEEP=1`.")
        code = 1
    except Rechazada as error:
        consola.print(f"[red]No se hizo:[/] {escape(str(error))}")
        code = 1
    except EntradaRechazada as error:
        consola.print(
            f"[red]No se pudo entrar[/] ({escape(str(error))}). ¿Se cargaron las cuentas? `apoyo load-actores`."
        )
        code = 1
    except (Unavailable, httpx.HTTPError) as error:
        consola.print(
            f"[red]Un motor o servicio no responde[/] ({escape(str(error))}). ¿Está en marcha? `make demo KEEP=1` lo arranca."
        )
        code = 1
    raise typer.Exit(code)


def main() -> None:
    """Entry point."""
    # What a library tries again by itself (a topic whose leader is being elected) is not news for who runs a command.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    app()


if __name__ == "__main__":
    main()
