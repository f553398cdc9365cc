"""The outbox: an event is written down before it is published, so that a crash in between loses nothing and doubles nothing.

`emit` inserts the event, unique on its id and on (topic, subject, version), and publishes it. That it was is marked later,
many at once: what a crash left unmarked is published again by `relay`. Publishing twice is harmless: same id, same version, and
consumers are idempotent. A document's `subject` is the event's `serie`: what its version counts within.

An event may leave something to do some time after it (`later`): the same insert remembers it, until `settle` says that it is done.

An event may lay claim to a word that no other subject may have (somebody's e-mail): the insert is that claim, too (ADR 4), so no
crash can part the two. A subject has what its newest version claims; what an older one claimed is free again. Claims are only ever
added: who takes what was given up claims the word after the event that had it (ADR 14).
Kind: OUTBOX (recovered from the writer's own topic).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from pymongo import IndexModel

from kernel import metrics
from kernel.clock import Clock
from kernel.documents import Document, Documents, Write
from kernel.errors import Conflict
from kernel.stream import Message, Stream
from kernel.together import Gathered
from schemas.envelope import Evento, Sobre, ensobrar

log = structlog.get_logger()

INDEXES = [
    IndexModel([("subject", 1), ("topic", 1), ("version", 1)], unique=True, name="version"),
    IndexModel([("correlation", 1)], sparse=True, name="correlation"),
    IndexModel([("pending", 1)], sparse=True, name="pending"),
    IndexModel([("claim", 1)], unique=True, sparse=True, name="claim"),
    IndexModel([("unsettled", 1)], sparse=True, name="unsettled"),
]
UNIQUE = [("topic", "subject", "version"), ("claim",)]
"""The same constraints, for the in-memory store."""


_MARKED_AT_ONCE = 200


class VersionTaken(Conflict):
    """That version of the subject exists already, and it is another event. `stored` is the one that stays."""

    def __init__(self, stored: Document) -> None:
        super().__init__(f"{stored['topic']} {stored['subject']} version {stored['version']} is taken")
        self.stored = stored


class ClaimTaken(Conflict):
    """Another subject has what the event lays claim to. `stored`: an event of that subject."""

    def __init__(self, stored: Document) -> None:
        super().__init__(f"{stored['topic']} {stored['subject']} has what is claimed")
        self.stored = stored


@dataclass(frozen=True, slots=True)
class Emitted:
    """What `emit` did. `stored`: the document in force (`value` holds the event's bytes); `new`: whether this call wrote it."""

    stored: Document
    new: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event to emit, with what `Outbox.emit` takes besides."""

    event: Evento
    cause: str
    correlation: str | None = None
    claim: str | None = None


class Outbox:
    """Writes and publishes the events of one service. `source`: `/apoyo/<service>`."""

    def __init__(self, documents: Documents, stream: Stream, clock: Clock, source: str) -> None:
        self._documents = documents
        self._stream = stream
        self._clock = clock
        self._source = source
        self._about = Gathered(self._about_all)
        self._unmarked: set[str] = set()
        """Ids of what this process published and has not marked yet."""
        self._marking = asyncio.Lock()

    async def emit(
        self,
        event: Evento,
        *,
        cause: str,
        correlation: str | None = None,
        claim: str | None = None,
        later: str | None = None,
    ) -> Emitted:
        """Write the event and publish it. The same event again is published if it was not, and `new` is False.

        `correlation`: a word to find it by later (`correlated`); `claim`: a word that its subject alone may have; `later`: what is
        left to do some time after it, in the writer's words (`unsettled`). Raises VersionTaken, ClaimTaken, Unavailable.
        """
        document = _document(ensobrar(event, fuente=self._source, hora=self._clock.now(), causa=cause), correlation)
        if later is not None:
            document["later"], document["unsettled"] = later, document["pending"]
        if claim is not None:
            await self._claim(document, claim)
        new = await self._documents.put_if_absent(document)
        if not new:
            document = await self._stored(document)
        await self.ensure_published(document)
        return Emitted(document, new=new)

    async def emit_or_taken(self, event: Evento, *, cause: str) -> Emitted:
        """As `emit`, but of a version that is taken what stays, published for sure. Raises Unavailable."""
        try:
            return await self.emit(event, cause=cause)
        except VersionTaken as taken:
            await self.ensure_published(taken.stored)
            return Emitted(taken.stored, new=False)

    async def emit_many(self, wanted: Sequence[Wanted]) -> list[Emitted | VersionTaken | ClaimTaken]:
        """Emit events with one write for all; of each, in order, what `emit` returns or raises.

        They may stand in the log in another order. Raises Unavailable: then some may be written; emitting all again does the rest.
        """
        documents = [
            _document(ensobrar(w.event, fuente=self._source, hora=self._clock.now(), causa=w.cause), w.correlation)
            for w in wanted
        ]
        claims = [w.claim for w in wanted if w.claim is not None]
        held = {d["claim"] for d in await self._documents.find({"claim": {"$in": claims}})} if claims else set()
        for document, w in zip(documents, wanted, strict=True):
            if w.claim is not None:
                document["wants"] = document["claim"] = w.claim
        # A claim that somebody holds may have been given up, or be that of the version before: `emit` looks closer.
        plain = [
            d
            for d, w in zip(documents, wanted, strict=True)
            if w.claim is None or (w.event.version == 1 and w.claim not in held)
        ]
        doubtful = await self._documents.write([Write(d, None) for d in plain]) if plain else set()
        done = {d["_id"]: d for d in plain if d["_id"] not in doubtful}
        published = await asyncio.gather(*map(self._publish, done.values()), return_exceptions=True)
        for error in published:
            if error is not None:
                raise error
        return [
            Emitted(done[d["_id"]], new=True) if d["_id"] in done else await self._emit_alone(w)
            for d, w in zip(documents, wanted, strict=True)
        ]

    async def _emit_alone(self, w: Wanted) -> Emitted | VersionTaken | ClaimTaken:
        try:
            return await self.emit(w.event, cause=w.cause, correlation=w.correlation, claim=w.claim)
        except (VersionTaken, ClaimTaken) as refused:
            return refused

    async def ensure_published(self, stored: Document) -> None:
        """Publish a stored event, unless it is known to have been published. Raises Unavailable."""
        if stored.get("pending") and stored["_id"] not in self._unmarked:
            await self._publish(stored)

    async def get(self, topic: str, subject: str, version: int) -> Document | None:
        """The event that this service wrote as that version, if it did."""
        found = await self._documents.find({"topic": topic, "subject": subject, "version": version}, limit=1)
        return found[0] if found else None

    async def written(self, subjects: Sequence[str]) -> list[Document]:
        """Every event that this service wrote about these subjects. Who asks at the same time is answered together.

        Raises Unavailable.
        """
        return [document for found in await asyncio.gather(*map(self._about, subjects)) for document in found]

    async def about(self, topic: str, prefix: str, after: str, limit: int) -> list[Document]:
        """Events on that topic about subjects that begin so and come after that one, by subject; some at a time.

        Of the last subject there may be others, which `after` it passes over. Raises Unavailable.
        """
        subjects = {"$gt": max(prefix, after), "$lt": _beyond(prefix)}
        return await self._documents.find({"topic": topic, "subject": subjects}, sort="subject", limit=limit)

    async def count_about(self, topic: str, prefix: str) -> int:
        """How many subjects begin so, by their first events on that topic. Raises Unavailable."""
        subjects = {"$gt": prefix, "$lt": _beyond(prefix)}
        return await self._documents.count({"topic": topic, "subject": subjects, "version": 1})

    async def correlated(self, correlation: str) -> list[str]:
        """Subjects of the events that carry that correlation, in order."""
        return sorted(d["subject"] for d in await self.caused(correlation))

    async def caused(self, correlation: str, *others: str) -> list[Document]:
        """The events that carry that correlation, or any of these."""
        return await self._documents.find({"correlation": {"$in": [correlation, *others]}})

    async def unsettled(self, until: datetime, limit: int) -> list[Document]:
        """Events up to that moment that left something to do (`later`) which is not done yet, the oldest first."""
        return await self._documents.find(_unsettled(until), sort="unsettled", limit=limit)

    async def count_unsettled(self, until: datetime) -> int:
        """How many they are."""
        return await self._documents.count(_unsettled(until))

    async def settle(self, ids: Sequence[str]) -> None:
        """What these events left to do is done. Raises Unavailable."""
        await self._documents.unset(ids, "unsettled")

    async def relay(self, *, older_than_s: float) -> int:
        """Mark what this process published, and publish what nobody marked, if it is older than that; how many it published."""
        await self._mark()
        horizon = self._clock.now().timestamp() - older_than_s
        unmarked = await self._documents.find({"pending": {"$gt": 0.0, "$lte": horizon}}, sort="pending")
        for document in unmarked:
            await self._publish(document)
            metrics.OUTBOX_RELAYED.labels(document["headers"]["ce_type"]).inc()
        await self._mark()
        return len(unmarked)

    async def relay_forever(self, *, every_s: float = 2.0, older_than_s: float = 10.0) -> None:
        """Relay everything at start, and every so often what is so old, until cancelled."""
        age_s = 0.0
        while True:
            if relayed := await self.relay(older_than_s=age_s):
                log.warning("outbox_relayed", events=relayed)
            age_s = older_than_s
            await asyncio.sleep(every_s)

    async def _about_all(self, subjects: Sequence[str]) -> list[list[Document]]:
        found = await self._documents.find({"subject": {"$in": sorted(set(subjects))}})
        return [[document for document in found if document["subject"] == subject] for subject in subjects]

    async def _mark(self) -> None:
        async with self._marking:
            if marked := sorted(self._unmarked):
                await self._documents.unset(marked, "pending")
                self._unmarked.difference_update(marked)

    async def _claim(self, document: Document, claim: str) -> None:
        """Put the claim into the document, unless the version before it has it already."""
        document["wants"] = claim
        number = document["version"] - 1
        before = await self.get(document["topic"], document["subject"], number) if number else None
        if before is None or before.get("wants") != claim:
            document["claim"] = await self._claimable(claim)

    async def _claimable(self, word: str) -> str:
        """What the word is claimed as: itself, or the word after the last event that had it, if that gave it up."""
        claim = word
        while (holder := await self._holder(claim)) is not None and await self._gave_up(holder):
            claim = f"{word} after {holder['_id']}"
        return claim

    async def _holder(self, claim: str) -> Document | None:
        found = await self._documents.find({"claim": claim}, limit=1)
        return found[0] if found else None

    async def _gave_up(self, holder: Document) -> bool:
        """Whether the newest version of the holder's subject no longer claims it (again: then that one has it)."""
        later = await self._documents.find(
            {"topic": holder["topic"], "subject": holder["subject"], "version": {"$gt": holder["version"]}}
        )
        return bool(later) and max(later, key=lambda d: int(d["version"])).get("wants") != holder["wants"]

    async def _stored(self, document: Document) -> Document:
        stored = await self._documents.get(document["_id"])
        if stored is not None:
            return stored
        other = await self.get(document["topic"], document["subject"], document["version"])
        if other is not None:
            raise VersionTaken(other)
        holder = await self._holder(document["claim"]) if "claim" in document else None
        if holder is not None:
            raise ClaimTaken(holder)
        raise Conflict(f"{document['topic']} {document['subject']}: refused, and not there")

    async def _publish(self, document: Document) -> None:
        await self._stream.publish(
            Message(document["topic"], document["key"], bytes(document["value"]), dict(document["headers"]))
        )
        metrics.EVENTS_PUBLISHED.labels(document["headers"]["ce_type"]).inc()
        self._unmarked.add(document["_id"])
        # Of many that are published at once, one marks them all.
        if len(self._unmarked) >= _MARKED_AT_ONCE and not self._marking.locked():
            await self._mark()


def _beyond(prefix: str) -> str:
    """The first text after all that begin so."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _unsettled(until: datetime) -> dict[str, dict[str, float]]:
    return {"unsettled": {"$gt": 0.0, "$lte": until.timestamp()}}


def _document(sobre: Sobre, correlation: str | None) -> Document:
    document: Document = {
        "_id": sobre.id,
        "topic": sobre.evento.topic,
        "subject": sobre.evento.serie,
        "version": sobre.evento.version,
        "key": sobre.evento.llave_mensaje,
        "headers": sobre.headers(),
        "value": sobre.cuerpo(),
        "pending": sobre.hora.timestamp(),
    }
    if correlation is not None:
        document["correlation"] = correlation
    return document
