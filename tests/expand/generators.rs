//! `count`, `depth`, `fanout` and `at`: what is there, in which order, under which numbers.

use snapbox::{IntoData, assert_data_eq, str};

use super::{expanded, human, tree};

#[test]
fn siblings() {
    let text = r#"[ns.w]
count = 3
proc.p = "p {{i}}"
[ns.last]
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 4 namespaces, 3 processes, depth 1
├─ w.0/   ?/1
│  └─ p   ?/2  p 0
├─ w.1/   ?/1
│  └─ p   ?/2  p 1
├─ w.2/   ?/1
│  └─ p   ?/2  p 2
└─ last/  ?/1

"#]]
        .raw()
    );
}

#[test]
fn siblings_with_something_inside() {
    let text = r#"[ns.w]
count = 2
proc.p = "p {{path}} {{level}} {{i}}"
[ns."w/x"]
proc.q = "q {{path}} {{level}} {{i}}"
[ns."w/y"]
count = 2
proc.r = "r {{path}} {{level}} {{i}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 8 namespaces, 8 processes, depth 2
├─ w.0/     ?/1
│  ├─ p     ?/2    p w.0/p 1 0
│  ├─ x/    ?/3/1
│  │  └─ q  ?/4/2  q w.0/x/q 2 0
│  ├─ y.0/  ?/5/1
│  │  └─ r  ?/6/2  r w.0/y.0/r 2 0
│  └─ y.1/  ?/7/1
│     └─ r  ?/8/2  r w.0/y.1/r 2 1
└─ w.1/     ?/1
   ├─ p     ?/2    p w.1/p 1 1
   ├─ x/    ?/3/1
   │  └─ q  ?/4/2  q w.1/x/q 2 1
   ├─ y.0/  ?/5/1
   │  └─ r  ?/6/2  r w.1/y.0/r 2 0
   └─ y.1/  ?/7/1
      └─ r  ?/8/2  r w.1/y.1/r 2 1

"#]]
        .raw()
    );
}

#[test]
fn a_chain() {
    let text = r#"[ns.deep]
depth = 3
proc.p = "p {{path}} {{level}} {{i}}"
[ns."deep/inside"]
proc.q = "q {{path}} {{level}} {{i}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 4 namespaces, 4 processes, depth 4
└─ deep.0/           ?/1
   ├─ p              ?/2        p deep.0/p 1 0
   └─ deep.1/        ?/3/1
      ├─ p           ?/4/2      p deep.0/deep.1/p 2 1
      └─ deep.2/     ?/5/3/1
         ├─ p        ?/6/4/2    p deep.0/deep.1/deep.2/p 3 2
         └─ inside/  ?/7/5/3/1
            └─ q     ?/8/6/4/2  q deep.0/deep.1/deep.2/inside/q 4 2

"#]]
        .raw()
    );
}

#[test]
fn a_chain_inside_siblings_inside_a_chain() {
    let text = r#"[ns.a]
depth = 2
[ns."a/b"]
count = 2
[ns."a/b/c"]
depth = 2
proc.p = "p {{path}} {{level}} {{i}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 8 namespaces, 4 processes, depth 5
└─ a.0/              ?/1
   └─ a.1/           ?/2/1
      ├─ b.0/        ?/3/2/1
      │  └─ c.0/     ?/4/3/2/1
      │     ├─ p     ?/5/4/3/2      p a.0/a.1/b.0/c.0/p 4 0
      │     └─ c.1/  ?/6/5/4/3/1
      │        └─ p  ?/7/6/5/4/2    p a.0/a.1/b.0/c.0/c.1/p 5 1
      └─ b.1/        ?/8/7/1
         └─ c.0/     ?/9/8/2/1
            ├─ p     ?/10/9/3/2     p a.0/a.1/b.1/c.0/p 4 0
            └─ c.1/  ?/11/10/4/3/1
               └─ p  ?/12/11/5/4/2  p a.0/a.1/b.1/c.0/c.1/p 5 1

"#]]
        .raw()
    );
}

