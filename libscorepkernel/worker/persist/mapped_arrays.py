# SPDX-License-Identifier: BSD-3-Clause
"""Arrays whose memory is a file's, or shared with other processes: numpy.memmap, and arrays over mmap.mmap or
multiprocessing's shared memory. A copy would be cut off from that memory without a word. So they travel as the place
in the file that the other process maps, too, and what has no such place is refused.

What an array's memory is, /proc/self/maps says: attributes like memmap's may say something else, or nothing."""

from __future__ import annotations

import bisect
import functools
import hashlib
import mmap
import os
import pickle
import re
import stat
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import array_memory, variables_file

_WRITTEN, _READ, _COPIED = "w", "r", "c"
_ACCESS = {_WRITTEN: mmap.ACCESS_WRITE, _READ: mmap.ACCESS_READ, _COPIED: mmap.ACCESS_COPY}
_DELETED = " (deleted)"
_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+) *(.*)")


class Refused(pickle.PicklingError):
    """The memory cannot be had in another process. digest: of its content, where that is this process's own."""

    digest = b""


class Source(NamedTuple):
    """A part of a file, as it is mapped."""

    path: str
    inode: int
    offset: int
    length: int
    access: str


class _Area(NamedTuple):
    """A line of /proc/self/maps."""

    begin: int
    end: int
    permissions: str
    offset: int
    inode: int
    path: str


class Memory:
    """This process's memory as it was when it was first asked for."""

    @functools.cached_property
    def _areas(self) -> List[_Area]:
        with open("/proc/self/maps", "rb") as file:
            found = map(_LINE.match, file)
            return [_area(*match.groups()) for match in found if match]

    @functools.cached_property
    def _begins(self) -> List[int]:
        return [area.begin for area in self._areas]

    def source(self, array: Any) -> Optional[Tuple[Source, int]]:
        """What the array's memory is of a file, and where in it the array begins; None: it is this process's own.
        Refused: it is neither."""
        owner = owner_of(array)
        if owner is None:
            return None
        low, length = _whole(owner, array)
        area = self._covering(low, low + length)
        if area is None or not _is_mapped(area, owner):
            return None
        path, inode = _file_of(area)
        if "s" not in area.permissions:
            if not path:
                return None  # changes to it would be seen by nobody
            if _is_changed(area):
                refused = Refused(f"it differs from its file {path}, as mode 'c' of a mapping keeps changes to itself")
                refused.digest = hashlib.sha256(array.tobytes()).digest()
                raise refused
        access = _READ if "w" not in area.permissions else _WRITTEN if "s" in area.permissions else _COPIED
        source = Source(path, inode, area.offset + low - area.begin, length, access)
        return source, array_memory.address(array) - low

    def refuse_shared(self, begin: int, end: int) -> None:
        """Refused: what lies there is shared with others."""
        area = self._covering(begin, end)
        if area is not None and "s" in area.permissions:
            raise Refused("its memory is shared, and a copy of it would not be")

    def _covering(self, begin: int, end: int) -> Optional[_Area]:
        """The area around an area: the system may have divided what was mapped as one."""
        place = bisect.bisect_right(self._begins, begin) - 1
        if place < 0:
            return None
        first = whole = self._areas[place]
        for area in self._areas[place + 1 :]:
            joined = area.begin == whole.end and area.offset == whole.offset + whole.end - whole.begin
            if whole.end >= end or not joined or area[4:] != first[4:] or area.permissions != first.permissions:
                break
            whole = whole._replace(end=area.end)
        return whole if begin < whole.end and end <= whole.end else None


def _area(begin: bytes, end: bytes, permissions: bytes, offset: bytes, inode: bytes, path: bytes) -> _Area:
    place = int(begin, 16), int(end, 16), permissions.decode(), int(offset, 16)
    return _Area(*place, int(inode), os.fsdecode(path))


def _bases(array: Any) -> Iterator[Any]:
    """The objects that an array has its memory from, one behind the other: arrays, memoryviews, and the owner."""
    kind: Any = array_memory.array_type()
    here = array
    while here is not None:
        yield here
        if issubclass(type(here), kind):
            here = kind.base.__get__(here)
        else:
            here = here.obj if type(here) is memoryview else None


def owner_of(array: Any) -> Any:
    """Whose the memory is; None: the array's own, or that of an object which copies with it."""
    *_, owner = _bases(array)
    if owner is array or issubclass(type(owner), (bytes, bytearray, array_memory.array_type())):  # type: ignore
        return None
    is_ours = isinstance(owner, mmap.mmap) and owner in variables_file.MAPPINGS
    return None if is_ours else owner


def _whole(owner: Any, array: Any) -> Tuple[int, int]:
    """All of the owner's memory, if that can be told, else the array's: where it begins, and its length."""
    low, high = array_memory.bounds(array)
    try:
        whole: Any = array_memory.array_type()
        view = memoryview(owner)
        begin = array_memory.address(whole(view.nbytes, "u1", view))
        if begin <= low and high <= begin + view.nbytes:
            return begin, view.nbytes
    except (TypeError, ValueError, BufferError):
        pass  # it is no buffer
    return low, high - low


