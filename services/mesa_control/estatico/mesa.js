// The page of Mesa de Control. One record on the screen, the next one loaded; decisions are sent behind and tried again until the
// server has answered, with the same idempotency key, so nothing is lost or decided twice.

import { fecha, miles, momento, sesion } from "/estatico/apoyo.js";

const NOMBRES = { anverso: "Anverso", reverso: "Reverso", foto: "Foto viva", firma: "Firma" };
const CODIGOS = new Set(["cic", "ocr", "clave_elector", "numero_emision", "curp"]);
const ENVIOS_A_LA_VEZ = 4;
const ALERTAS_A_LA_VISTA = 2;
const REINTENTO_MS = 2000;
const ESPERA_VACIA_MS = 5000;
const MARGEN_ASIGNACION_MS = 5000;

const $ = (id) => document.getElementById(id);
const mesa = $("contenido");
const { proceso, cuenta } = mesa.dataset;

let catalogo = {};
let actual = null;
let adelante = null;
let apartados = [];
let ultima = null;
const enviando = new Map();
const saltados = [];
const tiempos = [];
let hoy = 0;
let esperando = false;

// Talking to the server -----------------------------------------------------------------------------------------------

class Falla extends Error {
  constructor(estatus, problema) {
    super([problema.title, problema.detail].filter(Boolean).join(". "));
    this.problema = problema;
    this.definitiva = estatus >= 400 && estatus < 500 && estatus !== 429;
  }
}

/** Asks; while the session has ended it waits for the person to enter again, in another tab, and then goes on. */
async function pedir(url, opciones = {}) {
  for (;;) {
    const respuesta = await pedirUnaVez(url, opciones);
    sesion(respuesta.status !== 401);
    if (respuesta.ok) return respuesta;
    if (respuesta.status !== 401) {
      const problema = await respuesta.json().catch(() => ({ title: `El servidor respondió ${respuesta.status}` }));
      throw new Falla(respuesta.status, problema);
    }
    await pausa(REINTENTO_MS);
  }
}

async function pedirUnaVez(url, opciones) {
  try {
    return await fetch(url, { cache: "no-store", ...opciones, headers: { "Apoyo-Cuenta": cuenta, ...opciones.headers } });
  } catch {
    throw new Falla(0, { title: "No hay conexión con el servidor" });
  }
}

async function repetir(tarea, ms) {
  for (;;) {
    await pausa(ms);
    await tarea();
  }
}

const pausa = (ms) => new Promise((listo) => setTimeout(listo, ms));

async function insistir(tarea, alFallar) {
  for (;;) {
    try {
      return await tarea();
    } catch (falla) {
      if (!(falla instanceof Falla) || falla.definitiva) throw falla;
      alFallar?.(falla);
      await pausa(REINTENTO_MS);
    }
  }
}

async function imagenDe({ url }) {
  const respuesta = await pedir(url);
  const direccion = URL.createObjectURL(await respuesta.blob());
  const imagen = new Image();
  imagen.src = direccion;
  try {
    await imagen.decode();
  } catch {
    throw new Falla(500, { title: "El archivo no es una imagen que se pueda mostrar" });
  }
  return direccion;
}

/** A record with its images on the way. */
function abrir(registro, reemplaza = null) {
  const propias = registro.decision?.inconsistencias.filter((i) => i.origen === "revision") ?? [];
  const abierto = {
    registro,
    reemplaza,
    llave: crypto.randomUUID(),
    marcas: new Map(propias.map((i) => [i.clave, i.detalle ?? ""])),
    abierta: null,
    caduca: performance.now() + registro.vigencia_s * 1000 - MARGEN_ASIGNACION_MS,
    imagenes: new Map(),
  };
  for (const imagen of registro.imagenes) pedirImagen(abierto, imagen);
  return abierto;
}

