//! The table of keys: every key of every table of the language, once.
//!
//! A row is the key's description, its default and examples, its name, the schema of its values, and how the expansion
//! treats it if it does not just reach the checks. Behind `as` stand words of other programs that come to the same. The
//! reader, hints about unknown keys, the merging of layers, the schema, nestns-topology(5) and the writer of expanded files
//! are made from it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::actor::ActorText;
use super::defaults::{NamespaceDefaults, ProcessDefaults};
use super::expectation::{Number, Paths, State};
use super::generator::{As, At, Depth};
use super::init::InitValue;
use super::namespace::{Kind, Namespaces, one_generator};
use super::placeholder::{Flag, PLACEHOLDER, Whole, word_or_placeholder};
use super::process::{After, Enter, Pids, Processes, SessionOf, or_program_alone};
use super::program::{Command, Script};
use super::ready::NotifierSyntax;
use super::restart::{Ends, RestartValue};
use super::stop::Reach;
use super::stream::{InputFrom, OutputTo};
use super::table::{not_both, table};
use super::template::{Templates, Use};
use super::top::{OnExit, TopologyName, Version};
use super::value::{
    AbsolutePath, DurationText, Environment, ExitCodes, FilePath, HostName, PatternText,
    SignalText, Size, Strings, UserText,
};
use super::variables::Variables;
use super::{Handling, Key};
use crate::expectation::Mechanism;

macro_rules! tables {
    ($(
        $(#[$about:meta])*
        $table:ident: $keys:ident = $noun:literal, later [$($later:literal),*] {$(
            $(#[$description:meta])*
            $key:ident $name:literal: $values:ty $(, $handling:ident)? $(as $owner:ident $word:literal: $answer:literal)*;
        )*}
    )*) => {
        /// A kind of table, in the order in which a misplaced key is likely to have been meant for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate) enum TableKind {
            $($table,)*
        }

        impl TableKind {
            pub(super) const ALL: &'static [Self] = &[$(Self::$table,)*];

            /// The keys that this version reads.
            pub(in crate) const fn keys(self) -> &'static [&'static str] {
                match self {
                    $(Self::$table => &[$($name,)*],)*
                }
            }

            /// The keys that belong to the language but are not read yet.
            pub(in crate) const fn later(self) -> &'static [&'static str] {
                match self {
                    $(Self::$table => &[$($later,)*],)*
                }
            }

            /// The table as a sentence calls it.
            pub(in crate) const fn noun(self) -> &'static str {
                match self {
                    $(Self::$table => $noun,)*
                }
            }
        }

        /// The keys of other programs that one of ours replaces: word, program, and the answer.
        pub(super) const REPLACED: &[(&str, &str, &str)] = &[$($($(($word, stringify!($owner), $answer),)*)*)*];

        $(
            #[derive(JsonSchema)]
            $(#[$about])*
            #[expect(non_snake_case, reason = "a field is called like the variant of its key")]
            pub(in crate) struct $table {
                $($(#[$description])* #[schemars(rename = $name)] $key: $values,)*
            }

            #[doc = concat!("A key of ", $noun, ".")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(in crate) enum $keys {
                $($key,)*
            }

            impl Key for $keys {
                const TABLE: TableKind = TableKind::$table;
                const ALL: &'static [Self] = &[$(Self::$key,)*];

                fn find(name: &str) -> Option<Self> {
                    match name {
                        $($name => Some(Self::$key),)*
                        _ => None,
                    }
                }

                fn name(self) -> &'static str {
                    match self {
                        $(Self::$key => $name,)*
                    }
                }

                fn handling(self) -> Handling {
                    match self {
                        $(Self::$key => handling!($($handling)?),)*
                    }
                }
            }
        )*
    };
}

macro_rules! handling {
    () => {
        Handling::Checked
    };
    ($handling:ident) => {
        Handling::$handling
    };
}

