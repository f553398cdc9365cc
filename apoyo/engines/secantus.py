"""SecantusDB's server in Python, with a rename that keeps writers out, as MongoDB's does (ADR 9): `python -m` this module.

Its own (0.7.0b3, the newest) moves a collection's rows one by one under the lock of definitions, which writers do not take: what is
inserted meanwhile under the other name stays beside a moved document of the same `_id`, and is found in its place.
"""

from typing import Any

from secantus.cli import main
from secantus.storage import Storage

_rename = Storage.rename_collection


def _rename_alone(storage: Any, src_db: str, src_coll: str, dst_db: str, dst_coll: str, **options: Any) -> Any:
    """As the server's own, once nobody writes to either collection: its locks of collections come before that of definitions."""
    first, second = sorted(((src_db, src_coll), (dst_db, dst_coll)))
    with storage._coll_lock(*first), storage._coll_lock(*second):
        return _rename(storage, src_db, src_coll, dst_db, dst_coll, **options)


if __name__ == "__main__":
    Storage.rename_collection = _rename_alone
    raise SystemExit(main())
