//! Comparison of this tree with that of the `toml` library: the same texts are TOML, and they say
//! the same.
//!
//! Three differences are meant. The library hands out integers as text, whatever their size; TOML wants an error for what
//! does not fit, and here there is one. In the library a table stands where its own header is, here where it was first
//! mentioned; in TOML order means nothing. And the library lets `b.c.d = 1` below `[a]` add to the last table of `[[a.b]]`,
//! which a header has defined, so that dotted keys must not (`b.c = 1` it refuses). Both refuse what is nested too deeply,
//! each at its own depth, which no text here reaches.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use toml::de::{DeTable, DeValue};

use super::tables::DOTTED_LIST;
use super::{Kind, Table, Value, read};
use crate::diagnostic::{Diagnostics, FileId, Source};

/// A tree without places, of which two can be compared.
#[derive(Debug, PartialEq)]
enum Plain {
    String(String),
    Integer(i64),
    Boolean(bool),
    Float,
    Datetime,
    Array(Vec<Plain>),
    Table(BTreeMap<String, Plain>),
}

/// Values as this parser reads them, or the first thing that is wrong.
fn ours(text: &str) -> Result<Plain, String> {
    fn plain(value: &Value) -> Plain {
        match &value.kind {
            Kind::String(text) => Plain::String(text.to_string()),
            Kind::Integer(number) => Plain::Integer(*number),
            Kind::Boolean(flag) => Plain::Boolean(*flag),
            Kind::Float => Plain::Float,
            Kind::Datetime => Plain::Datetime,
            Kind::Array(values) => Plain::Array(values.iter().map(plain).collect()),
            Kind::Table(inner) => table(inner),
            Kind::Computed(computed) => panic!("nothing was computed: {computed:?}"),
        }
    }
    fn table(table: &Table) -> Plain {
        Plain::Table(
            table
                .entries
                .iter()
                .map(|entry| (entry.key.to_string(), plain(&entry.value)))
                .collect(),
        )
    }
    let mut out = Diagnostics::new();
    let read = read(&Source::new("x", text), FileId::MAIN, &mut out);
    assert_eq!(read.is_none(), out.has_errors(), "{text:?}");
    read.map(|read| table(&read)).ok_or_else(|| {
        out.iter()
            .next()
            .map_or(String::new(), |first| first.message.clone())
    })
}

