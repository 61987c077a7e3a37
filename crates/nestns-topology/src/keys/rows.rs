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
use super::expectation::{Number, Paths, State, Via};
use super::generator::{As, At, Depth};
use super::init::InitValue;
use super::namespace::{Kind, Namespaces, one_generator};
use super::placeholder::{Flag, PLACEHOLDER, Whole};
use super::process::{After, Enter, Processes, or_program_alone};
use super::program::{Command, Script};
use super::ready::NotifierSyntax;
use super::restart::Restart;
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
        "pidns", "proc_options", "userns", "rootfs", "mounts", "caps", "no_new_privs", "rlimits", "cgroup", "pid_max", "time"
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
        /// Number of siblings: `count = 3` for `w` gives `w.0`, `w.1` and `w.2`. Its contents are
        /// in each of them. Cannot be used with `depth`.
        #[schemars(example = 3, example = &"{{workers}}")]
        Count "count": Whole<0>, Generator;
        /// Length of a chain, each inside the one before: `depth = 3` for `deep` gives `deep.0`,
        /// `deep.0/deep.1` and `deep.0/deep.1/deep.2`. Namespaces declared inside are created in
        /// the innermost.
        #[schemars(example = 8, example = &"{{levels}}")]
        Depth "depth": Depth, Generator;
        /// With `depth`: number of namespaces inside each, for a complete tree. Names have the
        /// level and the index: `t.0.0`, `t.0.0/t.1.0`, `t.0.0/t.1.1`. Namespaces declared inside
        /// are created in each of the innermost.
        #[schemars(example = 2)]
        Fanout "fanout": Whole<1>, Generator;
        /// The name of each generated namespace, instead of the numbered one.
        #[schemars(example = &"lvl{{level}}")]
        As "as": As, Generator;
        /// PID 1: nestns, as one of two kinds of init, or a program.
        Init "init": InitValue<Init>
            as compose "entrypoint": "write init = [\"…\"]: the program that is PID 1";
        /// Processes other than PID 1, by name, created in this order.
        Proc "proc": Processes<Process>, Content;
        /// Namespaces inside this one, as nested tables: `[ns.vm.ns.ci]` is `[ns."vm/ci"]`.
        Ns "ns": Namespaces<Namespace>, Content;
        /// Kinds of namespaces it has of its own besides PID; the others are shared with the
        /// surrounding namespace.
        #[schemars(extend("default" = ["mount"]), example = json!(["mount", "uts", "ipc"]))]
        Unshare "unshare": Vec<Kind>
            as compose "networks": "nestns does not connect networks; unshare = [\"net\"] gives an empty one"
            as compose "network_mode": "unshare = [\"net\"] gives a namespace its own network";
        /// Mounts a `/proc` of its own, which shows its processes with its PIDs. The default is
        /// `true` if `unshare` has `"mount"`; without that it is not allowed, since it would hide
        /// the `/proc` outside.
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
        /// How it is asked to stop, and its grace period.
        Stop "stop": Stop;
        /// When to rebuild it, with everything inside, after its PID 1 has ended.
        Restart "restart": Restart;
        /// Maximum number of restarts in a row; unlimited by default. A row ends when it has run
        /// for ten times as long as the last pause, and for at least 10 s.
        #[schemars(example = 5)]
        Max "max": Whole<1, { u32::MAX as u64 }>;
        /// Delay before the first restart of a row. It doubles with each further restart, up to 30
        /// s.
        #[schemars(extend("default" = "100ms"))]
        Backoff "backoff": DurationText;
    }

    /// A process other than PID 1: a string of words or an array of arguments for just a program,
    /// or a table.
    ///
    /// It runs exactly one of `cmd`, `sh` and `actor`, which may come from a template or from defaults.
    #[schemars(title = "process", transform = table, transform = one_program, transform = or_program_alone)]
    Process: ProcessKey = "a process", later ["pid"] {
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
        /// In a namespace with `depth`: the generated namespaces that contain it.
        #[schemars(extend("default" = "every"))]
        At "at": At, Generator;
        /// How it enters its namespace.
        Enter "enter": Enter;
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
        /// Source of its standard input.
        Stdin "stdin": InputFrom;
        /// Destination of its standard output.
        Stdout "stdout": OutputTo;
        /// Destination of its standard error.
        Stderr "stderr": OutputTo;
        /// Processes of the same namespace that it waits for, each with a condition.
        #[schemars(example = json!({ "db": "started" }))]
        After "after": After
            as compose "depends_on": "write after = { NAME = \"started\" }";
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
        /// True if its failure determines the exit status of the tree and, by `on_exit`, its end.
        /// With `false` it only makes the final status 1.
        #[schemars(extend("default" = true))]
        Essential "essential": Flag;
        /// When to restart it.
        Restart "restart": Restart;
        /// Maximum number of restarts in a row; unlimited by default. A row ends when it has run
        /// for ten times as long as the last pause, and for at least 10 s.
        #[schemars(example = 5)]
        Max "max": Whole<1, { u32::MAX as u64 }>;
        /// Delay before the first restart of a row. It doubles with each further restart, up to 30
        /// s.
        #[schemars(extend("default" = "100ms"))]
        Backoff "backoff": DurationText;
        /// How it is asked to stop, and its grace period.
        Stop "stop": Stop;
    }

    /// A tree of nested Linux PID namespaces.
    ///
    /// Every table `[ns."a/b"]` is a namespace; its header is its path, and the parent is what stands before the last `/`. The
    /// order of the file is the order of creation, hence of PIDs. Keys that begin with `x-` are private notes; every other
    /// unknown key is an error.
    #[schemars(title = "nestns topology", transform = table)]
    Top: TopKey = "the top level of the file", later [] {
        /// The version of the language in which the file is written.
        #[schemars(extend("default" = 1))]
        Nestns "nestns": Version;
        /// The name of the topology, by which a running tree is found. The name of the file without `.toml` and `.nestns` if it
        /// does not say one.
        Name "name": TopologyName;
        /// Free text that describes the topology.
        Description "description": String;
        /// Files of which everything comes in as if it stood here: templates, variables, defaults and namespaces. Paths are
        /// relative to this file.
        ///
        /// What this file says itself in `vars`, `defaults` and `limits` wins, key by key. The same namespace or template in two
        /// files is an error; a file that is reached twice is included once.
        #[schemars(example = json!(["templates.toml"]))]
        Include "include": Vec<FilePath>, Source;
        /// Event that ends a foreground `nestns up`, besides the end of all processes.
        OnExit "on_exit": OnExit;
        /// Variables for placeholders, with their values.
        Vars "vars": Variables, Source;
        /// Limits on the tree.
        Limits "limits": Limits;
        /// Defaults for all namespaces and all processes.
        Defaults "defaults": Defaults, Source;
        /// Namespaces, alone or with what is inside them, that are built only where `use` names them.
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
        /// Marks what `nestns config` writes: everything is expanded, names may have the numbers of instances (`w.17`), and
        /// braces are braces. Such a file has no variables, templates, defaults and generators.
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
        /// Maximum nesting depth. The kernel allows 32 levels below its first one.
        #[schemars(extend("default" = 32))]
        Depth "depth": Whole<1, 32>;
        /// How much of what all processes together write is kept; what is older goes first. At least `"64K"`.
        #[schemars(extend("default" = "64M"))]
        LogBytes "log_bytes": Size;
    }

    /// How something is asked to end, and how long it has before it is killed.
    ///
    /// A namespace is asked through its PID 1. An init of nestns passes the request at once to the namespaces inside and to its
    /// processes, those that wait for others first, and leaves when all of them have left; a program that is PID 1 is asked
    /// when all that is inside has left, at the latest when half of the time is over that its namespace really has.
    #[schemars(title = "stop", transform = table, example = json!({ "signal": "TERM", "grace": "5s" }))]
    Stop: StopKey = "`stop`", later [] {
        /// Signal that asks it to stop.
        #[schemars(extend("default" = "TERM"))]
        Signal "signal": SignalText
            as compose "stop_signal": "write stop = { signal = \"…\" }";
        /// How long it has from being asked until it is killed. When a PID 1 is killed the kernel kills everything inside.
        ///
        /// Of a namespace, if nothing is said: 5 s, or 1 s more than the longest inside it where that is more. Of a process: that
        /// of its namespace.
        Grace "grace": DurationText
            as compose "stop_grace_period": "write stop = { grace = \"…\" }";
    }

    /// How a process shows that it is ready, where that is more than that its program runs: in exactly one of the ways `log`,
    /// `file`, `exec`, `fd` and `notify`.
    ///
    /// `nestns up -d` and `nestns run` wait until all is ready, and `after = { db = "ready" }` waits for one. A process is ready
    /// once, until it ends: this says nothing about its health. A process without `ready` is so when its program runs, a one-shot
    /// when it has ended well, and a namespace when all that is in it is ready.
    #[schemars(title = "ready", transform = table, transform = one_way, example = json!({ "log": "listening on port [0-9]+" }))]
    Ready: ReadyKey = "`ready`", later [] {
        /// A line of its output or error output, which go to the log, has a match of this regular expression anywhere in it.
        Log "log": PatternText, Choice;
        /// This file exists, as the process itself sees it.
        File "file": AbsolutePath, Choice;
        /// This command ends with status 0. It runs in the namespaces of the process, with its environment, directory and user,
        /// and is killed after 10 s.
        #[schemars(example = &"redis-cli ping", example = json!(["test", "-S", "/run/db.sock"]))]
        Exec "exec": Command, Choice;
        /// How long `exec` pauses before it runs again, at least 10 ms.
        #[schemars(extend("default" = "1s"))]
        Every "every": DurationText;
        /// The process writes a line, which may be empty, to this descriptor, which it is given as
        /// a pipe.
        #[schemars(range(min = 3, max = 255), extend("type" = ["integer", "string"], "pattern" = PLACEHOLDER), example = 3)]
        Fd "fd": u8, Choice;
        /// The process sends `READY=1` to the socket that `NOTIFY_SOCKET` names, as `sd_notify(3)`
        /// and services of `Type=notify` do. With `true` the process itself has to; with `"all"`
        /// any process of its PID namespace may, such as `systemd-notify(1)` in a script, as long
        /// as it is alive when the message is received. (Root of the tree can pass for any process
        /// of its own namespace.) `false` overrides defaults and templates.
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

    /// PID 1. A program, given as an array or as an actor, does not fork for nestns: the declared
    /// processes are moved in from outside.
    #[schemars(title = "init", transform = table)]
    Init: InitKey = "`init`", later [] {
        /// The built-in workload that is PID 1.
        Actor "actor": ActorText;
    }

    /// One or several assertions about the tree, which `nestns test` compares with the kernel. It begins with `from`, with
    /// `proc`, or is a `signal`.
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
        Via "via": Via;
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

/// Refuses two ways to be ready, and `every` beside one that asks for nothing again.
fn one_way(schema: &mut Schema) {
    let others = choices::<ReadyKey>().filter(|&way| way != ReadyKey::Exec);
    let every = others.map(|way| [ReadyKey::Every.name(), way.name()]);
    not_both(schema, pairs_of_choices::<ReadyKey>().chain(every));
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
