"""Objects: immutable bytes under a name, over S3 (minio's client in a bounded thread pool) and in memory."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from kernel.errors import Unavailable

T = TypeVar("T")

_PAGE = 1000
"""Names that are listed at a time: what S3 gives in one answer."""


class Objects(Protocol):
    """One bucket. Names are hashes or end in one: an object is never overwritten with other bytes."""

    async def put(self, name: str, content: bytes) -> None:
        """Store durably. Raises Unavailable."""
        ...

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes, or a part of them. Raises LookupError when there is none, Unavailable."""
        ...

    async def delete(self, name: str) -> None:
        """Remove for good, with all its versions; nothing happens if it is not there. Raises Unavailable."""
        ...

    def names(self, prefix: str = "") -> AsyncIterator[str]:
        """The names that begin so, listed some at a time: there may be millions. What comes or goes meanwhile may be among them.

        Raises Unavailable.
        """
        ...


class S3Objects:
    """`Objects` in an S3 bucket."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str, *, secure: bool = False) -> None:
        http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=20), maxsize=8, retries=urllib3.Retry(total=2, backoff_factor=0.2)
        )
        self._client = Minio(endpoint, access_key, secret_key, secure=secure, http_client=http)
        self._bucket = bucket
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="objects")

    async def prepare(self) -> None:
        """Create the bucket if it is missing. Raises Unavailable."""

        def create() -> None:
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise

        await self._run(create)

    async def put(self, name: str, content: bytes) -> None:
        await self._run(lambda: self._client.put_object(self._bucket, name, io.BytesIO(content), len(content)))

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        def read() -> bytes:
            response = self._client.get_object(self._bucket, name, offset=start, length=length or 0)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

        return await self._run(read)

    async def delete(self, name: str) -> None:
        def remove() -> None:
            self._client.remove_object(self._bucket, name)
            # In a bucket with versions that only hid it behind a marker.
            for found in self._client.list_objects(self._bucket, name, include_version=True):
                if found.object_name == name and found.version_id:
                    self._client.remove_object(self._bucket, name, version_id=found.version_id)

        await self._run(remove)

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        listed = self._client.list_objects(self._bucket, prefix, recursive=True)
        while page := await self._run(lambda: [o.object_name or "" for o in islice(listed, _PAGE)]):
            for name in page:
                yield name

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise LookupError(error.code) from error
            raise Unavailable(f"objects: {error.code}") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"objects: {type(error).__name__}") from error


class MemoryObjects:
    """`Objects` in memory, for tests and simulation."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, content: bytes) -> None:
        self._objects[name] = bytes(content)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        try:
            content = self._objects[name]
        except KeyError as error:
            raise LookupError(name) from error
        return content[start:] if length is None else content[start : start + length]

    async def delete(self, name: str) -> None:
        self._objects.pop(name, None)

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        for name in sorted(name for name in self._objects if name.startswith(prefix)):
            yield name
