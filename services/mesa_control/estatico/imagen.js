// One image by itself (`pagina/imagen.html`), marked as those of the record on the screen.

import { marcar } from "./marca.js";

marcar(document.querySelector(".lienzo"));
