#!/bin/sh
# odd: It's odd
# and has two lines
#
# What `nestns up odd.toml` builds, with unshare(1) and nsenter(1) of util-linux.
#
# Run it   nestns explain odd.toml | sh
# Stop it  Ctrl-C. Whenever this shell ends, everything inside ends with it.
# Needs    nestns in the PATH, for the actors.
# Lacks    what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, stop
#          in order, verify.
# Numbers  The PIDs in the comments are those of nestns, on every run. Here they may differ:
#          - of sibling namespaces, all but the last have an unshare that uses a PID, too
#          - nsenter uses a PID outside, and processes enter in any order
#          - programs start at once, and what they fork may come before a namespace that is created later
#          - for an ordinary user each hostname(1) uses one
#          - ip uses one
#
# --fork                the program becomes a child of unshare and the first process inside: PID 1. Without it the
#                       program stays outside, the first command that it runs is PID 1, and once that has ended the next
#                       one fails: "fork: Cannot allocate memory". A PID namespace without its PID 1 accepts no
#                       processes.
# --pid                 a new PID namespace, for children. Without it: the old PIDs, and nothing is hidden.
# --mount-proc          a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is
#                       not hidden. Without it $$ is 1, but /proc/self still has the PID outside, and ps shows the
#                       processes outside.
# --mount               a mount namespace: what is mounted inside is not visible outside. /proc stays the outer one.
# --uts                 a host name of its own. Without it the one outside would be changed.
# --net                 network devices of its own: one loopback, which is down. Without it: the outer ones.
# --kill-child          PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all of them
#                       would survive. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends.
# nsenter --target PID  starts a child in the namespaces of another process. The child has a PID inside, but its parent
#                       is outside: PPid is 0 inside. `docker exec` and the containers of a pod with a shared PID
#                       namespace work this way.
# until read …          waits until a process has a child and stores its PID: the child of unshare is the PID 1 inside,
#                       and this is its PID here. It gives up when the process has ended: then /proc/PID/exe points
#                       nowhere.
# sleep infinity        holds a namespace as its PID 1. Unlike nestns it does not reap processes and ignores TERM.
# echo … || hostname …  the shell itself writes the name to /proc/sys, which uses no PID. Only root can do that, so an
#                       ordinary user, even as root of a user namespace, needs hostname(1).
# ip link               brings the loopback device up (iproute2).
# setpriv --reuid       runs a program as another user, which only root can do.

# The host: root here starts the namespaces directly below it
export ns_host='
# a/init: 1 inside
setpriv --pdeathsig KILL unshare --fork --pid --mount --kill-child sh -c "$ns_a" &
# z/init: 1 inside
setpriv --pdeathsig KILL unshare --fork --pid --mount-proc --uts --kill-child sh -c "$ns_z" &
wait
'

# a: the shell that is its PID 1
export ns_a='
# p: 2
env --chdir=/tmp "X=a b" "$text_a_p" /bin/sh -c "$text_a_p_2" >>"/tmp/out file" 2>/dev/null &
env kill -0 1 &                                                              # q: 3
setpriv $as_nobody printf "$text_a_r" &                                      # r: 4
setpriv $as_61234 sleep 1000 &                                               # s: 5
setpriv --reuid=61234 --regid=nogroup --groups=nogroup sleep 1000 &          # t: 6
cat <&3 &                                                                    # u: 7
unshare --fork --pid --mount-proc sleep infinity &                           # a/b/init: 8 in nestns, 1 inside
# $! with the PIDs of this /proc, which belongs to a namespace further out
read -r children </proc/thread-self/children; newest=${children##* }
# waits for a/b/init, and stores its PID here
until read -r pid_a_b rest </proc/$newest/task/$newest/children; [ "$pid_a_b" ]; do [ -e /proc/$newest/exe ] || exit; done
nsenter --target "$pid_a_b" --pid --mount --wdns="$PWD" sleep 1000 &         # j: 2 in nestns
unshare --fork --pid --mount-proc --net sh -c "$ns_a_c" &                    # a/c/init: 10 in nestns, 1 inside
# $! with the PIDs of this /proc, which belongs to a namespace further out
read -r children </proc/thread-self/children; newest=${children##* }
# waits for a/c/init, and stores its PID here
until read -r pid_a_c rest </proc/$newest/task/$newest/children; [ "$pid_a_c" ]; do [ -e /proc/$newest/exe ] || exit; done
nsenter --target "$pid_a_c" --pid --mount --net --wdns="$PWD" sleep 1001 &   # j: 2 in nestns
# a/c/d/init: 3 in nestns, 1 inside
nsenter --target "$pid_a_c" --pid --mount --net unshare --fork --pid --mount-proc nestns actor idle &
# $! with the PIDs of this /proc, which belongs to a namespace further out
read -r children </proc/thread-self/children; newest=${children##* }
# waits for the child of nsenter, the unshare inside
until read -r inner rest </proc/$newest/task/$newest/children; [ "$inner" ]; do [ -e /proc/$newest/exe ] || exit; done
# waits for a/c/d/init, and stores its PID here
until read -r pid_a_c_d rest </proc/$inner/task/$inner/children; [ "$pid_a_c_d" ]; do [ -e /proc/$inner/exe ] || exit; done
# a/c/d/e/init: 2 in nestns, 1 inside
nsenter --target "$pid_a_c_d" --pid --mount --net unshare --fork --pid --mount-proc sleep infinity &
# until all of them have ended; then PID 1 ends
wait
'

export text_a_p='Y-z=$HOME'
export text_a_p_2="echo it's; sleep 1000"
export as_nobody="--reuid=nobody --regid=$(id -g nobody) --init-groups"
text_a_r="$(printf 'a\033[31mb
.')"; export text_a_r="${text_a_r%.}"
if id 61234 >/dev/null 2>&1; then export as_61234="--reuid=61234 --regid=$(id -g 61234) --init-groups"; else export as_61234="--reuid=61234 --regid=61234 --groups=61234"; fi

# a/c: what its PID 1 does before it becomes the program
export ns_a_c='
ip link set lo up
exec sleep 1000   # the shell becomes the program, and PID 1 stays PID 1
'

# z: the shell that is its PID 1
export ns_z='
printf %s "$text_z_init" 2>/dev/null >/proc/sys/kernel/hostname || hostname "$text_z_init"
exec sleep infinity   # holds the namespace
'

export text_z_init="z-_é'"

# Only root may do this. An ordinary user first becomes root of a new user namespace.
as_root=; [ "$(id -u)" = 0 ] || as_root="unshare --user --map-root-user"

exec 3<&0   # the standard input of this script, for programs that inherit it
exec $as_root sh -c "$ns_host"
