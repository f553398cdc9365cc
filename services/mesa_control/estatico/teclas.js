// The keys of the page, each with its line on `?`. A module adds its own:
//
//   agregarTecla({ teclas: ["z"], ayuda: "Volver a la última decisión para cambiarla", hacer: deshacer });
//
// Letters of the catalogue, and the digits of an inconsistency's forms, come first (`escuchar`). Nothing is heard while a dialog is
// open or somebody writes in a field; a field that wants Enter or Esc listens for itself.

import { $, el } from "./puesto.js";

const porTecla = new Map();

/**
 * `teclas`: values of `KeyboardEvent.key`, letters in lower case. `ayuda`: what it does, for people; without it, it has no line.
 * `rotulo`: how the line names the keys, when not by themselves. `repite`: held down, it goes on.
 */
export function agregarTecla({ teclas, ayuda = "", hacer, repite = false, rotulo = teclas }) {
  for (const tecla of teclas) {
    if (porTecla.has(tecla)) throw new Error(`La tecla ${tecla} ya tiene uso`);
    porTecla.set(tecla, { hacer, repite });
  }
  if (ayuda) explicarTecla(rotulo, ayuda);
}

/** A line on `?`; what stands between keys (`–`) is no key. */
export function explicarTecla(rotulo, ayuda) {
  const nombres = rotulo.map((nombre) => (nombre === "–" ? nombre : el("kbd", {}, nombre)));
  $("ayuda-teclas").append(el("tr", {}, el("th", { scope: "row" }, ...nombres), el("td", {}, ayuda)));
}

/** `antes(nombre, evento)`: takes a key before those added, and says whether it did. */
export function escuchar(antes) {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || document.querySelector("dialog[open]")) return;
    if (e.target.closest("input, textarea, select, [contenteditable]")) return;
    if ((e.key === " " || e.key === "Enter") && e.target.closest("button, a, summary")) return;
    const nombre = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const agregada = porTecla.get(nombre);
    if (e.repeat && !agregada?.repite) return;
    if (antes(nombre, e)) e.preventDefault();
    else if (agregada) {
      e.preventDefault();
      agregada.hacer();
    }
  });
}
