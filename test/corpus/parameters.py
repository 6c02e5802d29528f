# SPDX-License-Identifier: BSD-3-Clause
import scorep.user


def solve(n):
    scorep.user.parameter_int("size", n)
    with scorep.user.region("step"):
        scorep.user.parameter_string("method", "jacobi" if n % 2 else "gauss")
        scorep.user.parameter_int("smallest", -(2**63))
    scorep.user.parameter_int("largest", 2**63 - 1)
    return n


for i in range(-1, 3):
    solve(i)
scorep.user.parameter_string("text", "ü, with a \"quote\"")
scorep.user.parameter_string("text", "")
print(solve(7))
