"""Records on disk, first in, first out: each with its length and checksum, fsynced before `append` returns.

They lie in files of a few megabytes, in order of their numbers; one that was read to its end is removed. What
a crash left half written at the end of a file is cut off, and nothing before it is lost. Blocking: call it
from a thread.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

FILE_BYTES = 4 * 1024 * 1024
MOST_RECORD = 1024 * 1024
_HEAD = struct.Struct(">II")  # length, CRC-32 of the record
_SUFFIX = ".log"


class LogFull(Exception):
    """No room: by its own limit, or on the disk."""


class Mark(msgspec.Struct, frozen=True):
    """A place between two records."""

    number: int
    offset: int


class _File(msgspec.Struct):
    """`size`: up to the end of its last whole record."""

    number: int
    path: Path
    size: int


class RecordLog:
    """The records of one folder, which belongs to one process at a time. `max_bytes`: of all files."""

    def __init__(self, folder: Path, *, max_bytes: int, file_bytes: int = FILE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._max_bytes = max_bytes
        self._file_bytes = file_bytes
        self._files: deque[_File] = deque()
        self._writing: int | None = None  # descriptor of the last file, while it takes more
        self._read = 0  # in the first file
        self._next = 1
        self.cut_bytes = 0
        """Of torn ends, found when it was opened."""
        for path in record_files(folder):
            self._take_in(path)

    @property
    def empty(self) -> bool:
        return not self._files

    @property
    def size(self) -> int:
        return sum(file.size for file in self._files)

    def append(self, records: Sequence[bytes]) -> None:
        """All of them or none; on disk when this returns. Raises LogFull."""
        data = framed(records)
        if self.size + len(data) > self._max_bytes:
            raise LogFull
        if any(len(each) > MOST_RECORD for each in records):
            raise ValueError(f"a record has at most {MOST_RECORD} bytes")
        try:
            file, descriptor = self._last()
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], file.size + written)
            os.fsync(descriptor)
        except OSError as error:
            self._end_file()  # what is torn at its end is not read
            raise LogFull from error
        file.size += len(data)
        if file.size >= self._file_bytes:
            self._end_file()

    def head(self, limit: int) -> tuple[list[bytes], Mark | None]:
        """The first records, at most so many, and the place after them for `drop`: None if there are none."""
        records: list[bytes] = []
        mark: Mark | None = None
        offset = self._read
        for file in self._files:
            with open(file.path, "rb") as stream:
                stream.seek(offset)
                while len(records) < limit and offset < file.size:
                    length, _ = _HEAD.unpack(stream.read(_HEAD.size))
                    records.append(stream.read(length))
                    offset += _HEAD.size + length
            mark = Mark(file.number, offset)
            if len(records) == limit:
                break
            offset = 0
        return records, mark

    def drop(self, mark: Mark) -> None:
        """Forget all before `mark`."""
        while self._files and self._files[0].number <= mark.number:
            file = self._files[0]
            if file.number == mark.number and mark.offset < file.size:
                self._read = mark.offset
                return
            if len(self._files) == 1:
                self._end_file()
            self._files.popleft()
            self._read = 0
            file.path.unlink(missing_ok=True)

    def close(self) -> None:
        self._end_file()

    def _last(self) -> tuple[_File, int]:
        if self._writing is None:
            path = self._folder / f"{self._next:08}{_SUFFIX}"
            self._writing = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            sync_folder(self._folder)
            self._files.append(_File(self._next, path, 0))
            self._next += 1
        return self._files[-1], self._writing

    def _end_file(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
            if not self._files[-1].size:
                self._files.pop().path.unlink(missing_ok=True)

    def _take_in(self, path: Path) -> None:
        size = sum(_HEAD.size + len(record) for record in whole_records(path))
        self.cut_bytes += path.stat().st_size - size
        number = int(path.stem)
        self._next = number + 1
        if size:
            os.truncate(path, size)
            self._files.append(_File(number, path, size))
        else:
            path.unlink()


def record_files(folder: Path) -> list[Path]:
    """The files of a log, in order."""
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def move_files(source: Path, target: Path) -> int:
    """Put the files of a log that nobody uses behind those of another one, not opened yet; how many."""
    last = max((int(path.stem) for path in record_files(target)), default=0)
    files = record_files(source)
    for number, path in enumerate(files, start=last + 1):
        path.rename(target / f"{number:08}{_SUFFIX}")
    if files:
        sync_folder(target)
    return len(files)


def sync_folder(folder: Path) -> None:
    """A file's name is durable once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def framed(records: Sequence[bytes]) -> bytes:
    """Records as they lie in a file: each with its length and checksum."""
    return b"".join([_HEAD.pack(len(each), zlib.crc32(each)) + each for each in records])


def whole_records(path: Path) -> Iterator[bytes]:
    """The records of a file up to where it is torn."""
    with open(path, "rb") as stream:
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if length > MOST_RECORD:
                return
            record = stream.read(length)
            if len(record) < length or zlib.crc32(record) != checksum:
                return
            yield record
