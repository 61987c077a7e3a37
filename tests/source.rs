//! Form of the sources: lengths, arguments, methods, openings of doc comments and words, counted from
//! the syntax.
//!
//! `cargo test source -- --nocapture` prints the figures, with `NESTNS_SHOW=1` also what is counted.
//! `NESTNS_SOURCE=DIRECTORY` counts another checkout, whose figures are held to no bound.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Words that `docs/glossary.md` replaces by those of the field.
const REPLACED: &str = "nursery|midwife|be_born|birth|delivery|keeper|kid|recruit|report_for_duty|invite|move_in|\
    guest|visitor|farewell|farewells|mourners|comebacks|renewal|setback|tenure|patience|undisturbed|attentive|desk|\
    hang_up|last_words|inheritance|outlast|threshold|census|herald|audience|inhabitant|\
    inhabitants|glimpse|eye|scene|kinship|voices|lookout|correspondent|surveyor|planter|graft|realm|settle";

/// Figures of all source files.
#[derive(Default)]
struct Figures {
    /// Lines of code without blank lines, comments and unit tests.
    code: usize,
    /// (lines, name) of every function.
    functions: Vec<(usize, String)>,
    /// (arguments, name) of every function; the parts of a pattern count one by one, the receiver does not.
    arguments: Vec<(usize, String)>,
    /// Methods by crate and type.
    methods: BTreeMap<String, usize>,
    public_items: usize,
    doc_comments: usize,
    /// Doc comments that open with a pronoun or a question word.
    pronoun_openings: Vec<String>,
    /// Comments that speak of a process as of a person.
    persons: Vec<String>,
    replaced_words: Vec<String>,
    unit_tests: BTreeMap<String, usize>,
}

struct Counter<'a> {
    figures: &'a mut Figures,
    place: String,
    package: String,
    is_library: bool,
    is_test: bool,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        meta => meta.path().is_ident("test"),
    })
}

fn leaves(pattern: &syn::Pat) -> usize {
    match pattern {
        syn::Pat::Tuple(tuple) => tuple.elems.iter().map(leaves).sum(),
        syn::Pat::Reference(reference) => leaves(&reference.pat),
        _ => 1,
    }
}

impl Counter<'_> {
    /// Counts a function.
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        let name = format!("{}: {}", self.place, signature.ident);
        let arguments = signature.inputs.iter().map(|input| match input {
            syn::FnArg::Receiver(_) => 0,
            syn::FnArg::Typed(typed) => leaves(&typed.pat),
        });
        self.figures.arguments.push((arguments.sum(), name.clone()));
        self.figures.functions.push((lines, name));
    }

    fn item(&mut self, visibility: &syn::Visibility) {
        if self.is_library && !self.is_test && matches!(visibility, syn::Visibility::Public(_)) {
            self.figures.public_items += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Counter<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let visibility = match item {
            syn::Item::Const(item) => Some(&item.vis),
            syn::Item::Enum(item) => Some(&item.vis),
            syn::Item::Fn(item) => Some(&item.vis),
            syn::Item::Static(item) => Some(&item.vis),
            syn::Item::Struct(item) => Some(&item.vis),
            syn::Item::Trait(item) => Some(&item.vis),
            syn::Item::Type(item) => Some(&item.vis),
            _ => None,
        };
        if let Some(visibility) = visibility {
            self.item(visibility);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let before = self.is_test;
        self.is_test |= is_test(&item.attrs);
        visit::visit_item_mod(self, item);
        self.is_test = before;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_test(&item.attrs) {
            *self
                .figures
                .unit_tests
                .entry(self.package.clone())
                .or_default() += 1;
        }
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty
            && !self.is_test
        {
            let methods = item
                .items
                .iter()
                .filter(|item| matches!(item, syn::ImplItem::Fn(_)))
                .count();
            let name = path
                .path
                .segments
                .last()
                .map(|segment| segment.ident.to_string())
                .unwrap_or_default();
            *self
                .figures
                .methods
                .entry(format!("{}::{name}", self.package))
                .or_default() += methods;
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// Files of Rust below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Ranges of lines (from 1) of what is compiled for unit tests alone.
fn test_lines(file: &syn::File) -> Vec<(usize, usize)> {
    let tests = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) if is_test(&item.attrs) => {
            Some((item.span().start().line, item.span().end().line))
        }
        _ => None,
    });
    tests.collect()
}

fn read(figures: &mut Figures, root: &Path, path: &Path, words: &[Regex; 4]) {
    let text = fs::read_to_string(path).expect("a source file can be read");
    let place = path
        .strip_prefix(root)
        .expect("it was found there")
        .display()
        .to_string();
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let is_test_file =
        place.starts_with("tests/") || place.ends_with("tests.rs") || place.contains("/tests/");
    let skipped = test_lines(&file);
    let mut is_after_doc = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let comment = line
            .starts_with("//")
            .then_some(line)
            .or_else(|| line.split_once(" // ").map(|(_, after)| after));
        let in_test = skipped
            .iter()
            .any(|&(start, end)| (start..=end).contains(&(index + 1)));
        if !line.is_empty() && !line.starts_with("//") && !is_test_file && !in_test {
            figures.code += 1;
        }
        let at = || format!("{place}:{}: {line}", index + 1);
        let doc = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"));
        if let Some(doc) = doc
            && !is_after_doc
        {
            figures.doc_comments += 1;
            if words[0].is_match(doc.trim()) {
                figures.pronoun_openings.push(at());
            }
        }
        is_after_doc = doc.is_some();
        if comment.is_some_and(|comment| words[1].is_match(comment)) {
            figures.persons.push(at());
        }
        let unquoted = words[3].replace_all(line, "");
        if !place.ends_with("tests/source.rs") && words[2].is_match(&unquoted) {
            figures.replaced_words.push(at());
        }
    }
    let mut parts = place.split('/');
    let package = match (parts.next(), parts.next()) {
        (Some("crates"), Some(package)) => package.to_owned(),
        (Some(first), Some(second)) if first == "src" => {
            format!("{first}/{}", second.trim_end_matches(".rs"))
        }
        (first, _) => first.unwrap_or_default().to_owned(),
    };
    let is_library = !is_test_file && place != "src/main.rs" && !place.starts_with("benches");
    Counter {
        figures,
        place,
        package,
        is_library,
        is_test: is_test_file,
    }
    .visit_file(&file);
}

