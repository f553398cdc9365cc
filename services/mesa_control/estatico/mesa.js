// The page of Mesa de Control. One record on the screen, the next ones loaded; decisions are sent behind and tried again until the
// server has answered, with the same idempotency key, so nothing is lost or decided twice.

import { miles, momento } from "/estatico/apoyo.js";
import * as busqueda from "./buscar.js";
import {
  alternar, conTecla, elegirForma, entrada, exceptuar, necesita, pintarCatalogo, pintarDetalle, quitarMarcas, usarCatalogo,
} from "./catalogo.js";
import * as correccion from "./correccion.js";
import { llenar, quedan, siguiente, tomar, usarCola } from "./cola.js";
import { tablaDeDatos } from "./datos.js";
import { ampliar, cerrarImagenes, pintarImagenes, prepararImagenes, teclasDeImagenes, vaciarImagenes } from "./imagenes.js";
import * as marca from "./marca.js";
import * as notas from "./notas.js";
import { $, avisar, corto, el, mesa, proceso, puesto } from "./puesto.js";
import { Falla, REINTENTO_MS, insistir, pausa, pedir, repetir } from "./red.js";
import { abrir, soltar } from "./registro.js";
import { agregarTecla, escuchar, explicarTecla } from "./teclas.js";

// Modules that add to the page: each exports `montar(pagina)`.
const EXTENSIONES = [marca, notas, busqueda, correccion];

const ENVIOS_A_LA_VEZ = 6;
const ESPERA_VACIA_MS = 5000;

const apartados = [];
let ultima = null;
const enviando = new Map();
const saltados = [];
const tiempos = [];
let hoy = 0;
let esperando = false;

// From one record to the next -----------------------------------------------------------------------------------------

async function avanzar() {
  if (puesto.actual) soltar(puesto.actual);
  puesto.actual = null;
  const listo = apartados.pop() ?? tomar();
  if (listo) mostrar(listo);
  else await esperar();
}

/** Nothing at hand: say so and ask until there is a record. What arrives while a decision is being changed waits its turn. */
async function esperar() {
  mostrarEspera();
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
    const encontrado = await siguiente();
    if (!encontrado) await vacia();
    else if (puesto.actual) apartados.unshift(encontrado);
    else mostrar(encontrado);
  } catch (falla) {
    if (!(falla instanceof Falla)) throw falla;
    if (!puesto.actual) mostrarEstado("fallo", falla.message, "No se perdió nada. Se intenta de nuevo cada pocos segundos.");
    await pausa(REINTENTO_MS);
  }
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

/** A failure is not worth a message while there are records at hand: who waits for the next one says it. */
const cargarAdelante = () => { llenar().catch((falla) => { if (!(falla instanceof Falla)) throw falla; }); };

