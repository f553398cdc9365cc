"""The local issuer's process: `python -m apoyo.engines.oidc --port N --dir D`."""

import argparse
from pathlib import Path

import uvicorn

from apoyo.engines.oidc.app import create
from apoyo.engines.oidc.store import Store

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument(
        "--host", default="127.0.0.1", help="in a container: 0.0.0.0; people find it at 127.0.0.1 all the same"
    )
    arguments = parser.parse_args()
    app = create(Store(arguments.dir), f"http://127.0.0.1:{arguments.port}")
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False, log_level="warning")
