//! Tests of whole drawings, compared as text.

use super::{Charset, Colour, Folding, Look, render};
use crate::present::node::{Facts, Kind, Label, Node, Runs};
use crate::present::state::State;
use nestns_topology::{Entry, Labels};

fn node(kind: Kind, name: &str, pids: &[i32], children: Vec<Node>) -> Node {
    let facts = Facts {
        path: name.to_owned(),
        runs: Runs::Builtin,
        entry: Entry::Fork,
        description: None,
        labels: Labels::default(),
    };
    let pids = pids.iter().map(|&pid| (pid != 0).then_some(pid)).collect();
    Node {
        label: Label::of(name),
        kind,
        pids,
        state: None,
        note: String::new(),
        after: String::new(),
        facts,
        children,
    }
}

fn namespace(name: &str, pids: &[i32], children: Vec<Node>) -> Node {
    node(Kind::Namespace, name, pids, children)
}

fn process(name: &str, pids: &[i32]) -> Node {
    node(Kind::Process, name, pids, Vec::new())
}

fn with(bare: Node, state: State, note: &str) -> Node {
    Node {
        state: Some(state),
        note: note.to_owned(),
        ..bare
    }
}

fn docker_in_docker() -> Vec<Node> {
    let job = with(
        namespace("job", &[5304, 8, 5, 1], Vec::new()),
        State::Failed,
        "tree",
    );
    let ci = namespace(
        "ci",
        &[5300, 4, 1],
        vec![
            with(process("dockerd", &[5301, 5, 2]), State::Ready, "serve"),
            with(
                process("runner", &[5303, 7, 4]),
                State::Running,
                "sh -c 'echo'",
            ),
            job,
        ],
    );
    let dockerd = with(process("dockerd", &[5298, 2]), State::Running, "idle");
    vec![with(
        namespace(
            "vm",
            &[5297, 1],
            vec![dockerd, with(ci, State::Running, "")],
        ),
        State::Running,
        "builtin",
    )]
}

#[test]
fn three_levels() {
    assert_eq!(
        render("dind", &docker_in_docker(), Look::default()),
        "\
dind
└─ vm/            5297/1      ● running  builtin
   ├─ dockerd     5298/2      ● running  idle
   └─ ci/         5300/4/1    ● running
      ├─ dockerd  5301/5/2    ✔ ready    serve
      ├─ runner   5303/7/4    ● running  sh -c 'echo'
      └─ job/     5304/8/5/1  ✘ failed   tree
"
    );
}

