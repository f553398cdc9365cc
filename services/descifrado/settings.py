"""Settings of this service: those of every service, from which measure each alert is given, and how long packages are kept."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kernel.settings import ObjectSettings


class Umbrales(BaseSettings):
    """From which measure each alert is given: `APOYO_UMBRAL_<CODE>`, a number, or `off` for never.

    README.md says what each measures. The defaults are those that `make bench SECTION=examen` reports on.
    """

    model_config = SettingsConfigDict(
        env_prefix="APOYO_UMBRAL_", env_parse_none_str="off", extra="forbid", frozen=True, allow_inf_nan=False
    )

    imagen_uniforme: float | None = 0.97
    imagen_oscura: float | None = 0.75
    imagen_borrosa: float | None = 0.37
    reverso_sin_codigos: float | None = 1.0
    lados_iguales: float | None = 0.6
    pantalla: float | None = 5.0
    copia_blanco_y_negro: float | None = 0.985
    copia_en_papel: float | None = None
    sin_rostro: float | None = 1.0
    varios_rostros: float | None = 2.0
    rostro_chico: float | None = None
    cubrebocas: float | None = 0.7
    lentes_oscuros: float | None = 0.45
    frente_cubierta: float | None = None
    firma_en_blanco: float | None = 0.9995
    firma_simbolo: float | None = 0.47


IMAGEN_REPETIDA = 0.5
"""What `make bench SECTION=huellas` reports on."""


class Settings(ObjectSettings):
    """What descifrado needs.

    `umbral_imagen_repetida`: from which share of a photo or signature that agrees it is another record's, too; of a side of the
    card a tenth more (`semejanzas.umbral_de`).
    """

    model_config = SettingsConfigDict(env_parse_none_str="off")

    umbrales: Umbrales = Field(default_factory=Umbrales, description="see `Umbrales`")
    umbral_imagen_repetida: float | None = IMAGEN_REPETIDA
    gracia_paquetes_h: float = Field(
        default=240.0, description="hours from the opening of a record until its raw package is deleted", ge=0
    )

    @property
    def gracia_paquetes(self) -> timedelta:
        """The same, as a time."""
        return timedelta(hours=self.gracia_paquetes_h)
