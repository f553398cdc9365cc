"""Documents: the little that services ask of a document store, on MongoDB and in memory under one contract suite.

Every document has `_id`; those that are replaced carry `revision` (1, 2, …), which makes replacing a compare-and-set.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from pymongo import AsyncMongoClient, IndexModel, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from kernel.errors import Unavailable

Document = dict[str, Any]


class Kind(StrEnum):
    """What a collection is (ARCHITECTURE, rule 4): how it comes back when it is lost."""

    PROJECTION = "projection"  # dropped and replayed
    OUTBOX = "outbox"  # recovered from the writer's own topic
    LEASE = "lease"  # may be lost
    PRIMARY = "primary"  # backed up apart


class Write(NamedTuple):
    """A document to put in place of the one that has `revision`; None: where there is none."""

    document: Document
    revision: int | None


class Swap(NamedTuple):
    """A value to put in place of another in a document's field."""

    id: str
    old: Any
    new: Any


class Keyed(Protocol):
    """Documents found by their `_id` alone."""

    async def get(self, id_: str) -> Document | None:
        """The document, or None. Raises Unavailable."""
        ...

    async def put_if_absent(self, document: Document) -> bool:
        """Insert; False when `_id` (or a unique index) is taken already. Raises Unavailable."""
        ...

    async def replace(self, document: Document, revision: int) -> bool:
        """Replace the document of that `_id` if it still has `revision`; False when somebody else was first.

        The caller sets the new `revision` in `document`. Raises Unavailable.
        """
        ...


class Documents(Keyed, Protocol):
    """A collection of documents."""

    async def write(self, writes: Sequence[Write]) -> set[str]:
        """Carry out writes of different documents, each by itself; the ids of which it is not sure that they were written.

        Those that `put_if_absent` and `replace` would refuse are among them, and there may be others. Raises Unavailable: then some
        may have been written.
        """
        ...

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        """Put the new value in the field (`a.b`: within a) of each document that still has the old one there; its revision stays.

        Raises Unavailable: then some may have been put.
        """
        ...

    async def unset(self, ids: Sequence[str], field: str) -> None:
        """Take a field out of those documents; their revision stays. Raises Unavailable."""
        ...

    async def remove(self, ids: Sequence[str]) -> None:
        """Remove those documents; nothing happens to ids that are not there. Raises Unavailable."""
        ...

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        """Documents whose fields equal those of `query` (a value may be `{"$in": [...]}`, `{"$gt": x}` and the like).

        A field that holds a list does when one of its elements does (`$ne`: when none is it).
        """
        ...

    async def count(self, query: Mapping[str, Any]) -> int:
        """How many documents `find` would give."""
        ...


def connect(uri: str) -> AsyncMongoClient[Document]:
    """A client with durable, majority-acknowledged writes and aware datetimes; connects at its first use."""
    return AsyncMongoClient(
        uri,
        tz_aware=True,
        w="majority",
        journal=True,
        serverSelectionTimeoutMS=5000,
        socketTimeoutMS=20000,
        appname="apoyo",
    )


_DUPLICATE = 11000
"""MongoDB's code of a key that is taken."""


class MongoDocuments:
    """`Documents` on a MongoDB collection."""

    def __init__(
        self, database: AsyncDatabase[Document], name: str, kind: Kind, indexes: Sequence[IndexModel] = ()
    ) -> None:
        self.collection: AsyncCollection[Document] = database[name]
        self.kind = kind
        self._indexes = list(indexes)

    async def prepare(self) -> None:
        """Create the indexes. Raises Unavailable."""
        if self._indexes:
            with mongo_errors():
                await self.collection.create_indexes(self._indexes)

    async def take_the_place_of(self, other: "MongoDocuments") -> None:
        """Become that collection, at once for everybody; what it held is gone, and so is this name. Raises Unavailable."""
        with mongo_errors():
            if await self.collection.database.list_collection_names(filter={"name": self.collection.name}):
                await self.collection.rename(other.collection.name, dropTarget=True)
            else:  # nothing was ever put into it
                await other.collection.drop()

    async def drop(self) -> None:
        """Remove the collection; nothing happens if it is not there. Raises Unavailable."""
        with mongo_errors():
            await self.collection.drop()

    async def get(self, id_: str) -> Document | None:
        with mongo_errors():
            return await self.collection.find_one({"_id": id_})

    async def put_if_absent(self, document: Document) -> bool:
        with mongo_errors():
            try:
                await self.collection.insert_one(document)
            except DuplicateKeyError:
                return False
            return True

    async def replace(self, document: Document, revision: int) -> bool:
        with mongo_errors():
            result = await self.collection.replace_one({"_id": document["_id"], "revision": revision}, document)
            return result.matched_count == 1

    async def write(self, writes: Sequence[Write]) -> set[str]:
        inserts = [w.document for w in writes if w.revision is None]
        replaces = [w for w in writes if w.revision is not None]
        doubtful: set[str] = set()
        with mongo_errors():
            try:
                result = await self.collection.bulk_write(
                    [
                        *(InsertOne(document) for document in inserts),
                        *(ReplaceOne({"_id": w.document["_id"], "revision": w.revision}, w.document) for w in replaces),
                    ],
                    ordered=False,
                )
                matched = result.matched_count
            except BulkWriteError as error:
                details = error.details
                if details["writeConcernErrors"] or any(e["code"] != _DUPLICATE for e in details["writeErrors"]):
                    raise
                doubtful = {inserts[e["index"]]["_id"] for e in details["writeErrors"]}
                matched = details["nMatched"]
        if matched < len(replaces):  # MongoDB does not say which
            doubtful |= {w.document["_id"] for w in replaces}
        return doubtful

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        with mongo_errors():
            await self.collection.bulk_write(
                [UpdateOne({"_id": s.id, field: s.old}, {"$set": {field: s.new}}) for s in swaps], ordered=False
            )

    async def unset(self, ids: Sequence[str], field: str) -> None:
        with mongo_errors():
            await self.collection.update_many({"_id": {"$in": list(ids)}}, {"$unset": {field: ""}})

    async def remove(self, ids: Sequence[str]) -> None:
        with mongo_errors():
            await self.collection.delete_many({"_id": {"$in": list(ids)}})

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        with mongo_errors():
            cursor = self.collection.find(dict(query), limit=limit)
            if sort:
                cursor = cursor.sort(sort, 1)
            return await cursor.to_list()

    async def count(self, query: Mapping[str, Any]) -> int:
        with mongo_errors():
            return await self.collection.count_documents(dict(query))


