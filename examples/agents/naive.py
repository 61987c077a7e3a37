#!/usr/bin/env python3
"""Lists processes with their PID on the host and the one inside their container, as many agents do, and incorrectly.

    nestns test examples/dind.toml -- python3 examples/agents/naive.py

It is correct on a laptop, one container deep, where it was tried. Two things are wrong with it:

* The names in /proc are taken for numbers of the host. They are numbers of the namespace that this /proc was mounted
  in: for an agent in a container, even one with `hostPID: true` in kind, that is not the host.
* The second number of `NSpid` is taken for the one inside. It is the number in the outermost container; a process in a
  container in a container has one more, and that is its own.

corrected.py gets this right.
"""

import os
import sys

sys.dont_write_bytecode = True
from compare import HOST, Claim, conclude


def claims():
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as status:
                numbers = next(line.split()[1:] for line in status if line.startswith("NSpid:"))
        except (OSError, StopIteration):
            continue  # it has ended in the meantime
        inside = numbers[1] if len(numbers) > 1 else numbers[0]
        yield Claim(namespace=HOST, number=int(name), inside=int(inside))


if __name__ == "__main__":
    sys.exit(conclude(claims()))
