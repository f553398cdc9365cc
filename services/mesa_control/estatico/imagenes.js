// The images of the record: their alerts, and to enlarge, zoom, pan and turn them.

import { $, avisar, el, puesto } from "./puesto.js";
import { pedirImagen } from "./registro.js";

export const NOMBRES = { anverso: "Anverso", reverso: "Reverso", foto: "Foto viva", firma: "Firma" };
const ALERTAS_A_LA_VISTA = 2;

export const figuras = () => [...document.querySelectorAll(".imagen")];

export async function pintarImagen(figura, abierto) {
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
  if (puesto.actual !== abierto) return;
  if (carga.estado === "falla") {
    lienzo.dataset.falla = `${carga.motivo}. Pulse para intentar de nuevo, o s para dejar el registro para después.`;
    return;
  }
  img.src = carga.direccion;
  lienzo.dataset.lista = "";
  transformar(figura);
}

export const puntoDeAlerta = (a) => el("li", { class: a.severidad, title: [a.texto, a.detalle].filter(Boolean).join(": ") },
  a.texto, /^[a-z]$/.test(a.inciso) ? el("span", { class: "secundario" }, ` (${a.inciso})`) : "", ...a.folios.flatMap((folio, i) => [" ", enOtro(folio, a.parte, i)]));

function enOtro(folio, parte, i) {
  const nombre = `Ver esa imagen en el registro ${folio}`;
  return el("a", { href: `/api/registros/${folio}/imagenes/${parte}`, target: "_blank", rel: "noopener", title: nombre, "aria-label": nombre }, i ? `${i + 1}` : "ver");
}

const vistas = new WeakMap();
const vista = (figura) => vistas.get(figura) ?? vistas.set(figura, { escala: 1, giro: 0, x: 0, y: 0 }).get(figura);
let puntero = null;

function enJuego() {
  const ampliada = figuras().find((f) => f.dataset.ampliada !== undefined);
  return ampliada ? [ampliada] : figuras();
}

export function ampliar(indice) {
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

export function transformar(figura) {
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

export function acercar(factor, figurasEnJuego = enJuego()) {
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

export function mover(dx, dy) {
  for (const figura of enJuego()) {
    const v = vista(figura);
    if (v.escala > 1) Object.assign(v, { x: v.x + dx, y: v.y + dy });
    transformar(figura);
  }
}

export function girar() {
  const [unica, otra] = enJuego();
  const figura = otra ? puntero?.figura : unica;
  if (!figura) return avisar("aviso", "Para girar, amplíe una imagen (1-4) o ponga el puntero sobre ella.");
  vista(figura).giro = (vista(figura).giro + 90) % 360;
  return transformar(figura);
}

export function prepararFigura(figura, indice) {
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
    if (movido || !puesto.actual) return;
    const carga = puesto.actual.imagenes.get(figura.dataset.parte);
    if (carga?.estado === "falla") {
      pedirImagen(puesto.actual, carga.imagen);
      pintarImagen(figura, puesto.actual);
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
