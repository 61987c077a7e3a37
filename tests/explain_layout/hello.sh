#!/bin/sh
# hello: A shell that is PID 1: unshare --fork --pid --mount-proc as a file
#
# What `nestns up examples/hello.toml` builds, with unshare(1) of util-linux.
#
# Run it   nestns explain examples/hello.toml | sh
# Stop it  End the program: when PID 1 ends, everything inside ends.
#
# --fork        the program becomes a child of unshare and the first process inside: PID 1. Without it the program stays
#               outside, the first command that it runs is PID 1, and once that has ended the next one fails: "fork:
#               Cannot allocate memory". A PID namespace without its PID 1 accepts no processes.
# --pid         a new PID namespace, for children. Without it: the old PIDs, and nothing is hidden.
# --mount-proc  a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is not
#               hidden. Without it $$ is 1, but /proc/self still has the PID outside, and ps shows the processes
#               outside.
# </dev/tty     the terminal, even when standard input is this script.

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

$as_root unshare --fork --pid --mount-proc bash --norc </dev/tty   # hello/init: 1 inside
