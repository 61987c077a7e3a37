//! Keys of a process that set up its program: environment, directory, user, standard descriptors.

use std::fs;
use std::process::Command;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};
use crate::harness::requirement::{nesting, require, root};

fn up(identity: Identity, topology: &str) -> Ended {
    let ended = Nest::new(topology)
        .identity(identity)
        .env("A", "caller")
        .env("B", "caller")
        .env("C", "caller")
        .up()
        .wait();
    assert_eq!(ended.code, 0, "{identity:?}:\n{topology}\n{}", ended.stderr);
    ended
}

fn read(ended: &Ended, file: &str) -> String {
    fs::read_to_string(ended.nest.directory.path().join(file))
        .unwrap_or_else(|_| panic!("no {file}: {}", ended.stderr))
}

#[test]
fn the_environment_of_the_process_overrides_that_of_the_namespace_and_the_caller() {
    let show = "echo $A $B $C > DIRECTORY";
    let env = "env = { B = \"namespace\", C = \"namespace\" }";
    for_each_identity(|identity| {
        let ended = up(
            identity,
            &format!(
                "[ns.@]\n{env}\nproc.forked = {{ sh = \"{show}/forked\", env = {{ C = \"process\" }} }}\n\
                 proc.joined = {{ sh = \"{show}/joined\", env = {{ C = \"process\" }}, enter = \"join\" }}\n\
                 proc.plain = {{ sh = \"{show}/plain\" }}\n\
                 [ns.\"@/program\"]\n{env}\ninit = [\"sh\", \"-c\", \"{show}/program\"]\n\
                 [ns.\"@/other\"]\nproc.x = {{ sh = \"{show}/other\" }}\n"
            ),
        );
        for (file, expected) in [
            ("forked", "caller namespace process\n"),
            ("joined", "caller namespace process\n"),
            ("plain", "caller namespace namespace\n"),
            ("program", "caller namespace namespace\n"),
            ("other", "caller caller caller\n"),
        ] {
            assert_eq!(read(&ended, file), expected, "{identity:?}, {file}");
        }
    });
}

