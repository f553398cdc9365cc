// What pages share: copying a folio, the session that ended, and instants and figures written as every page writes them.

const MESES = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];

const centro = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/Mexico_City", day: "numeric", month: "numeric", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** "22 nov 2026, 14:05 (hora Centro)" of an ISO instant. */
export function momento(iso) {
  const parte = Object.fromEntries(centro.formatToParts(new Date(iso)).map((p) => [p.type, p.value]));
  return `${parte.day} ${MESES[parte.month - 1]} ${parte.year}, ${parte.hour}:${parte.minute} (hora Centro)`;
}

/** "31 oct 2026" of an ISO date. */
export function fecha(iso) {
  const [anio, mes, dia] = iso.split("-").map(Number);
  return `${dia} ${MESES[mes - 1]} ${anio}`;
}

/** A whole number with its thousands apart. */
export function miles(numero) {
  return String(numero).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Says, or stops saying, that the session ended; entering again is offered in another tab, so that this one keeps what it has. */
export function sesion(viva) {
  const aviso = document.getElementById("sesion-terminada");
  if (aviso) aviso.hidden = viva;
}

// A click on `[data-copiar]` copies its folio and says so for a moment.
document.addEventListener("click", async (event) => {
  const boton = event.target.closest("[data-copiar]");
  if (!boton) return;
  await navigator.clipboard.writeText(boton.dataset.copiar);
  boton.dataset.copiado = "";
  setTimeout(() => delete boton.dataset.copiado, 1500);
});
