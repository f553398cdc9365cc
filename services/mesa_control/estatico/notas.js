// The notes of the norm beside an image while it is enlarged (P 13.7 g; j, k, l, m): they stand where one decides.

import { pintarDetalle } from "./catalogo.js";
import { $, puesto } from "./puesto.js";
import { explicarTecla } from "./teclas.js";

export function montar() {
  explicarTecla(["Mayús", "j"], "Firma válida por su excepción: es la de la credencial. También k, y m si la credencial dice «sin firma»");
  const volver = () => { if (puesto.actual && !puesto.actual.abierta) pintarDetalle(); };
  new MutationObserver(volver).observe($("mosaico"), { attributeFilter: ["data-ampliada"] });
}