tables! {
    /// A PID namespace: its PID 1, the other namespaces it has of its own, its processes, and how
    /// it is stopped.
    #[schemars(title = "namespace", transform = table, transform = one_generator)]
    Namespace: NamespaceKey = "a namespace", later [
        "pidns", "proc_options", "userns", "rootfs", "mounts", "caps", "no_new_privs", "rlimits", "cgroup", "time"
    ] {
        /// Free text that describes it.
        Description "description": String;
        /// Labels to select by.
        #[schemars(example = json!({ "pod": "web" }))]
        Labels "labels": Strings;
        /// Templates to use, from left to right: later ones override earlier ones, and the keys
        /// given here override all of them.
        #[schemars(example = &"pod", example = json!(["container", "shared"]))]
        Use "use": Use, Source;
        /// Topology file whose namespaces are mounted inside this one; the path is relative to this
        /// file. Its own variables, defaults and templates apply to them; variables of this file
        /// and `--set` override its own.
        #[schemars(example = &"node.toml")]
        Include "include": FilePath, Source;
        /// Number of siblings: `count = 3` for `w` gives `w.0`, `w.1` and `w.2`. Each of them contains everything
        /// declared inside. Cannot be used with `depth`.
        #[schemars(example = 3, example = &"{{workers}}")]
        Count "count": Whole<0>, Generator;
        /// Length of a chain of namespaces, each inside the one before: `depth = 3` for `deep` gives `deep.0`,
        /// `deep.0/deep.1` and `deep.0/deep.1/deep.2`. Namespaces declared inside are created in the innermost.
        #[schemars(example = 8, example = &"{{levels}}")]
        Depth "depth": Depth, Generator;
        /// With `depth`: number of namespaces inside each, for a complete tree. Names contain the level and the
        /// index: `t.0.0`, `t.0.0/t.1.0`, `t.0.0/t.1.1`. Namespaces declared inside are created in each of the
        /// innermost.
        #[schemars(example = 2)]
        Fanout "fanout": Whole<1>, Generator;
        /// The name of each generated namespace, instead of the numbered one.
        #[schemars(example = &"lvl{{level}}")]
        As "as": As, Generator;
        /// PID 1: nestns, as one of two kinds of init, or a program. A program does not fork for nestns: the declared
        /// processes are moved in from outside.
        Init "init": InitValue<Process>
            as compose "entrypoint": "write init = [\"…\"]: the program that is PID 1";
        /// Processes other than PID 1, by name, created in this order.
        Proc "proc": Processes<Process>, Content;
        /// Namespaces inside this one, as nested tables: `[ns.vm.ns.ci]` is `[ns."vm/ci"]`.
        Ns "ns": Namespaces<Namespace>, Content;
        /// Processes and namespaces that everything in it waits for, each with a condition. A bare name means a sibling;
        /// `..` means the surrounding namespace; a path of several names starts at the top level. If one of them will not
        /// reach the required state, nothing in it is started. On a stop, it is asked before anything that it waits for.
        #[schemars(example = json!({ "db": "ready" }), example = json!({ "/store/db/init": "started" }))]
        After "after": After
            as compose "depends_on": "write after = { NAME = \"started\" }";
        /// Kinds of namespaces it has of its own besides PID; the others are shared with the
        /// surrounding namespace.
        #[schemars(extend("default" = ["mount"]), example = json!(["mount", "uts", "ipc"]))]
        Unshare "unshare": Vec<Kind>
            as compose "networks": "nestns does not connect networks; unshare = [\"net\"] gives an empty one"
            as compose "network_mode": "unshare = [\"net\"] gives a namespace its own network";
        /// Mounts a `/proc` of its own, which shows the PIDs of this namespace. The default is `true` if `unshare`
        /// has `"mount"`; without that, `true` is not allowed, since the mount would hide the `/proc` outside.
        MountProc "mount_proc": Flag;
        /// The host name inside. Implies `"uts"`.
        Hostname "hostname": HostName;
        /// The NIS domain name inside. Implies `"uts"`.
        Domainname "domainname": HostName;
        /// Environment variables for its processes, added to those of nestns.
        #[schemars(example = json!({ "LANG": "C" }))]
        Env "env": Environment;
        /// Working directory of its processes; by default the one in which nestns was started.
        Cwd "cwd": AbsolutePath;
        /// Connects PID 1, which must be a program, to the terminal of `nestns up`. Only one
        /// process of a topology can have it.
        #[schemars(extend("default" = false))]
        Tty "tty": Flag;
        /// Session and process group of PID 1, which must be a program.
        Session "session": SessionOf;
        /// Process whose end is the end of the namespace: the rest of it is then stopped in order, and the
        /// namespace has the status of this process.
        #[schemars(example = &"worker")]
        Main "main": String;
        /// Limit on its PIDs: all of them, those of processes in namespaces inside it included, are below this number. The
        /// kernel counts up to it and starts again at 300, which makes PIDs be reused early: with `pid_max = 301` and
        /// `last_pid = 299` every process that a program forks has PID 300. Needs Linux 6.14.
        #[schemars(example = 400)]
        PidMax "pid_max": Whole<301, 4_194_304>;
        /// The PID given out last when the programs start: the first process that a program forks gets the next free one.
        /// By default the kernel continues after the last declared process.
        #[schemars(example = 299)]
        LastPid "last_pid": Whole<0, 4_194_303>;
        /// How it is asked to stop, and its grace period.
        Stop "stop": Stop;
        /// When to rebuild it, with everything inside, after its PID 1 has ended. What waits for it in `after`
        /// waits for that as well.
        Restart "restart": RestartValue<Restart>;
        /// Maximum number of consecutive restarts; unlimited by default. Counting starts again once it has run for
        /// ten times as long as the last delay, and for at least 10 s.
        #[schemars(example = 5)]
        Max "max": Whole<1, { u32::MAX as u64 }>;
        /// Delay before the first of consecutive restarts. It doubles with each further one, up to `backoff_max`.
        #[schemars(extend("default" = "100ms"))]
        Backoff "backoff": DurationText;
        /// The longest delay before a restart; a longer `backoff` from elsewhere stays as it is.
        #[schemars(extend("default" = "30s"))]
        BackoffMax "backoff_max": DurationText;
    }

    /// A process other than PID 1: a table or, for just a program, a string of words or an array of arguments.
    ///
    /// It runs exactly one of `cmd`, `sh` and `actor`, which may come from a template or from defaults.
    #[schemars(title = "process", transform = table, transform = one_program, transform = or_program_alone)]
    Process: ProcessKey = "a process", later [] {
        /// A program and its arguments: words, split as by a shell but without one, or an array.
        #[schemars(example = &"sleep 1000", example = json!(["sleep", "1000"]))]
        Cmd "cmd": Command, Choice
            as compose "command": "write cmd = \"…\" in a process, or init = [\"…\"] for PID 1";
        /// A script for `/bin/sh -c`.
        #[schemars(example = &"echo $$; exec sleep 1000")]
        Sh "sh": Script, Choice;
        /// A built-in workload.
        Actor "actor": ActorText, Choice;
        /// Number of instances: `count = 3` for `p` gives `p.0`, `p.1` and `p.2`. In `after`, `p`
        /// means all of them.
        #[schemars(example = 3, example = &"{{workers}}")]
        Count "count": Whole<0>, Generator;
        /// In a namespace with `depth`: which of the generated namespaces contain it.
        #[schemars(extend("default" = "every"))]
        At "at": At, Generator;
        /// How it enters its namespace.
        Enter "enter": Enter;
        /// PID in its namespace; an array adds the PIDs in the surrounding namespaces, from the inside outward:
        /// `[7, 70]` is 7 in its own and 70 in the one around that. Processes without `pid` in such a namespace get the
        /// lowest free PIDs, in the order of the file. A restart asks for the same PID again. Needs Linux 5.5.
        #[schemars(example = 7, example = json!([7, 70]))]
        Pid "pid": Pids;
        /// Environment variables, added to those of its namespace.
        #[schemars(example = json!({ "LANG": "C" }))]
        Env "env": Environment
            as compose "environment": "write env = { NAME = \"value\" }";
        /// Working directory; by default that of its namespace, else the one in which nestns was
        /// started.
        Cwd "cwd": AbsolutePath
            as compose "working_dir": "write cwd = \"/…\"";
        /// User to run as; by default the user that started nestns.
        User "user": UserText;
        /// Labels to select by.
        Labels "labels": Strings;
        /// Free text that describes it.
        Description "description": String;
        /// Connects its standard input, output and error to the terminal of `nestns up`. Only one
        /// process of a topology can have it.
        #[schemars(extend("default" = false))]
        Tty "tty": Flag;
        /// Session and process group that it begins in.
        Session "session": SessionOf;
        /// Source of its standard input.
        Stdin "stdin": InputFrom;
        /// Destination of its standard output.
        Stdout "stdout": OutputTo;
        /// Destination of its standard error.
        Stderr "stderr": OutputTo;
        /// Processes and namespaces that it waits for, each with a condition. A bare name means something in its own
        /// namespace, `init` the PID 1 there; `..` means the surrounding namespace; a path of several names starts at the
        /// top level. If one of them will not reach the required state, it is not started. On a stop, it is asked before
        /// anything that it waits for.
        #[schemars(example = json!({ "db": "started" }), example = json!({ "../store": "ready" }))]
        After "after": After;
        /// Readiness probe; without one it is ready when its program runs.
        Ready "ready": Ready
            as compose "healthcheck": "nestns has no health checks; ready = { exec = [\"…\"] } waits until a command succeeds once";
        /// The exit codes that count as success.
        #[schemars(extend("default" = [0]))]
        Ok "ok": ExitCodes;
        /// True if it is expected to exit on its own: its exit does not stop the tree, and it is
        /// ready once it has exited successfully.
        #[schemars(extend("default" = false))]
        Oneshot "oneshot": Flag;
        /// True if its failure determines the exit status of the tree and, depending on `on_exit`, ends it. With
        /// `false`, its failure only makes the final status 1.
        #[schemars(extend("default" = true))]
        Essential "essential": Flag;
        /// True if it keeps its namespace open. With `false`, as for a sidecar, the namespace ends when
        /// everything else in it has ended: this process is then asked to stop.
        #[schemars(extend("default" = true))]
        Keeps "keeps": Flag;
        /// When to restart it.
        Restart "restart": RestartValue<Restart>;
        /// Maximum number of consecutive restarts; unlimited by default. Counting starts again once it has run for
        /// ten times as long as the last delay, and for at least 10 s.
        #[schemars(example = 5)]
        Max "max": Whole<1, { u32::MAX as u64 }>;
        /// Delay before the first of consecutive restarts. It doubles with each further one, up to `backoff_max`.
        #[schemars(extend("default" = "100ms"))]
        Backoff "backoff": DurationText;
        /// The longest delay before a restart; a longer `backoff` from elsewhere stays as it is.
        #[schemars(extend("default" = "30s"))]
        BackoffMax "backoff_max": DurationText;
        /// How it is asked to stop, and its grace period.
        Stop "stop": Stop;
    }

    /// A tree of nested Linux PID namespaces.
    ///
    /// Every table `[ns."a/b"]` is a namespace; its header is its path, and the part before its last `/` is the
    /// parent. The order of the file is the order of creation, hence of PIDs. Keys that begin with `x-` are private
    /// notes; every other unknown key is an error.
    #[schemars(title = "nestns topology", transform = table)]
    Top: TopKey = "the top level of the file", later [] {
        /// The version of the language in which the file is written.
        #[schemars(extend("default" = 1))]
        Nestns "nestns": Version;
        /// The name of the topology, by which a running tree is found; by default the name of the file, without
        /// `.toml` and `.nestns`.
        Name "name": TopologyName;
        /// Free text that describes the topology.
        Description "description": String;
        /// Files whose contents are included as if they were written here: templates, variables, defaults and
        /// namespaces. Paths are relative to this file.
        ///
        /// The keys that this file itself sets in `vars`, `defaults` and `limits` take precedence. The same namespace
        /// or template in two files is an error; a file that is reached twice is included once.
        #[schemars(example = json!(["templates.toml"]))]
        Include "include": Vec<FilePath>, Source;
        /// Process whose end is the end of the tree, with its exit status, as `nestns up --exit-code-from` says it
        /// on the command line: `vm/ci/runner`, `vm/init`.
        #[schemars(example = &"vm/ci/runner")]
        Main "main": String;
        /// Event that ends a foreground `nestns up`, besides the end of all processes.
        OnExit "on_exit": OnExit;
        /// Variables for placeholders, with their values.
        Vars "vars": Variables, Source;
        /// Limits on the tree.
        Limits "limits": Limits;
        /// Defaults for all namespaces and all processes.
        Defaults "defaults": Defaults, Source;
        /// Namespaces, with or without others inside, that are built only where `use` names them.
        Template "template": Templates<Namespace>, Source;
        /// The namespaces, each under its path: `[ns.vm]`, `[ns."vm/ci"]`.
        Ns "ns": Namespaces<Namespace>
            as compose "container_name": "the name is the header: [ns.NAME]"
            as compose "services": "a container is a namespace: [ns.NAME]"
            as containerlab "topology": "namespaces are declared at the top level: [ns.NAME]"
            as containerlab "nodes": "a node is a namespace: [ns.NAME]";
        /// Expectations of the tree once it is up, written `[[expect]]`. `nestns test` compares
        /// them with the kernel.
        Expect "expect": Vec<Expectation>;
        /// Marks what `nestns config` writes: everything is expanded, names may have the numbers of instances
        /// (`w.17`), and braces are literal. Such a file has no variables, templates, defaults or generators.
        #[schemars(extend("default" = false))]
        Expanded "expanded": bool;
        /// Location of this schema for an editor, ignored by nestns.
        #[schemars(example = &"./topology.schema.json")]
        Schema "$schema": String;
    }

    /// Limits on the tree, independent of the machine: they prevent a typo from exhausting it. All
    /// sizes are computed before anything is built.
    #[schemars(title = "limits", transform = table)]
    Limits: LimitsKey = "`[limits]`", later [] {
        /// Maximum number of namespaces.
        #[schemars(extend("default" = 1024))]
        Namespaces "namespaces": Whole<1, { u32::MAX as u64 }>;
        /// Maximum number of declared processes; inits are not counted.
        #[schemars(extend("default" = 4096))]
        Processes "processes": Whole<1, { u32::MAX as u64 }>;
        /// Maximum nesting depth. The kernel allows 32 levels below the initial namespace.
        #[schemars(extend("default" = 32))]
        Depth "depth": Whole<1, 32>;
        /// How much captured output is kept, of all processes together; the oldest is dropped first. At least
        /// `"64K"`.
        #[schemars(extend("default" = "64M"))]
        LogBytes "log_bytes": Size;
    }

    /// How a namespace or process is asked to stop, and how long it has before it is killed.
    ///
    /// A namespace is asked through its PID 1. An init of nestns passes the request on at once to the namespaces
    /// inside and to its processes, those that depend on others first, and exits when all of them have ended. A
    /// program that is PID 1 is asked once everything inside has ended, or at the latest when half of the time that
    /// its namespace really has is over.
    #[schemars(title = "stop", transform = table, example = json!({ "signal": "TERM", "grace": "5s" }))]
    Stop: StopKey = "`stop`", later [] {
        /// Command that is run before the signal is sent, as by `preStop` of Kubernetes: in the namespaces of the
        /// process, with its environment, working directory and user, its output dropped. The signal follows when it has
        /// ended, however it has; it counts against the grace period, of which a quarter, at most 1 s, remains for the
        /// signal, after which the command is killed. It is not run for a process that is killed at once or that has not
        /// started its program. Of a namespace it belongs to PID 1, which must be a program.
        #[schemars(example = json!(["nodetool", "drain"]), example = &"nginx -s quit")]
        Exec "exec": Command
            as compose "pre_stop": "write stop = { exec = [\"…\"] }";
        /// Processes that the signal reaches, and, at the end of the grace period, `SIGKILL`. An init of nestns waits
        /// for all of them before it exits. Of a namespace it belongs to PID 1, which must be a program.
        To "to": Reach;
        /// Signal that asks it to stop.
        #[schemars(extend("default" = "TERM"))]
        Signal "signal": SignalText
            as compose "stop_signal": "write stop = { signal = \"…\" }";
        /// The time between the request to stop and `SIGKILL`. When a PID 1 is killed, the kernel kills everything
        /// inside.
        ///
        /// The default for a namespace is 5 s, or 1 s more than the longest inside it if that is more; for a process,
        /// it is that of its namespace.
        Grace "grace": DurationText
            as compose "stop_grace_period": "write stop = { grace = \"…\" }";
    }

    /// Restart after some ends and not after others.
    ///
    /// `max`, `backoff` and `backoff_max` stand either here or beside `restart`.
    #[schemars(title = "restart", transform = table, example = json!({ "on": [88, "KILL"] }))]
    Restart: RestartKey = "the table `restart`", later [] {
        /// The ends after which it is started again: exit statuses, and names of signals that it is killed by. After any
        /// other it is not. A status is that of the process itself: one that is killed by KILL has none, and is not
        /// restarted because of `137`.
        #[schemars(example = json!([88, "KILL"]))]
        On "on": Ends;
        /// Maximum number of consecutive restarts; unlimited by default.
        #[schemars(example = 5)]
        Max "max": Whole<1, { u32::MAX as u64 }>;
        /// Delay before the first of consecutive restarts.
        #[schemars(extend("default" = "100ms"))]
        Backoff "backoff": DurationText;
        /// The longest delay before a restart.
        #[schemars(extend("default" = "30s"))]
        BackoffMax "backoff_max": DurationText;
    }

    /// How a process shows that it is ready, if it is not enough that its program runs: exactly one of `log`, `file`,
    /// `exec`, `tcp`, `fd` and `notify`.
    ///
    /// `nestns up -d`, `nestns run` and `nestns test` wait until everything is ready, and `after = { db = "ready" }`
    /// waits for one process. Once ready, a process stays so until it ends: this is no check of its health. Without
    /// `ready`, a process is ready when its program runs, and a one-shot when it has exited successfully; a namespace
    /// is ready when everything in it is.
    #[schemars(title = "ready", transform = table, transform = one_way, example = json!({ "log": "listening on port [0-9]+" }))]
    Ready: ReadyKey = "`ready`", later [] {
        /// A line of its standard output or standard error, if that goes to the log, matches this regular expression
        /// anywhere in the line.
        Log "log": PatternText, Choice;
        /// This file exists, as the process itself sees it.
        File "file": AbsolutePath, Choice;
        /// This command exits with status 0. It runs in the namespaces of the process, with its environment, working
        /// directory and user, and is killed after `timeout`.
        #[schemars(example = &"redis-cli ping", example = json!(["test", "-S", "/run/db.sock"]))]
        Exec "exec": Command, Choice;
        /// A connection to this TCP port succeeds, at 127.0.0.1 or `::1` in the network namespace of the process. It is
        /// closed at once.
        #[schemars(range(min = 1, max = 65535), extend("type" = ["integer", "string"], "pattern" = PLACEHOLDER), example = 8080)]
        Tcp "tcp": u16, Choice;
        /// With `exec` or `tcp`: delay before the next try, at least 10 ms.
        #[schemars(extend("default" = "1s"))]
        Every "every": DurationText;
        /// With `exec` or `tcp`: time that one try may take before it counts as failed, at least 10 ms.
        #[schemars(extend("default" = "10s"))]
        Timeout "timeout": DurationText;
        /// With `exec` or `tcp`: number of consecutive failed tries after which it never becomes ready: what waits for
        /// that is not started, and `nestns up -d` and `nestns wait` report it as failed. The process itself goes on
        /// running, and is tried anew when it is restarted. Unlimited by default, where compose has 3.
        #[schemars(example = 3)]
        Retries "retries": Whole<1, { u32::MAX as u64 }>;
        /// With `retries`: time after the start of the process; failed tries that begin within it do not count.
        #[schemars(extend("default" = "0s"))]
        StartPeriod "start_period": DurationText;
        /// The process writes a line, which may be empty, to this descriptor, a pipe that nestns provides.
        #[schemars(range(min = 3, max = 255), extend("type" = ["integer", "string"], "pattern" = PLACEHOLDER), example = 3)]
        Fd "fd": u8, Choice;
        /// The process sends `READY=1` to the socket that `NOTIFY_SOCKET` names, as `sd_notify(3)`
        /// and services of `Type=notify` do. With `true`, only the process itself may send it; with `"all"`, any
        /// process of its PID namespace, such as `systemd-notify(1)` in a script, as long as it is alive when the
        /// message is received. (Root in the tree can impersonate any process of its own namespace.) `false`
        /// overrides defaults and templates.
        Notify "notify": NotifierSyntax, Choice;
    }

    /// Defaults for all namespaces and all processes. Templates override them, and the keys of a
    /// table override both: single values and arrays replace, tables merge by key.
    #[schemars(title = "defaults", transform = table)]
    Defaults: DefaultsKey = "`[defaults]`", later [] {
        /// The keys of a namespace, except `ns` and `include`, which every namespace would then
        /// contain, endlessly.
        Ns "ns": NamespaceDefaults<Namespace>;
        /// The keys of a process.
        Proc "proc": ProcessDefaults<Process>;
    }

    /// One or several assertions about the tree, which `nestns test` compares with the kernel. Its subject is given
    /// by `from` (visibility), `proc` (a process) or `signal` (a permission).
    #[schemars(title = "expectation", transform = table)]
    Expectation: ExpectationKey = "`[[expect]]`", later [] {
        /// Observer: a namespace, which observes as its PID 1 would, a process, or `host`.
        #[schemars(example = &"vm/ci")]
        From "from": String;
        /// Processes that it sees: paths, in which `*` matches one name and `**` any number of
        /// names, including PID 1s (`init`). A namespace means the processes directly in it.
        #[schemars(example = json!(["vm/ci/**"]))]
        Sees "sees": Paths;
        /// Processes that it does not see, in the same form.
        #[schemars(example = json!(["vm/dockerd"]))]
        Hides "hides": Paths;
        /// The process to check, or a pattern for each matching process; it matches PID 1s only
        /// where it matches nothing else.
        #[schemars(example = &"node/web/app")]
        Proc "proc": String;
        /// PID of the process in each of these namespaces.
        #[schemars(example = json!({ "vm/ci": 4 }))]
        Pid "pid": BTreeMap<String, Number>;
        /// PID of its parent in each of these namespaces; 0 for a parent outside.
        #[schemars(example = json!({ "node/web": 0 }))]
        Ppid "ppid": BTreeMap<String, Number>;
        /// Number of its process group in each of these namespaces; 0 for one whose leader is
        /// outside.
        #[schemars(example = json!({ "node/web": 0 }))]
        Pgid "pgid": BTreeMap<String, Number>;
        /// Number of its session in each of these namespaces; 0 for one whose leader is outside.
        #[schemars(example = json!({ "node/web": 0 }))]
        Sid "sid": BTreeMap<String, Number>;
        /// All its PIDs below the host, the outermost first.
        #[schemars(example = json!([7, 4]))]
        Chain "chain": Vec<Number>;
        /// State of the process.
        State "state": State;
        /// Exit status of the process: its own, or 128 plus the number of the signal.
        #[schemars(example = 0)]
        Exit "exit": Number;
        /// With `from`: number of processes of the topology that it sees. With `proc`: number of
        /// live processes that match.
        #[schemars(example = 3)]
        Count "count": Number;
        /// Permission check of kill(2) from one process to another.
        Signal "signal": Permission;
        /// Mechanism that determines visibility.
        #[schemars(transform = word_or_placeholder, extend("default" = "chain"))]
        Via "via": Mechanism;
        /// Time it may take to become true.
        #[schemars(example = &"2s")]
        Within "within": DurationText;
    }

    /// Permission to send signals, in `signal` of an expectation.
    #[schemars(title = "permission", transform = table)]
    Permission: PermissionKey = "`signal`", later [] {
        /// Sender: a namespace, which sends as its PID 1 would, a process, or `host`.
        From "from": String;
        /// Target of the signal.
        To "to": String;
        /// True if the kernel allows it.
        Allowed "allowed": bool;
    }
}

