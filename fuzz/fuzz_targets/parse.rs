//! Any bytes: they are answered, the answer can be shown, and what is TOML is what the `toml` library takes for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nestns_fuzz::{examine, show};
use nestns_topology::diagnostic::{Code, Source};
use nestns_topology::{Request, parse};

fuzz_target!(|bytes: &[u8]| {
    let source = match Source::from_bytes("x.toml", bytes.to_vec()) {
        Ok(source) => source,
        Err(problem) => {
            let (source, diagnostic) = *problem;
            show(&source.into(), &diagnostic.into());
            return;
        }
    };
    let parsed = parse(Request::new(source, "x"));
    examine(&parsed);
    let text = parsed.sources.main().text();
    let mut mistakes = parsed
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == Code::Syntax)
        .peekable();
    let is_toml = mistakes.peek().is_none();
    // Nesting deeper than in any real tree is refused by both, each at its own depth. The other
    // exceptions are those that `crates/nestns-topology/src/toml_text/tests.rs` explains.
    let is_deep =
        |message: &str| message.contains("too deeply") || message.contains("recursion limit");
    let is_stricter = |message: &str| {
        is_deep(message)
            || message == "the number does not fit into 64 bits"
            || message.starts_with("an array of tables is extended")
    };
    match toml::de::DeTable::parse(text) {
        Ok(_) => assert!(
            is_toml || mistakes.any(|mistake| is_stricter(&mistake.message)),
            "toml takes it"
        ),
        Err(error) => assert!(
            !is_toml || is_deep(error.message()),
            "toml refuses it: {error}"
        ),
    }
});