/// The values of the library.
fn theirs(text: &str) -> Result<Plain, String> {
    fn plain(value: &DeValue<'_>) -> Result<Plain, String> {
        Ok(match value {
            DeValue::String(text) => Plain::String(text.to_string()),
            DeValue::Integer(number) => {
                let fits = i64::from_str_radix(number.as_str(), number.radix());
                Plain::Integer(fits.map_err(|error| error.to_string())?)
            }
            DeValue::Float(_) => Plain::Float,
            DeValue::Boolean(flag) => Plain::Boolean(*flag),
            DeValue::Datetime(_) => Plain::Datetime,
            DeValue::Array(values) => Plain::Array(
                values
                    .iter()
                    .map(|value| plain(value.get_ref()))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(inner) => table(inner)?,
        })
    }
    fn table(table: &DeTable<'_>) -> Result<Plain, String> {
        let entries = table
            .iter()
            .map(|(key, value)| Ok((key.get_ref().to_string(), plain(value.get_ref())?)));
        Ok(Plain::Table(entries.collect::<Result<_, String>>()?))
    }
    let read = DeTable::parse(text).map_err(|error| error.to_string())?;
    table(read.get_ref())
}

/// Returns whether both say the same; whatever is said against it.
fn agree(text: &str) -> Result<(), String> {
    match (ours(text), theirs(text)) {
        (Ok(ours), Ok(theirs)) if ours == theirs => Ok(()),
        (Err(_), Err(_)) => Ok(()),
        (Err(ours), Ok(_)) if ours == DOTTED_LIST => Ok(()),
        (ours, theirs) => Err(format!(
            "of {text:?}\nwe read {ours:?}\nthe library {theirs:?}"
        )),
    }
}

fn runner(cases: u32) -> TestRunner {
    let factor = if std::env::var_os("NESTNS_LONG").is_some() {
        100
    } else {
        1
    };
    // A fixed seed: a test that fails now and then is no test.
    let config = Config {
        cases: cases * factor,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn key() -> impl Strategy<Value = String> {
    // Few, so that they meet again.
    let simple = select(vec![
        "a",
        "b",
        "c",
        "\"a\"",
        "'b'",
        "\"\\u0063\"",
        "\"\"",
        "1",
        "-",
    ]);
    prop::collection::vec(simple, 1..4).prop_map(|keys| keys.join(" . "))
}

fn value() -> impl Strategy<Value = String> {
    let scalar = select(vec![
        "1",
        "-17",
        "+0",
        "0x1F",
        "0o17",
        "0b11",
        "1_000",
        "9223372036854775807",
        "9223372036854775808",
        "01",
        "1__0",
        "true",
        "false",
        "True",
        "1.5",
        "6.02e23",
        "inf",
        "-nan",
        ".5",
        "5.",
        "1e",
        "1979-05-27",
        "07:32:00",
        "07:32",
        "1979-05-27T07:32:00Z",
        "1979-05-27 07:32:00.999",
        "1979-13-27",
        "25:00:00",
        "\"\"",
        "\"a\\tb\"",
        "\"\\x41\\e\"",
        "\"\\q\"",
        "'c:\\d'",
        "\"\"\"\nx \\\n  y\"\"\"",
        "'''\n'q\n'''",
        "\"open",
        "",
    ]);
    let scalar = scalar.prop_map(str::to_owned);
    scalar.prop_recursive(4, 24, 4, |inner| {
        let separator = select(vec![", ", ",", ",\n", ", # c\n", " "]);
        let array = (
            prop::collection::vec(inner.clone(), 0..4),
            separator.clone(),
            select(vec!["", ",", ",\n"]),
        );
        let pair = (key(), inner).prop_map(|(key, value)| format!("{key} = {value}"));
        let table = (
            prop::collection::vec(pair, 0..4),
            separator,
            select(vec!["", ",", "\n"]),
        );
        prop_oneof![
            array.prop_map(|(values, separator, end)| format!("[{}{end}]", values.join(separator))),
            table.prop_map(|(pairs, separator, end)| format!("{{{}{end}}}", pairs.join(separator))),
        ]
    })
}

/// Values that are TOML, most of them, so that whole documents are.
fn good_value() -> impl Strategy<Value = String> {
    let scalar =
        select(vec!["1", "true", "\"x\"", "'y'", "1.5", "1979-05-27"]).prop_map(str::to_owned);
    scalar.prop_recursive(3, 12, 3, |inner| {
        let pair = (key(), inner.clone()).prop_map(|(key, value)| format!("{key} = {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..3)
                .prop_map(|values| format!("[{}]", values.join(", "))),
            prop::collection::vec(pair, 0..3)
                .prop_map(|pairs| format!("{{ {} }}", pairs.join(", "))),
        ]
    })
}

fn line(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (key(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        3 => key().prop_map(|key| format!("[{key}]")),
        2 => key().prop_map(|key| format!("[[{key}]]")),
        1 => select(vec!["# comment", "", "  ", "[]", "a", "= 1", "[a", "[[a]", "a = 1 b = 2"]).prop_map(str::to_owned),
    ]
}

fn document(value: impl Strategy<Value = String>, lines: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(line(value), 0..lines).prop_map(|lines| lines.join("\n"))
}

#[test]
fn headers_dotted_keys_and_inline_tables_meet_as_in_the_library() {
    let check = |text: String| agree(&text).map_err(TestCaseError::fail);
    runner(6_000)
        .run(&document(good_value(), 7), check)
        .unwrap();
}

#[test]
fn good_and_bad_values_are_those_of_the_library() {
    let check = |text: String| agree(&text).map_err(TestCaseError::fail);
    runner(4_000).run(&document(value(), 3), check).unwrap();
}

#[test]
fn mutated_examples_are_what_the_library_takes_them_for() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let examples: Vec<String> = files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for example in &examples {
        assert_eq!(agree(example), Ok(()));
    }
    let piece = prop_oneof![
        "[\\[\\]{}=.,\"'#\\\\ a-z0-9_+:TZ\r\n\t-]{0,3}",
        any::<char>().prop_map(String::from)
    ];
    let mutation = (any::<Index>(), any::<Index>(), piece);
    let strategy = (select(examples), prop::collection::vec(mutation, 1..4));
    let check = |(example, mutations): (String, Vec<(Index, Index, String)>)| {
        let mut characters: Vec<char> = example.chars().collect();
        for (start, length, piece) in mutations {
            let start = start.index(characters.len() + 1);
            let end = (start + length.index(6)).min(characters.len());
            characters.splice(start..end, piece.chars());
        }
        agree(&characters.into_iter().collect::<String>()).map_err(TestCaseError::fail)
    };
    runner(2_000).run(&strategy, check).unwrap();
}

#[test]
fn pairs_without_a_key_or_an_end_disturb_nobody() {
    let texts = [
        "a = { = 1 }",
        "a = { b = { = 1 }, c = 2 }",
        "a.b = [{ = { = 1 } }]",
        "[a]\nb = { c = 1\n[d]\n",
        "a = { b = [",
    ];
    for text in texts {
        assert_eq!(agree(text), Ok(()));
    }
}

#[test]
fn large_tables_are_searched_and_small_ones_walked_with_one_result() {
    let keys = (0..40)
        .map(|key| format!("k{key} = {key}\n"))
        .collect::<Vec<_>>()
        .concat();
    for text in [
        keys.clone(),
        format!("{keys}k0 = 1\n"),
        format!("{keys}k39 = 1\n"),
        format!("{keys}k20.a = 1\n"),
    ] {
        assert_eq!(agree(&text), Ok(()));
    }
    let headers = (0..40)
        .map(|key| format!("[t.k{key}]\na.b = 1\n"))
        .collect::<Vec<_>>()
        .concat();
    for text in [
        format!("{headers}[t]\nk40 = 1\n"),
        format!("{headers}[t]\nk7 = 1\n"),
        format!("{headers}[t.k7.a]\n"),
    ] {
        assert_eq!(agree(&text), Ok(()));
    }
    let inline = (0..40)
        .map(|key| format!("k{key}.a = 1, "))
        .collect::<Vec<_>>()
        .concat();
    for text in [
        format!("t = {{ {inline} k40 = 1 }}"),
        format!("t = {{ {inline} k7.b = 1 }}\nt.x = 1"),
        format!("t = {{ {inline} k7.a = 1 }}"),
    ] {
        assert_eq!(agree(&text), Ok(()));
    }
}

#[test]
fn keys_stand_in_the_order_in_which_they_were_first_mentioned() {
    let mut out = Diagnostics::new();
    let text = "[x.b.c]\n[x.a]\n[[x.d]]\n[x.b]\nz.k = 1\ny = 2\nz.i = 3\n[[x.d]]";
    let root = read(&Source::new("x", text), FileId::MAIN, &mut out).unwrap();
    let keys = |table: &Table| {
        table
            .entries
            .iter()
            .map(|entry| entry.key.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let x = root.get("x").unwrap().value.as_table().unwrap();
    assert_eq!(keys(x), "b a d");
    assert_eq!(keys(x.get("b").unwrap().value.as_table().unwrap()), "c z y");
}
