// The page of Mesa de Control. One record on the screen, the next one loaded; decisions are sent behind and tried again until the
// server has answered, with the same idempotency key, so nothing is lost or decided twice.

import { miles, momento } from "/estatico/apoyo.js";
import { alternar, elegirForma, entrada, necesita, pintarCatalogo, pintarDetalle, usarCatalogo } from "./catalogo.js";
import { tablaDeDatos } from "./datos.js";
import { acercar, ampliar, figuras, girar, mover, pintarImagen, prepararFigura, transformar } from "./imagenes.js";
import { $, avisar, corto, el, mesa, proceso, puesto } from "./puesto.js";
import { Falla, REINTENTO_MS, insistir, pausa, pedir, repetir } from "./red.js";
import { abrir, soltar } from "./registro.js";
import { agregarTecla, escuchar, explicarTecla } from "./teclas.js";

// Modules that add to the page: each exports `montar(pagina)`.
const EXTENSIONES = [];

const ENVIOS_A_LA_VEZ = 4;
const ESPERA_VACIA_MS = 5000;

let adelante = null;
const apartados = [];
let ultima = null;
const enviando = new Map();
const saltados = [];
const tiempos = [];
let hoy = 0;
let esperando = false;

/** The next record, or null when the queue is empty. */
async function traer() {
  const fuera = [puesto.actual?.registro.folio, ...apartados.map((a) => a.registro.folio), ...enviando.keys(), ...saltados.slice(-3)];
  const consulta = new URLSearchParams({ proceso });
  for (const folio of new Set(fuera.filter(Boolean))) consulta.append("excepto", folio);
  const respuesta = await pedir(`/api/siguiente?${consulta}`);
  return respuesta.status === 204 ? null : abrir(await respuesta.json());
}

// From one record to the next -----------------------------------------------------------------------------------------

function adelantar() {
  const promesa = traer().catch((falla) => {
    if (adelante?.promesa === promesa) adelante = null;
    return Promise.reject(falla);
  });
  promesa.catch(() => {});
  adelante = { promesa, valor: undefined };
  const este = adelante;
  promesa.then((valor) => { este.valor = valor; }, () => {});
}

async function avanzar() {
  if (puesto.actual) soltar(puesto.actual);
  puesto.actual = null;
  const apartado = apartados.pop();
  if (apartado) return mostrar(apartado);
  const listo = adelante?.valor;
  if (listo && listo.caduca > performance.now()) {
    adelante = null;
    return mostrar(listo);
  }
  await esperar();
}

/** Nothing at hand: say so and ask until there is a record. What arrives while a decision is being changed waits its turn. */
async function esperar() {
  mostrarEstado("cargando", "Cargando el registro…");
  if (esperando) return;
  esperando = true;
  try {
    while (!puesto.actual) await buscar();
  } finally {
    esperando = false;
  }
}

async function buscar() {
  try {
    const promesa = adelante?.promesa ?? traer();
    adelante = null;
    const siguiente = await promesa;
    if (!siguiente) return await vacia();
    if (siguiente.caduca <= performance.now()) return undefined;
    if (!puesto.actual) return mostrar(siguiente);
    adelante = { promesa: Promise.resolve(siguiente), valor: siguiente };
  } catch (falla) {
    if (!(falla instanceof Falla)) throw falla;
    if (!puesto.actual) mostrarEstado("fallo", falla.message, "No se perdió nada. Se intenta de nuevo cada pocos segundos.");
    await pausa(REINTENTO_MS);
  }
  return undefined;
}

async function vacia() {
  const progreso = await actualizarProgreso();
  if (puesto.actual) return;
  const camino = progreso?.en_camino
    ? `${miles(progreso.en_camino)} en procesamiento llegarán en cuanto se abran y se consulten en el padrón.`
    : "Los que lleguen aparecerán aquí solos.";
  const otros = progreso?.pendientes ? `${miles(progreso.pendientes)} están asignados en este momento.` : "";
  mostrarEstado("vacio", "No hay registros pendientes", [otros, camino].filter(Boolean).join(" "));
  await pausa(ESPERA_VACIA_MS);
}

