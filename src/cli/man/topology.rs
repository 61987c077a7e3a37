//! nestns-topology(5): every table and every key of a topology file, in the words of the schema.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use nestns_topology::schema::{Key, Table, Term, Word, reference};

/// The page, as roff.
pub(super) fn page() -> String {
    let reference = reference();
    let mut roff = Roff::new();
    let version = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["nestns-topology", "5", "", version]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(
        "nestns-topology - the file that describes a tree of nested PID namespaces",
    )]);
    for (index, table) in reference.tables.iter().enumerate() {
        if index == 0 {
            roff.control("SH", ["DESCRIPTION"]);
            roff.text(inlines("A topology file is TOML, by convention called `NAME.nestns.toml` or `topology.toml`."));
            roff.control("PP", []);
            paragraphs(&mut roff, &table.text);
            roff.control("SH", ["TOP LEVEL"]);
        } else {
            roff.control("SH", [table.title.to_uppercase().as_str()]);
            paragraphs(&mut roff, &table.text);
        }
        forms_and_keys(&mut roff, table);
    }
    roff.control("SH", ["VALUES"]);
    for term in &reference.terms {
        value(&mut roff, term);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "nestns(1), nestns-check(1), nestns-new(1), nestns-schema(1), pid_namespaces(7)",
    )]);
    roff.render()
}

fn forms_and_keys(roff: &mut Roff, table: &Table) {
    for word in &table.words {
        entry(roff, word);
    }
    for key in &table.keys {
        describe(roff, key);
    }
}

fn describe(roff: &mut Roff, key: &Key) {
    let mut tag = vec![bold(&key.name)];
    if !key.kind.is_empty() {
        tag.extend([roman("  "), italic(&key.kind)]);
    }
    roff.control("TP", []);
    roff.text(tag);
    let default = key
        .default
        .iter()
        .map(|default| format!(" Default: `{default}`."));
    let sentences: String = default
        .chain([sentence_of_examples(&key.examples)])
        .collect();
    paragraphs_within(roff, &(key.text.clone() + &sentences));
    if !key.words.is_empty() {
        roff.control("RS", []);
        key.words.iter().for_each(|word| entry(roff, word));
        roff.control("RE", []);
    }
}

fn value(roff: &mut Roff, term: &Term) {
    roff.control("TP", []);
    roff.text([italic(&term.title)]);
    paragraphs_within(
        roff,
        &(term.text.clone() + &sentence_of_examples(&term.examples)),
    );
    if !term.words.is_empty() {
        roff.control("RS", []);
        term.words.iter().for_each(|word| entry(roff, word));
        roff.control("RE", []);
    }
}

fn entry(roff: &mut Roff, word: &Word) {
    roff.control("TP", []);
    roff.text([bold(&word.word)]);
    paragraphs_within(roff, &word.text);
}

fn sentence_of_examples(examples: &[String]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let examples: Vec<_> = examples
        .iter()
        .map(|example| format!("`{example}`"))
        .collect();
    format!(" For example {}.", examples.join(", "))
}

fn paragraphs(roff: &mut Roff, text: &str) {
    separated(roff, text, "PP");
}

/// Paragraphs of an entry: further ones keep its indentation.
fn paragraphs_within(roff: &mut Roff, text: &str) {
    separated(roff, text, "IP");
}

fn separated(roff: &mut Roff, text: &str, separator: &str) {
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            roff.control(separator, []);
        }
        roff.text(inlines(paragraph));
    }
}

/// Markdown's code spans, the only markup of the schema's text, in bold.
fn inlines(text: &str) -> Vec<Inline> {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(index, piece)| {
            if index % 2 == 0 {
                roman(piece)
            } else {
                bold(piece)
            }
        })
        .collect()
}
