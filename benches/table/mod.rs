//! Aligned columns on standard output.

/// Prints these rows below the header. The columns of these numbers hold text, which begins at the left; the others hold
/// figures, which end at the right.
pub(crate) fn print<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    text: &[usize],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) {
    let mut table = vec![header.map(str::to_owned)];
    table.extend(rows);
    let width = |column: usize| {
        table
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    for row in &table {
        let aligned = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| {
                if text.contains(&column) {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
        println!("{}", aligned.collect::<Vec<_>>().join("  ").trim_end());
    }
}
