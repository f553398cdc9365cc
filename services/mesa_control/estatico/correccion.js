// The form corrected from the image (D 5.8, 10.3), in place of the data, beside the images. It checks itself as descifrado does: what
// looks odd warns at its field and stops nobody. It is sent behind the next record; the corrected one comes back by the queue.

import { momento } from "/estatico/apoyo.js";
import { tablaDeDatos } from "./datos.js";
import { ampliar } from "./imagenes.js";
import { $, avisar, corto, el, mesa, puesto } from "./puesto.js";
import { insistir, pedir } from "./red.js";
import { abrir } from "./registro.js";
import { agregarTecla, explicarTecla } from "./teclas.js";

const EDITANDO = "Guarde la corrección (↵) o déjela (Esc): el formulario está abierto.";
const IMAGENES = 4;

let pagina = null;
let ampliada = -1;
const enviando = new Map();

/** Folios whose correction is not saved yet. */
export const enCamino = () => [...enviando.keys()];

export function montar(laPagina) {
  pagina = laPagina;
  agregarTecla({ teclas: ["F2"], ayuda: "Corregir el formulario desde la imagen, si no se encontró o llegó sin CIC ni OCR", hacer: editar });
  explicarTecla(["Tab", "↵", "Esc"], "En el formulario: pasar de campo, guardar la corrección, dejarlo como estaba");
  explicarTecla(["RePág", "AvPág"], "En el formulario: ampliar otra imagen");
  pagina.alMostrar(pintarHistoria);
  $("datos").addEventListener("keydown", tecla);
  $("datos").addEventListener("change", revisar);
  $("datos").addEventListener("click", (e) => { if (e.target.closest("[data-corregir]")) editar(); });
}

// What is shown of corrections ------------------------------------------------------------------------------------------

function pintarHistoria(abierto) {
  if (abierto.edicion) dejar(abierto); // something else came in front meanwhile
  const { correccion } = abierto.registro;
  const filas = correccion.historia.map((hecha) => fila("Corregido", `corregido-${hecha.version}`,
    el("span", { class: "secundario" }, `${hecha.operador}, ${momento(hecha.corregido_en)}`),
    ...hecha.cambios.map((c) => el("span", { class: "cambio" }, `${c.etiqueta}: `, el("del", {}, c.antes ?? "vacío"), " → ", el("ins", {}, c.despues ?? "vacío")))));
  if (correccion.en_consulta) filas.push(fila("Corrección", "en-consulta", "En consulta en el padrón: vuelve a la cola con la respuesta."));
  else if (correccion.procede) {
    const motivo = correccion.procede === "no_encontrado" ? "No se encontró a la persona." : "Llegó sin CIC ni OCR.";
    filas.push(fila("Formulario", "corregir", `${motivo} Si la imagen dice otra cosa: `,
      el("button", { type: "button", "data-corregir": "" }, el("kbd", {}, "F2"), " corregir")));
  }
  $("datos").querySelector("[data-campo=situacion]").after(...filas);
}

const fila = (etiqueta, clave, ...contenido) =>
  el("tr", { "data-campo": clave, class: "linea" }, el("th", { scope: "row" }, etiqueta), el("td", { colspan: 2 }, ...contenido));

// The form --------------------------------------------------------------------------------------------------------------

function editar() {
  const { actual } = puesto;
  if (!actual) return;
  if (actual.edicion) {
    $("datos").querySelector("input").focus();
    return;
  }
  if (actual.impide) return void avisar("aviso", actual.impide);
  if (!actual.registro.correccion.procede || actual.registro.correccion.en_consulta) {
    avisar("aviso", "Este formulario no se corrige: solo si no se encontró a la persona o llegó sin CIC ni OCR.");
    return;
  }
  pintarFormulario(actual, {});
}

function pintarFormulario(actual, escritos) {
  actual.edicion = { llave: crypto.randomUUID(), revisado: null, errores: {} };
  actual.impide = EDITANDO;
  $("panel").dataset.corrigiendo = "";
  ampliada = -1;
  const { correccion, campos } = actual.registro;
  const lecturas = new Map(campos.map((c) => [c.clave, c.lecturas]));
  const filas = correccion.formulario.map(({ clave, etiqueta, valor }) => {
    const leido = (lecturas.get(clave) ?? []).filter((l) => !l.coincide && l.valor).map((l) => el("span", { class: "lectura--difiere" }, `▲ ${l.fuente} ${l.valor}`));
    return el("tr", { "data-campo": clave },
      el("th", { scope: "row" }, el("label", { for: `corrige-${clave}` }, etiqueta)),
      el("td", {}, el("input", {
        id: `corrige-${clave}`, name: clave, value: escritos[clave] ?? valor ?? "", "aria-describedby": `corrige-${clave}-nota`,
        autocomplete: "off", spellcheck: "false", maxlength: 200,
      })),
      el("td", {}, ...leido, el("span", { id: `corrige-${clave}-nota`, class: "nota" })));
  });
  $("datos").replaceChildren(el("table", { class: "campos correccion" },
    el("caption", {}, "Escriba lo que dice la credencial. ", el("kbd", {}, "↵"), " guarda, ", el("kbd", {}, "Esc"), " deja todo como estaba, ",
      el("kbd", {}, "AvPág"), " otra imagen."),
    el("colgroup", {}, el("col"), el("col"), el("col")),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Corrección"), el("th", { scope: "col" }, "dice la credencial"), el("th", { scope: "col" }, "revisión"))),
    el("tbody", {}, ...filas)));
  avisar("", `Corrigiendo ${corto(actual.registro.folio)}.`);
  $("datos").querySelector("input").focus();
  $("datos").querySelector("input").select();
  revisar();
}