function pedirImagen(abierto, imagen) {
  const carga = { estado: "cargando", imagen };
  abierto.imagenes.set(imagen.parte, carga);
  carga.lista = imagenDe(imagen).then(
    (direccion) => Object.assign(carga, { estado: "lista", direccion }),
    (falla) => Object.assign(carga, { estado: "falla", motivo: falla.message }),
  );
  return carga.lista;
}

function soltar(abierto) {
  for (const { direccion } of abierto.imagenes.values()) if (direccion) URL.revokeObjectURL(direccion);
}

/** The next record, or null when the queue is empty. */
async function traer() {
  const fuera = [actual?.registro.folio, ...apartados.map((a) => a.registro.folio), ...enviando.keys(), ...saltados.slice(-3)];
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
  if (actual) soltar(actual);
  actual = null;
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
    while (!actual) await buscar();
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
    if (!actual) return mostrar(siguiente);
    adelante = { promesa: Promise.resolve(siguiente), valor: siguiente };
  } catch (falla) {
    if (!(falla instanceof Falla)) throw falla;
    if (!actual) mostrarEstado("fallo", falla.message, "No se perdió nada. Se intenta de nuevo cada pocos segundos.");
    await pausa(REINTENTO_MS);
  }
  return undefined;
}

async function vacia() {
  const progreso = await actualizarProgreso();
  if (actual) return;
  const camino = progreso?.en_camino
    ? `${miles(progreso.en_camino)} en procesamiento llegarán en cuanto se abran y se consulten en el padrón.`
    : "Los que lleguen aparecerán aquí solos.";
  const otros = progreso?.pendientes ? `${miles(progreso.pendientes)} están asignados en este momento.` : "";
  mostrarEstado("vacio", "No hay registros pendientes", [otros, camino].filter(Boolean).join(" "));
  await pausa(ESPERA_VACIA_MS);
}