/// Refuses a process with two programs.
fn one_program(schema: &mut Schema) {
    not_both(schema, pairs_of_choices::<ProcessKey>());
}

/// Refuses two ways to be ready, and what says how one is tried beside one that is not.
fn one_way(schema: &mut Schema) {
    let others = choices::<ReadyKey>().filter(|&way| !way.is_tried());
    let pairs = others.flat_map(|way| {
        let keys = ReadyKey::ALL
            .iter()
            .filter(|key| key.handling() != Handling::Choice);
        keys.map(move |key| [key.name(), way.name()])
    });
    not_both(schema, pairs_of_choices::<ReadyKey>().chain(pairs));
}

impl ReadyKey {
    /// True if it is a way to be ready that is tried again and again.
    pub(crate) fn is_tried(self) -> bool {
        matches!(self, Self::Exec | Self::Tcp)
    }
}

fn choices<K: Key>() -> impl Iterator<Item = K> {
    K::ALL
        .iter()
        .copied()
        .filter(|key| key.handling() == Handling::Choice)
}

fn pairs_of_choices<K: Key>() -> impl Iterator<Item = [&'static str; 2]> {
    let first = choices::<K>().enumerate();
    first.flat_map(|(place, first)| {
        choices::<K>()
            .skip(place + 1)
            .map(move |second| [first.name(), second.name()])
    })
}
