// Where portrait and signature lie on a card: part of the picture, in fractions of its width and height. Models C and D carry them at
// the right, all later ones (and any that is not known yet) at the left; how the card lay under the camera is left room for.

const IZQUIERDA = {
  retrato: { parte: "anverso", x: 0.02, y: 0.14, ancho: 0.33, alto: 0.58 },
  firma: { parte: "anverso", x: 0.02, y: 0.66, ancho: 0.33, alto: 0.29 },
};
const DERECHA = {
  retrato: { parte: "anverso", x: 0.65, y: 0.14, ancho: 0.33, alto: 0.58 },
  firma: { parte: "anverso", x: 0.65, y: 0.66, ancho: 0.33, alto: 0.29 },
};
const POR_MODELO = { C: DERECHA, D: DERECHA };

/** `cual`: `retrato` or `firma`. */
export function recorte(registro, cual) {
  const modelo = registro.campos.find((c) => c.clave === "modelo")?.enviado;
  return (POR_MODELO[modelo] ?? IZQUIERDA)[cual];
}
