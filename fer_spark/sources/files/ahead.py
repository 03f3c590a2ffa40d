"""Contents fetched from storage that answers after tens of milliseconds: several at a time, while those before are
worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

File = TypeVar("File")
Content = TypeVar("Content")
_REQUESTS = 16
"""In flight, of each Python worker. One that prepares 400 small pictures a second waits for none that takes 40 ms."""
_MOST_BYTES = 64 << 20


def fetched_ahead(
    files: Iterable[File], fetch: Callable[[File], Content], size: Callable[[File], int]
) -> Iterator[tuple[File, Content]]:
    """Each file with what `fetch` gives, in the order of the files. What `fetch` raises is raised in the file's turn.

    Ahead of the file that is given lie at most _REQUESTS of them, and no more than _MOST_BYTES by their `size`, or one.
    """
    waiting: deque[tuple[File, int, Future[Content]]] = deque()
    ahead = 0
    pool = ThreadPoolExecutor(_REQUESTS)
    try:
        for file in files:
            length = size(file)
            while waiting and (len(waiting) >= _REQUESTS or ahead + length > _MOST_BYTES):
                ahead -= waiting[0][1]
                yield _first(waiting)
            waiting.append((file, length, pool.submit(fetch, file)))
            ahead += length
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _first(waiting: deque[tuple[File, int, Future[Content]]]) -> tuple[File, Content]:
    file, _, content = waiting.popleft()
    return file, content.result()