function guardar(marcas) {
  const { registro, reemplaza, llave } = actual;
  const inconsistencias = [...marcas].map(([clave, detalle]) => (detalle.trim() ? { clave, detalle: detalle.trim() } : { clave }));
  const envio = {
    folio: registro.folio,
    abierto: actual,
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
  if (actual) apartados.push(actual);
  actual = null;
  mostrar(abierto);
}

async function deshacer() {
  const envio = ultima;
  if (!envio || actual?.reemplaza) return avisar("aviso", "No hay otra decisión que deshacer.");
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

function el(etiqueta, atributos = {}, ...hijos) {
  const nodo = document.createElement(etiqueta);
  for (const [nombre, valor] of Object.entries(atributos)) {
    if (valor !== undefined && valor !== null && valor !== false) nodo.setAttribute(nombre, valor);
  }
  nodo.append(...hijos.filter((h) => h !== null && h !== undefined && h !== ""));
  return nodo;
}

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
  actual = abierto;
  actual.inicio = performance.now();
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
}

const figuras = () => [...document.querySelectorAll(".imagen")];

async function pintarImagen(figura, abierto) {
  const { parte } = figura.dataset;
  const lienzo = figura.querySelector(".lienzo");
  const img = lienzo.querySelector("img");
  Object.assign(vista(figura), { escala: 1, giro: 0, x: 0, y: 0 });
  figura.querySelector(".nombre").textContent = NOMBRES[parte] ?? parte;
  const alertas = abierto.registro.alertas.filter((a) => a.parte === parte);
  alertas.sort((una, otra) => (una.severidad === "advertencia") - (otra.severidad === "advertencia"));
  figura.querySelector(".alertas").replaceChildren(...alertas.map(puntoDeAlerta));
  figura.querySelector(".resto").textContent = alertas.length > ALERTAS_A_LA_VISTA ? `y ${alertas.length - ALERTAS_A_LA_VISTA} más` : "";
  lienzo.setAttribute("aria-label", `${NOMBRES[parte] ?? parte}: ampliar`);
  delete lienzo.dataset.falla;
  delete lienzo.dataset.lista;
  img.removeAttribute("src");
  const carga = abierto.imagenes.get(parte);
  if (!carga) {
    lienzo.dataset.falla = "El registro no trae esta imagen";
    return;
  }
  if (carga.estado === "cargando") await carga.lista;
  if (actual !== abierto) return;
  if (carga.estado === "falla") {
    lienzo.dataset.falla = `${carga.motivo}. Pulse para intentar de nuevo, o s para dejar el registro para después.`;
    return;
  }
  img.src = carga.direccion;
  lienzo.dataset.lista = "";
  transformar(figura);
}

const puntoDeAlerta = (a) => el("li", { class: a.severidad, title: [a.texto, a.detalle].filter(Boolean).join(": ") },
  a.texto, /^[a-z]$/.test(a.inciso) ? el("span", { class: "secundario" }, ` (${a.inciso})`) : "", ...a.folios.flatMap((folio, i) => [" ", enOtro(folio, a.parte, i)]));

function enOtro(folio, parte, i) {
  const nombre = `Ver esa imagen en el registro ${folio}`;
  return el("a", { href: `/api/registros/${folio}/imagenes/${parte}`, target: "_blank", rel: "noopener", title: nombre, "aria-label": nombre }, i ? `${i + 1}` : "ver");
}

function fila(etiqueta, clave, ...contenido) {
  return el("tr", { "data-campo": clave }, el("th", { scope: "row" }, etiqueta), el("td", { colspan: 2 }, ...contenido));
}

function filaDeCampo(campo) {
  const iguales = campo.lecturas.filter((l) => l.coincide && !l.nota).map((l) => el("span", { class: "lectura" }, `= ${l.fuente}`));
  const distintas = campo.lecturas.filter((l) => !l.coincide || l.nota).map((l) =>
    el("span", { class: "lectura lectura--difiere" }, `▲ ${l.coincide ? "=" : "≠"} ${l.fuente}${l.coincide ? "" : ` ${l.valor}`}${l.nota ? ` (${l.nota})` : ""}`));
  return el("tr", { "data-campo": campo.clave },
    el("th", { scope: "row" }, campo.etiqueta),
    el("td", { class: CODIGOS.has(campo.clave) ? "enviado codigo" : "enviado" }, campo.enviado ?? "—"),
    el("td", {}, ...iguales, ...distintas));
}

function filaDeSituacion({ situacion }) {
  const notas = [
    situacion.discrepancias.length ? `Difiere del padrón: ${situacion.discrepancias.join(", ").replaceAll("_", " ")}` : "",
    situacion.duplicado_de ? `La misma persona aparece en ${situacion.duplicado_de}` : "",
  ].filter(Boolean);
  const nodo = fila("Situación", "situacion",
    el("span", { class: `estado estado--${situacion.situacion}` }, situacion.texto), " ",
    el("span", { class: "preliminar" }, `${situacion.fase} al ${fecha(situacion.corte)}`),
    ...notas.map((nota) => el("span", { class: "lectura--difiere" }, `▲ ${nota}`)));
  nodo.className = "linea";
  return nodo;
}

function tablaDeDatos(registro) {
  const { reglas, alertas, campos, folio } = registro;
  const sobreDatos = alertas.filter((a) => !Object.hasOwn(NOMBRES, a.parte));
  const copiar = el("button", { type: "button", class: "folio", "data-copiar": folio, "aria-label": `Copiar el folio ${folio}` }, folio);
  const filas = [
    filaDeSituacion(registro),
    reglas.length && fila("Por regla", "reglas",
      el("span", { class: "lectura--difiere" }, `▲ ${reglas.map((r) => r.descripcion).join("; ")}. Se agrega a toda decisión.`)),
    ...campos.map(filaDeCampo),
    sobreDatos.length && fila("Alertas", "alertas", el("ul", { class: "alertas" }, ...sobreDatos.map(puntoDeAlerta))),
    fila("Recibido", "recibido", momento(registro.recibido_en)),
    el("tr", {}, el("td", { colspan: 3 }, copiar)),
  ];
  return el("table", { class: "campos" }, el("colgroup", {}, el("col"), el("col"), el("col")),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Datos"), el("th", { scope: "col" }, "enviado"), el("th", { scope: "col" }, "leído"))),
    el("tbody", {}, ...filas.filter(Boolean)));
}

const entradas = () => catalogo.modalidades?.[actual?.registro.modalidad] ?? [];
const entrada = (clave) => entradas().find((e) => e.clave === clave);

function pintarCatalogo() {
  const caja = $("catalogo");
  const modalidad = actual.registro.modalidad;
  if (caja.dataset.modalidad !== modalidad) {
    caja.dataset.modalidad = modalidad;
    let tipo = null;
    const botones = entradas().map((e) => {
      const nuevo = e.tipo !== tipo;
      tipo = e.tipo;
      return el("button", { type: "button", class: "inconsistencia", "data-clave": e.clave, "data-grupo": nuevo ? "" : null, title: `${e.tipo}. ${e.descripcion}. ${e.fundamento}`, "aria-pressed": "false" },
        e.clave.length === 1 ? el("kbd", {}, e.clave) : "",
        el("span", { class: "texto" }, e.descripcion),
        e.nota ? el("span", { class: "daga", title: e.nota }, "nota") : "",
        e.pide_detalle ? el("span", { class: "daga", title: "Pide detalle" }, "†") : "");
    });
    caja.replaceChildren(caja.querySelector("legend"), ...botones);
  }
  for (const boton of caja.querySelectorAll(".inconsistencia")) {
    boton.setAttribute("aria-pressed", actual.marcas.has(boton.dataset.clave));
  }
}

function pintarDetalle() {
  const caja = $("detalle");
  const abierta = entrada(actual.abierta);
  if (!abierta) {
    caja.replaceChildren(el("p", { class: "secundario" }, actual.marcas.size
      ? `Marcadas: ${[...actual.marcas.keys()].join(", ")}. ↵ guarda, Esc las quita.`
      : "Espacio si no hay inconsistencia; una o varias letras si las hay."));
    return;
  }
  const valor = actual.marcas.get(abierta.clave) ?? "";
  const campo = abierta.pide_detalle || abierta.subtipos.length
    ? el("input", { id: "campo-detalle", maxlength: 500, autocomplete: "off", "aria-required": abierta.pide_detalle, "aria-label": `Detalle de ${abierta.clave}`, placeholder: abierta.pide_detalle ? "Detalle (requerido; Tab para escribir)" : "Detalle (opcional)" })
    : null;
  if (campo) {
    campo.value = valor;
    campo.addEventListener("input", () => { actual.marcas.set(abierta.clave, campo.value); pintarFormas(); });
  }
  caja.replaceChildren(...[
    abierta.subtipos.length ? null : el("p", {}, el("b", {}, `${abierta.tipo}: `), abierta.descripcion),
    abierta.nota ? el("p", { class: "secundario" }, `Nota: ${abierta.nota}`) : null,
    abierta.subtipos.length ? el("div", { class: "formas" }, ...abierta.subtipos.map((s, i) =>
      el("button", { type: "button", "data-forma": i, "aria-pressed": "false" }, el("kbd", {}, String(i + 1)), s.descripcion))) : null,
    campo,
  ].filter(Boolean));
  pintarFormas();
  caja.scrollTop = 0;
}

function pintarFormas() {
  const abierta = entrada(actual.abierta);
  for (const boton of document.querySelectorAll("[data-forma]")) {
    boton.setAttribute("aria-pressed", actual.marcas.get(abierta.clave) === abierta.subtipos[boton.dataset.forma].descripcion);
  }
}

function avisar(tipo, texto, extra = "") {
  $("aviso").dataset.tipo = tipo;
  $("aviso").replaceChildren(el("span", { class: "elipsis" }, texto), extra && el("span", { class: "secundario" }, extra));
}

const corto = (folio) => `…${folio.slice(-6)}`;

function resumen(registro, inconsistencias) {
  const claves = inconsistencias.map((i) => i.clave);
  const todas = [...claves, ...registro.reglas.map((r) => r.clave.replaceAll("_", " "))];
  return `${corto(registro.folio)} ${todas.length ? `con inconsistencia ${todas.join(", ")}` : "sin inconsistencia"}`;
}

// Choosing ------------------------------------------------------------------------------------------------------------

function alternar(clave) {
  if (actual.marcas.has(clave) && actual.abierta !== clave && necesita(clave)) {
    actual.abierta = clave;
  } else if (actual.marcas.has(clave)) {
    actual.marcas.delete(clave);
    actual.abierta = null;
  } else {
    actual.marcas.set(clave, "");
    actual.abierta = clave;
  }
  pintarCatalogo();
  pintarDetalle();
  const abierta = entrada(actual.abierta);
  if (abierta?.pide_detalle && !abierta.subtipos.length) $("campo-detalle").focus();
}

const necesita = (clave) => entrada(clave).pide_detalle && !actual.marcas.get(clave).trim();

function elegirForma(indice) {
  const abierta = entrada(actual.abierta);
  const forma = abierta?.subtipos[indice];
  if (!forma) return false;
  actual.marcas.set(abierta.clave, forma.descripcion);
  $("campo-detalle").value = forma.descripcion;
  pintarFormas();
  if (abierta.pide_detalle && forma.clave.startsWith("otr")) {
    $("campo-detalle").focus();
    $("campo-detalle").select();
  }
  return true;
}

function puedeDecidir() {
  if (!actual) return false;
  const cargas = [...actual.imagenes.values()];
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
    if (actual.marcas.size) return void avisar("aviso", "Hay inconsistencias marcadas: ↵ las guarda, Esc las quita.");
    guardar(new Map());
  },
  guardar() {
    if (!puedeDecidir()) return;
    if (!actual.marcas.size) return void avisar("aviso", "Marque una inconsistencia, o pulse espacio si no hay ninguna.");
    const falta = [...actual.marcas.keys()].find(necesita);
    if (falta) {
      actual.abierta = falta;
      pintarDetalle();
      avisar("aviso", `Falta el detalle de ${falta}.`);
      if (!entrada(falta).subtipos.length) $("campo-detalle").focus();
      return;
    }
    guardar(actual.marcas);
  },
  deshacer,
  ayuda() {
    $("ayuda").showModal();
  },
};

