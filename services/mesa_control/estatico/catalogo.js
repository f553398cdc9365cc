// The catalogue: what has been marked, its forms and its details.

import { $, el, puesto } from "./puesto.js";

let catalogo = {};

export const versionDelCatalogo = () => catalogo.version;

export function usarCatalogo(nuevo) {
  catalogo = nuevo;
  delete $("catalogo").dataset.modalidad;
  Object.values(catalogo.modalidades).forEach(ponerTeclas);
  pintarAyuda();
}

/** Every entry has its key: its letter, or the first that is free. */
function ponerTeclas(entradas) {
  const usadas = new Set(entradas.map((e) => e.tecla ?? e.clave));
  for (const e of entradas) {
    e.tecla ??= e.clave.length === 1 ? e.clave : LETRAS.find((letra) => !usadas.has(letra));
    usadas.add(e.tecla);
  }
}

const LETRAS = [..."abcdefghijklmnopqty"];

const entradas = () => catalogo.modalidades?.[puesto.actual?.registro.modalidad] ?? [];
export const conTecla = (tecla) => entradas().find((e) => e.tecla === tecla);
/** The forms of an entry, and what makes it valid instead (P 13.7 j, k, m). */
const formasDe = (e) => [...e.subtipos, ...(e.excepcion ? [{ clave: "", descripcion: e.excepcion, excepcion: true }] : [])];
export const entrada = (clave) => entradas().find((e) => e.clave === clave);

export function pintarCatalogo() {
  const caja = $("catalogo");
  const modalidad = puesto.actual.registro.modalidad;
  if (caja.dataset.modalidad !== modalidad) {
    caja.dataset.modalidad = modalidad;
    let tipo = null;
    const botones = entradas().map((e) => {
      const nuevo = e.tipo !== tipo;
      tipo = e.tipo;
      return el("button", { type: "button", class: "inconsistencia", "data-clave": e.clave, "data-grupo": nuevo ? "" : null, title: `${e.tipo}. ${e.descripcion}. ${e.fundamento}`, "aria-pressed": "false" },
        e.tecla ? el("kbd", {}, e.tecla) : "",
        el("span", { class: "texto" }, e.descripcion),
        e.nota ? el("span", { class: "daga", title: e.nota }, "nota") : "",
        e.pide_detalle ? el("span", { class: "daga", title: "Pide detalle" }, "†") : "");
    });
    caja.replaceChildren(caja.querySelector("legend"), ...botones);
  }
  for (const boton of caja.querySelectorAll(".inconsistencia")) {
    boton.setAttribute("aria-pressed", puesto.actual.marcas.has(boton.dataset.clave));
    boton.toggleAttribute("data-excepcion", puesto.actual.excepciones.has(boton.dataset.clave));
  }
}

/** No record, no marks. */
export function quitarMarcas() {
  for (const boton of $("catalogo").querySelectorAll(".inconsistencia")) {
    boton.setAttribute("aria-pressed", "false");
    boton.removeAttribute("data-excepcion");
  }
}

export function pintarDetalle() {
  const caja = $("detalle");
  const abierta = entrada(puesto.actual.abierta);
  if (!abierta) {
    caja.replaceChildren(...notasDe($("mosaico").dataset.ampliada), el("p", { class: "secundario" }, queHayMarcado()));
    return;
  }
  const valor = puesto.actual.marcas.get(abierta.clave) ?? "";
  const campo = abierta.pide_detalle || abierta.subtipos.length
    ? el("input", { id: "campo-detalle", maxlength: 500, autocomplete: "off", "aria-required": abierta.pide_detalle, "aria-label": `Detalle de ${abierta.clave}`, placeholder: abierta.pide_detalle ? "Detalle (requerido; Tab para escribir)" : "Detalle (opcional)" })
    : null;
  if (campo) {
    campo.value = valor;
    campo.addEventListener("input", () => { puesto.actual.marcas.set(abierta.clave, campo.value); pintarFormas(); });
  }
  caja.replaceChildren(...[
    abierta.subtipos.length ? null : el("p", {}, el("b", {}, `${abierta.tipo}: `), abierta.descripcion),
    abierta.nota ? el("p", { class: "secundario" }, `${abierta.fundamento}. ${abierta.nota}`) : null,
    formasDe(abierta).length ? el("div", { class: "formas" }, ...formasDe(abierta).map((s, i) =>
      el("button", { type: "button", "data-forma": i, "aria-pressed": "false" }, el("kbd", {}, String(i + 1)), s.descripcion))) : null,
    campo,
  ].filter(Boolean));
  pintarFormas();
  caja.scrollTop = 0;
}

