use proptest::prelude::*;

use super::{Address, Wanted, nearest};

fn parsed(text: &str) -> Address {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The paths that an address is about.
fn among<'a>(address: &str, paths: &[&'a str]) -> Vec<&'a str> {
    let address = parsed(address);
    paths
        .iter()
        .copied()
        .filter(|path| address.matches(path))
        .collect()
}

#[test]
fn parts_of_an_address() {
    let address = parsed("pod:/vm/ci/#7");
    assert_eq!(
        (address.topology(), address.number(), address.wanted()),
        (Some("pod"), Some(7), Wanted::Namespace)
    );
    assert_eq!(address.path(), "vm/ci");
    assert!(address.is_exact());
    for text in [".", "pod:/", "pod:/."] {
        assert!(
            parsed(text).is_everything() && !parsed(text).is_exact(),
            "{text}"
        );
    }
    assert_eq!(parsed("pod:/").to_string(), "pod:/.");
    assert!(parsed("host#5304").is_host() && parsed("host").matches("host"));
    assert!(
        parsed("w.0/init").is_exact() && !parsed("w.*").is_exact() && !parsed("{w}").is_exact()
    );
}

#[test]
fn wildcards() {
    let paths = [
        "vm",
        "vm/init",
        "vm/ci",
        "vm/ci/init",
        "vm/ci/job",
        "vm/ci/job-2",
        "vm/ci/job/deep",
        "w",
        "w/init",
        "w/a.0",
        "w/a.1",
        "w/a.9",
        "w/a.10",
        "w/a.0.3",
    ];
    let table: &[(&str, &[&str])] = &[
        ("vm", &["vm"]),
        ("vm/init", &["vm/init"]),
        ("vm/*", &["vm/ci"]),
        ("*/init", &["vm/init", "w/init"]),
        ("**/init", &["vm/init", "vm/ci/init", "w/init"]),
        ("vm/{init,c*}", &["vm/init", "vm/ci"]),
        ("vm/i???", &[]),
        (
            "vm/**",
            &["vm/ci", "vm/ci/job", "vm/ci/job-2", "vm/ci/job/deep"],
        ),
        ("**/job", &["vm/ci/job"]),
        ("vm/**/ci", &["vm/ci"]),
        ("**/ci/*", &["vm/ci/job", "vm/ci/job-2"]),
        ("vm/ci/job*", &["vm/ci/job", "vm/ci/job-2"]),
        ("vm/ci/job??", &["vm/ci/job-2"]),
        ("w/a.?", &["w/a.0", "w/a.1", "w/a.9"]),
        ("w/a.1..10", &["w/a.1", "w/a.9", "w/a.10"]),
        ("w/a.{0..3,10}", &["w/a.0", "w/a.1", "w/a.10"]),
        ("w/a.0..3.3", &["w/a.0.3"]),
        ("{vm,w}", &["vm", "w"]),
        ("host", &[]),
    ];
    for (address, expected) in table {
        assert_eq!(among(address, &paths), *expected, "{address}");
    }
    assert_eq!(among(".", &paths), paths);
}

#[test]
fn wildcards_that_stand_for_a_pid_1() {
    let inits = |address: &str| {
        let paths = ["app/init", "app/in/init", "w.0/init", "w.1/init", "init"];
        paths
            .into_iter()
            .filter(|path| parsed(address).matches_init_of_instances(path))
            .collect::<Vec<_>>()
    };
    assert_eq!(inits("app/*"), ["app/init"]);
    assert_eq!(inits("app/**"), ["app/init", "app/in/init"]);
    assert_eq!(inits("app/????"), ["app/init"]);
    assert_eq!(inits("app/*/*"), ["app/in/init"]);
    assert_eq!(inits("w/i*"), ["w.0/init", "w.1/init"]);
    assert_eq!(inits("w.0/{a*,i*}"), ["w.0/init"]);
    for address in ["app", "app/*x", "app/in", "host", "."] {
        assert!(inits(address).is_empty(), "{address}");
    }
    assert!(!parsed("w/*").matches_init("w.0/init") && parsed("w.0/*").matches_init("w.0/init"));
    assert!(!parsed("app/*").matches_init("app/job") && !parsed("app/*").matches("app/init"));
}