function guardar(marcas) {
  const { registro, reemplaza, llave } = puesto.actual;
  const inconsistencias = [...marcas].map(([clave, detalle]) => (detalle.trim() ? { clave, detalle: detalle.trim() } : { clave }));
  const envio = {
    folio: registro.folio,
    abierto: puesto.actual,
    texto: resumen(registro, inconsistencias),
    cuerpo: JSON.stringify({
      inconsistencias, compulsado_version: registro.situacion.version, ...(reemplaza ? { reemplaza } : {}),
    }),
    llave,
    primera: !reemplaza,
  };
  if (!reemplaza) anotarTiempo();
  envio.promesa = enviar(envio);
  enviando.set(envio.folio, envio);
  ultima = envio;
  avisar("", `Guardando: ${envio.texto}`);
  return avanzar();
}

async function enviar(envio) {
  await null; // let the next record be drawn first
  try {
    await insistir(
      () => pedir(`/api/registros/${envio.folio}/decision`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": envio.llave },
        body: envio.cuerpo,
      }),
      (falla) => avisar("error", `${falla.message}. Sin guardar: ${enviando.size}. Se reintenta solo; no cierre esta página.`),
    ).then(async (respuesta) => { envio.decision = await respuesta.json(); });
    enviando.delete(envio.folio);
    if (envio.primera) hoy += 1;
    pintarDia();
    if (ultima === envio) avisar("exito", `✓ ${envio.texto}`, "· z deshacer");
  } catch (falla) {
    enviando.delete(envio.folio);
    if (ultima === envio) ultima = null;
    const { operador: quien, decidido_en: cuando } = falla.problema ?? {};
    const detalle = quien ? ` Decidió ${quien}, ${momento(cuando)}.` : "";
    avisar("error", `No se guardó ${corto(envio.folio)}: ${falla.message}.${detalle}`);
    if (falla.problema?.status === 422) regresar(envio);
  }
}

/** What the server did not accept as it was comes back to the screen, with its marks. */
async function regresar(envio) {
  const registro = await (await pedir(`/api/registros/${envio.folio}`)).json();
  const abierto = abrir(registro, envio.abierto.reemplaza);
  abierto.marcas = envio.abierto.marcas;
  apartarYMostrar(abierto);
}

function apartarYMostrar(abierto) {
  if (puesto.actual) apartados.push(puesto.actual);
  puesto.actual = null;
  mostrar(abierto);
}

async function deshacer() {
  const envio = ultima;
  if (!envio || puesto.actual?.reemplaza) return avisar("aviso", "No hay otra decisión que deshacer.");
  await envio.promesa;
  if (!envio.decision) return undefined;
  try {
    const registro = await (await pedir(`/api/registros/${envio.folio}`)).json();
    apartarYMostrar(abrir(registro, envio.decision.version));
    avisar("aviso", `Cambie la decisión de ${corto(envio.folio)} y guarde. Esc la deja como estaba.`);
  } catch (falla) {
    avisar("error", `${falla.message}. La decisión queda como estaba.`);
  }
  return undefined;
}

// Drawing -------------------------------------------------------------------------------------------------------------

function mostrarEstado(clase, titulo, texto = "") {
  $("mosaico").hidden = true;
  $("panel").hidden = true;
  $("solicitud").textContent = "";
  delete mesa.dataset.folio;
  const anterior = $("estado-mesa").textContent;
  if (anterior !== titulo + texto) $("estado-mesa").replaceChildren(el("div", { class: clase }, el("h2", {}, titulo), texto && el("p", {}, texto)));
  mesa.focus();
}

function mostrar(abierto) {
  puesto.actual = abierto;
  puesto.actual.inicio = performance.now();
  $("estado-mesa").replaceChildren();
  $("mosaico").hidden = false;
  $("panel").hidden = false;
  $("solicitud").textContent = abierto.registro.solicitud.denominacion;
  ampliar(null);
  for (const figura of figuras()) pintarImagen(figura, abierto);
  $("datos").replaceChildren(tablaDeDatos(abierto.registro));
  pintarCatalogo();
  pintarDetalle();
  mesa.focus();
  mesa.dataset.folio = abierto.registro.folio;
  if (!adelante && !abierto.reemplaza) adelantar();
  for (const hacer of alMostrar) hacer(abierto);
}

function resumen(registro, inconsistencias) {
  const claves = inconsistencias.map((i) => i.clave);
  const todas = [...claves, ...registro.reglas.map((r) => r.clave.replaceAll("_", " "))];
  return `${corto(registro.folio)} ${todas.length ? `con inconsistencia ${todas.join(", ")}` : "sin inconsistencia"}`;
}

