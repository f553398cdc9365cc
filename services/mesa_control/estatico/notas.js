// The notes of the norm beside an image while it is enlarged (P 13.7 g; j, k, l, m): they stand where one decides. And the catalogue
// anew when the OPL has changed it meanwhile (P 13.8).

import { pintarCatalogo, pintarDetalle, usarCatalogo, versionDelCatalogo } from "./catalogo.js";
import { $, proceso, puesto } from "./puesto.js";
import { Falla, pedir } from "./red.js";
import { explicarTecla } from "./teclas.js";

async function ponerAlDia({ registro }) {
  if (registro.catalogo === versionDelCatalogo()) return;
  try {
    usarCatalogo(await (await pedir(`/api/catalogo?${new URLSearchParams({ proceso })}`)).json());
  } catch (falla) {
    if (!(falla instanceof Falla)) throw falla;
    return; // the next record asks again
  }
  if (!puesto.actual) return;
  pintarCatalogo();
  pintarDetalle();
}

export function montar({ alMostrar }) {
  alMostrar(ponerAlDia);
  explicarTecla(["Mayús", "j"], "Firma válida por su excepción: es la de la credencial. También k, y m si la credencial dice «sin firma»");
  const volver = () => { if (puesto.actual && !puesto.actual.abierta) pintarDetalle(); };
  new MutationObserver(volver).observe($("mosaico"), { attributeFilter: ["data-ampliada"] });
}
