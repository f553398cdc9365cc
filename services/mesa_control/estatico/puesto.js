// What every module of the page shares: the record on the screen, and how to write on the page.

/** The element that the keys go to; it carries `data-proceso`, `data-cuenta` and, while there is a record, `data-folio`. */
export const mesa = document.getElementById("contenido");
export const { proceso, cuenta } = mesa.dataset;

/** `actual`: the record on the screen, as `registro.js` opens it, or null. */
export const puesto = { actual: null };

export const $ = (id) => document.getElementById(id);

export function el(etiqueta, atributos = {}, ...hijos) {
  const nodo = document.createElement(etiqueta);
  for (const [nombre, valor] of Object.entries(atributos)) {
    if (valor !== undefined && valor !== null && valor !== false) nodo.setAttribute(nombre, valor);
  }
  nodo.append(...hijos.filter((h) => h !== null && h !== undefined && h !== ""));
  return nodo;
}

export function avisar(tipo, texto, extra = "") {
  $("aviso").dataset.tipo = tipo;
  $("aviso").replaceChildren(el("span", { class: "elipsis" }, texto), extra && el("span", { class: "secundario" }, extra));
}

export const corto = (folio) => `…${folio.slice(-6)}`;
