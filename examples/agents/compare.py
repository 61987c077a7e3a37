"""Compares the claims of an agent with what the kernel reported to nestns: `nestns.truth/1` in the file NESTNS_TRUTH.

Each process of the truth has its PIDs from the host inward, so its PID as seen from each
surrounding namespace is known. Everything visible from where the agent runs has to be claimed, and correctly.
"""

import json
import os
from typing import NamedTuple

HOST = "host"


class Claim(NamedTuple):
    """`number` in `namespace` (HOST, or the inode of a PID namespace) is a process that is `inside` in its own."""

    namespace: object
    number: int
    inside: int


class Truth:
    def __init__(self, document):
        self.host = document["host"]["pidns"]
        self.spaces = {space["path"]: space for space in document["namespaces"]}
        self.processes = [process for process in document["processes"] if process["exit"] is None]

    def name(self, pidns):
        """The name of a namespace, for people."""
        known = [path for path, space in self.spaces.items() if space["pidns"] == pidns]
        return HOST if pidns in (HOST, self.host) else known[0] if known else f"pid:[{pidns}]"

    def numbers(self, process):
        """The number of a process by namespace."""
        line = []
        path = process["ns"]
        while path is not None:
            line.append(self.spaces[path]["pidns"])
            path = self.spaces[path]["parent"]
        line.append(self.host)
        return dict(zip(reversed(line), process["pids"]))


def mistakes(truth, claims, here):
    """Descriptions of the mistakes in claims that were made in the namespace `here`."""
    own = {(truth.host if claim.namespace == HOST else claim.namespace, claim.number): claim.inside for claim in claims}
    for process in truth.processes:
        numbers = truth.numbers(process)
        if here not in numbers:
            continue  # it is outside or a sibling: it is not visible from here
        found = [(pidns, number) for pidns, number in numbers.items() if (pidns, number) in own]
        path, number = process["path"], numbers[here]
        if found:
            claimed, is_so = own[found[0]], process["pids"][-1]
            if claimed != is_so:
                where = [truth.name(pidns) for pidns, other in numbers.items() if other == claimed]
                meaning = f", its number in {where[0]}" if where else ""
                yield f"{path} is {is_so} in {process['ns']}; the agent says {claimed}{meaning}"
        elif (truth.host, number) in own:
            yield f"{path} is {number} in {truth.name(here)}; the agent says that it is {number} on the host"
        else:
            yield f"{path} is {number} in {truth.name(here)}; the agent has not found it"


def conclude(claims):
    """Prints the claims and the mistakes in them. Returns the exit status: 1 if there are any."""
    claims = sorted(claims, key=lambda claim: claim.number)
    with open(os.environ["NESTNS_TRUTH"], encoding="utf-8") as file:
        truth = Truth(json.load(file))
    for claim in claims:
        print(f"{truth.name(claim.namespace)} {claim.number} is {claim.inside} inside")
    wrong = list(mistakes(truth, claims, os.stat("/proc/self/ns/pid").st_ino))
    for mistake in wrong:
        print(f"wrong: {mistake}")
    return 1 if wrong else 0