function puedeDecidir() {
  if (!puesto.actual) return false;
  const cargas = [...puesto.actual.imagenes.values()];
  if (cargas.some((c) => c.estado === "cargando")) {
    avisar("aviso", "Espere: faltan imágenes por cargar.");
    return false;
  }
  if (cargas.some((c) => c.estado === "falla")) {
    avisar("error", "Una imagen no cargó: púlsela para intentar de nuevo, o s para dejar el registro para después.");
    return false;
  }
  if (enviando.size >= ENVIOS_A_LA_VEZ) {
    avisar("aviso", `Espere: ${enviando.size} decisiones todavía no se guardan.`);
    return false;
  }
  return true;
}

const acciones = {
  limpio() {
    if (!puedeDecidir()) return;
    if (puesto.actual.marcas.size) return void avisar("aviso", "Hay inconsistencias marcadas: ↵ las guarda, Esc las quita.");
    guardar(new Map());
  },
  guardar() {
    if (!puedeDecidir()) return;
    if (!puesto.actual.marcas.size) return void avisar("aviso", "Marque una inconsistencia, o pulse espacio si no hay ninguna.");
    const falta = [...puesto.actual.marcas.keys()].find(necesita);
    if (falta) {
      puesto.actual.abierta = falta;
      pintarDetalle();
      avisar("aviso", `Falta el detalle de ${falta}.`);
      if (!entrada(falta).subtipos.length) $("campo-detalle").focus();
      return;
    }
    guardar(puesto.actual.marcas);
  },
  deshacer,
  ayuda() {
    $("ayuda").showModal();
  },
};

function saltar() {
  if (!puesto.actual || ![...puesto.actual.imagenes.values()].some((c) => c.estado === "falla")) return;
  saltados.push(puesto.actual.registro.folio);
  avisar("aviso", `${corto(puesto.actual.registro.folio)} queda pendiente para después.`);
  avanzar();
}

function regresarUnPaso() {
  if ($("mosaico").dataset.ampliada) return ampliar(null);
  if (puesto.actual?.abierta) {
    puesto.actual.abierta = null;
    return pintarDetalle();
  }
  if (puesto.actual?.reemplaza) {
    avisar("", "La decisión queda como estaba.");
    return avanzar();
  }
  if (puesto.actual?.marcas.size) {
    puesto.actual.marcas.clear();
    pintarCatalogo();
    return pintarDetalle();
  }
  return undefined;
}

// Keyboard and pointer --------------------------------------------------------------------------------------------------

const PASO = 60;

function ponerTeclas() {
  agregarTecla({ teclas: [" "], rotulo: ["espacio"], ayuda: "Guardar sin inconsistencia y pasar al siguiente", hacer: acciones.limpio });
  explicarTecla(["a", "–", "n"], "Marcar o quitar una inconsistencia; puede haber varias");
  explicarTecla(["1", "–", "9"], "Con una inconsistencia abierta: elegir su forma");
  explicarTecla(["Tab"], "Con una inconsistencia abierta: escribir el detalle");
  agregarTecla({ teclas: ["Enter"], rotulo: ["↵"], ayuda: "Guardar con lo marcado", hacer: acciones.guardar });
  agregarTecla({ teclas: ["z"], ayuda: "Volver a la última decisión para cambiarla", hacer: deshacer });
  explicarTecla(["1", "–", "4"], "Ampliar una imagen; otra vez, regresar");
  agregarTecla({ teclas: ["+", "="], hacer: () => acercar(1.4), repite: true });
  agregarTecla({ teclas: ["-"], hacer: () => acercar(1 / 1.4), repite: true });
  agregarTecla({ teclas: ["0"], rotulo: ["+", "-", "0"], ayuda: "Acercar, alejar, tamaño original", hacer: () => acercar(0) });
  agregarTecla({ teclas: ["ArrowLeft"], hacer: () => mover(PASO, 0), repite: true });
  agregarTecla({ teclas: ["ArrowRight"], hacer: () => mover(-PASO, 0), repite: true });
  agregarTecla({ teclas: ["ArrowUp"], hacer: () => mover(0, PASO), repite: true });
  agregarTecla({ teclas: ["ArrowDown"], rotulo: ["← ↑ ↓ →"], ayuda: "Mover la imagen acercada; también se arrastra", hacer: () => mover(0, -PASO), repite: true });
  agregarTecla({ teclas: ["r"], ayuda: "Girar la imagen ampliada o la que está bajo el puntero", hacer: girar });
  agregarTecla({ teclas: ["s"], ayuda: "Dejar para después un registro cuya imagen no carga", hacer: saltar });
  agregarTecla({ teclas: ["Escape"], rotulo: ["Esc"], ayuda: "Regresar: del detalle, de la imagen, de lo marcado", hacer: regresarUnPaso });
  agregarTecla({ teclas: ["?"], hacer: acciones.ayuda });
}

