// The images of the record: their alerts, and to enlarge, zoom, pan, turn and brighten them, together or apart; the live photo beside
// the card's portrait, the signature beside the card's.

import { $, avisar, el, puesto } from "./puesto.js";
import { recorte } from "./recortes.js";
import { copia, pedirImagen } from "./registro.js";
import { agregarTecla, explicarTecla } from "./teclas.js";

export const NOMBRES = { anverso: "Anverso", reverso: "Reverso", foto: "Foto viva", firma: "Firma" };
const NOMBRES_RECORTE = { retrato: "Retrato de la credencial", firma: "Firma de la credencial" };
const ENTERA = { x: 0, y: 0, ancho: 1, alto: 1 };
const TONOS = [["", ""], ["contraste", "contrast(1.8)"], ["contraste alto", "contrast(3.2)"], ["negativo", "invert(1) contrast(1.4)"]];
const ALERTAS_A_LA_VISTA = 2;
const PASO = 60;

const mosaico = $("mosaico");
const figuras = [...document.querySelectorAll(".imagen")];
const visibles = () => figuras.filter((f) => !f.dataset.recorte || divididas());
const divididas = () => mosaico.dataset.divididas !== undefined;
const vistas = new Map();
const SIN_CAMBIO = { escala: 1, giro: 0, x: 0, y: 0, tono: 0, brillo: 0 };
/** Size of each frame, kept so that drawing a record asks the browser for no layout (px). */
const marcos = new Map();
let juntas = true;
let puntero = null;
let tocada = null;

// Drawing -------------------------------------------------------------------------------------------------------------

/** Draws the images of the record on the screen, those that have come; the others as they come. */
export function pintarImagenes() {
  const abierto = puesto.actual;
  delete mosaico.dataset.alertas;
  abierto.alCargar = (carga) => {
    if (abierto === puesto.actual) for (const figura of visibles()) if (parteDe(figura) === carga.imagen.parte) pintarFigura(figura);
  };
  for (const figura of figuras) {
    vistas.set(figura, { ...SIN_CAMBIO });
    pintarFigura(figura);
    pintarAlertas(figura);
  }
  if (!marcos.get(figuras[0])?.ancho) ajustar();
}

/** The frames stay, without the images of who left. */
export function vaciarImagenes() {
  for (const figura of figuras) {
    limpiar(figura.querySelector(".lienzo"));
    figura.querySelector(".alertas").replaceChildren();
    figura.querySelector(".resto").hidden = true;
  }
}

const parteDe = (figura) => (figura.dataset.recorte ? region(figura).parte : figura.dataset.parte);
const region = (figura) => (figura.dataset.recorte ? recorte(puesto.actual.registro, figura.dataset.recorte) : ENTERA);
const nombreDe = ({ dataset: { parte, recorte: cual } }) => (cual ? NOMBRES_RECORTE[cual] : NOMBRES[parte] ?? parte);

function limpiar(lienzo) {
  delete lienzo.dataset.falla;
  delete lienzo.dataset.lista;
  delete lienzo.dataset.tono;
  lienzo.querySelector("canvas")?.remove();
}

function pintarFigura(figura) {
  const lienzo = figura.querySelector(".lienzo");
  limpiar(lienzo);
  if (figura.dataset.recorte && !divididas()) return;
  const carga = puesto.actual.imagenes.get(parteDe(figura));
  if (!carga) lienzo.dataset.falla = "El registro no trae esta imagen";
  else if (carga.estado === "falla") {
    lienzo.dataset.falla = `${carga.motivo}. Pulse para intentar de nuevo, o s para dejar el registro para después.`;
  } else if (carga.estado === "lista") {
    const { recorte: cual } = figura.dataset;
    lienzo.prepend(cual ? copia(carga, cual) : carga.lienzo);
    lienzo.dataset.lista = "";
    transformar(figura);
  }
}

