# SPDX-License-Identifier: BSD-3-Clause
import scorep.user


def ends(name):
    scorep.user.region_end(name)


def begins_and_ends(name):
    scorep.user.region_begin(name)
    scorep.user.region_end(name)


ends("never begun")
begins_and_ends("begun")
with scorep.user.region("around"):
    ends("nor this")
scorep.user.region_end("at module level")
