"""One contract for objects, on two S3 servers and in memory."""

import os
import uuid

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from apoyo.engines.s3 import ObjectStore
from kernel.errors import Unavailable
from kernel.objects import MemoryObjects, Objects, S3Objects

pytestmark = pytest.mark.asyncio


MINIO = pytest.param("minio", marks=pytest.mark.native)


@pytest.fixture(params=["s3", MINIO])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """The server under test."""
    found: ObjectStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=["memory", "s3", MINIO])
def engine(request: pytest.FixtureRequest) -> ObjectStore | None:
    """The server under test; None: in memory."""
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
async def objects(engine: ObjectStore | None) -> Objects:
    if engine is None:
        return MemoryObjects()
    bucket = _bucket(engine, _new_name())
    await bucket.prepare()
    await bucket.prepare()
    return bucket


def _bucket(store: ObjectStore, name: str) -> S3Objects:
    return S3Objects(store.endpoint, store.access_key, store.secret_key, name)


def _new_name() -> str:
    return f"prueba-{uuid.uuid4().hex[:12]}"


async def test_lo_que_se_guarda_se_lee_igual_entero_o_por_partes(objects: Objects) -> None:
    content = os.urandom(300_000)
    await objects.put("CI26/abc", content)
    assert await objects.get("CI26/abc") == content
    assert await objects.get("CI26/abc", 1000, 500) == content[1000:1500]
    assert await objects.get("CI26/abc", 299_990) == content[299_990:]


async def test_lo_que_no_existe_es_lookup_error(objects: Objects) -> None:
    with pytest.raises(LookupError):
        await objects.get("nada")


async def test_guardar_lo_mismo_dos_veces_y_borrar_dos_veces_no_falla(objects: Objects) -> None:
    await objects.put("x/1", b"uno")
    await objects.put("x/1", b"uno")
    await objects.put("y/2", b"dos")
    assert [n async for n in objects.names("x/")] == ["x/1"]
    await objects.delete("x/1")
    await objects.delete("x/1")
    assert [n async for n in objects.names()] == ["y/2"]


async def test_los_nombres_se_dan_por_partes_y_ninguno_falta(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.objects._PAGE", 2)
    nombres = [f"CI26/2026-01-{dia}/{n}" for dia in (19, 20) for n in "abc"] + ["CI27/2026-01-19/a"]
    for nombre in nombres:
        await objects.put(nombre, b"uno")
    assert sorted([n async for n in objects.names()]) == nombres
    assert sorted([n async for n in objects.names("CI26/2026-01-20/")]) == nombres[3:6]
    # Who stops early asks for no more.
    assert await anext(objects.names("CI27/")) == nombres[-1]


async def test_lo_borrado_se_va_con_todas_sus_versiones(store: ObjectStore) -> None:
    name = _new_name()
    bucket = _bucket(store, name)
    await bucket.prepare()
    client = Minio(store.endpoint, store.access_key, store.secret_key, secure=False)
    client.set_bucket_versioning(name, VersioningConfig(ENABLED))
    await bucket.put("CI26/a", b"uno")
    await bucket.put("CI26/a", b"uno")
    await bucket.put("CI26/ab", b"otro")

    def versiones() -> list[str]:
        return [str(o.object_name) for o in client.list_objects(name, "", recursive=True, include_version=True)]

    assert sorted(versiones()) == ["CI26/a", "CI26/a", "CI26/ab"]
    await bucket.delete("CI26/a")
    await bucket.delete("CI26/a")
    assert versiones() == ["CI26/ab"]
    assert await bucket.get("CI26/ab") == b"otro"


async def test_una_llave_equivocada_se_rechaza(store: ObjectStore) -> None:
    with pytest.raises(Unavailable):
        await S3Objects(store.endpoint, store.access_key, "otra", "prueba-rechazo").prepare()