class mongo_errors:
    """Turns the driver's failures into Unavailable; a duplicate key passes through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PyMongoError) and not isinstance(error, DuplicateKeyError):
            raise Unavailable(f"documents: {type(error).__name__}") from error


T = TypeVar("T")


def copied(value: T) -> T:
    """A document, or a part of one, that shares nothing changeable with it. Many times as fast as `copy.deepcopy`.

    It is made of plain `dict` and `list`; numbers, text, bytes and moments nobody can change.
    """
    kind = type(value)
    if kind not in _CHANGEABLE:
        return value
    result = cast("Any", value).copy()
    for place, part in result.items() if kind is dict else enumerate(result):
        if type(part) in _CHANGEABLE:
            result[place] = copied(part)
    return cast("T", result)


_CHANGEABLE: frozenset[type] = frozenset({dict, list})


class MemoryDocuments:
    """`Documents` in memory, for tests and simulation. `unique`: fields that no two documents may share, if they have any.

    `indexed`: fields by whose value, or a range of it, documents are found without looking at all of them.
    """

    def __init__(self, unique: Sequence[Sequence[str]] = (), indexed: Sequence[str] = ()) -> None:
        self._documents: dict[str, Document] = {}
        self._unique = unique
        self._indexed = {field: _Index() for field in indexed}
        self._taken: dict[tuple[Any, ...], str] = {}
        """What must be unique, with its fields → the id of the document that has it."""

    async def prepare(self) -> None:
        """Nothing to create."""

    async def take_the_place_of(self, other: "MemoryDocuments") -> None:
        """Become that collection, at once for everybody; what it held is gone, and this one is empty."""
        other._documents, self._documents = self._documents, {}
        other._taken, self._taken = self._taken, {}
        other._indexed, self._indexed = self._indexed, {field: _Index() for field in self._indexed}

    async def drop(self) -> None:
        """Forget all documents."""
        self._documents, self._taken = {}, {}
        self._indexed = {field: _Index() for field in self._indexed}

    async def get(self, id_: str) -> Document | None:
        found = self._documents.get(id_)
        return None if found is None else copied(found)

    async def put_if_absent(self, document: Document) -> bool:
        if document["_id"] in self._documents:
            return False
        wanted = self._must_be_unique(document)
        if any(one in self._taken for one in wanted):
            return False
        self._enter(copied(document))
        return True

    async def replace(self, document: Document, revision: int) -> bool:
        current = self._documents.get(document["_id"])
        if current is None or current.get("revision") != revision:
            return False
        self._change(document["_id"], copied(document))
        return True

    async def write(self, writes: Sequence[Write]) -> set[str]:
        return {
            document["_id"]
            for document, revision in writes
            if not await (self.put_if_absent(document) if revision is None else self.replace(document, revision))
        }

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        *path, last = field.split(".")
        for swap in swaps:
            changed = copied(self._documents.get(swap.id, {}))
            within: Any = changed
            for step in path:
                within = within.get(step, {})
            if last in within and within[last] == swap.old:
                within[last] = copied(swap.new)
                self._change(swap.id, changed)

    async def unset(self, ids: Sequence[str], field: str) -> None:
        for id_ in ids:
            if id_ in self._documents:
                self._change(id_, {name: value for name, value in self._documents[id_].items() if name != field})

    async def remove(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            if id_ in self._documents:
                self._leave(id_)
                del self._documents[id_]

    def _change(self, id_: str, document: Document) -> None:
        self._leave(id_)
        self._enter(document)

    def _enter(self, document: Document) -> None:
        id_ = document["_id"]
        self._documents[id_] = document
        for one in self._must_be_unique(document):
            self._taken[one] = id_
        for field, index in self._indexed.items():
            values = _values(document.get(field))
            index.several |= len(values) > 1
            for value in values:
                index.enter(value, id_)

    def _leave(self, id_: str) -> None:
        document = self._documents[id_]
        for one in self._must_be_unique(document):
            self._taken.pop(one, None)
        for field, index in self._indexed.items():
            for value in _values(document.get(field)):
                index.leave(value, id_)

    def _candidates(self, query: Mapping[str, Any]) -> list[Document]:
        """Documents among which those of the query are."""
        wanted = query.get("_id")
        ids = wanted["$in"] if isinstance(wanted, dict) and wanted.keys() == {"$in"} else [wanted]
        if wanted is not None and all(isinstance(id_, str) for id_ in ids):
            return [self._documents[id_] for id_ in dict.fromkeys(ids) if id_ in self._documents]
        for field, index in self._indexed.items():
            if (found := index.among(query.get(field))) is not None:
                return [self._documents[id_] for id_ in found]
        return list(self._documents.values())

    def _must_be_unique(self, document: Document) -> list[tuple[Any, ...]]:
        found = [(fields, *(document.get(f) for f in fields)) for fields in self._unique]
        return [(fields, *values) for fields, *values in found if any(value is not None for value in values)]

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        found = self._found(query)
        if sort:
            found.sort(key=lambda d: d[sort])
        return [copied(d) for d in (found[:limit] if limit else found)]

    async def count(self, query: Mapping[str, Any]) -> int:
        return len(self._found(query))

    def _found(self, query: Mapping[str, Any]) -> list[Document]:
        found = self._candidates(query)
        for key, wanted in sorted(query.items(), key=lambda item: isinstance(item[1], dict)):
            matches = _matching(wanted)
            found = [d for d in found if matches(d.get(key))]
        return found


class _Index:
    """Ids of documents by the value of a field, and its values in order. `several`: a document had more than one."""

    def __init__(self) -> None:
        self.several = False
        self._ids: dict[Any, dict[str, None]] = {}
        self._order: list[Any] = []

    def enter(self, value: Any, id_: str) -> None:
        """A document has that value."""
        if value not in self._ids:
            self._ids[value] = {}
            if value is not None:
                insort(self._order, value)
        self._ids[value][id_] = None

    def leave(self, value: Any, id_: str) -> None:
        """It has it no more."""
        self._ids[value].pop(id_, None)
        if not self._ids[value]:
            del self._ids[value]
            if value is not None:
                self._order.pop(bisect_left(self._order, value))

    def among(self, wanted: Any) -> list[str] | None:
        """Ids among which are all of what a query wants; None: it cannot tell."""
        if not isinstance(wanted, dict):
            values = [wanted]
        elif wanted.keys() == {"$in"}:
            values = wanted["$in"]
        elif wanted and wanted.keys() <= _ENDS.keys() and not self.several:
            ends = [(_ENDS[op], value) for op, value in wanted.items()]
            start = max((bisect(self._order, value) for (low, bisect), value in ends if low), default=0)
            stop = min((bisect(self._order, value) for (low, bisect), value in ends if not low), default=None)
            values = self._order[start:stop]
        else:
            return None
        if any(value is None or type(value) in _CHANGEABLE for value in values):
            return None
        return list(dict.fromkeys(id_ for value in values for id_ in self._ids.get(value, ())))


_ENDS = {
    "$gt": (True, bisect_right),
    "$gte": (True, bisect_left),
    "$lt": (False, bisect_left),
    "$lte": (False, bisect_right),
}
"""Of a range: whether it is where it starts, and how its place is found."""


def _values(value: Any) -> list[Any]:
    """Each once."""
    return list(dict.fromkeys(value)) if isinstance(value, list) else [value]


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda value, wanted: value in wanted,
    "$ne": lambda value, wanted: value != wanted,
    "$gt": lambda value, wanted: value is not None and value > wanted,
    "$gte": lambda value, wanted: value is not None and value >= wanted,
    "$lt": lambda value, wanted: value is not None and value < wanted,
    "$lte": lambda value, wanted: value is not None and value <= wanted,
}


def _matching(wanted: Any) -> Callable[[Any], bool]:
    """Whether a value is what a query wants of its field."""
    if not isinstance(wanted, dict) or not all(key.startswith("$") for key in wanted):
        return lambda value: bool(value == wanted) or (isinstance(value, list) and wanted in value)
    conditions = [(_OPERATORS[op], operand, all if op == "$ne" else any) for op, operand in wanted.items()]

    def matches(value: Any) -> bool:
        for holds, operand, several in conditions:
            if isinstance(value, list):
                if not several(holds(one, operand) for one in value):
                    return False
            elif not holds(value, operand):
                return False
        return True

    return matches