#[test]
fn a_complete_tree() {
    let text = r#"[ns.t]
depth = 3
fanout = 2
proc.p = "p {{path}} {{level}} {{i}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 7 namespaces, 7 processes, depth 3
└─ t.0.0/        ?/1
   ├─ p          ?/2       p t.0.0/p 1 0
   ├─ t.1.0/     ?/3/1
   │  ├─ p       ?/4/2     p t.0.0/t.1.0/p 2 0
   │  ├─ t.2.0/  ?/5/3/1
   │  │  └─ p    ?/6/4/2   p t.0.0/t.1.0/t.2.0/p 3 0
   │  └─ t.2.1/  ?/7/5/1
   │     └─ p    ?/8/6/2   p t.0.0/t.1.0/t.2.1/p 3 1
   └─ t.1.1/     ?/9/1
      ├─ p       ?/10/2    p t.0.0/t.1.1/p 2 1
      ├─ t.2.2/  ?/11/3/1
      │  └─ p    ?/12/4/2  p t.0.0/t.1.1/t.2.2/p 3 2
      └─ t.2.3/  ?/13/5/1
         └─ p    ?/14/6/2  p t.0.0/t.1.1/t.2.3/p 3 3

"#]]
        .raw()
    );
}

#[test]
fn a_complete_tree_with_something_in_every_leaf() {
    let text = r#"[ns.t]
depth = 2
fanout = 3
[ns."t/leaf"]
proc.p = "p {{path}} {{i}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 7 namespaces, 3 processes, depth 3
└─ t.0.0/       ?/1
   ├─ t.1.0/    ?/2/1
   │  └─ leaf/  ?/3/2/1
   │     └─ p   ?/4/3/2   p t.0.0/t.1.0/leaf/p 0
   ├─ t.1.1/    ?/5/1
   │  └─ leaf/  ?/6/2/1
   │     └─ p   ?/7/3/2   p t.0.0/t.1.1/leaf/p 1
   └─ t.1.2/    ?/8/1
      └─ leaf/  ?/9/2/1
         └─ p   ?/10/3/2  p t.0.0/t.1.2/leaf/p 2

"#]]
        .raw()
    );
}

#[test]
fn a_tree_of_one_level_and_a_tree_that_is_a_chain() {
    let text = r#"[ns.one]
depth = 1
fanout = 3
[ns.chain]
depth = 3
fanout = 1
[ns.short]
depth = 1
[ns.alone]
count = 1
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 6 namespaces, 0 processes, depth 3
├─ one.0.0/          ?/1
├─ chain.0.0/        ?/1
│  └─ chain.1.0/     ?/2/1
│     └─ chain.2.0/  ?/3/2/1
├─ short.0/          ?/1
└─ alone.0/          ?/1

"#]]
        .raw()
    );
}

#[test]
fn a_group_of_processes() {
    let text = r#"[ns.a]
proc.first = "first"
proc.p = { cmd = "p {{path}} {{name}} {{i}}", count = 3 }
proc.last = "last"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 1 namespace, 5 processes, depth 1
└─ a/        ?/1
   ├─ first  ?/2  first
   ├─ p.0    ?/3  p a/p.0 p.0 0
   ├─ p.1    ?/4  p a/p.1 p.1 1
   ├─ p.2    ?/5  p a/p.2 p.2 2
   └─ last   ?/6  last

"#]]
        .raw()
    );
}

#[test]
fn a_count_of_zero() {
    let text = r#"[ns.a]
proc.nobody = { cmd = "x", count = 0 }
[ns."a/none"]
count = 0
[ns."a/none/inside"]
count = 1000000
[ns."a/one"]
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 2 namespaces, 0 processes, depth 2
└─ a/       ?/1
   └─ one/  ?/2/1

"#]]
        .raw()
    );
}

#[test]
fn at() {
    let text = r#"[ns.deep]
depth = 4
proc.every = "x"
proc.all = { cmd = "x", at = "every" }
proc.root = { cmd = "x", at = "root" }
proc.leaf = { cmd = "x", at = "leaf" }
proc.two = { cmd = "x", at = 2 }
proc.word = { cmd = "x", at = "1" }
proc.some = { cmd = "x", at = "1..2" }
proc.group = { cmd = "x", at = "2..3", count = 2 }
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 4 namespaces, 18 processes, depth 4
└─ deep.0/              ?/1
   ├─ every             ?/2           x
   ├─ all               ?/3           x
   ├─ root              ?/4           x
   └─ deep.1/           ?/5/1
      ├─ every          ?/6/2         x
      ├─ all            ?/7/3         x
      ├─ word           ?/8/4         x
      ├─ some           ?/9/5         x
      └─ deep.2/        ?/10/6/1
         ├─ every       ?/11/7/2      x
         ├─ all         ?/12/8/3      x
         ├─ two         ?/13/9/4      x
         ├─ some        ?/14/10/5     x
         ├─ group.0     ?/15/11/6     x
         ├─ group.1     ?/16/12/7     x
         └─ deep.3/     ?/17/13/8/1
            ├─ every    ?/18/14/9/2   x
            ├─ all      ?/19/15/10/3  x
            ├─ leaf     ?/20/16/11/4  x
            ├─ group.0  ?/21/17/12/5  x
            └─ group.1  ?/22/18/13/6  x

"#]]
        .raw()
    );
}

