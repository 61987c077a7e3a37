#!/bin/sh
# dind: A CI machine: docker in docker, three PID namespaces deep
#
# What `nestns up examples/dind.toml` builds, with unshare(1) of util-linux.
#
# Run it   nestns explain examples/dind.toml | sh
# Stop it  Ctrl-C. Whenever this shell ends, everything inside ends with it.
# Needs    nestns in the PATH, for the actors.
# Lacks    what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, stop
#          in order, verify.
# Numbers  The PIDs in the comments are those of nestns, on every run. Here they may differ:
#          - programs start at once, and what they fork may come before a namespace that is created later
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
# echo … || hostname …  the shell itself writes the name to /proc/sys, which uses no PID. Only root can do that, so an
#                       ordinary user, even as root of a user namespace, needs hostname(1).

# vm: the shell that is its PID 1
export ns_vm='
echo vm 2>/dev/null >/proc/sys/kernel/hostname || hostname vm
nestns actor serve &                                                   # dockerd: 2
nestns actor idle &                                                    # containerd: 3
exec unshare --fork --pid --mount-proc --uts --ipc sh -c "$ns_vm_ci"   # vm/ci/init: 4 here, 1 inside
'

# vm/ci: the shell that is its PID 1
export ns_vm_ci='
echo ci-runner 2>/dev/null >/proc/sys/kernel/hostname || hostname ci-runner
nestns actor serve &                                                       # dockerd: 2
nestns actor idle &                                                        # containerd: 3
# runner: 4; nestns waits until dockerd has started
/bin/sh -c "$text_vm_ci_runner" &
exec unshare --fork --pid --mount-proc --uts --ipc sh -c "$ns_vm_ci_job"   # vm/ci/job/init: 5 here, 1 inside
'

export text_vm_ci_runner='trap '\''echo "runner: asked to stop"; exit 0'\'' TERM
echo "runner: PID $$ on $(uname -n)"
step=0
while :; do
    step=$((step + 1))
    echo "runner: step $step"
    sleep 0.5 & wait $!
done
'

# vm/ci/job: what its PID 1 does before it becomes the program
export ns_vm_ci_job='
echo job-4711 2>/dev/null >/proc/sys/kernel/hostname || hostname job-4711
exec nestns actor tree --children 3   # the shell becomes the program, and PID 1 stays PID 1
'

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

# vm/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --uts --ipc --kill-child sh -c "$ns_vm" &
wait