function saltar() {
  if (!actual || ![...actual.imagenes.values()].some((c) => c.estado === "falla")) return;
  saltados.push(actual.registro.folio);
  avisar("aviso", `${corto(actual.registro.folio)} queda pendiente para después.`);
  avanzar();
}

function regresarUnPaso() {
  if ($("mosaico").dataset.ampliada) return ampliar(null);
  if (actual?.abierta) {
    actual.abierta = null;
    return pintarDetalle();
  }
  if (actual?.reemplaza) {
    avisar("", "La decisión queda como estaba.");
    return avanzar();
  }
  if (actual?.marcas.size) {
    actual.marcas.clear();
    pintarCatalogo();
    return pintarDetalle();
  }
  return undefined;
}

// Images: enlarge, zoom, pan, turn ---------------------------------------------------------------------------------------

const vistas = new WeakMap();
const vista = (figura) => vistas.get(figura) ?? vistas.set(figura, { escala: 1, giro: 0, x: 0, y: 0 }).get(figura);
let puntero = null;

function enJuego() {
  const ampliada = figuras().find((f) => f.dataset.ampliada !== undefined);
  return ampliada ? [ampliada] : figuras();
}

function ampliar(indice) {
  const figura = indice === null ? null : figuras()[indice];
  const cerrar = !figura || figura.dataset.ampliada !== undefined;
  for (const f of figuras()) {
    delete f.dataset.ampliada;
    f.querySelector(".lienzo").setAttribute("aria-pressed", "false");
  }
  delete $("mosaico").dataset.ampliada;
  if (!cerrar) {
    figura.dataset.ampliada = "";
    figura.querySelector(".lienzo").setAttribute("aria-pressed", "true");
    $("mosaico").dataset.ampliada = figura.dataset.parte;
  }
  for (const f of figuras()) transformar(f);
}

