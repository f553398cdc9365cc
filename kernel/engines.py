"""Builds a service's adapters from its settings. Only a `bootstrap` calls it; nothing connects before `Service.run`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from pymongo import IndexModel

from kernel import documents, hpke
from kernel.clock import Clock, SystemClock
from kernel.documents import Documents, Kind, MongoDocuments
from kernel.objects import S3Objects
from kernel.outbox import INDEXES, Outbox
from kernel.sealing import KeyRing
from kernel.settings import ObjectSettings, ServiceSettings
from kernel.stream import connect
from kernel.together import Together

KEYS_DATABASE = "apoyo_llaves"
"""Database of the wraps: each service can open its own wrap alone."""


class Engines:
    """The engines of one service. `prepare` collects what must exist before it starts (indexes, buckets)."""

    def __init__(self, settings: ServiceSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.clock: Clock = SystemClock()
        self.stream = connect(settings.stream_url, client_id=name, tls=settings.kafka_tls_dir)
        self.mongo = documents.connect(settings.mongo_uri)
        self.prepare: list[Callable[[], Awaitable[None]]] = []

    def collection(self, name: str, kind: Kind, indexes: Sequence[IndexModel] = ()) -> MongoDocuments:
        """A collection in this service's own database."""
        return self._prepared(MongoDocuments(self.mongo[f"apoyo_{self.name}"], name, kind, indexes))

    def shared(self, database: str, name: str, kind: Kind, indexes: Sequence[IndexModel] = ()) -> MongoDocuments:
        """A collection in a database that several services use."""
        return self._prepared(MongoDocuments(self.mongo[database], name, kind, indexes))

    def beside(self, name: str, indexes: Sequence[IndexModel] = ()) -> tuple[MongoDocuments, MongoDocuments]:
        """A projection of this service, and an empty collection to rebuild it in (`kernel.rebuild`)."""
        stamp = f"{self.clock.now():%Y%m%d%H%M%S%f}"
        return (
            self.collection(name, Kind.PROJECTION, indexes),
            self.collection(f"{name}_{stamp}", Kind.PROJECTION, indexes),
        )

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """The log and the documents, for a command that works with the service's rights. Raises Unavailable."""
        try:
            await self.stream.start()
            yield
        finally:
            await self.stream.stop()
            await self.mongo.close()

    def outbox(self) -> Outbox:
        """This service's outbox."""
        documents = Together(self.collection("outbox", Kind.OUTBOX, INDEXES))
        return Outbox(documents, self.stream, self.clock, source=f"/apoyo/{self.name}")

    def keyring(self) -> KeyRing:
        """The keys of subjects, as this service may open them."""
        wraps = self.shared(KEYS_DATABASE, "llaves", Kind.PRIMARY)
        return self.ring(wraps)

    def ring(self, wraps: Documents) -> KeyRing:
        """The keys in that collection, as this service may open them."""
        publics = hpke.PublicFolder(self.settings.public_keys_dir)
        return KeyRing(Together(wraps), self.name, hpke.PrivateFolder(self.settings.keys_dir), publics)

    def bucket(self, name: str) -> S3Objects:
        """A bucket of the object store. Raises TypeError when the settings do not say where that is."""
        settings = self.settings
        if not isinstance(settings, ObjectSettings):
            raise TypeError(f"{type(settings).__name__} knows no objects")
        bucket = S3Objects(
            settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, name, secure=settings.s3_secure
        )
        self.prepare.append(bucket.prepare)
        return bucket

    def _prepared(self, collection: MongoDocuments) -> MongoDocuments:
        self.prepare.append(collection.prepare)
        return collection
