// A record opened: what the server says of it, its images on the way, and what has been marked so far.

import { Falla, pedir } from "./red.js";

const MARGEN_ASIGNACION_MS = 5000;

async function imagenDe({ url }) {
  const respuesta = await pedir(url);
  const direccion = URL.createObjectURL(await respuesta.blob());
  const imagen = new Image();
  imagen.src = direccion;
  try {
    await imagen.decode();
  } catch {
    throw new Falla(500, { title: "El archivo no es una imagen que se pueda mostrar" });
  }
  return direccion;
}

/** A record with its images on the way. */
export function abrir(registro, reemplaza = null) {
  const propias = registro.decision?.inconsistencias.filter((i) => i.origen === "revision") ?? [];
  const abierto = {
    registro,
    reemplaza,
    llave: crypto.randomUUID(),
    marcas: new Map(propias.map((i) => [i.clave, i.detalle ?? ""])),
    abierta: null,
    caduca: performance.now() + registro.vigencia_s * 1000 - MARGEN_ASIGNACION_MS,
    imagenes: new Map(),
  };
  for (const imagen of registro.imagenes) pedirImagen(abierto, imagen);
  return abierto;
}

export function pedirImagen(abierto, imagen) {
  const carga = { estado: "cargando", imagen };
  abierto.imagenes.set(imagen.parte, carga);
  carga.lista = imagenDe(imagen).then(
    (direccion) => Object.assign(carga, { estado: "lista", direccion }),
    (falla) => Object.assign(carga, { estado: "falla", motivo: falla.message }),
  );
  return carga.lista;
}

export function soltar(abierto) {
  for (const { direccion } of abierto.imagenes.values()) if (direccion) URL.revokeObjectURL(direccion);
}
