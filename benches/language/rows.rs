//! The rows that are measured, how often, and the bounds that they have to hold.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::Style;
use crate::measure::{Figures, best, best_parse};
use crate::topology::Tree;

/// Numbers of namespaces of the files besides their root.
const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

/// Bound of the time to show a generated tree of ten thousand; reading it written out takes longer by itself.
const SHOWN: Figures = Figures {
    time: 50.0,
    memory: 200.0,
};

/// A line of the report.
#[derive(Debug)]
pub(crate) struct Row {
    /// Form of the file.
    pub(crate) file: String,
    /// Number of namespaces.
    pub(crate) namespaces: u32,
    /// The command that was run.
    pub(crate) what: &'static str,
    /// Cost of the command, or the reason why it is not known.
    pub(crate) figures: Result<Figures, String>,
    /// Bound of the cost, in the same units.
    pub(crate) bound: Option<Figures>,
    /// Time of a namespace beside one of the smallest file of this kind, the start of the program left out.
    pub(crate) growth: Option<f64>,
}

/// Measures every row whose file begins with the filter, and says on standard error what it is at.
pub(crate) fn measure(filter: &str) -> Vec<Row> {
    match tempfile::tempdir() {
        Ok(directory) => Style::ALL
            .into_iter()
            .filter(|style| style.to_string().starts_with(filter))
            .flat_map(|style| rows(style, directory.path()))
            .collect(),
        Err(error) => {
            eprintln!("no directory for the files: {error}");
            Vec::new()
        }
    }
}

fn rows(style: Style, directory: &Path) -> Vec<Row> {
    let start = best(&["--version"], 20).map_or(0.0, |figures| figures.time);
    let mut rows: Vec<Row> = SIZES
        .into_iter()
        .map(|size| check(style, size, directory))
        .collect();
    let share =
        |row: &Row| Some((row.figures.as_ref().ok()?.time - start) / f64::from(row.namespaces));
    let smallest = share(&rows[0]);
    for row in &mut rows {
        row.growth = share(row)
            .zip(smallest)
            .map(|(share, smallest)| share / smallest);
    }
    rows.extend(
        [
            ("up --dry-run", "human"),
            ("up --dry-run --format json", "json"),
        ]
        .map(|(what, format)| {
            let size = SIZES[1];
            Row {
                file: style.to_string(),
                namespaces: size,
                what,
                figures: on(style, size, directory, |file| {
                    best(&["up", "--dry-run", "--format", format, file], 10)
                }),
                bound: (style == Style::Generated).then_some(SHOWN),
                growth: None,
            }
        }),
    );
    if style == Style::Declared {
        rows.extend(Tree::ALL.map(|tree| parse(tree, directory)));
    }
    rows
}

/// Reading the text of the largest file, and nothing else.
fn parse(tree: Tree, directory: &Path) -> Row {
    let (style, size) = (Style::Declared, SIZES[2]);
    Row {
        file: style.to_string(),
        namespaces: size,
        what: tree.row(),
        figures: on(style, size, directory, |file| best_parse(tree, file, 10)),
        bound: None,
        growth: None,
    }
}

fn check(style: Style, size: u32, directory: &Path) -> Row {
    let rounds = if size < 100_000 { 10 } else { 5 };
    let bound = (size == 100_000).then_some(Figures {
        time: 1_000.0,
        memory: 200.0,
    });
    let figures = on(style, size, directory, |file| {
        best(&["check", file], rounds)
    });
    Row {
        file: style.to_string(),
        namespaces: size,
        what: "check",
        figures,
        bound,
        growth: None,
    }
}

/// Measures something on a file.
fn on(
    style: Style,
    size: u32,
    directory: &Path,
    measure: impl Fn(&str) -> io::Result<Figures>,
) -> Result<Figures, String> {
    eprintln!("measuring {style}, {size} namespaces");
    let file = written(style, size, directory).map_err(|error| error.to_string())?;
    measure(&file.to_string_lossy()).map_err(|error| error.to_string())
}

fn written(style: Style, size: u32, directory: &Path) -> io::Result<PathBuf> {
    let file = directory.join(format!("{style}-{size}.toml"));
    if !file.exists() {
        fs::write(&file, style.text(size))?;
    }
    Ok(file)
}
