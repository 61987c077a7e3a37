#!/bin/sh
# kube: One Kubernetes node (itself a container, as in kind) with a sharing pod and a split pod
#
# What `nestns up examples/pod.toml` builds, with unshare(1) and nsenter(1) of util-linux.
#
# Run it   nestns explain examples/pod.toml | sh
# Stop it  Ctrl-C. Whenever this shell ends, everything inside ends with it.
# Needs    nestns in the PATH, for the actors.
# Lacks    what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, stop
#          in order, verify.
# Numbers  The PIDs in the comments are those of nestns, on every run. Here they may differ:
#          - of sibling namespaces, all but the last have an unshare that uses a PID, too
#          - nsenter uses a PID outside, and processes enter in any order
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
# --ipc                 System V IPC and POSIX message queues of its own. Without it: the outer ones.
# --kill-child          PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all of them
#                       would survive. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends.
# exec unshare          PID 1 itself becomes the unshare that waits: this uses no PID, so the next one is that of the
#                       PID 1 inside. It reaps no other process, and ends when the namespace inside ends.
# nsenter --target PID  starts a child in the namespaces of another process. The child has a PID inside, but its parent
#                       is outside: PPid is 0 inside. `docker exec` and the containers of a pod with a shared PID
#                       namespace work this way.
# until read …          waits until a process has a child and stores its PID: the child of unshare is the PID 1 inside,
#                       and this is its PID here. It gives up when the process has ended: then /proc/PID/exe points
#                       nowhere.
# sleep infinity        holds a namespace as its PID 1. Unlike nestns it does not reap processes and ignores TERM.
# echo … || hostname …  the shell itself writes the name to /proc/sys, which uses no PID. Only root can do that, so an
#                       ordinary user, even as root of a user namespace, needs hostname(1).

# node: the shell that is its PID 1
export ns_node='
echo worker-1 2>/dev/null >/proc/sys/kernel/hostname || hostname worker-1
nestns actor idle &                                                    # kubelet: 2
nestns actor idle &                                                    # containerd: 3
unshare --fork --pid --mount-proc --uts --ipc sh -c "$ns_node_web" &   # node/web/init: 4 in nestns, 1 inside
# waits for node/web/init, and stores its PID here
until read -r pid_node_web rest </proc/$!/task/$!/children; [ "$pid_node_web" ]; do [ -e /proc/$!/exe ] || exit; done
# app: 2 in nestns
nsenter --target "$pid_node_web" --pid --mount --uts --ipc nestns actor serve &
# envoy: 3 in nestns; nestns waits until app has started
nsenter --target "$pid_node_web" --pid --mount --uts --ipc nestns actor serve &
# logtail: 4 in nestns; nestns waits until app has started
nsenter --target "$pid_node_web" --pid --mount --uts --ipc nestns actor log --rate 1 &
unshare --fork --pid --mount-proc nestns actor serve &                 # node/batch-main/init: 8 in nestns, 1 inside
exec unshare --fork --pid --mount-proc nestns actor serve              # node/batch-sidecar/init: 9 in nestns, 1 inside
'

# node/web: the shell that is its PID 1
export ns_node_web='
echo web-7d4b9 2>/dev/null >/proc/sys/kernel/hostname || hostname web-7d4b9
exec sleep infinity   # holds the namespace
'

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

# node/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --uts --kill-child sh -c "$ns_node" &
wait
