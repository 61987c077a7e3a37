#!/bin/sh -eu
# A topology is started once and then addressed by name, from any terminal: here the node of pod.toml.

nestns up -d pod.toml                            # returns when everything is ready; named `kube` in the file
nestns ls

nestns exec node/web/app -- sh -c 'echo "I am $$ on $(uname -n), my parent is $PPID: outside"'
nestns exec --all 'node/batch-*' -- sh -c 'echo "my PID 1 is $(cat /proc/1/comm)"'

nestns kill node/web/envoy                       # only this process ends
nestns wait node/web/envoy --for exited
nestns restart node/web/envoy                    # the same path, another PID
nestns wait node/web/envoy --for ready
nestns restart node/batch-sidecar                # a namespace, with everything in it

nestns ps node/web
nestns tree --from node/web node/web             # with the PIDs seen from inside
nestns logs -n 3 node/web
nestns events --no-follow | grep -c '"event":"exit"'

nestns down kube                                 # asks all to stop, shows what it waits for, leaves nothing running
nestns inspect kube:/                            # when it ended, why, with which status
nestns prune kube                                # removes its logs and events