#[test]
fn the_program_is_looked_up_in_its_own_path() {
    for_each_identity(|identity| {
        let ended =
            Nest::new("[ns.@]\nproc.x = { cmd = \"true\", env = { PATH = \"/nonexistent\" } }\n")
                .identity(identity)
                .up();
        let ended = ended.wait();
        assert_eq!(ended.code, 127, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn the_working_directory_is_the_given_one_or_inherited() {
    for_each_identity(|identity| {
        for enter in ["fork", "join"] {
            let ended = up(
                identity,
                &format!(
                    "[defaults.proc]\nenter = \"{enter}\"\n[ns.@]\nproc.given = {{ sh = \"pwd -P > DIRECTORY/given\", cwd = \"/usr\" }}\n\
                     proc.none = {{ sh = \"pwd -P > DIRECTORY/none\" }}\n"
                ),
            );
            assert_eq!(read(&ended, "given"), "/usr\n", "{identity:?}");
            let directory = ended
                .nest
                .directory
                .path()
                .canonicalize()
                .expect("it is there");
            assert_eq!(
                read(&ended, "none"),
                format!("{}\n", directory.display()),
                "{identity:?}"
            );
        }
        let ended = Nest::new("")
            .identity(identity)
            .start_verb(&["run", "--depth", "5", "--", "pwd", "-P"])
            .wait();
        let directory = ended
            .nest
            .directory
            .path()
            .canonicalize()
            .expect("it is there");
        assert_eq!(
            ended.stdout,
            format!("{}\n", directory.display()),
            "{identity:?}"
        );
    });
}

#[test]
fn root_can_set_user_group_and_supplementary_groups() {
    require!(nesting(), root());
    let id = |user: &str| {
        let output = Command::new("sh")
            .args(["-c", &format!("id -u {user}; id -g {user}; id -G {user}")])
            .output();
        String::from_utf8(output.expect("id is there").stdout).expect("numbers")
    };
    for (user, expected) in [
        ("nobody", id("nobody")),
        ("daemon", id("daemon")),
        ("1234:2345", "1234\n2345\n2345\n".to_owned()),
        (
            "nobody:0",
            format!(
                "{}0\n0\n",
                id("nobody").split_inclusive('\n').next().expect("a uid")
            ),
        ),
        ("61235", "61235\n61235\n61235\n".to_owned()),
    ] {
        for (first, second) in [
            ("[ns.@]\nproc.x", ""),
            ("[ns.@]\nproc.x", ", enter = \"join\""),
        ] {
            let text = format!(
                "{first} = {{ sh = \"id -u; id -g; id -G\", user = \"{user}\", stdout = \"inherit\"{second} }}\n"
            );
            let ended = up(Identity::Own, &text);
            assert_eq!(ended.stdout, expected, "{user}{second}");
        }
    }
}

#[test]
fn programs_of_an_ordinary_user_are_root_inside_and_that_user_outside() {
    for_each_identity(|identity| {
        let text =
            "[ns.@]\nproc.x = { sh = \"id -u; touch DIRECTORY/mine\", stdout = \"inherit\" }\n";
        let ended = up(identity, text);
        assert_eq!(ended.stdout, "0\n", "{identity:?}");
        let owner = std::os::unix::fs::MetadataExt::uid(
            &fs::metadata(ended.nest.directory.path().join("mine")).expect("made"),
        );
        let run = std::os::unix::fs::MetadataExt::uid(
            &fs::metadata(ended.nest.directory.path().join("run")).expect("made"),
        );
        assert_eq!(owner, run, "{identity:?}");
    });
}

#[test]
fn standard_input_is_null_inherited_or_a_file() {
    for_each_identity(|identity| {
        for enter in ["fork", "join"] {
            let nest = Nest::new(&format!(
                "[defaults.proc]\nenter = \"{enter}\"\n[ns.@]\n\
                 proc.null = {{ sh = \"readlink /proc/self/fd/0; cat\", stdout = \"DIRECTORY/null\" }}\n\
                 proc.inherit = {{ cmd = \"cat\", stdin = \"inherit\", stdout = \"DIRECTORY/inherit\" }}\n\
                 proc.file = {{ cmd = \"cat\", stdin = \"DIRECTORY/words\", stdout = \"DIRECTORY/file\" }}\n"
            ));
            fs::write(nest.directory.path().join("words"), "of a file\n").expect("it is ours");
            fs::write(nest.directory.path().join("caller"), "of the caller\n").expect("it is ours");
            let ended = nest
                .identity(identity)
                .wrapped(&["sh", "-c", "exec \"$@\" < caller", "sh"])
                .up()
                .wait();
            assert_eq!(ended.code, 0, "{identity:?}: {}", ended.stderr);
            assert_eq!(read(&ended, "null"), "/dev/null\n", "{identity:?}, {enter}");
            assert_eq!(
                read(&ended, "inherit"),
                "of the caller\n",
                "{identity:?}, {enter}"
            );
            assert_eq!(read(&ended, "file"), "of a file\n", "{identity:?}, {enter}");
        }
    });
}

#[test]
fn output_goes_to_the_log_a_file_the_caller_or_nowhere() {
    let both = "echo out; echo err >&2";
    for_each_identity(|identity| {
        for enter in ["fork", "join"] {
            let nest = Nest::new(&format!(
                "[defaults.proc]\nenter = \"{enter}\"\n[ns.@]\n\
                 proc.log = {{ sh = \"{both}\" }}\n\
                 proc.file = {{ sh = \"{both}\", stdout = \"DIRECTORY/out\", stderr = \"DIRECTORY/err\" }}\n\
                 proc.inherit = {{ sh = \"echo raw out; echo raw err >&2\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
                 proc.null = {{ sh = \"echo never; echo never >&2\", stdout = \"null\", stderr = \"null\" }}\n"
            ));
            for name in ["out", "err"] {
                let path = nest.directory.path().join(name);
                fs::write(&path, "before\n").expect("it is ours");
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666))
                    .expect("it is ours");
            }
            let ended = nest.identity(identity).up().wait();
            let context = format!("{identity:?}, {enter}:\n{}\n{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, 0, "{context}");
            assert_eq!(
                (read(&ended, "out"), read(&ended, "err")),
                ("before\nout\n".into(), "before\nerr\n".into()),
                "{context}"
            );
            let mut lines: Vec<&str> = ended.stdout.lines().collect();
            lines.sort_unstable();
            let root = &ended.nest.root;
            let width = root.len() + "/log".len();
            let line =
                |bar: &str, text: &str| format!("{:width$} {bar} {text}", format!("{root}/log"));
            let mut expected = [line(" │", "out"), line("!│", "err"), "raw out".to_owned()];
            expected.sort_unstable();
            assert_eq!(lines, expected, "{context}");
            assert_eq!(ended.stderr.matches("raw err\n").count(), 1, "{context}");
            assert!(
                !format!("{}{}", ended.stdout, ended.stderr).contains("\nnever"),
                "{context}"
            );
        }
    });
}
