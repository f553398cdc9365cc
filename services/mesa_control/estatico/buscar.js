// Search by folio (`/`): a dialog with one field; what is chosen comes in front, and the record that was on the screen after it.

import { momento } from "/estatico/apoyo.js";
import { avisar, corto, cuenta, el, mesa, proceso } from "./puesto.js";
import { pedir } from "./red.js";
import { abrir } from "./registro.js";
import { agregarTecla } from "./teclas.js";

const EN_COLA = {
  pendiente: "espera revisión", decidido: "decidido", esperando: "en procesamiento", cuarentena: "no se pudo abrir",
};
const SE_PUEDE_VER = new Set(["pendiente", "decidido"]);

export function montar(pagina) {
  const campo = el("input", {
    id: "buscar-folio", type: "search", autocomplete: "off", spellcheck: "false", minlength: "4", maxlength: "120", required: true,
    "aria-describedby": "buscar-ayuda",
  });
  const resultado = el("div", { "aria-live": "polite" });
  const cerrar = el("button", { type: "button" }, el("kbd", {}, "Esc"), " cerrar");
  const forma = el("form", { class: "forma" },
    el("div", { class: "campo" },
      el("label", { for: "buscar-folio" }, "Folio"),
      el("p", { class: "ayuda", id: "buscar-ayuda" }, "Entero, su principio, o el principio o el final de su última parte."),
      campo),
    el("p", { class: "acciones" }, el("button", { class: "boton--primario" }, el("kbd", {}, "↵"), " buscar"), cerrar));
  const dialogo = el("dialog", { id: "buscar", class: "buscar", "aria-labelledby": "buscar-titulo" },
    el("div", { class: "ayuda-cuerpo" }, el("h1", { id: "buscar-titulo" }, "Buscar un registro"), forma, resultado));
  document.body.append(dialogo);

  const decir = (texto) => resultado.replaceChildren(el("p", {}, texto));

  async function elegir(hallado) {
    try {
      const registro = await (await pedir(`/api/registros/${hallado.folio}`)).json();
      const { decision, asignado_a: quien } = registro;
      const propia = decision?.operador === cuenta && decision.reemplazable_s > 0;
      const abierto = abrir(registro, propia ? decision.version : null);
      abierto.consultado = true;
      if (decision && !propia) abierto.impide = "Este registro ya se decidió: solo se consulta. Esc vuelve al anterior.";
      else if (!decision && quien && quien !== cuenta) abierto.impide = `Lo tiene ${quien}: solo se consulta. Esc vuelve al anterior.`;
      dialogo.close();
      pagina.mostrarAparte(abierto);
      avisar("aviso", `${corto(hallado.folio)}: ${situacion(hallado)}. Esc vuelve al anterior.`);
    } catch (falla) {
      decir(`${falla.message}.`);
    }
  }

  function situacion({ cola, decidido_por: quien, decidido_en: cuando, vence_en: vence }) {
    if (quien) return `decidió ${quien}, ${momento(cuando)}`;
    return [EN_COLA[cola] ?? cola, vence && `vence el ${momento(vence)}`].filter(Boolean).join("; ");
  }

  function renglon(hallado) {
    const nombre = el("span", { class: "folio" }, hallado.folio);
    if (!SE_PUEDE_VER.has(hallado.cola)) return el("li", {}, nombre, el("span", { class: "secundario" }, ` ${situacion(hallado)}`));
    const boton = el("button", { type: "button" }, nombre, el("span", { class: "secundario" }, ` ${situacion(hallado)}`));
    boton.addEventListener("click", () => elegir(hallado));
    return el("li", {}, boton);
  }

  forma.addEventListener("submit", async (e) => {
    e.preventDefault();
    decir("Buscando…");
    try {
      const { registros } = await (await pedir(`/api/registros?${new URLSearchParams({ proceso, texto: campo.value.trim() })}`)).json();
      if (!registros.length) return decir("Ningún registro de este proceso tiene ese folio.");
      resultado.replaceChildren(el("ul", { class: "hallados" }, ...registros.map(renglon)));
      resultado.querySelector("button")?.focus();
    } catch (falla) {
      decir(`${falla.message}.`);
    }
    return undefined;
  });
  cerrar.addEventListener("click", () => dialogo.close());
  dialogo.addEventListener("close", () => mesa.focus());
  agregarTecla({
    teclas: ["/"],
    ayuda: "Buscar un registro por su folio",
    hacer() {
      resultado.replaceChildren();
      campo.value = "";
      dialogo.showModal();
      campo.focus();
    },
  });
}
