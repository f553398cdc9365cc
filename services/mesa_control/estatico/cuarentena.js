// While something waits for an answer: figures in place, and the page anew when nothing waits any more. Without scripts, loading the
// page again shows the same.
const lugar = document.querySelector("[data-avance][data-espera]");

const miles = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

async function mirar() {
  const respuesta = await fetch(lugar.dataset.avance, { headers: { accept: "application/json" } });
  if (!respuesta.ok) throw new Error(String(respuesta.status));
  const { avance } = await respuesta.json();
  for (const [dato, cuantos] of Object.entries(avance)) {
    const cifra = lugar.querySelector(`[data-${dato}]`);
    if (cifra.textContent !== miles(cuantos)) cifra.textContent = miles(cuantos);
  }
  return avance.en_espera === 0;
}

async function seguir() {
  let espera = 1000;
  for (;;) {
    await new Promise((sigue) => setTimeout(sigue, espera));
    try {
      // What was marked meanwhile would be lost by a reload.
      if ((await mirar()) && !document.querySelector("input[name=folio]:checked")) return location.reload();
      espera = 2000;
    } catch {
      espera = Math.min(espera * 2, 10000); // the server is away: the retries go on when it is back
    }
  }
}

if (lugar) seguir();
