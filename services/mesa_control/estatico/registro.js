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

/** The image decoded, so that it is drawn at once: `nodo`, and `copias` of it for what shows a part of it. */
async function imagenDe({ url }) {
  const respuesta = await pedir(url);
  const direccion = URL.createObjectURL(await respuesta.blob());
  const nodos = [0, 1, 2].map(() => Object.assign(new Image(), { alt: "", draggable: false, src: direccion }));
  try {
    await Promise.all(nodos.map((nodo) => nodo.decode()));
  } catch {
    URL.revokeObjectURL(direccion);
    throw new Falla(500, { title: "El archivo no es una imagen que se pueda mostrar" });
  }
  const [nodo, ...copias] = nodos;
  return { direccion, nodo, copias };
}

export function soltar(abierto) {
  abierto.suelto = true;
  for (const carga of abierto.imagenes.values()) olvidar(carga);
}

function olvidar({ direccion }) {
  if (direccion) URL.revokeObjectURL(direccion);
}
