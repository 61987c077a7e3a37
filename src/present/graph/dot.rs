//! The language of Graphviz: a cluster for each namespace, <https://graphviz.org/doc/info/lang.html>.
//!
//! Every word that came from a file stands in quotes. Inside them three rules meet: the lexer's, which knows only `\"`;
//! that of labels, where a backslash begins an escape; and that of entities, where `&` does.

use std::fmt::Write as _;

use super::Direction;
use super::diagram::{Bond, Diagram, Edge, Event, Link};
use super::hue::Hue;
use super::picture::Picture;
use crate::present::escape::escape;

const INK: Hue = Hue::new(0x1f, 0x23, 0x28);
const MUTED: Hue = Hue::new(0x59, 0x63, 0x6e);

/// The picture as text for `dot`; every line ends with a line feed.
pub(crate) fn render(picture: &Picture<'_>, direction: Direction) -> String {
    let diagram = Diagram::of(picture);
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = header(&mut text, picture, direction);
    for event in &diagram.events {
        let _ = write_event(&mut text, event);
    }
    for edge in &diagram.edges {
        let _ = write_edge(&mut text, edge);
    }
    for link in &diagram.links {
        let _ = write_link(&mut text, link);
    }
    text.push_str("}\n");
    text
}

fn header(text: &mut String, picture: &Picture<'_>, direction: Direction) -> std::fmt::Result {
    let mut title = vec![escape(&picture.heading.name), picture.summary()];
    title.extend(picture.heading.description.as_deref().map(escape));
    title.extend(
        picture
            .left_out
            .iter()
            .map(|sentence| format!("left out: {sentence}")),
    );
    let rank_direction = match direction {
        Direction::Down => "TB",
        Direction::Right => "LR",
    };
    // Arrows may end at a cluster, and have words on them.
    let spacing = if picture.arrows.is_empty() {
        "nodesep=0.2, ranksep=0.3"
    } else {
        "nodesep=0.5, ranksep=0.3, compound=true"
    };
    writeln!(text, "digraph {} {{", quoted(&[&picture.heading.name]))?;
    writeln!(
        text,
        "  graph [label={}, labelloc=t, labeljust=l, rankdir={rank_direction}, fontname=\"sans-serif\", fontsize=12, \
         fontcolor=\"{INK}\", pad=0.2, {spacing}]",
        flush_left(&title)
    )?;
    writeln!(
        text,
        "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=10, \
         fontcolor=\"{INK}\", height=0.4, margin=\"0.12,0.05\"]"
    )?;
    writeln!(
        text,
        "  edge [color=\"{}\", arrowsize=0.5]",
        MUTED.over(50, Hue::WHITE)
    )
}

fn write_event(text: &mut String, event: &Event<'_>) -> std::fmt::Result {
    match *event {
        Event::Open { id, shape, level } => {
            let (indent, hue) = (indent(level), Hue::of(level));
            let pen = if shape.alike > 1 { 3 } else { 1 };
            writeln!(text, "{indent}subgraph cluster_{id} {{")?;
            writeln!(
                text,
                "{indent}  graph [label={}, tooltip={}, style=\"rounded,filled\", fillcolor=\"{}\", color=\"{}\", \
                 penwidth={pen}, margin=10]",
                quoted(&[shape.title()]),
                quoted(&shape.namespace_lines(level)),
                hue.over(15, Hue::WHITE),
                hue.over(85, Hue::BLACK),
            )
        }
        Event::Init { id, shape, level } => {
            let hue = Hue::of(level);
            writeln!(
                text,
                "{}  n{id} [label={}, tooltip={}, fillcolor=\"{}\", color=\"{}\", penwidth=2]",
                indent(level),
                quoted(&[String::from("♛ init"), shape.chain()]),
                quoted(&shape.init_lines()),
                hue.over(45, Hue::WHITE),
                hue.over(85, Hue::BLACK),
            )
        }
        Event::Process { id, shape, level } => {
            let mut label = vec![shape.title(), shape.chain()];
            let style = if shape.is_joined() {
                label.push("joined".to_owned());
                ", style=\"rounded,filled,dashed\""
            } else {
                ""
            };
            writeln!(
                text,
                "{}  n{id} [label={}, tooltip={}, color=\"{}\"{style}]",
                indent(level),
                quoted(&label),
                quoted(&shape.process_lines()),
                Hue::of(level).over(85, Hue::BLACK),
            )
        }
        Event::Rest {
            id,
            text: rest,
            level,
        } => writeln!(
            text,
            "{}  n{id} [label={}, style=\"rounded,dashed\", color=\"{MUTED}\", fontcolor=\"{MUTED}\"]",
            indent(level),
            quoted(&[rest])
        ),
        Event::Close { level } => writeln!(text, "{}}}", indent(level)),
    }
}

fn write_edge(text: &mut String, edge: &Edge) -> std::fmt::Result {
    let &Edge {
        from,
        to,
        bond,
        ranks,
    } = edge;
    let mut attributes = Vec::new();
    if ranks > 1 {
        attributes.push(format!("minlen={ranks}"));
    }
    match bond {
        Bond::Forks => {}
        Bond::Above => attributes.push("style=invis".to_owned()),
    }
    match attributes.join(", ") {
        none if none.is_empty() => writeln!(text, "  n{from} -> n{to}"),
        attributes => writeln!(text, "  n{from} -> n{to} [{attributes}]"),
    }
}

/// A thin arrow that has no influence on the places of the nodes. Nor has its label, which is put beside the finished
/// drawing: with one of the other kind, `dot` fails on arrows between clusters.
fn write_link(text: &mut String, link: &Link<'_>) -> std::fmt::Result {
    let &Link {
        arrow,
        waiter,
        target,
    } = link;
    let names = [waiter, target].map(|tip| tip.shape.end(tip.side));
    let sentence = arrow.sentence(&names[0], &names[1]);
    write!(
        text,
        "  n{} -> n{} [xlabel={}, tooltip={}",
        waiter.node,
        target.node,
        quoted(&[arrow.label()]),
        quoted(&[sentence]),
    )?;
    for (name, tip) in [("ltail", waiter), ("lhead", target)] {
        if let Some(group) = tip.group {
            write!(text, ", {name}=cluster_{group}")?;
        }
    }
    writeln!(
        text,
        ", style=dashed, color=\"{MUTED}\", fontcolor=\"{MUTED}\", fontname=\"sans-serif\", fontsize=8, \
         arrowhead=vee, constraint=false]"
    )
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

/// The lines of a label, in quotes; they are centred.
fn quoted<S: AsRef<str>>(lines: &[S]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| escaped(line.as_ref())).collect();
    format!("\"{}\"", lines.join("\\n"))
}

/// The lines of a label, in quotes and flush left: the escape that ends a line gives its alignment.
fn flush_left<S: AsRef<str>>(lines: &[S]) -> String {
    let lines: String = lines
        .iter()
        .map(|line| escaped(line.as_ref()) + "\\l")
        .collect();
    format!("\"{lines}\"")
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use super::{flush_left, quoted};

    #[test]
    fn nothing_ends_the_quotes_or_means_something() {
        assert_eq!(
            quoted(&["a\"b\\", "<N> &lt; {|}"]),
            r#""a\"b\\\n<N> &amp;lt; {|}""#
        );
        assert_eq!(flush_left(&["a\\n", "b"]), r#""a\\n\lb\l""#);
    }
}
