// The records ahead: claimed, opened and with their images decoded before they are needed, and given back when the page is left.

import { proceso, puesto } from "./puesto.js";
import { pedir } from "./red.js";
import { abrir, soltar } from "./registro.js";

const ADELANTE = 5;
const POCOS = 50;

let adelante = [];
let pidiendo = null;
let pendientes = 0;
let apartados = [];
let otros = () => [];

/** `aparte`: records opened that come back to the screen; `ocupados()`: folios that must not come again yet. */
export function usarCola(aparte, ocupados) {
  apartados = aparte;
  otros = ocupados;
  window.addEventListener("pagehide", devolver);
  window.addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
}

/** When few are left, one ahead is enough: the rest is for the others. */
export function quedan(cuantos) {
  pendientes = cuantos;
}

/** The next record, at hand; null when it must be waited for. */
export function tomar() {
  while (adelante.length) {
    const siguiente = adelante.shift();
    if (siguiente.caduca > performance.now()) return siguiente;
    soltar(siguiente);
  }
  return null;
}

/** Loads ahead until there is enough, or nothing more. Raises Falla. */
export function llenar() {
  pidiendo ??= pedirVarios().finally(() => { pidiendo = null; });
  return pidiendo;
}

async function pedirVarios() {
  while (adelante.length < (pendientes < POCOS ? 1 : ADELANTE)) {
    const siguiente = await traer();
    if (!siguiente) return;
    adelante.push(siguiente);
    avisarLlegada();
  }
}

let avisarLlegada = () => {};

/** The next record as soon as there is one; null when the queue is empty. Raises Falla. */
export async function siguiente() {
  for (;;) {
    const listo = tomar();
    if (listo) return listo;
    const llegada = new Promise((llego) => { avisarLlegada = () => llego(true); });
    const hay = await Promise.race([llegada, llenar().then(() => adelante.length > 0)]);
    if (!hay) return null;
  }
}

async function traer() {
  const consulta = new URLSearchParams({ proceso });
  for (const folio of new Set([...tenidos().map((a) => a.registro.folio), ...otros()])) consulta.append("excepto", folio);
  const respuesta = await pedir(`/api/siguiente?${consulta}`);
  return respuesta.status === 204 ? null : abrir(await respuesta.json());
}

const tenidos = () => [puesto.actual, ...apartados, ...adelante].filter(Boolean);

/** What this page holds goes back to the queue at once; else the others would wait until its time runs out. */
function devolver() {
  const asignaciones = tenidos().filter((a) => a.registro.asignado_hasta && !a.reemplaza)
    .map(({ registro: { folio, asignado_hasta } }) => ({ folio, asignado_hasta }));
  adelante = [];
  if (!asignaciones.length) return;
  pedir(`/api/devolver?${new URLSearchParams({ proceso })}`, {
    method: "POST",
    keepalive: true,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ asignaciones }),
  }).catch(() => {}); // then its time runs out
}
