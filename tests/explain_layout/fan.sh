#!/bin/sh
# fan: A hub and N workers, with N given by --set workers=N
#
# What `nestns up examples/fan.toml --set workers=1000` builds, with unshare(1) of util-linux.
#
# Run it   nestns explain examples/fan.toml --set workers=1000 | sh
# Stop it  Ctrl-C. Whenever this shell ends, everything inside ends with it.
# Needs    nestns in the PATH, for the actors.
# Lacks    what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, stop
#          in order, verify.
# Numbers  The PIDs in the comments are those of nestns, on every run. Here they may differ:
#          - of sibling namespaces, all but the last have an unshare that uses a PID, too
#          - for an ordinary user each hostname(1) uses one
#
# --fork                the program becomes a child of unshare and the first process inside: PID 1. Without it the
#                       program stays outside, the first command that it runs is PID 1, and once that has ended the next
#                       one fails: "fork: Cannot allocate memory". A PID namespace without its PID 1 accepts no
#                       processes.
# --pid                 a new PID namespace, for children. Without it: the old PIDs, and nothing is hidden.
# --mount-proc          a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is
#                       not hidden. Without it $$ is 1, but /proc/self still has the PID outside, and ps shows the
#                       processes outside.
# --uts                 a host name of its own. Without it the one outside would be changed.
# --kill-child          PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all of them
#                       would survive. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends.
# echo … || hostname …  the shell itself writes the name to /proc/sys, which uses no PID. Only root can do that, so an
#                       ordinary user, even as root of a user namespace, needs hostname(1).

# fan: the shell that is its PID 1
export ns_fan='
nestns actor serve &   # hub: 2
export i=0
while [ $i -lt 1000 ]; do
    # fan/w.0/init … fan/w.999/init: 3 … 2001 in nestns, 1 inside
    unshare --fork --pid --mount-proc --uts sh -c "$ns_fan_w" &
    i=$((i + 1))
done
wait                   # until all of them have ended; then PID 1 ends
'

# fan/w.0 … fan/w.999: the shell that is their PID 1
export ns_fan_w='
echo "worker-$i" 2>/dev/null >/proc/sys/kernel/hostname || hostname "worker-$i"
nestns actor idle &   # job: 2
wait                  # until all of them have ended; then PID 1 ends
'

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

# fan/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --kill-child sh -c "$ns_fan" &
wait
