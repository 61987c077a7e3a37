#!/usr/bin/env python3
"""Lists processes with their PID here and their own, and states which namespace "here" is.

    nestns test examples/dind.toml -- python3 examples/agents/corrected.py
    nestns test examples/kind.toml --in worker.0 -- python3 examples/agents/corrected.py

What it does differently from naive.py:

* A PID is never stated without its namespace: the one that this /proc belongs to, by its inode.
* It checks that this /proc belongs to the agent's own namespace: seen in it, the agent has one PID.
* The number of a process in its own namespace is the last of `NSpid`, however many levels lie between.
"""

import os
import sys

sys.dont_write_bytecode = True
from compare import Claim, conclude


def numbers(process):
    """The numbers of a process: in the namespace of this /proc first, in its own last."""
    with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as status:
        for line in status:
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    raise ProcessLookupError(process)


def claims():
    if len(numbers("self")) != 1:
        # A mount namespace without a /proc of its own: every PID here refers to the outside.
        sys.exit("corrected: this /proc belongs to another PID namespace; mount one for this namespace")
    here = os.stat("/proc/self/ns/pid").st_ino
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            chain = numbers(name)
        except OSError:
            continue  # it has ended in the meantime
        yield Claim(namespace=here, number=chain[0], inside=chain[-1])


if __name__ == "__main__":
    sys.exit(conclude(claims()))