function transformar(figura) {
  const v = vista(figura);
  const lienzo = figura.querySelector(".lienzo");
  const img = lienzo.querySelector("img");
  const { clientWidth: ancho, clientHeight: alto } = lienzo;
  let ajuste = 1;
  if (v.giro % 180 && img.naturalWidth && ancho) {
    const derecho = Math.min(ancho / img.naturalWidth, alto / img.naturalHeight);
    const girado = Math.min(ancho / img.naturalHeight, alto / img.naturalWidth);
    ajuste = girado / derecho;
  }
  img.style.transform = `translate(${v.x}px, ${v.y}px) rotate(${v.giro}deg) scale(${v.escala * ajuste})`;
  lienzo.toggleAttribute("data-cerca", v.escala > 1);
}

function acercar(factor, figurasEnJuego = enJuego()) {
  for (const figura of figurasEnJuego) {
    const v = vista(figura);
    const nueva = Math.min(8, Math.max(1, v.escala * factor));
    const caja = figura.querySelector(".lienzo").getBoundingClientRect();
    const punto = puntero?.figura === figura
      ? { x: puntero.x - caja.left - caja.width / 2, y: puntero.y - caja.top - caja.height / 2 }
      : { x: 0, y: 0 };
    const k = nueva / v.escala;
    Object.assign(v, nueva === 1 ? { x: 0, y: 0 } : { x: punto.x - (punto.x - v.x) * k, y: punto.y - (punto.y - v.y) * k }, { escala: nueva });
    transformar(figura);
  }
}

