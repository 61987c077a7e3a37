//! Namespaces of other kinds: a PID namespace's own differ from the host's, and are set up; and a /proc that is masked.
#![allow(unsafe_code)]

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

use crate::harness::identity::{ORDINARY, for_each_identity};
use crate::harness::kernel;
use crate::harness::lines::answer;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require, root};

#[test]
fn only_unshared_namespaces_differ_from_the_host() {
    for_each_identity(|identity| {
        let mut topology = String::new();
        let kinds = [
            ("mount", "mnt"),
            ("uts", "uts"),
            ("ipc", "ipc"),
            ("net", "net"),
            ("cgroup", "cgroup"),
        ];
        for (kind, _) in kinds {
            writeln!(
                topology,
                "[ns.@-{kind}]\nunshare = [{kind:?}]\nproc.in = {{ actor = \"idle\" }}"
            )
            .expect("memory");
        }
        topology.push_str(
            "[ns.@-none]\nunshare = []\nmount_proc = false\nproc.in = { actor = \"idle\" }\n",
        );
        topology
            .push_str("[ns.@-all]\nunshare = [\"mount\", \"uts\", \"ipc\", \"net\", \"cgroup\"]\n");
        topology
            .push_str("proc.in = { actor = \"idle\", enter = \"join\" }\n[ns.\"@-all/below\"]\n");
        let mut running = Nest::new(&topology).identity(identity).up();
        let truth = running.until_running();
        let root = running.nest.root.clone();
        let of =
            |path: &str, kind| kernel::namespace(truth.host_pid(&format!("{root}-{path}")), kind);
        let host = std::process::id().cast_signed();
        for (_, kind) in kinds {
            for (name, _) in kinds {
                let differs = kinds.contains(&(name, kind));
                assert_eq!(
                    of(&format!("{name}/init"), kind) != kernel::namespace(host, kind),
                    differs,
                    "{identity:?} {name} {kind}"
                );
            }
            assert_eq!(
                of("none/init", kind),
                kernel::namespace(host, kind),
                "{identity:?} none {kind}"
            );
            assert_ne!(
                of("all/init", kind),
                kernel::namespace(host, kind),
                "{identity:?} all {kind}"
            );
            // A joined process is in all of them, not only in the PID namespace.
            assert_eq!(
                of("all/in", kind),
                of("all/init", kind),
                "{identity:?} {kind}"
            );
            let shared = kind != "mnt";
            assert_eq!(
                of("all/below/init", kind) == of("all/init", kind),
                shared,
                "{identity:?} below {kind}"
            );
        }
        assert_eq!(running.stop().code, 130);
    });
}

#[test]
fn an_own_network_has_loopback_up_and_nothing_else_and_an_own_host_name_stays_inside() {
    for_each_identity(|identity| {
        // A port without a listener refuses where the interface is up, and is unreachable where it is down.
        let tells = "read -r host < /proc/sys/kernel/hostname; read -r domain < /proc/sys/kernel/domainname; \
                     echo $0 name $host $domain; echo $0 links $(tail -n +3 /proc/net/dev | cut -d: -f1); \
                     echo $0 port $( (echo > /dev/tcp/127.0.0.1/9) 2>&1); exec sleep 1000";
        let topology = format!(
            "[ns.@]\nunshare = [\"mount\", \"net\"]\nhostname = \"inner.example\"\ndomainname = \"nis\"\n\
             proc.forked = [\"bash\", \"-c\", {tells:?}, \"forked\"]\nproc.joined = {{ cmd = [\"bash\", \"-c\", {tells:?}, \"joined\"], enter = \"join\" }}\n"
        );
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("it has one");
        let mut running = Nest::new(&topology).identity(identity).up();
        running.until_running();
        for name in ["forked", "joined"] {
            assert_eq!(
                answer(&mut running, &format!("{name} name ")),
                "inner.example nis",
                "{identity:?}"
            );
            let links = answer(&mut running, &format!("{name} links "));
            assert!(
                links.split(' ').any(|link| link == "lo") && !links.contains("eth0"),
                "{identity:?}: {links}"
            );
            let port = answer(&mut running, &format!("{name} port "));
            assert!(port.contains("refused"), "{identity:?}: {port}");
        }
        assert_eq!(
            std::fs::read_to_string("/proc/sys/kernel/hostname").expect("it has one"),
            host
        );
        assert_eq!(running.stop().code, 130);
    });
}

#[test]
fn a_masked_proc_is_refused_with_the_name_of_the_masking_mount() {
    require!(nesting(), root());
    for (verb, code) in [
        (["up", "@.toml"].as_slice(), 4),
        (&["run", "--", "true"], 125),
    ] {
        let nest = Nest::new("[ns.@]\nproc.p = { actor = \"idle\" }\n");
        for directory in [
            nest.directory.path().to_owned(),
            nest.directory.path().join("run"),
        ] {
            std::os::unix::fs::chown(directory, Some(ORDINARY), Some(ORDINARY))
                .expect("root may give it away");
        }
        let words: Vec<_> = verb
            .iter()
            .map(|word| word.replace('@', &nest.root))
            .collect();
        let mut command = nest.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        // SAFETY: between fork and exec only system calls are made, whose short paths are copied to the stack.
        unsafe {
            command.pre_exec(|| {
                unshare(CloneFlags::CLONE_NEWNS)?;
                mount(
                    None::<&str>,
                    "/",
                    None::<&str>,
                    MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                    None::<&str>,
                )?;
                mount(
                    Some("/dev/null"),
                    "/proc/version",
                    None::<&str>,
                    MsFlags::MS_BIND,
                    None::<&str>,
                )?;
                setgroups(&[])?;
                setgid(Gid::from_raw(ORDINARY))?;
                setuid(Uid::from_raw(ORDINARY))?;
                Ok(())
            });
        }
        let ended = nest.start(command).wait();
        assert_eq!(ended.code, code, "{verb:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("/proc/version") && ended.stderr.contains("masked"),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("mount_proc = false"),
            "a way out is named: {}",
            ended.stderr
        );
    }
}
