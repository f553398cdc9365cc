// Live progress of a batch: figures in place, and the page anew when it ends. Without scripts, loading the page again shows the same.
const lugar = document.querySelector("[data-avance]");

const miles = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

async function mirar() {
  const respuesta = await fetch(lugar.dataset.avance, { headers: { accept: "application/json" } });
  if (!respuesta.ok) throw new Error(String(respuesta.status));
  const avance = await respuesta.json();
  lugar.querySelector("progress").value = avance.vistas;
  for (const dato of ["vistas", "registradas", "sin_registrar"]) {
    lugar.querySelector(`[data-${dato}]`).textContent = miles(avance[dato]);
  }
  return avance.estado !== "en_curso";
}

async function seguir() {
  let espera = 500;
  for (;;) {
    await new Promise((sigue) => setTimeout(sigue, espera));
    try {
      if (await mirar()) return location.reload();
      espera = 500;
    } catch {
      espera = Math.min(espera * 2, 10000); // the server is away: the batch goes on when it is back
    }
  }
}

if (lugar) seguir();