#[test]
fn at_in_a_tree() {
    let text = r#"[ns.t]
depth = 2
fanout = 2
proc.root = { cmd = "x", at = "root" }
proc.leaf = { cmd = "x", at = "leaf" }
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 3 namespaces, 3 processes, depth 2
└─ t.0.0/      ?/1
   ├─ root     ?/2    x
   ├─ t.1.0/   ?/3/1
   │  └─ leaf  ?/4/2  x
   └─ t.1.1/   ?/5/1
      └─ leaf  ?/6/2  x

"#]]
        .raw()
    );
}

#[test]
fn at_without_a_chain() {
    let text = r#"[ns.a]
proc.root = { cmd = "x", at = "root" }
proc.leaf = { cmd = "x", at = "leaf" }
proc.zero = { cmd = "x", at = 0 }
[ns.w]
count = 2
proc.leaf = { cmd = "x", at = "leaf" }
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 3 namespaces, 5 processes, depth 1
├─ a/       ?/1
│  ├─ root  ?/2  x
│  ├─ leaf  ?/3  x
│  └─ zero  ?/4  x
├─ w.0/     ?/1
│  └─ leaf  ?/2  x
└─ w.1/     ?/1
   └─ leaf  ?/2  x

"#]]
        .raw()
    );
}

#[test]
fn numbers_that_depend_on_numbers() {
    let text = r#"[ns.w]
count = 3
[ns."w/x"]
count = "{{i}}"
[ns."w/x/y"]
depth = "{{i + 1}}"
proc.p = { cmd = "p", count = "{{2 - i}}" }
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 10 namespaces, 7 processes, depth 4
├─ w.0/             ?/1
├─ w.1/             ?/1
│  └─ x.0/          ?/2/1
│     └─ y.0/       ?/3/2/1
│        ├─ p.0     ?/4/3/2     p
│        └─ p.1     ?/5/4/3     p
└─ w.2/             ?/1
   ├─ x.0/          ?/2/1
   │  └─ y.0/       ?/3/2/1
   │     ├─ p.0     ?/4/3/2     p
   │     └─ p.1     ?/5/4/3     p
   └─ x.1/          ?/6/1
      └─ y.0/       ?/7/2/1
         ├─ p.0     ?/8/3/2     p
         ├─ p.1     ?/9/4/3     p
         └─ y.1/    ?/10/5/4/1
            └─ p.0  ?/11/6/5/2  p

"#]]
        .raw()
    );
}

#[test]
fn names_that_decide() {
    let text = r#"[ns.leaf]
depth = 3
proc.root = { cmd = "x", at = "{{name}}" }
proc.p = { cmd = "x", count = "{{level}}" }
proc.q = { cmd = "x", at = "{{i}}" }
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 3 namespaces, 10 processes, depth 3
└─ leaf.0/        ?/1
   ├─ root        ?/2       x
   ├─ p.0         ?/3       x
   ├─ q           ?/4       x
   └─ leaf.1/     ?/5/1
      ├─ p.0      ?/6/2     x
      ├─ p.1      ?/7/3     x
      ├─ q        ?/8/4     x
      └─ leaf.2/  ?/9/5/1
         ├─ p.0   ?/10/6/2  x
         ├─ p.1   ?/11/7/3  x
         ├─ p.2   ?/12/8/4  x
         └─ q     ?/13/9/5  x

"#]]
        .raw()
    );
}

#[test]
fn a_template_with_generators() {
    let text = r#"[template.t]
count = 2
proc.p = "p {{path}} {{i}}"
[template."t/c"]
depth = 2
[ns.a]
use = "t"
[ns.b]
use = "t"
count = 1
[ns."b/c"]
depth = 1
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 8 namespaces, 3 processes, depth 3
├─ a.0/        ?/1
│  ├─ p        ?/2      p a.0/p 0
│  └─ c.0/     ?/3/1
│     └─ c.1/  ?/4/2/1
├─ a.1/        ?/1
│  ├─ p        ?/2      p a.1/p 1
│  └─ c.0/     ?/3/1
│     └─ c.1/  ?/4/2/1
└─ b.0/        ?/1
   ├─ p        ?/2      p b.0/p 0
   └─ c.0/     ?/3/1

"#]]
        .raw()
    );
}

