// Images outside of the review (one by itself, those of a record that a supervisor opens), marked as those of the review.

import { marcar } from "./marca.js";

for (const lienzo of document.querySelectorAll("[data-marcar]")) marcar(lienzo);