function pintarAlertas(figura) {
  figura.querySelector(".nombre").textContent = nombreDe(figura);
  figura.querySelector(".lienzo").setAttribute("aria-label", `${nombreDe(figura)}: ampliar`);
  const alertas = puesto.actual.registro.alertas.filter((a) => a.parte === figura.dataset.parte);
  alertas.sort((una, otra) => (una.severidad === "advertencia") - (otra.severidad === "advertencia"));
  figura.querySelector(".alertas").replaceChildren(...alertas.map(puntoDeAlerta));
  const mas = alertas.length - ALERTAS_A_LA_VISTA;
  Object.assign(figura.querySelector(".resto"), { hidden: mas <= 0, textContent: `y ${mas} más` });
}

export const puntoDeAlerta = (a) => el("li", { class: a.severidad, title: [a.texto, a.detalle].filter(Boolean).join(": ") },
  a.texto, /^[a-z]$/.test(a.inciso) ? el("span", { class: "secundario" }, ` (${a.inciso})`) : "", ...a.folios.flatMap((folio, i) => [" ", enOtro(folio, a.parte, i)]));

function enOtro(folio, parte, i) {
  const nombre = `Ver esa imagen en el registro ${folio}`;
  return el("a", { href: `/registros/${folio}/imagenes/${parte}`, target: "_blank", rel: "noopener", title: nombre, "aria-label": nombre }, i ? `${i + 1}` : "ver");
}

// How each is seen ------------------------------------------------------------------------------------------------------

const vista = (figura) => vistas.get(figura) ?? vistas.set(figura, { ...SIN_CAMBIO }).get(figura);
const ampliada = () => figuras.find((f) => f.dataset.ampliada !== undefined);
const senalada = () => puntero?.figura ?? document.activeElement?.closest(".imagen");

/** What the keys act on: the enlarged one; all of them together; or, apart, the one under the pointer, focused, or touched last. */
function enJuego() {
  const una = ampliada() ?? (juntas ? null : senalada() ?? tocada);
  if (una) return [una];
  if (juntas) return visibles();
  avisar("aviso", "Las imágenes van separadas: ponga el puntero o el foco (Tab) en una, o amplíela con su número.");
  return [];
}

/** Enlarges the image of that place, or, when it is enlarged already or with null, shows all of them again. */
export function ampliar(indice) {
  if (indice === null && !ampliada()) return;
  const figura = indice === null ? null : visibles()[indice];
  if (indice !== null && !figura) return;
  const cerrar = !figura || figura === ampliada();
  for (const f of figuras) {
    delete f.dataset.ampliada;
    f.querySelector(".lienzo").setAttribute("aria-pressed", "false");
  }
  delete mosaico.dataset.ampliada;
  if (!cerrar) {
    figura.dataset.ampliada = "";
    figura.querySelector(".lienzo").setAttribute("aria-pressed", "true");
    mosaico.dataset.ampliada = figura.dataset.parte ?? figura.dataset.recorte;
  }
  ajustar();
}

/** Fits every image to its frame, whose size may have changed. */
function ajustar() {
  for (const figura of visibles()) {
    const { clientWidth: ancho, clientHeight: alto } = figura.querySelector(".lienzo");
    marcos.set(figura, { ancho, alto });
  }
  if (puesto.actual) visibles().forEach(transformar);
}

function transformar(figura) {
  const lienzo = figura.querySelector(".lienzo");
  const imagen = lienzo.querySelector("canvas");
  if (!imagen) return;
  const v = vista(figura);
  const e = encuadre(marcos.get(figura), imagen, region(figura), v.giro);
  imagen.style.transform = `translate(${v.x + e.x * v.escala}px, ${v.y + e.y * v.escala}px) rotate(${v.giro}deg) scale(${v.escala * e.escala})`;
  const [nombre, filtro] = TONOS[v.tono];
  imagen.style.filter = `${filtro} ${v.brillo ? `brightness(${1.25 ** v.brillo})` : ""}`.trim();
  const tono = [nombre, v.brillo && `brillo ${v.brillo > 0 ? "+" : "−"}${Math.abs(v.brillo)}`].filter(Boolean).join(" · ");
  if (tono) lienzo.dataset.tono = tono;
  else delete lienzo.dataset.tono;
  lienzo.toggleAttribute("data-cerca", v.escala > 1);
}

