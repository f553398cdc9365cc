// Keeps the totals of a process live: when the server says that they changed, takes the page again and swaps the parts marked
// `data-vivo`, so that words, chart and tables have one source. Focus, scrolling and the search box stay as they are.

import { sesion } from "/estatico/apoyo.js";

const REINTENTO_MS = 5000;

const contenido = document.getElementById("contenido");
const desconectado = document.getElementById("desconectado");
let pedida = false;
let ocupada = false;

async function actualizar() {
  pedida = true;
  if (ocupada) return;
  ocupada = true;
  try {
    while (pedida) {
      pedida = false;
      const respuesta = await fetch(contenido.dataset.actual);
      sesion(respuesta.status !== 401);
      if (!respuesta.ok) throw new Error(respuesta.status);
      const nueva = new DOMParser().parseFromString(await respuesta.text(), "text/html");
      for (const parte of nueva.querySelectorAll("[data-vivo]")) {
        document.querySelector(`[data-vivo="${parte.dataset.vivo}"]`).replaceChildren(...parte.childNodes);
      }
    }
    desconectado.hidden = true;
  } catch {
    desconectado.hidden = false;
  } finally {
    ocupada = false;
  }
}

function conectar() {
  const fuente = new EventSource(contenido.dataset.eventos);
  fuente.addEventListener("totales", actualizar);
  fuente.addEventListener("error", () => {
    desconectado.hidden = false;
    if (fuente.readyState !== EventSource.CLOSED) return; // else it comes back by itself
    actualizar(); // which finds out whether the session ended
    setTimeout(conectar, REINTENTO_MS);
  });
}

conectar();