#[test]
fn seven_bits() {
    assert_eq!(
        render(
            "dind",
            &docker_in_docker(),
            Look {
                charset: Charset::Ascii,
                ..Look::default()
            }
        ),
        "\
dind
`- vm/            5297/1      * running  builtin
   |- dockerd     5298/2      * running  idle
   `- ci/         5300/4/1    * running
      |- dockerd  5301/5/2    + ready    serve
      |- runner   5303/7/4    * running  sh -c 'echo'
      `- job/     5304/8/5/1  x failed   tree
"
    );
}

#[test]
fn of_a_file_the_host_is_unknown_and_there_is_no_state() {
    let web = namespace("web", &[0, 2, 1], vec![process("app", &[0, 3, 2])]);
    let roots = [
        namespace("node", &[0, 1], vec![web]),
        namespace("other", &[0, 1], Vec::new()),
    ];
    assert_eq!(
        render("kube", &roots, Look::default()),
        "\
kube
├─ node/      ?/1
│  └─ web/    ?/2/1
│     └─ app  ?/3/2
└─ other/     ?/1
"
    );
}

#[test]
fn a_run_of_instances_is_folded() {
    let mut children = vec![process("hub", &[10, 2])];
    children
        .extend((0..1000).map(|i| namespace(&format!("w.{i}"), &[11 + i, 3 + i, 1], Vec::new())));
    let roots = [namespace("wide", &[9, 1], children)];
    let look = Look {
        folding: Folding::Keep(3),
        ..Look::default()
    };
    assert_eq!(
        render("scale", &roots, look),
        "\
scale
└─ wide/    9/1
   ├─ hub   10/2
   ├─ w.0/  11/3/1
   ├─ w.1/  12/4/1
   ├─ w.2/  13/5/1
   └─ … 997 more like w.0
"
    );
}

#[test]
fn a_fold_ends_where_an_instance_differs_inside() {
    let worker = |i: i32, state| {
        namespace(
            &format!("w.{i}"),
            &[0, 2 + 2 * i, 1],
            vec![with(process("job", &[0, 3 + 2 * i, 2]), state, "")],
        )
    };
    let mut children: Vec<_> = (0..4).map(|i| worker(i, State::Running)).collect();
    children.push(worker(4, State::Failed));
    children.extend((5..7).map(|i| worker(i, State::Running)));
    let look = Look {
        folding: Folding::Keep(1),
        charset: Charset::Ascii,
        ..Look::default()
    };
    assert_eq!(
        render("x", &[namespace("wide", &[0, 1], children)], look),
        "\
x
`- wide/      ?/1
   |- w.0/    ?/2/1
   |  `- job  ?/3/2   * running
   |- ... 3 more like w.0
   |- w.4/    ?/10/1
   |  `- job  ?/11/2  x failed
   |- w.5/    ?/12/1
   |  `- job  ?/13/2  * running
   `- w.6/    ?/14/1
      `- job  ?/15/2  * running
"
    );
}

#[test]
fn siblings_that_were_declared_one_by_one_are_never_folded() {
    let children = vec![
        process("a", &[0, 2]),
        process("b", &[0, 3]),
        process("c", &[0, 4]),
    ];
    let look = Look {
        folding: Folding::Keep(1),
        ..Look::default()
    };
    assert_eq!(
        render("x", &[namespace("n", &[0, 1], children)], look),
        "\
x
└─ n/    ?/1
   ├─ a  ?/2
   ├─ b  ?/3
   └─ c  ?/4
"
    );
}

#[test]
fn colour_is_depth_and_state() {
    let roots = [namespace(
        "a",
        &[7, 1],
        vec![with(process("p", &[8, 2]), State::Failed, "")],
    )];
    assert_eq!(
        render(
            "x",
            &roots,
            Look {
                colour: Colour::On,
                ..Look::default()
            }
        ),
        "x\n\
         \x1b[2m└─ \x1b[0m\x1b[1m\x1b[38;5;74ma/\x1b[0m    7/1\n\
         \x1b[2m   └─ \x1b[0m\x1b[38;5;74mp\x1b[0m  8/2  \x1b[31m✘ failed\x1b[0m\n"
    );
}

#[test]
fn control_characters_have_no_power() {
    let roots = [with(
        process("p", &[1]),
        State::Running,
        "sh -c 'printf \x1b[2J'",
    )];
    assert_eq!(
        render("x", &roots, Look::default()),
        "x\n└─ p  1  ● running  sh -c 'printf \\u{1b}[2J'\n"
    );
}

#[test]
fn nothing_but_the_title() {
    assert_eq!(render("empty", &[], Look::default()), "empty\n");
}

#[test]
fn what_is_waited_for_follows_the_note() {
    let waiting = |bare: Node, note: &str| Node {
        note: note.to_owned(),
        after: "../db ready".to_owned(),
        ..bare
    };
    let replica = |i: usize| Node {
        after: format!("../db.{i} ready"),
        ..namespace(&format!("w.{i}"), &[0, 1], Vec::new())
    };
    let mut roots = vec![waiting(
        namespace(
            "web",
            &[0, 1],
            vec![waiting(process("app", &[0, 2]), "actor idle (joined)")],
        ),
        "",
    )];
    roots.extend((0..9).map(replica));
    let look = Look {
        folding: Folding::Keep(1),
        ..Look::default()
    };
    assert_eq!(
        render("x", &roots, look),
        "\
x
├─ web/    ?/1  after ../db ready
│  └─ app  ?/2  actor idle (joined), after ../db ready
├─ w.0/    ?/1  after ../db.0 ready
└─ … 8 more like w.0
"
    );
}