#[test]
fn both_spellings() {
    let text = r#"[ns.w]
count = 2
[ns.w.ns.x]
depth = 2
[ns."w/x/y"]
[ns.w.ns.x.ns.z]
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 10 namespaces, 0 processes, depth 4
├─ w.0/         ?/1
│  └─ x.0/      ?/2/1
│     └─ x.1/   ?/3/2/1
│        ├─ y/  ?/4/3/2/1
│        └─ z/  ?/5/4/3/1
└─ w.1/         ?/1
   └─ x.0/      ?/2/1
      └─ x.1/   ?/3/2/1
         ├─ y/  ?/4/3/2/1
         └─ z/  ?/5/4/3/1

"#]]
        .raw()
    );
}

#[test]
fn dependencies_on_a_group() {
    let text = r#"[ns.a]
proc.p = { cmd = "p", count = 2 }
proc.none = { cmd = "x", count = 0 }
proc.q = { cmd = "q", after = { p = "started", none = "ok" } }
proc.r = { cmd = "r", count = 2, after = { "p.1" = "created", q = "started" } }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc."p.0" = { cmd = ["p"] }
proc."p.1" = { cmd = ["p"] }
proc.q = { cmd = ["q"], after = { "p.0" = "started", "p.1" = "started" } }
proc."r.0" = { cmd = ["r"], after = { "p.1" = "created", q = "started" } }
proc."r.1" = { cmd = ["r"], after = { "p.1" = "created", q = "started" } }

"#]]
        .raw()
    );
}

#[test]
fn dependencies_on_another_level() {
    let text = r#"[ns.a]
depth = 2
proc.p = { cmd = "p", at = "root" }
proc.q = { cmd = "q", after = { p = "started" } }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns."a.0"]
proc.p = { cmd = ["p"] }
proc.q = { cmd = ["q"], after = { p = "started" } }

[ns."a.0/a.1"]
proc.q = { cmd = ["q"] }

"#]]
        .raw()
    );
}

#[test]
fn siblings_or_a_chain() {
    let text = r#"[ns.a]
count = 2
depth = 2
[ns.b]
depth = 2
count = 2
fanout = 2
[template.t]
depth = 2
[ns.c]
use = "t"
count = 3
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS128]: a namespace has both `count` and `depth`
 --> x.toml:3:1
  |
2 | count = 2
  | ----- the other is here
3 | depth = 2
  | ^^^^^ use one of them: siblings or a chain
  |
  = help: declare the chain inside the group: [ns."group/chain"]

error[NS128]: a namespace has both `count` and `depth`
 --> x.toml:6:1
  |
5 | depth = 2
  | ----- the other is here
6 | count = 2
  | ^^^^^ use one of them: siblings or a chain
  |
  = help: declare the chain inside the group: [ns."group/chain"]

error[NS128]: a namespace has both `count` and `depth`
  --> x.toml:12:1
   |
 9 | depth = 2
   | ----- the other is here
...
12 | count = 3
   | ^^^^^ use one of them: siblings or a chain
   |
   = help: declare the chain inside the group: [ns."group/chain"]


"#]]
        .raw()
    );
}

#[test]
fn a_tree_without_a_depth() {
    let text = r#"[ns.a]
fanout = 2
[ns.b]
count = 2
fanout = 2
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS128]: `fanout` needs `depth`
 --> x.toml:2:1
  |
2 | fanout = 2
  | ^^^^^^ the depth of the tree is missing
  |
  = help: add depth = 3, or write count for siblings without a tree

error[NS128]: `fanout` needs `depth`
 --> x.toml:5:1
  |
5 | fanout = 2
  | ^^^^^^ the depth of the tree is missing
  |
  = help: add depth = 3, or write count for siblings without a tree


"#]]
        .raw()
    );
}

const INVALID_NUMBERS: &str = r#"[ns.a]
count = "3"
[ns.b]
count = true
[ns.c]
count = -1
[ns.d]
depth = 0
[ns.e]
depth = 2
fanout = 0
[ns.f]
count = 1.5
[ns.g]
count = [1]
proc.p = { cmd = "x", count = "3" }
proc.q = { cmd = "x", count = -1 }
"#;

