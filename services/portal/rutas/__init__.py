"""Pages of the portal, a module for each kind of subject: `rutas(portal, paginas)` gives its router."""