/** How a region of an image that already lies whole in its frame fills it: how much larger, and how far moved (px). */
function encuadre({ ancho, alto } = {}, { width, height }, r, giro) {
  if (!width || !ancho) return { escala: 1, x: 0, y: 0 };
  const ajuste = Math.min(ancho / width, alto / height);
  const [w, h] = [width * ajuste, height * ajuste];
  const [rw, rh] = giro % 180 ? [r.alto * h, r.ancho * w] : [r.ancho * w, r.alto * h];
  const escala = Math.min(ancho / rw, alto / rh);
  const [dx, dy] = [(r.x + r.ancho / 2 - 0.5) * w, (r.y + r.alto / 2 - 0.5) * h];
  const [cos, sen] = [Math.cos((giro * Math.PI) / 180), Math.sin((giro * Math.PI) / 180)];
  return { escala, x: -(cos * dx - sen * dy) * escala, y: -(sen * dx + cos * dy) * escala };
}

function acercar(factor) {
  const caja = puntero?.figura.querySelector(".lienzo").getBoundingClientRect();
  const punto = caja ? { x: puntero.x - caja.left - caja.width / 2, y: puntero.y - caja.top - caja.height / 2 } : { x: 0, y: 0 };
  for (const figura of enJuego()) {
    const v = vista(figura);
    const escala = Math.min(8, Math.max(1, v.escala * factor));
    const k = escala / v.escala;
    Object.assign(v, escala === 1 ? { x: 0, y: 0 } : { x: punto.x - (punto.x - v.x) * k, y: punto.y - (punto.y - v.y) * k }, { escala });
    transformar(figura);
  }
}

function mover(dx, dy) {
  for (const figura of enJuego()) {
    const v = vista(figura);
    if (v.escala > 1 || figura.dataset.recorte) Object.assign(v, { x: v.x + dx, y: v.y + dy });
    transformar(figura);
  }
}

function girar() {
  const figura = ampliada() ?? senalada();
  if (!figura) return avisar("aviso", "Para girar, amplíe una imagen (1-4) o ponga sobre ella el puntero o el foco (Tab).");
  vista(figura).giro = (vista(figura).giro + 90) % 360;
  return transformar(figura);
}

function cambiarTono(cambio) {
  for (const figura of enJuego()) {
    Object.assign(vista(figura), cambio(vista(figura)));
    transformar(figura);
  }
}

const masBrillo = (paso) => cambiarTono((v) => ({ brillo: Math.min(4, Math.max(-4, v.brillo + paso)) }));

function comoEran() {
  for (const figura of ampliada() ? [ampliada()] : visibles()) {
    vistas.set(figura, { ...SIN_CAMBIO });
    transformar(figura);
  }
}

function alternarJuntas() {
  juntas = !juntas;
  avisar("", juntas ? "Las imágenes se acercan, se mueven y se aclaran juntas." : "Cada imagen por su lado: la que está bajo el puntero o tiene el foco (Tab).");
}

export function alternarDivididas() {
  if (divididas()) delete mosaico.dataset.divididas;
  else mosaico.dataset.divididas = "";
  for (const figura of figuras) figura.hidden = Boolean(figura.dataset.recorte) && !divididas();
  if (ampliada()?.hidden) ampliar(null);
  if (puesto.actual) figuras.filter((f) => f.dataset.recorte).forEach(pintarFigura);
  ajustar();
}

function alternarAlertas() {
  if (mosaico.dataset.alertas === undefined) mosaico.dataset.alertas = "";
  else delete mosaico.dataset.alertas;
}

// Pointer and keys ------------------------------------------------------------------------------------------------------