function guardar(marcas) {
  const { registro, reemplaza, llave, excepciones } = puesto.actual;
  const inconsistencias = [...marcas].map(([clave, detalle]) => (detalle.trim() ? { clave, detalle: detalle.trim() } : { clave }));
  const envio = {
    folio: registro.folio,
    abierto: puesto.actual,
    texto: resumen(registro, inconsistencias, [...excepciones]),
    cuerpo: JSON.stringify({
      inconsistencias, excepciones: [...excepciones], compulsado_version: registro.situacion.version, ...(reemplaza ? { reemplaza } : {}),
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
        priority: "high",
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
    if (ultima === envio) {
      ultima = null;
      avisar("", "");
    }
    const { operador: quien, decidido_en: cuando } = falla.problema ?? {};
    const detalle = quien ? ` Decidió ${quien}, ${momento(cuando)}.` : "";
    rechazar(`No se guardó ${corto(envio.folio)}: ${falla.message.replace(/\.$/, "")}.${detalle}`);
    if (falla.problema?.status === 422) regresar(envio);
  }
}

/** What the server did not accept as it was comes back to the screen, with its marks. */
async function regresar(envio) {
  const registro = await (await pedir(`/api/registros/${envio.folio}`)).json();
  const abierto = abrir(registro, envio.abierto.reemplaza);
  abierto.marcas = envio.abierto.marcas;
  abierto.excepciones = envio.abierto.excepciones;
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
  if (!envio.decision) avisar("", `Primero se guarda ${envio.texto}; luego se abre.`);
  await envio.promesa;
  if (!envio.decision || envio !== ultima) return undefined;
  try {
    const registro = await (await pedir(`/api/registros/${envio.folio}`)).json();
    if (puesto.actual?.reemplaza) return undefined;
    if (registro.decision.reemplazable_s <= 0) {
      return avisar("aviso", `Ya no se puede deshacer ${corto(envio.folio)}: pasó el plazo. Queda como se guardó; acuda a supervisión.`);
    }
    apartarYMostrar(abrir(registro, envio.decision.version));
    avisar("aviso", `Cambie la decisión de ${corto(envio.folio)} y guarde. Esc la deja como estaba.`);
  } catch (falla) {
    avisar("error", `${falla.message}. La decisión queda como estaba.`);
  }
  return undefined;
}

/** What was not saved stays said until the person has read it. */
function rechazar(texto) {
  $("rechazos").append(el("div", { class: "mensaje mensaje--error" }, el("span", {}, texto),
    el("button", { type: "button", "data-accion": "enterado" }, el("kbd", {}, "Esc"), "enterado")));
}

function quitarRechazos() {
  const habia = $("rechazos").children.length > 0;
  if (habia && $("rechazos").contains(document.activeElement)) mesa.focus();
  $("rechazos").replaceChildren();
  return habia;
}

// Drawing -------------------------------------------------------------------------------------------------------------

function mostrarEstado(clase, titulo, texto = "") {
  quitarRegistro();
  $("mosaico").hidden = true;
  $("panel").hidden = true;
  const anterior = $("estado-mesa").textContent;
  if (anterior !== titulo + texto) $("estado-mesa").replaceChildren(el("div", { class: clase }, el("h2", {}, titulo), texto && el("p", {}, texto)));
}

/** A hand faster than the network: the frames stay where they are, empty, so that nothing jumps when the record comes. */
function mostrarEspera() {
  quitarRegistro();
  vaciarImagenes();
  quitarMarcas();
  mesa.dataset.esperando = "";
  $("estado-mesa").replaceChildren(el("div", { class: "cargando" }, el("h2", {}, "Cargando el registro…")));
}

function quitarRegistro() {
  ampliar(null);
  $("solicitud").textContent = "";
  delete mesa.dataset.folio;
  delete mesa.dataset.esperando;
  tomarFoco();
}

/** The keys go to the record, unless the person is in what stands over it. */
function tomarFoco() {
  if (document.activeElement !== mesa && !document.querySelector("dialog[open]")) mesa.focus();
}

function mostrar(abierto) {
  puesto.actual = abierto;
  puesto.actual.inicio = performance.now();
  $("estado-mesa").replaceChildren();
  delete mesa.dataset.esperando;
  $("mosaico").hidden = false;
  $("panel").hidden = false;
  $("solicitud").textContent = abierto.registro.solicitud.denominacion;
  ampliar(null);
  pintarImagenes();
  $("datos").replaceChildren(tablaDeDatos(abierto.registro));
  pintarCatalogo();
  pintarDetalle();
  tomarFoco();
  mesa.dataset.folio = abierto.registro.folio;
  if (!abierto.reemplaza) cargarAdelante();
  for (const hacer of alMostrar) hacer(abierto);
}

function resumen(registro, inconsistencias, excepciones) {
  const validas = excepciones.length ? `; válida por excepción: ${excepciones.join(", ")}` : "";
  const claves = inconsistencias.map((i) => i.clave);
  const todas = [...claves, ...registro.reglas.map((r) => r.clave.replaceAll("_", " "))];
  return `${corto(registro.folio)} ${todas.length ? `con inconsistencia ${todas.join(", ")}` : "sin inconsistencia"}${validas}`;
}

const ESPERE = "Espere: el registro todavía no está en la pantalla; lo que pulse no cuenta.";

function puedeDecidir() {
  if (!puesto.actual) {
    if (esperando) avisar("aviso", ESPERE);
    return false;
  }
  if (puesto.actual.impide) {
    avisar("aviso", puesto.actual.impide);
    return false;
  }
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
  enterado: quitarRechazos,
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
  if (quitarRechazos() || cerrarImagenes()) return undefined;
  if (puesto.actual?.abierta) {
    puesto.actual.abierta = null;
    return pintarDetalle();
  }
  if (puesto.actual?.reemplaza) {
    avisar("", "La decisión queda como estaba.");
    return avanzar();
  }
  if (puesto.actual?.consultado) return avanzar();
  if (puesto.actual?.marcas.size || puesto.actual?.excepciones.size) {
    puesto.actual.marcas.clear();
    puesto.actual.excepciones.clear();
    pintarCatalogo();
    return pintarDetalle();
  }
  return undefined;
}

// Keyboard and pointer --------------------------------------------------------------------------------------------------

function ponerTeclas() {
  agregarTecla({ teclas: [" "], rotulo: ["espacio"], ayuda: "Guardar sin inconsistencia y pasar al siguiente", hacer: acciones.limpio });
  explicarTecla(["a", "–", "n"], "Marcar o quitar una inconsistencia; puede haber varias");
  explicarTecla(["1", "–", "9"], "Con una inconsistencia abierta: elegir su forma");
  explicarTecla(["Tab"], "Con una inconsistencia abierta: escribir el detalle");
  agregarTecla({ teclas: ["Enter"], rotulo: ["↵"], ayuda: "Guardar con lo marcado", hacer: acciones.guardar });
  agregarTecla({ teclas: ["z"], ayuda: "Volver a la última decisión para cambiarla", hacer: deshacer });
  teclasDeImagenes();
  agregarTecla({ teclas: ["s"], ayuda: "Dejar para después un registro cuya imagen no carga", hacer: saltar });
  for (const extension of EXTENSIONES) extension.montar(pagina);
  agregarTecla({ teclas: ["Escape"], rotulo: ["Esc"], ayuda: "Regresar: del detalle, de la imagen, de lo marcado", hacer: regresarUnPaso });
  agregarTecla({ teclas: ["?"], hacer: acciones.ayuda });
}

/** What the catalogue takes before any other key. */
function teclaDelCatalogo(nombre, e) {
  if (!puesto.actual) {
    if (esperando && /^[a-n1-9]$/.test(nombre)) avisar("aviso", ESPERE);
    return false;
  }
  if (nombre === "Tab" && puesto.actual.abierta && $("campo-detalle") && e.target === mesa && !e.shiftKey) {
    $("campo-detalle").focus();
    return true;
  }
  if (/^[1-9]$/.test(nombre)) {
    if (!elegirForma(Number(nombre) - 1)) ampliar(Number(nombre) - 1);
    return true;
  }
  const elegida = conTecla(nombre);
  if (!elegida) return false;
  if (e.shiftKey && elegida.excepcion) exceptuar(elegida.clave);
  else alternar(elegida.clave);
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
    quedan(progreso.pendientes);
    if (puesto.actual) cargarAdelante();
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
  /** Says what was not saved until the person has read it. */
  rechazar,
};

async function empezar() {
  usarCola(apartados, () => [...enviando.keys(), ...correccion.enCamino(), ...saltados.slice(-3)]);
  prepararImagenes();
  ponerTeclas();
  escuchar(teclaDelCatalogo);
  $("detalle").addEventListener("keydown", teclaDelDetalle);
  document.addEventListener("click", clic);
  $("ayuda").addEventListener("close", () => mesa.focus());
  window.addEventListener("beforeunload", (e) => { if (enviando.size || correccion.enCamino().length) e.preventDefault(); });
  usarCatalogo(await insistir(
    async () => (await pedir(`/api/catalogo?${new URLSearchParams({ proceso })}`)).json(),
    (falla) => mostrarEstado("fallo", falla.message, "Se intenta de nuevo cada pocos segundos."),
  ));
  actualizarProgreso();
  repetir(actualizarProgreso, 30000);
  await esperar();
}

empezar().catch((falla) => mostrarEstado("fallo", "La página no pudo continuar", `${falla.message}. Recárguela: lo que ya se guardó se conserva.`));