function dejar(actual) {
  delete actual.edicion;
  delete actual.impide;
  delete $("panel").dataset.corrigiendo;
  ampliar(null);
}

/** What was written where the form says otherwise. */
function cambios(actual) {
  const datos = {};
  for (const { clave, valor } of actual.registro.correccion.formulario) {
    const escrito = $(`corrige-${clave}`).value.trim();
    if (escrito !== (valor ?? "")) datos[clave] = escrito;
  }
  return datos;
}

async function revisar() {
  const { actual } = puesto;
  if (!actual?.edicion) return;
  const datos = JSON.stringify({ datos: cambios(actual) });
  if (datos === actual.edicion.revisado) return;
  try {
    const respuesta = await pedir(actual.registro.correccion.revision, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: datos,
    });
    const { errores, avisos } = await respuesta.json();
    if (puesto.actual !== actual || !actual.edicion) return;
    Object.assign(actual.edicion, { revisado: datos, errores });
    pintarNotas(errores, avisos);
  } catch {
    // What could not be checked now is checked when it is saved.
  }
}

function pintarNotas(errores, avisos) {
  for (const campo of $("datos").querySelectorAll("input")) {
    const dichos = avisos.filter((a) => a.campos.includes(campo.name)).map((a) => el("span", { class: "lectura--difiere" }, `▲ ${a.texto}`));
    const error = errores[campo.name];
    campo.setAttribute("aria-invalid", String(Boolean(error)));
    $(`${campo.id}-nota`).replaceChildren(...(error ? [el("span", { class: "error" }, `✕ ${error}`)] : dichos));
  }
}

function tecla(e) {
  const { actual } = puesto;
  if (!actual?.edicion || !e.target.closest("input") || e.isComposing) return;
  const hacer = {
    Enter: () => guardar(actual),
    Escape: () => {
      dejar(actual);
      $("datos").replaceChildren(tablaDeDatos(actual.registro));
      pintarHistoria(actual);
      avisar("", "El formulario queda como estaba.");
      mesa.focus();
    },
    PageDown: () => otraImagen(1),
    PageUp: () => otraImagen(-1),
  }[e.key];
  if (!hacer) return;
  e.preventDefault();
  if (!e.repeat) hacer();
}

function otraImagen(paso) {
  const campo = document.activeElement;
  ampliada = ((ampliada + paso + IMAGENES + 2) % (IMAGENES + 1)) - 1;
  ampliar(null);
  if (ampliada >= 0) ampliar(ampliada);
  campo.focus();
}

// Saving ----------------------------------------------------------------------------------------------------------------

async function guardar(actual) {
  const datos = cambios(actual);
  if (!Object.keys(datos).length) return void avisar("aviso", "No cambió ningún dato. Esc deja el formulario como estaba.");
  await revisar();
  if (puesto.actual !== actual || !actual.edicion) return;
  const [conError] = Object.keys(actual.edicion.errores);
  if (conError) {
    avisar("error", "Revise el campo marcado: nada se guardó.");
    $(`corrige-${conError}`).focus();
    return;
  }
  const { folio, situacion, correccion } = actual.registro;
  const { llave } = actual.edicion;
  const cuerpo = JSON.stringify({ datos, compulsado_version: situacion.version, corrige: correccion.version });
  dejar(actual);
  enviando.set(folio, enviar(folio, cuerpo, llave, datos));
  avisar("", `Guardando la corrección de ${corto(folio)}`);
  pagina.avanzar();
}

async function enviar(folio, cuerpo, llave, datos) {
  await null; // let the next record be drawn first
  try {
    await insistir(
      () => pedir(`/api/registros/${folio}/correccion`, {
        method: "POST", headers: { "Content-Type": "application/json", "Idempotency-Key": llave }, body: cuerpo,
      }),
      (falla) => avisar("error", `${falla.message}. La corrección de ${corto(folio)} se reintenta sola; no cierre esta página.`),
    );
    avisar("exito", `✓ ${corto(folio)} corregido`, "· se consulta en el padrón y vuelve a la cola");
  } catch (falla) {
    pagina.rechazar(`No se guardó la corrección de ${corto(folio)}: ${falla.message.replace(/\.$/, "")}.`);
    if (falla.problema?.status === 422) await regresar(folio, datos);
  } finally {
    enviando.delete(folio);
  }
}

/** What the server did not accept comes back to the screen as it was written. */
async function regresar(folio, datos) {
  const abierto = abrir(await (await pedir(`/api/registros/${folio}`)).json());
  pagina.mostrarAparte(abierto);
  if (abierto.registro.correccion.procede) pintarFormulario(abierto, datos);
}