function prepararFigura(figura) {
  const lienzo = figura.querySelector(".lienzo");
  let arrastre = null;
  lienzo.addEventListener("pointerdown", (e) => {
    tocada = figura;
    arrastre = { x: e.clientX, y: e.clientY, movido: false };
    lienzo.setPointerCapture(e.pointerId);
  });
  lienzo.addEventListener("pointermove", (e) => {
    puntero = { figura, x: e.clientX, y: e.clientY };
    if (!arrastre) return;
    const [dx, dy] = [e.clientX - arrastre.x, e.clientY - arrastre.y];
    if (!arrastre.movido && Math.hypot(dx, dy) < 4) return;
    Object.assign(arrastre, { x: e.clientX, y: e.clientY, movido: true });
    mover(dx, dy);
  });
  lienzo.addEventListener("pointerleave", () => { if (puntero?.figura === figura) puntero = null; });
  // What is saved from here would be without the mark that the image's own file carries (ADR 26).
  lienzo.addEventListener("contextmenu", (e) => e.preventDefault());
  lienzo.addEventListener("focus", () => { tocada = figura; });
  lienzo.addEventListener("click", () => {
    const movido = arrastre?.movido;
    arrastre = null;
    if (movido || !puesto.actual) return;
    const carga = puesto.actual.imagenes.get(parteDe(figura));
    if (carga?.estado === "falla") {
      pedirImagen(puesto.actual, carga.imagen);
      visibles().filter((f) => parteDe(f) === carga.imagen.parte).forEach(pintarFigura);
    } else {
      ampliar(visibles().indexOf(figura));
    }
  });
  lienzo.addEventListener("wheel", (e) => {
    e.preventDefault();
    puntero = { figura, x: e.clientX, y: e.clientY };
    acercar(e.deltaY < 0 ? 1.2 : 1 / 1.2);
  }, { passive: false });
  figura.querySelector(".resto").addEventListener("click", alternarAlertas);
}

/** Closes what is open over the images; false when nothing is. */
export function cerrarImagenes() {
  if (ampliada()) ampliar(null);
  else if (mosaico.dataset.alertas !== undefined) alternarAlertas();
  else return false;
  return true;
}

export function prepararImagenes() {
  figuras.forEach(prepararFigura);
  new ResizeObserver(ajustar).observe(mosaico);
}

export function teclasDeImagenes() {
  const enRegistro = (hacer) => () => { if (puesto.actual) hacer(); };
  const con = (teclas, hacer, mas = {}) => agregarTecla({ teclas, hacer: enRegistro(hacer), ...mas });
  explicarTecla(["1", "–", "4"], "Ampliar una imagen; otra vez, regresar");
  con(["v"], alternarDivididas, { ayuda: "Poner la foto junto al retrato de la credencial, y la firma junto a la suya (5 y 6 los amplían)" });
  con(["w"], alternarAlertas, { ayuda: "Ver completas las alertas de las imágenes" });
  con(["+", "="], () => acercar(1.4), { repite: true });
  con(["-"], () => acercar(1 / 1.4), { rotulo: ["+", "-"], ayuda: "Acercar, alejar; también la rueda", repite: true });
  con(["ArrowLeft"], () => mover(PASO, 0), { repite: true });
  con(["ArrowRight"], () => mover(-PASO, 0), { repite: true });
  con(["ArrowUp"], () => mover(0, PASO), { repite: true });
  con(["ArrowDown"], () => mover(0, -PASO), { rotulo: ["←", "↑", "↓", "→"], ayuda: "Mover la imagen acercada; también se arrastra", repite: true });
  con(["x"], () => cambiarTono((v) => ({ tono: (v.tono + 1) % TONOS.length })), { ayuda: "Contraste, contraste alto, negativo, como es" });
  con([","], () => masBrillo(-1), { repite: true });
  con(["."], () => masBrillo(1), { rotulo: [",", "."], ayuda: "Menos, más brillo", repite: true });
  con(["r"], girar, { ayuda: "Girar la imagen ampliada, la que está bajo el puntero o la del foco" });
  con(["u"], alternarJuntas, { ayuda: "Acercar, mover y aclarar las imágenes juntas, o cada una por su lado" });
  con(["0"], comoEran, { ayuda: "Todo como era: tamaño, lugar, giro, contraste" });
}