fn count(root: &Path) -> Figures {
    let mut found = Vec::new();
    for directory in ["src", "crates", "tests", "benches"] {
        sources(&root.join(directory), &mut found);
    }
    let camel: String = REPLACED
        .split('|')
        .map(|word| {
            word.split('_')
                .map(|part| part[..1].to_uppercase() + &part[1..])
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join("|");
    let words = [
        r"(?i)^(who|whom|whose|whoever|what|whatever|where|wherever|whether|which|he|him|his|she|her|it|its|they|them|their|we|our|you|your|I|somebody|nobody|everybody|anybody)\b".to_owned(),
        r"(?i)\b(he|him|his|whoever|somebody|nobody|everybody)\b".to_owned(),
        format!(r"(^|[^a-zA-Z])({REPLACED})($|[^a-zA-Z])|(^|[^a-zA-Z]|[a-z])({camel})($|[^a-z])"),
        r#""(?:[^"\\]|\\.)*""#.to_owned(),
    ]
    .map(|pattern| Regex::new(&pattern).expect("it is well-formed"));
    let mut figures = Figures::default();
    for path in found {
        read(&mut figures, root, &path, &words);
    }
    figures.functions.sort();
    figures.arguments.sort();
    figures
}

fn table(figures: &Figures) -> String {
    let mut table = String::new();
    let mut row = |name: &str, figure: String| {
        writeln!(table, "{name:<52} {figure}").expect("a string grows");
    };
    row("lines of code, without tests", figures.code.to_string());
    let (lines, name) = figures.functions.last().expect("there are functions");
    row("longest function", format!("{lines} lines ({name})"));
    let long = figures
        .functions
        .iter()
        .filter(|(lines, _)| *lines > 80)
        .count();
    row("functions over 80 lines", long.to_string());
    let many = figures
        .arguments
        .iter()
        .filter(|(arguments, _)| *arguments > 5)
        .count();
    row("functions with more than five arguments", many.to_string());
    let (name, methods) = figures
        .methods
        .iter()
        .max_by_key(|(_, methods)| **methods)
        .expect("there are types");
    row("methods of the largest type", format!("{methods} ({name})"));
    row("public items", figures.public_items.to_string());
    #[expect(clippy::cast_precision_loss, reason = "a few thousand comments")]
    let share = 100.0 * figures.pronoun_openings.len() as f64 / figures.doc_comments as f64;
    row(
        "doc comments that open with a pronoun or question",
        format!("{share:.1} % of {}", figures.doc_comments),
    );
    row(
        "comments that speak of a person",
        figures.persons.len().to_string(),
    );
    row(
        "lines with a replaced word",
        figures.replaced_words.len().to_string(),
    );
    for (package, tests) in &figures.unit_tests {
        if package != "tests" {
            row(&format!("unit tests of {package}"), tests.to_string());
        }
    }
    table
}

#[test]
fn the_sources_keep_their_form() {
    let other = std::env::var_os("NESTNS_SOURCE").map(PathBuf::from);
    let figures = count(
        other
            .as_deref()
            .unwrap_or(Path::new(env!("CARGO_MANIFEST_DIR"))),
    );
    println!("{}", table(&figures));
    if std::env::var_os("NESTNS_SHOW").is_some() {
        for (lines, name) in figures.functions.iter().filter(|(lines, _)| *lines > 80) {
            println!("{lines} lines: {name}");
        }
        for (arguments, name) in figures
            .arguments
            .iter()
            .filter(|(arguments, _)| *arguments > 5)
        {
            println!("{arguments} arguments: {name}");
        }
        let lines = figures
            .pronoun_openings
            .iter()
            .chain(&figures.persons)
            .chain(&figures.replaced_words);
        lines.for_each(|line| println!("{line}"));
    }
    if other.is_none() {
        assert_form(&figures);
    }
}

/// Fails where the sources have lost their form.
fn assert_form(figures: &Figures) {
    assert!(
        figures.pronoun_openings.len() * 100 < 3 * figures.doc_comments,
        "{:#?}",
        figures.pronoun_openings
    );
    assert!(figures.persons.is_empty(), "{:#?}", figures.persons);
    assert!(
        figures.replaced_words.is_empty(),
        "{:#?}",
        figures.replaced_words
    );
    let many: Vec<_> = figures
        .arguments
        .iter()
        .filter(|(arguments, _)| *arguments > 5)
        .collect();
    assert!(many.is_empty(), "more than five arguments: {many:#?}");
    let long: Vec<_> = figures
        .functions
        .iter()
        .filter(|(lines, _)| *lines > 80)
        .collect();
    assert!(long.is_empty(), "more than 80 lines: {long:#?}");
    let large: Vec<_> = figures
        .methods
        .iter()
        .filter(|(_, methods)| **methods >= 40)
        .collect();
    assert!(large.is_empty(), "40 methods or more: {large:?}");
}
