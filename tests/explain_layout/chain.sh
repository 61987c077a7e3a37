#!/bin/sh
# chain: Three PID namespaces, each inside the one before
#
# What `nestns up examples/chain.toml` builds, with unshare(1) of util-linux.
#
# Run it   nestns explain examples/chain.toml | sh
# Stop it  Ctrl-C. Whenever this shell ends, everything inside ends with it.
# Needs    nestns in the PATH, for the actors.
# Lacks    what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, stop
#          in order, verify.
# Numbers  The PIDs in the comments are those of nestns, on every run. This script yields the same.
#
# --fork        the program becomes a child of unshare and the first process inside: PID 1. Without it the program stays
#               outside, the first command that it runs is PID 1, and once that has ended the next one fails: "fork:
#               Cannot allocate memory". A PID namespace without its PID 1 accepts no processes.
# --pid         a new PID namespace, for children. Without it: the old PIDs, and nothing is hidden.
# --mount-proc  a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is not
#               hidden. Without it $$ is 1, but /proc/self still has the PID outside, and ps shows the processes
#               outside.
# --kill-child  PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all of them would
#               survive. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends.
# exec unshare  PID 1 itself becomes the unshare that waits: this uses no PID, so the next one is that of the PID 1
#               inside. It reaps no other process, and ends when the namespace inside ends.

# a: the shell that is its PID 1
export ns_a='
nestns actor idle &                                      # idle: 2
exec unshare --fork --pid --mount-proc sh -c "$ns_a_b"   # a/b/init: 3 here, 1 inside
'

# a/b: the shell that is its PID 1
export ns_a_b='
nestns actor idle &                                        # idle: 2
exec unshare --fork --pid --mount-proc sh -c "$ns_a_b_c"   # a/b/c/init: 3 here, 1 inside
'

# a/b/c: the shell that is its PID 1
export ns_a_b_c='
nestns actor idle &                                                # idle: 2
/bin/sh -c "grep NSpid /proc/self/status; exec sleep infinity" &   # probe: 3; nestns waits until idle has started
wait                                                               # until all of them have ended; then PID 1 ends
'

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

# a/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --kill-child sh -c "$ns_a" &
wait
