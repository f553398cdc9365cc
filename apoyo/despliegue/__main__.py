"""`python -m apoyo.despliegue [--check]`: write what `deploy/` derives, or say which of it differs."""

import sys

from apoyo.despliegue.derivados import diferentes, escribir

if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if viejos := diferentes():
            sys.exit(f"stale files, run `python -m apoyo.despliegue`: {', '.join(viejos)}")
    else:
        escribir()
