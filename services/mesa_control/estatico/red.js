// Talking to the server: while the session has ended it waits, and what may be repeated is repeated until it answers.

import { sesion } from "/estatico/apoyo.js";
import { cuenta } from "./puesto.js";

export const REINTENTO_MS = 2000;

export class Falla extends Error {
  constructor(estatus, problema) {
    super([problema.title, problema.detail].filter(Boolean).join(". "));
    this.problema = problema;
    this.pasajera = [0, 429, 502, 503, 504].includes(estatus);
    this.definitiva = estatus >= 400 && estatus < 500 && estatus !== 429;
  }
}

/** Asks; while the session has ended it waits for the person to enter again, in another tab, and then goes on. */
export async function pedir(url, opciones = {}) {
  for (;;) {
    const respuesta = await pedirUnaVez(url, opciones);
    sesion(respuesta.status !== 401);
    if (respuesta.ok) return respuesta;
    if (respuesta.status !== 401) {
      const problema = { title: `El servidor respondió ${respuesta.status}`, ...await respuesta.json().catch(() => ({})) };
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

export async function repetir(tarea, ms) {
  for (;;) {
    await pausa(ms);
    await tarea();
  }
}

export const pausa = (ms) => new Promise((listo) => setTimeout(listo, ms));

export async function insistir(tarea, alFallar) {
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