/** What the catalogue takes before any other key. */
function teclaDelCatalogo(nombre, e) {
  if (!puesto.actual) return false;
  if (nombre === "Tab" && puesto.actual.abierta && $("campo-detalle") && e.target === mesa && !e.shiftKey) {
    $("campo-detalle").focus();
    return true;
  }
  if (/^[1-9]$/.test(nombre)) {
    const numero = Number(nombre) - 1;
    if (!elegirForma(numero) && numero < figuras().length) ampliar(numero);
    return true;
  }
  if (nombre.length !== 1 || !entrada(nombre)) return false;
  alternar(nombre);
  return true;
}

function teclaDelDetalle(e) {
  if (e.target.id !== "campo-detalle" || !["Enter", "Escape"].includes(e.key)) return;
  e.preventDefault();
  if (e.key === "Enter") acciones.guardar();
  else mesa.focus();
}

function clic(e) {
  const boton = e.target.closest("[data-clave], [data-forma], [data-accion]");
  if (boton) {
    const { clave, forma, accion } = boton.dataset;
    if (clave && puesto.actual) alternar(clave);
    if (forma) elegirForma(Number(forma));
    if (accion) acciones[accion]();
  }
  // A click by pointer gives the keys back to the record; one by keyboard leaves the focus where the person put it.
  if (e.detail && !e.target.closest("input, dialog") && document.activeElement?.tagName !== "INPUT" && !$("ayuda").open) mesa.focus();
}

// The day ---------------------------------------------------------------------------------------------------------------

function anotarTiempo() {
  tiempos.push((performance.now() - puesto.actual.inicio) / 1000);
  tiempos.splice(0, tiempos.length - 20);
}

function pintarDia() {
  $("dia").value = hoy;
  $("dia-texto").textContent = `hoy ${miles(hoy)} / ${miles($("dia").max)}`;
  if (tiempos.length) $("ritmo").textContent = `${Math.round(tiempos.reduce((a, b) => a + b, 0) / tiempos.length)} s por registro`;
}

async function actualizarProgreso() {
  try {
    const progreso = await (await pedir(`/api/progreso?${new URLSearchParams({ proceso })}`)).json();
    hoy = progreso.decididos_hoy;
    $("dia").max = progreso.meta_diaria;
    $("cola").textContent = `${miles(progreso.pendientes)} pendientes`;
    $("cola").title = progreso.mas_antiguo ? `El más antiguo se recibió el ${momento(progreso.mas_antiguo)}` : "";
    pintarDia();
    return progreso;
  } catch {
    return null; // the figures of the day are not worth a message; the next round brings them
  }
}

const alMostrar = [];

/** What the modules of `EXTENSIONES` get, besides what they import from puesto.js, red.js, registro.js and teclas.js. */
const pagina = {
  /** `hacer(abierto)`: each time a record is drawn. */
  alMostrar: (hacer) => alMostrar.push(hacer),
  /** Draws an opened record in front; the one on the screen comes back after it. */
  mostrarAparte: apartarYMostrar,
  /** Goes on to the next record; what was set apart comes first. */
  avanzar,
};

async function empezar() {
  figuras().forEach(prepararFigura);
  ponerTeclas();
  escuchar(teclaDelCatalogo);
  $("detalle").addEventListener("keydown", teclaDelDetalle);
  for (const extension of EXTENSIONES) extension.montar(pagina);
  document.addEventListener("click", clic);
  $("ayuda").addEventListener("close", () => mesa.focus());
  window.addEventListener("resize", () => figuras().forEach(transformar));
  window.addEventListener("beforeunload", (e) => { if (enviando.size) e.preventDefault(); });
  usarCatalogo(await insistir(
    async () => (await pedir(`/api/catalogo?${new URLSearchParams({ proceso })}`)).json(),
    (falla) => mostrarEstado("fallo", falla.message, "Se intenta de nuevo cada pocos segundos."),
  ));
  actualizarProgreso();
  repetir(actualizarProgreso, 30000);
  await esperar();
}

empezar().catch((falla) => mostrarEstado("fallo", "La página no pudo continuar", `${falla.message}. Recárguela: sus registros asignados se conservan.`));