#[test]
fn invalid_numbers() {
    assert_data_eq!(
        human(INVALID_NUMBERS),
        str![[r#"
error[NS101]: `count` must be a number
 --> x.toml:2:9
  |
2 | count = "3"
  |         ^^^ this is a string
  |
  = help: write count = 3

error[NS101]: `count` must be a number
 --> x.toml:4:9
  |
4 | count = true
  |         ^^^^ this is a boolean

error[NS112]: `count` is out of range
 --> x.toml:6:9
  |
6 | count = -1
  |         ^^ a number of at least 0 is expected

error[NS112]: `depth` is out of range
 --> x.toml:8:9
  |
8 | depth = 0
  |         ^ a number of at least 1 is expected

error[NS112]: `fanout` is out of range
  --> x.toml:11:10
   |
11 | fanout = 0
   |          ^ a number of at least 1 is expected

error[NS101]: `count` must be a number
  --> x.toml:13:9
   |
13 | count = 1.5
   |         ^^^ this is a float

error[NS101]: `count` must be a number
  --> x.toml:15:9
   |
15 | count = [1]
   |         ^^^ this is an array

error[NS101]: `count` must be a number
  --> x.toml:16:31
   |
16 | proc.p = { cmd = "x", count = "3" }
   |                               ^^^ this is a string
   |
   = help: write count = 3

error[NS112]: `count` is out of range
  --> x.toml:17:31
   |
17 | proc.q = { cmd = "x", count = -1 }
   |                               ^^ a number of at least 0 is expected


"#]]
        .raw()
    );
}

#[test]
fn a_number_that_is_wrong_somewhere() {
    let text = r#"[ns.w]
count = 4
[ns."w/x"]
count = "{{1 - i}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS112]: `count` is out of range
 --> x.toml:4:9
  |
4 | count = "{{1 - i}}"
  |         ^^^^^^^^^^^ the result is -1, but a number of at least 0 is expected
  |
  = note: the same is true of 1 more


"#]]
        .raw()
    );
}

#[test]
fn invalid_places() {
    let text = r#"[ns.a]
depth = 3
proc.a = { cmd = "x", at = "top" }
proc.b = { cmd = "x", at = "2..1" }
proc.c = { cmd = "x", at = "1.." }
proc.d = { cmd = "x", at = -1 }
proc.e = { cmd = "x", at = 3 }
proc.f = { cmd = "x", at = "1..9" }
proc.g = { cmd = "x", at = true }
[ns.b]
proc.h = { cmd = "x", at = 1 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS129]: `at` cannot be read
 --> x.toml:3:28
  |
3 | proc.a = { cmd = "x", at = "top" }
  |                            ^^^^^ expected "every", "root", "leaf", a level such as 0, or levels such as "1..3"

error[NS129]: `at` cannot be read
 --> x.toml:4:28
  |
4 | proc.b = { cmd = "x", at = "2..1" }
  |                            ^^^^^^ expected "every", "root", "leaf", a level such as 0, or levels such as "1..3"

error[NS129]: `at` cannot be read
 --> x.toml:5:28
  |
5 | proc.c = { cmd = "x", at = "1.." }
  |                            ^^^^^ expected "every", "root", "leaf", a level such as 0, or levels such as "1..3"

error[NS129]: `at` cannot be read
 --> x.toml:6:28
  |
6 | proc.d = { cmd = "x", at = -1 }
  |                            ^^ expected "every", "root", "leaf", a level such as 0, or levels such as "1..3"

error[NS129]: there is no level 3 in the chain
 --> x.toml:7:28
  |
7 | proc.e = { cmd = "x", at = 3 }
  |                            ^ the chain has the levels 0 to 2

error[NS129]: there is no level 9 in the chain
 --> x.toml:8:28
  |
8 | proc.f = { cmd = "x", at = "1..9" }
  |                            ^^^^^^ the chain has the levels 0 to 2

error[NS129]: `at` cannot be read
 --> x.toml:9:28
  |
9 | proc.g = { cmd = "x", at = true }
  |                            ^^^^ expected "every", "root", "leaf", a level such as 0, or levels such as "1..3"

error[NS129]: there is no level 1 in the chain
  --> x.toml:11:28
   |
11 | proc.h = { cmd = "x", at = 1 }
   |                            ^ the namespace is not a chain; its only level is 0


"#]]
        .raw()
    );
}

#[test]
fn generators_of_a_process_in_a_namespace_and_the_other_way_round() {
    let text = r#"[ns.a]
at = "leaf"
proc.p = { cmd = "x", depth = 3, as = "y" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `at` does not belong in a namespace
 --> x.toml:2:1
  |
2 | at = "leaf"
  | ^^ `at` belongs in a process, but is used in a namespace

error[NS103]: `depth` does not belong in a process
 --> x.toml:3:23
  |
3 | proc.p = { cmd = "x", depth = 3, as = "y" }
  |                       ^^^^^ `depth` belongs in a namespace, but is used in a process

error[NS103]: `as` does not belong in a process
 --> x.toml:3:34
  |
3 | proc.p = { cmd = "x", depth = 3, as = "y" }
  |                                  ^^ `as` belongs in a namespace, but is used in a process


"#]]
        .raw()
    );
}
