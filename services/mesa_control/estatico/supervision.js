// The figures of the queue in place, every few seconds; and `/` for the field of the folio. Without scripts, loading the page again
// shows the same.
import { miles } from "/estatico/apoyo.js";

const CADA_MS = 10000;
const lugar = document.querySelector("[data-cifras]");

async function mirar() {
  const respuesta = await fetch(lugar.dataset.cifras, { headers: { accept: "application/json" } });
  if (!respuesta.ok) throw new Error(String(respuesta.status));
  const visto = await respuesta.json();
  for (const cifra of lugar.querySelectorAll("[data-cifra]")) {
    const valor = cifra.dataset.cifra.split(".").reduce((dentro, nombre) => dentro[nombre], visto);
    if (cifra.textContent !== miles(valor)) cifra.textContent = miles(valor);
  }
}

async function seguir() {
  for (;;) {
    await new Promise((sigue) => setTimeout(sigue, CADA_MS));
    await mirar().catch(() => {}); // the server is away, or the session ended: what is shown stays
  }
}

document.addEventListener("keydown", (e) => {
  const campo = document.getElementById("texto");
  if (e.key !== "/" || !campo || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
  e.preventDefault();
  campo.focus();
  campo.select();
});

if (lugar) seguir();
