// A record opened: what the server says of it, its images on the way, and what has been marked so far.

import { Falla, REINTENTO_MS, pausa, pedir } from "./red.js";

const MARGEN_ASIGNACION_MS = 5000;

/**
 * A record with its images on the way. `reemplaza`: the decision that is being changed. `impide`: when set, why it cannot be decided
 * now, for people. `consultado`: when set, somebody asked for it by its folio, and Esc leaves it.
 */
export function abrir(registro, reemplaza = null) {
  const propias = registro.decision?.inconsistencias.filter((i) => i.origen === "revision") ?? [];
  const abierto = {
    registro,
    reemplaza,
    impide: "",
    consultado: false,
    llave: crypto.randomUUID(),
    marcas: new Map(propias.map((i) => [i.clave, i.detalle ?? ""])),
    excepciones: new Set(registro.decision?.excepciones),
    abierta: null,
    caduca: performance.now() + registro.vigencia_s * 1000 - MARGEN_ASIGNACION_MS,
    imagenes: new Map(),
    alCargar: null,
    suelto: false,
  };
  for (const imagen of registro.imagenes) pedirImagen(abierto, imagen);
  return abierto;
}

/** Asks for an image; `alCargar(carga)` of the record is told how it ended. What fails for a moment is asked for again by itself. */
export async function pedirImagen(abierto, imagen) {
  const carga = { estado: "cargando", imagen };
  abierto.imagenes.set(imagen.parte, carga);
  try {
    Object.assign(carga, await imagenDe(imagen), { estado: "lista" });
  } catch (falla) {
    Object.assign(carga, { estado: "falla", motivo: falla.message });
    if (falla.pasajera) pausa(REINTENTO_MS).then(() => pedirDeNuevo(abierto, carga));
  }
  if (abierto.suelto) olvidar(carga);
  else if (abierto.imagenes.get(imagen.parte) === carga) abierto.alCargar?.(carga);
}

function pedirDeNuevo(abierto, carga) {
  if (!abierto.suelto && abierto.imagenes.get(carga.imagen.parte) === carga) pedirImagen(abierto, carga.imagen);
}

/**
 * `lienzo`: the image's pixels, which stay decoded until it is shown; an <img> would be decoded again when it is drawn, a dozen
 * milliseconds each.
 */
async function imagenDe({ url }) {
  const archivo = await (await pedir(url)).blob();
  let pixeles;
  try {
    pixeles = await createImageBitmap(archivo);
  } catch {
    throw new Falla(500, { title: "El archivo no es una imagen que se pueda mostrar" });
  }
  const lienzo = Object.assign(document.createElement("canvas"), { width: pixeles.width, height: pixeles.height });
  lienzo.getContext("bitmaprenderer").transferFromImageBitmap(pixeles);
  return { lienzo, copias: {} };
}

/** The same image once more, for what shows a part of it. */
export function copia(carga, cual) {
  const { width, height } = carga.lienzo;
  carga.copias[cual] ??= Object.assign(document.createElement("canvas"), { width, height });
  carga.copias[cual].getContext("2d").drawImage(carga.lienzo, 0, 0);
  return carga.copias[cual];
}

export function soltar(abierto) {
  abierto.suelto = true;
  for (const carga of abierto.imagenes.values()) olvidar(carga);
}

/** Its memory is given back at once, not when it is next looked for. */
function olvidar({ lienzo, copias }) {
  for (const usado of lienzo ? [lienzo, ...Object.values(copias)] : []) usado.width = 0;
}