#[test]
fn a_name_without_an_index_can_mean_all_instances() {
    let matches = |address: &str, path: &str| parsed(address).matches_instances(path);
    assert!(
        matches("w", "w.3")
            && matches("w", "w")
            && matches("w/a", "w.0/a.12.3")
            && matches("w.0/a", "w.0/a.1")
    );
    assert!(
        !matches("w", "w.x")
            && !matches("w", "wa.0")
            && !matches("w.1", "w.11")
            && !matches("w", "w.0/init")
    );
    assert!(matches("{w,x}", "x.1") && matches("w.1", "w.1.2"));
}

#[test]
fn what_is_no_address_says_where_and_how_it_is_written() {
    let table = [
        ("", 1, "write `.` for the whole topology"),
        ("/vm", 1, "write `vm`"),
        ("/", 1, "write `.` for the whole topology"),
        ("vm//ci", 4, "write `vm/ci`"),
        ("pod:/vm//ci", 9, "write `vm/ci`"),
        ("./vm", 1, "write `vm`"),
        ("vm/../x", 4, "a path starts at the top; write `vm/x`"),
        ("pod:vm", 4, "`pod:/vm`"),
        (":/vm", 1, "write `vm`"),
        ("a:/b:/c", 5, "one topology"),
        ("p*:/vm", 2, "without wildcards"),
        ("#7", 1, "`vm/ci#7`"),
        (".#7", 2, "`vm/ci#7`"),
        ("pod:/#7", 6, "`host#7`"),
        ("vm#x", 4, "`x` is not a number"),
        ("vm#", 4, "a PID"),
        ("vm#0", 4, "from 1 to 4194304"),
        ("vm#7#8", 4, "`7#8` is not a number"),
        ("host/vm", 1, "write `vm`"),
        ("VM/ci", 1, "write `vm`"),
        ("vm/a**", 5, "`**` matches whole segments"),
        ("vm/{a", 4, "the brace is not closed"),
        ("vm/{a,}", 7, "an empty alternative"),
        ("vm/{a,{b}}", 7, "nested braces"),
        ("w.9..3", 3, "write `3..9`"),
        ("w.0..", 6, "write `0..99`"),
        ("w.0..9x", 7, "a whole index"),
        ("w..3", 2, "`..` belongs between two numbers"),
        ("w.", 3, "write `w.0`"),
        (".w", 1, "a dot comes before an index"),
        ("w[0-9]", 2, "`0..99`"),
        ("vm/ä", 4, "is not allowed in names"),
        ("ä/vm", 1, "is not allowed in names"),
        ("vm\n", 3, "`\\n` is not allowed in names"),
    ];
    for (text, position, said) in table {
        let error = text.parse::<Address>().expect_err(text);
        assert_eq!(error.position, position, "{text:?}: {error}");
        assert!(error.to_string().contains(said), "{text:?}: {error}");
    }
}

#[test]
fn nearest_paths() {
    let paths = [
        "vm",
        "vm/init",
        "vm/ci",
        "vm/ci/init",
        "vm/ci/runner",
        "vm/ci/job",
        "other",
    ];
    let near = |text: &str| nearest(&parsed(text), paths);
    assert_eq!(near("vm/cy/runner"), ["vm/ci/runner"]);
    assert_eq!(near("runner"), ["vm/ci/runner"]);
    assert_eq!(near("runer"), ["vm/ci/runner"]);
    assert_eq!(near("ci/job"), ["vm/ci/job"]);
    assert_eq!(near("othr"), ["other"]);
    assert_eq!(near("init"), [""; 0]);
    assert_eq!(near("completely"), [""; 0]);
}

/// Every name that a segment without `*` and `?` stands for, as a shell would expand it.
fn expansions(segment: &str) -> Vec<String> {
    if let Some(open) = segment.find('{') {
        let close = open + segment[open..].find('}').unwrap();
        let each = segment[open + 1..close].split(',');
        return each
            .flat_map(|one| {
                expansions(&format!(
                    "{}{one}{}",
                    &segment[..open],
                    &segment[close + 1..]
                ))
            })
            .collect();
    }
    let Some(dots) = segment.find("..") else {
        return vec![segment.to_owned()];
    };
    let begin = segment[..dots]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |place| place + 1);
    let rest = &segment[dots + 2..];
    let end = dots
        + 2
        + rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
    let (from, to): (u32, u32) = (
        segment[begin..dots].parse().unwrap(),
        segment[dots + 2..end].parse().unwrap(),
    );
    (from..=to)
        .flat_map(|number| expansions(&format!("{}{number}{}", &segment[..begin], &segment[end..])))
        .collect()
}