def _is_mapped(area: _Area, owner: Any) -> bool:
    """Whether a program's own data, which is its file's, too, is not what is meant."""
    return "s" in area.permissions or (area.inode != 0 and isinstance(owner, mmap.mmap))


def _file_of(area: _Area) -> Tuple[str, int]:
    """The file's path and inode; an empty path: there is none, and others do not share the memory. Refused."""
    path = area.path
    if "\\012" in path and not os.path.lexists(path):
        path = path.replace("\\012", "\n")
    try:
        found = os.lstat(path)
    except OSError:
        found = None
    if found is not None and stat.S_ISREG(found.st_mode):
        if not path.endswith(_DELETED) or found.st_ino == area.inode:
            return path, found.st_ino
    if "s" not in area.permissions:
        return "", 0
    if found is not None:
        raise Refused(f"its memory is the device {path}")
    if path.endswith(_DELETED) and not path.startswith(("/memfd:", "/dev/zero", "/SYSV", "/dev/shm/pym-")):
        raise Refused(f"its memory is the file {path[: -len(_DELETED)]}, which was deleted: nobody else gets it")
    raise Refused("its memory is shared with other processes and has no file, and a copy of it would not be shared")


def _is_changed(area: _Area) -> bool:
    """Whether pages of a private mapping are not the file's any more."""
    begin, inside = b"%x-" % area.begin, False
    with open("/proc/self/smaps", "rb") as file:
        for line in file:
            if _LINE.match(line):
                address = int(line.split(b"-")[0], 16)
                inside = line.startswith(begin) or area.begin <= address < area.end
            elif inside and line.startswith((b"Anonymous:", b"Swap:")) and int(line.split()[1]):
                return True
    return False


# --- as it travels ---------------------------------------------------------------------------------------


def parts(array: Any, source: Source, offset: int) -> Tuple:
    """What make() needs. Refused: its class has a way of its own to be pickled, which knows of no files."""
    plain: Any = array_memory.array_type()
    kind = type(array)
    for name in ("__reduce__", "__reduce_ex__", "__setstate__"):
        if getattr(kind, name) is not getattr(plain, name):
            raise Refused(f"its memory is the file {source.path}, of which {kind.__name__}.{name} makes a copy")
    attributes = getattr(array, "__dict__", {})
    mappings = [name for name, value in attributes.items() if isinstance(value, mmap.mmap)]
    state = {name: value for name, value in attributes.items() if name not in mappings}
    layout = (offset, array.shape, array.strides, array.dtype, bool(array.flags.writeable))
    return (kind, tuple(source), *layout, mappings, state)


def make(made: Dict[Source, mmap.mmap], kind: type, source: Tuple, layout: Tuple, mappings: List[str]) -> Any:
    """An array over that part of a file. made: what is mapped already, and gets more. OSError, ValueError: it cannot
    be had here."""
    wanted = Source(*source)
    offset, shape, strides, dtype, writeable = layout
    begin = wanted.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    if wanted not in made:
        made[wanted] = _mapping(wanted, begin)
    plain: Any = array_memory.array_type()
    place = offset + wanted.offset - begin
    array = plain.__new__(kind, shape, dtype, buffer=made[wanted], offset=place, strides=strides)
    for name in mappings:
        setattr(array, name, made[wanted])
    if not writeable:
        array.flags.writeable = False
    return array


def fill(array: Any, attributes: Dict[str, Any]) -> None:
    """Set what else the original had: the filename, offset and mode of a numpy.memmap."""
    vars(array).update(attributes)


def _mapping(source: Source, begin: int) -> mmap.mmap:
    flags = os.O_RDWR if source.access == _WRITTEN else os.O_RDONLY
    # Elsewhere the name may be that of a pipe, which nobody may ever open for writing.
    descriptor = os.open(source.path, flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        found, end = os.fstat(descriptor), source.offset + source.length
        if not stat.S_ISREG(found.st_mode) or found.st_ino != source.inode:
            raise ValueError(
                f"there is another file at {source.path} in this process: it was replaced, or its machine has one of "
                "its own"
            )
        if found.st_size < end:
            raise ValueError(f"the file {source.path} has {found.st_size} bytes, and should have {end}")
        untracked: Dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        access = _ACCESS[source.access]
        return mmap.mmap(descriptor, end - begin, access=access, offset=begin, **untracked)
    finally:
        os.close(descriptor)


def is_same(old: Any, kind: Any, source: Tuple, layout: Tuple) -> bool:
    """Whether an array that is here is what make() would make."""
    offset, shape, strides, dtype, writeable = layout
    if type(old) is not kind or (old.shape, old.strides, old.dtype) != (shape, strides, dtype):
        return False
    try:
        found = Memory().source(old)
    except Refused:
        return False
    if found is None or bool(old.flags.writeable) != writeable:
        return False
    wanted, (here, place) = Source(*source), found
    place += here.offset
    return (here.inode, here.access, place) == (wanted.inode, wanted.access, offset + wanted.offset)
