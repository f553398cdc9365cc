"""The local issuer: OpenID Connect with passwords, for the people of an installation on one machine (demonstration and tests).

It speaks the protocol in full: discovery, authorization code with PKCE, exact redirect addresses, client secrets, signed ID tokens,
userinfo, logout. What it leaves to a real issuer: second factors, recovery of passwords, and limits on attempts.

    <folder>/
      people.json    issuer → e-mail → Person: issuers are the keys; each has its own address, people and sessions
      clients.json   client id → Client
      key.json       private key of the signatures (JWK), made at the first start
"""

import sys
from pathlib import Path

from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor, answers


async def start(supervisor: Supervisor, folder: Path, logs: Path, *, port: int = 8180) -> str:
    """Run it and return its address; an issuer's is this one and its name. Raises ProcessFailed."""
    chosen = free_port(port)
    url = f"http://127.0.0.1:{chosen}"

    argv = [sys.executable, "-m", "apoyo.engines.oidc", "--port", str(chosen), "--dir", str(folder)]
    await supervisor.run(Command("oidc", argv, logs / "oidc.log", ready=answers(f"{url}/livez"), timeout=60))
    return url
