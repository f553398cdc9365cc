// What pages share: copying a folio, and instants and figures written as every page writes them.

const centro = new Intl.DateTimeFormat("es-MX", {
  timeZone: "America/Mexico_City", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** "22 nov 2026, 14:05 (hora Centro)" of an ISO instant. */
export function momento(iso) {
  const parte = Object.fromEntries(centro.formatToParts(new Date(iso)).map((p) => [p.type, p.value.replace(".", "")]));
  return `${parte.day} ${parte.month} ${parte.year}, ${parte.hour}:${parte.minute} (hora Centro)`;
}

/** A whole number with its thousands apart. */
export function miles(numero) {
  return String(numero).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// A click on `[data-copiar]` copies its folio and says so for a moment.
document.addEventListener("click", async (event) => {
  const boton = event.target.closest("[data-copiar]");
  if (!boton) return;
  await navigator.clipboard.writeText(boton.dataset.copiar);
  boton.dataset.copiado = "";
  setTimeout(() => delete boton.dataset.copiado, 1500);
});
