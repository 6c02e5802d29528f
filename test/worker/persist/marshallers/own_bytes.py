# SPDX-License-Identifier: BSD-3-Clause
"""A marshaller for tests: dumps and loads, packed, by dill where there is one, which takes functions and classes."""

import zlib

import dill


def dumps(obj):
    return zlib.compress(dill.dumps(obj))


def loads(data):
    return dill.loads(zlib.decompress(data))
