// The mark over every image: whose screen it is, and since when. It is drawn over the frame, never into the picture: its pixels are judged.
// So it stays wherever one zooms or pans to, and who photographs the screen has it on the photograph.

import { momento } from "/estatico/apoyo.js";
import { cuenta } from "./puesto.js";

const SVG = "http://www.w3.org/2000/svg";
const LETRA = 13;
const RENGLON = 140;

const marcas = [];
let dicho = "";

function svg(etiqueta, atributos, ...hijos) {
  const nodo = document.createElementNS(SVG, etiqueta);
  for (const [nombre, valor] of Object.entries(atributos)) nodo.setAttribute(nombre, valor);
  nodo.append(...hijos);
  return nodo;
}

/** Two writings, one light and one dark, a pixel apart: it reads on any tone. */
function letras(y) {
  return [["de-quien-claro", 0], ["de-quien-oscuro", 1]].map(([clase, corrida]) => svg("text", { class: clase, y: y + corrida, "font-size": LETRA }));
}

export function marcar(lienzo) {
  const id = `de-quien-${marcas.length}`;
  const trama = svg("pattern", { id, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-24)", height: 2 * RENGLON });
  // The second line is half a width further: of what the edge of the tile cuts off, the rest stands at the other edge.
  const textos = [letras(RENGLON / 2), letras(RENGLON * 1.5), letras(RENGLON * 1.5)];
  trama.append(...textos.flat());
  const cubre = svg("rect", { width: "100%", height: "100%", fill: `url(#${id})` });
  lienzo.append(svg("svg", { class: "de-quien", width: "100%", height: "100%", "aria-hidden": "true" }, trama, cubre));
  marcas.push({ trama, textos });
  dicho = "";
  decir();
}

/** The minute changes; the place of the mark does not. */
function decir() {
  const texto = `${cuenta} · ${momento(new Date().toISOString()).replace(" (hora Centro)", "")}`;
  if (texto === dicho) return;
  dicho = texto;
  const ancho = Math.round(texto.length * LETRA * 0.62) + 96;
  for (const { trama, textos } of marcas) {
    trama.setAttribute("width", ancho);
    textos.forEach((par, n) => par.forEach((t, corrida) => {
      t.textContent = texto;
      t.setAttribute("x", [0, -ancho / 2, ancho / 2][n] + corrida);
    }));
  }
}

export function montar({ alMostrar }) {
  for (const lienzo of document.querySelectorAll(".lienzo")) marcar(lienzo);
  alMostrar(decir);
}
