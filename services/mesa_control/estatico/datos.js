// What was sent beside what the machine read.

import { fecha, momento } from "/estatico/apoyo.js";
import { NOMBRES, puntoDeAlerta } from "./imagenes.js";
import { el } from "./puesto.js";

const CODIGOS = new Set(["cic", "ocr", "clave_elector", "numero_emision", "curp"]);

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

export function tablaDeDatos(registro) {
  const { reglas, alertas, campos, folio } = registro;
  const sobreDatos = alertas.filter((a) => !Object.hasOwn(NOMBRES, a.parte));
  const copiar = el("button", { type: "button", class: "folio", "data-copiar": folio, "aria-label": `Copiar el folio ${folio}` }, folio);
  const filas = [
    ...campos.map(filaDeCampo),
    filaDeSituacion(registro),
    reglas.length && fila("Por regla", "reglas",
      el("span", { class: "lectura--difiere" }, `▲ ${reglas.map((r) => r.descripcion).join("; ")}. Se agrega a toda decisión.`)),
    sobreDatos.length && fila("Alertas", "alertas", el("ul", { class: "alertas" }, ...sobreDatos.map(puntoDeAlerta))),
    fila("Recibido", "recibido", momento(registro.recibido_en)),
    el("tr", {}, el("td", { colspan: 3 }, copiar)),
  ];
  return el("table", { class: "campos" }, el("colgroup", {}, el("col"), el("col"), el("col")),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Datos"), el("th", { scope: "col" }, "enviado"), el("th", { scope: "col" }, "leído"))),
    el("tbody", {}, ...filas.filter(Boolean)));
}