/// The textbook's comparison of a glob with a name.
fn naive_name(glob: &[char], name: &[char]) -> bool {
    match (glob.first(), name.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            naive_name(&glob[1..], name) || (!name.is_empty() && naive_name(glob, &name[1..]))
        }
        (Some('?'), Some(_)) => naive_name(&glob[1..], &name[1..]),
        (Some(a), Some(b)) => a == b && naive_name(&glob[1..], &name[1..]),
        _ => false,
    }
}

fn naive_path(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([], []) => true,
        (["**"], path) => !path.is_empty() && path.last() != Some(&"init"),
        (["**", rest @ ..], path) => {
            naive_path(rest, path)
                || (!path.is_empty() && path[0] != "init" && naive_path(glob, &path[1..]))
        }
        ([segment, rest @ ..], [name, names @ ..]) => {
            let is_same = expansions(segment).iter().any(|segment| {
                let has_wildcard = segment.contains(['*', '?']);
                let (glob, chars): (Vec<char>, Vec<char>) =
                    (segment.chars().collect(), name.chars().collect());
                !(has_wildcard && *name == "init") && naive_name(&glob, &chars)
            });
            is_same && naive_path(rest, names)
        }
        _ => false,
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,3}", 2 => "[ab]\\.[0-9]{1,2}", 1 => Just("init".to_owned())]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..5).prop_map(|names| names.join("/"))
}

fn glob_segment() -> impl Strategy<Value = String> {
    let range = (0_u32..12, 0_u32..12).prop_map(|(a, b)| format!("{}..{}", a.min(b), a.max(b)));
    let alternative = prop_oneof![3 => "[ab*?]".prop_map(|one| one), 2 => "[ab][*?]?", 1 => Just("init".to_owned())];
    let braces =
        prop::collection::vec(alternative, 1..4).prop_map(|each| format!("{{{}}}", each.join(",")));
    prop_oneof![
        2 => Just("**".to_owned()),
        3 => name(),
        3 => "[ab?]\\*?[ab?]{1,2}\\*?[ab]",
        2 => ("[ab*?]", range.clone()).prop_map(|(name, range)| format!("{name}.{range}")),
        1 => ("[ab]", range).prop_map(|(name, range)| format!("{name}.{{{range},7,1?}}")),
        2 => ("[ab]?", braces, "[ab]?").prop_map(|(before, braces, after)| format!("{before}{braces}{after}")),
    ]
}

fn glob() -> impl Strategy<Value = String> {
    prop::collection::vec(glob_segment(), 1..5).prop_map(|segments| segments.join("/"))
}

fn whole() -> impl Strategy<Value = String> {
    let place = prop_oneof![5 => glob(), 2 => path(), 1 => Just("host".to_owned())];
    let topology = prop::option::of("[a-zA-Z0-9][a-zA-Z0-9._-]{0,5}");
    (
        topology,
        place,
        any::<bool>(),
        prop::option::of(1_i32..=4_194_304),
    )
        .prop_map(|(topology, place, slash, number)| {
            let topology = topology.map(|name| format!("{name}:/")).unwrap_or_default();
            let slash = if slash && place != "host" { "/" } else { "" };
            format!(
                "{topology}{place}{slash}{}",
                number
                    .map(|number| format!("#{number}"))
                    .unwrap_or_default()
            )
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(text in whole()) {
        let address = parsed(&text);
        prop_assert_eq!(address.to_string(), text);
        prop_assert_eq!(parsed(&address.to_string()), address);
    }

    #[test]
    fn an_exact_address_matches_itself_alone(path in path(), other in path()) {
        let address = parsed(&path);
        prop_assert!(address.is_exact());
        prop_assert!(address.matches(&path));
        prop_assert_eq!(address.matches(&other), path == other);
    }

    #[test]
    fn globs_agree_with_a_naive_comparison(glob in glob(), paths in prop::collection::vec(path(), 1..20)) {
        let address = parsed(&glob);
        let segments: Vec<&str> = glob.split('/').collect();
        for path in &paths {
            let names: Vec<&str> = path.split('/').collect();
            // Nothing is inside a PID 1.
            if names.iter().rev().skip(1).all(|name| *name != "init") {
                prop_assert_eq!(address.matches(path), naive_path(&segments, &names), "{} and {}", glob, path);
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,30}") {
        if let Err(error) = text.parse::<Address>() {
            prop_assert!(error.position >= 1 && error.position <= text.chars().count() + 1, "{}: {}", text, error);
        }
    }
}

#[test]
fn many_stars_take_no_time() {
    let glob = "*a".repeat(30) + "b";
    assert!(!parsed(&glob).matches(&"a".repeat(60)));
}