function mover(dx, dy) {
  for (const figura of enJuego()) {
    const v = vista(figura);
    if (v.escala > 1) Object.assign(v, { x: v.x + dx, y: v.y + dy });
    transformar(figura);
  }
}

function girar() {
  const [unica, otra] = enJuego();
  const figura = otra ? puntero?.figura : unica;
  if (!figura) return avisar("aviso", "Para girar, amplíe una imagen (1-4) o ponga el puntero sobre ella.");
  vista(figura).giro = (vista(figura).giro + 90) % 360;
  return transformar(figura);
}

function prepararFigura(figura, indice) {
  const lienzo = figura.querySelector(".lienzo");
  let arrastre = null;
  lienzo.addEventListener("pointerdown", (e) => {
    arrastre = { x: e.clientX, y: e.clientY, movido: false };
    lienzo.setPointerCapture(e.pointerId);
  });
  lienzo.addEventListener("pointermove", (e) => {
    puntero = { figura, x: e.clientX, y: e.clientY };
    if (!arrastre) return;
    const [dx, dy] = [e.clientX - arrastre.x, e.clientY - arrastre.y];
    if (!arrastre.movido && Math.hypot(dx, dy) < 4) return;
    Object.assign(arrastre, { x: e.clientX, y: e.clientY, movido: true });
    const v = vista(figura);
    if (v.escala > 1) Object.assign(v, { x: v.x + dx, y: v.y + dy });
    transformar(figura);
  });
  lienzo.addEventListener("pointerleave", () => { if (puntero?.figura === figura) puntero = null; });
  lienzo.addEventListener("click", () => {
    const movido = arrastre?.movido;
    arrastre = null;
    if (movido || !actual) return;
    const carga = actual.imagenes.get(figura.dataset.parte);
    if (carga?.estado === "falla") {
      pedirImagen(actual, carga.imagen);
      pintarImagen(figura, actual);
      return;
    }
    ampliar(indice);
  });
  lienzo.addEventListener("wheel", (e) => {
    e.preventDefault();
    puntero = { figura, x: e.clientX, y: e.clientY };
    acercar(e.deltaY < 0 ? 1.2 : 1 / 1.2, [figura]);
  }, { passive: false });
}

// Keyboard and pointer --------------------------------------------------------------------------------------------------

