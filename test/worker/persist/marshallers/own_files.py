# SPDX-License-Identifier: BSD-3-Clause
"""A marshaller for tests: dump and load by Python's pickle, each value of what it is given in a file of its own beside
the one that is opened, which holds their paths and is closed here."""

import os
import pickle


def dump(obj, file):
    for key, value in obj.items():
        path = "%s_%s" % (file.name, key)
        with open(path, "wb") as part:
            pickle.dump(value, part)
        file.write(("%s\t%s\n" % (key, path)).encode())
    file.close()


def load(file):
    made = {}
    for line in file.read().decode().splitlines():
        key, path = line.split("\t")
        with open(path, "rb") as part:
            made[key] = pickle.load(part)
        os.unlink(path)
    file.close()
    return made
