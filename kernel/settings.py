"""Configuration by environment, checked at start; secrets by file (ARCHITECTURE, rule 11)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What every service needs. Variables are `APOYO_<FIELD>`; a service's own settings extend this class."""

    model_config = SettingsConfigDict(env_prefix="APOYO_", extra="ignore", frozen=True)

    stream_url: str = Field(description="embedded:///path/of/log.db or kafka://host:port[,host:port]")
    kafka_tls_dir: Path | None = Field(
        default=None,
        description="folder with ca.crt, user.crt and user.key of this service's user of Kafka; none: no TLS",
    )
    mongo_uri: str = Field(description="mongodb://host:port/")
    keys_dir: Path = Field(description="folder with this service's own private keys (`private.json`)")
    public_keys_dir: Path = Field(description="folder with every service's public key (`<service>.json`)")
    http_host: str = Field(default="127.0.0.1", description="address to listen on")
    http_port: int = Field(description="port to listen on", ge=1, le=65535)
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    retry_budget_s: float = Field(default=30.0, description="seconds to retry an engine before the process ends", gt=0)
    quarantine_limit: int = Field(default=100, description="bad events in a row before the consumer stops", ge=1)


class ObjectSettings(ServiceSettings):
    """Of a service that stores or reads objects."""

    s3_endpoint: str = Field(description="host:port of the object store")
    s3_access_key: str = Field(description="access key of this service")
    s3_secret_key_file: Path = Field(description="file with the secret key")
    s3_secure: bool = Field(default=False, description="TLS towards the object store")

    @property
    def s3_secret_key(self) -> str:
        """The secret key, read when asked for."""
        return self.s3_secret_key_file.read_text(encoding="utf-8").strip()