function queHayMarcado() {
  const { marcas, excepciones } = puesto.actual;
  const validas = excepciones.size ? `Válida por excepción: ${[...excepciones].join(", ")}. ` : "";
  return validas + (marcas.size
    ? `Marcadas: ${[...marcas.keys()].join(", ")}. ↵ guarda, Esc las quita.`
    : "Espacio si no hay inconsistencia; una o varias letras si las hay.");
}

/** What the norm says of judging that image, each note once with its numerals. */
function notasDe(imagen) {
  const numerales = new Map();
  for (const e of entradas()) if (imagen && e.imagen === imagen && e.nota) numerales.set(e.nota, [...(numerales.get(e.nota) ?? []), e.fundamento]);
  return [...numerales].map(([nota, donde]) => el("p", { class: "nota-de-imagen" }, el("b", {}, donde.join("; ")), ` ${nota}`));
}

function pintarFormas() {
  const abierta = entrada(puesto.actual.abierta);
  for (const boton of document.querySelectorAll("[data-forma]")) {
    boton.setAttribute("aria-pressed", puesto.actual.marcas.get(abierta.clave) === formasDe(abierta)[boton.dataset.forma].descripcion);
  }
}

export function alternar(clave) {
  puesto.actual.excepciones.delete(clave);
  if (puesto.actual.marcas.has(clave) && puesto.actual.abierta !== clave && necesita(clave)) {
    puesto.actual.abierta = clave;
  } else if (puesto.actual.marcas.has(clave)) {
    puesto.actual.marcas.delete(clave);
    puesto.actual.abierta = null;
  } else {
    puesto.actual.marcas.set(clave, "");
    puesto.actual.abierta = clave;
  }
  pintarCatalogo();
  pintarDetalle();
  const abierta = entrada(puesto.actual.abierta);
  if (abierta?.pide_detalle && !abierta.subtipos.length) $("campo-detalle").focus();
}

/** It would be this inconsistency, and is valid by its exception: said and recorded, and no reason. */
export function exceptuar(clave) {
  puesto.actual.marcas.delete(clave);
  puesto.actual.excepciones.add(clave);
  puesto.actual.abierta = null;
  pintarCatalogo();
  pintarDetalle();
}

export const necesita = (clave) => entrada(clave).pide_detalle && !puesto.actual.marcas.get(clave).trim();

export function elegirForma(indice) {
  const abierta = entrada(puesto.actual.abierta);
  const forma = abierta && formasDe(abierta)[indice];
  if (!forma) return false;
  if (forma.excepcion) {
    exceptuar(abierta.clave);
    return true;
  }
  puesto.actual.marcas.set(abierta.clave, forma.descripcion);
  $("campo-detalle").value = forma.descripcion;
  pintarFormas();
  if (abierta.pide_detalle && forma.clave.startsWith("otr")) {
    $("campo-detalle").focus();
    $("campo-detalle").select();
  }
  return true;
}

function pintarAyuda() {
  const todas = catalogo.modalidades.auxiliar;
  $("ayuda-catalogo").replaceChildren(...todas.flatMap((e) => [
    el("dt", {}, el("kbd", {}, e.tecla)),
    el("dd", {}, el("b", {}, `${e.tipo}: `), e.descripcion, e.pide_detalle ? " †" : "", ` (${e.fundamento})`, e.nota && el("span", { class: "nota" }, e.nota)),
  ]));
}