const PASO = 60;
const TECLAS = {
  " ": () => acciones.limpio(),
  Enter: () => acciones.guardar(),
  z: () => acciones.deshacer(),
  "?": () => acciones.ayuda(),
  s: saltar,
  r: girar,
  "+": () => acercar(1.4),
  "=": () => acercar(1.4),
  "-": () => acercar(1 / 1.4),
  0: () => acercar(0),
  ArrowLeft: () => mover(PASO, 0),
  ArrowRight: () => mover(-PASO, 0),
  ArrowUp: () => mover(0, PASO),
  ArrowDown: () => mover(0, -PASO),
  Escape: regresarUnPaso,
};
const SE_REPITEN = new Set(["+", "=", "-", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

function tecla(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $("ayuda").open) return;
  const escribe = e.target.closest("input");
  if (escribe) {
    if (e.key === "Enter") acciones.guardar();
    else if (e.key === "Escape") mesa.focus();
    else return;
    e.preventDefault();
    return;
  }
  if (e.key === "Tab" && actual?.abierta && $("campo-detalle") && e.target === mesa && !e.shiftKey) {
    e.preventDefault();
    $("campo-detalle").focus();
    return;
  }
  if ((e.key === " " || e.key === "Enter") && e.target.closest("button, a")) return;
  const nombre = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (e.repeat && !SE_REPITEN.has(nombre)) return;
  const numero = /^[1-9]$/.test(nombre) ? Number(nombre) - 1 : -1;
  if (numero >= 0 && actual) {
    if (!elegirForma(numero) && numero < figuras().length) ampliar(numero);
  } else if (actual && nombre.length === 1 && entrada(nombre)) {
    alternar(nombre);
  } else if (Object.hasOwn(TECLAS, nombre)) {
    TECLAS[nombre]();
  } else {
    return;
  }
  e.preventDefault();
}

function clic(e) {
  const boton = e.target.closest("[data-clave], [data-forma], [data-accion]");
  if (boton) {
    const { clave, forma, accion } = boton.dataset;
    if (clave && actual) alternar(clave);
    if (forma) elegirForma(Number(forma));
    if (accion) acciones[accion]();
  }
  // A click by pointer gives the keys back to the record; one by keyboard leaves the focus where the person put it.
  if (e.detail && !e.target.closest("input, dialog") && document.activeElement?.tagName !== "INPUT" && !$("ayuda").open) mesa.focus();
}

// The day ---------------------------------------------------------------------------------------------------------------

function anotarTiempo() {
  tiempos.push((performance.now() - actual.inicio) / 1000);
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

function pintarAyuda() {
  const todas = catalogo.modalidades.auxiliar;
  $("ayuda-catalogo").replaceChildren(...todas.flatMap((e) => [
    el("dt", {}, el("kbd", {}, e.clave)),
    el("dd", {}, el("b", {}, `${e.tipo}: `), e.descripcion, e.pide_detalle ? " †" : "", ` (${e.fundamento})`, e.nota && el("span", { class: "nota" }, e.nota)),
  ]));
}

async function empezar() {
  figuras().forEach(prepararFigura);
  document.addEventListener("keydown", tecla);
  document.addEventListener("click", clic);
  $("ayuda").addEventListener("close", () => mesa.focus());
  window.addEventListener("resize", () => figuras().forEach(transformar));
  window.addEventListener("beforeunload", (e) => { if (enviando.size) e.preventDefault(); });
  catalogo = await insistir(
    async () => (await pedir(`/api/catalogo?${new URLSearchParams({ proceso })}`)).json(),
    (falla) => mostrarEstado("fallo", falla.message, "Se intenta de nuevo cada pocos segundos."),
  );
  pintarAyuda();
  actualizarProgreso();
  repetir(actualizarProgreso, 30000);
  await esperar();
}

empezar().catch((falla) => mostrarEstado("fallo", "La página no pudo continuar", `${falla.message}. Recárguela: sus registros asignados se conservan.`));
