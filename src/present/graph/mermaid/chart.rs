//! A chart of any size.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::entities::entities;
use super::{MOST_CHARACTERS, MOST_EDGES};
use crate::present::escape::escape;
use crate::present::graph::diagram::{Bond, Diagram, Edge, Event, Id, Link};
use crate::present::graph::hue::Hue;
use crate::present::graph::{Direction, Picture};

const INK: Hue = Hue::new(0x1f, 0x23, 0x28);
const MUTED: Hue = Hue::new(0x59, 0x63, 0x6e);

/// Text of a flowchart.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    /// Input for Mermaid; every line ends with a line feed.
    pub(crate) text: String,
    /// Number of edges.
    pub(crate) edges: usize,
    /// Parts that it does not show, replicas apart.
    pub(crate) left_out: Vec<String>,
}

impl Chart {
    /// The picture as a flowchart.
    pub(crate) fn of(picture: &Picture<'_>, direction: Direction) -> Self {
        let diagram = Diagram::of(picture);
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = header(&mut text, picture, direction);
        let mut groups = BTreeMap::<usize, Vec<Id>>::new();
        for event in &diagram.events {
            if let Event::Open { id, level, .. } = *event {
                groups.entry(level).or_default().push(id);
            }
            let _ = write_event(&mut text, event);
            if let Event::Open { level: 1, .. } = event {
                // A group that hangs on nothing outside would be turned by a right angle.
                let _ = writeln!(text, "    direction {}", word(direction));
            }
        }
        for edge in &diagram.edges {
            let _ = write_edge(&mut text, edge);
        }
        for link in &diagram.links {
            let _ = write_link(&mut text, link);
        }
        let _ = link_style(&mut text, diagram.edges.len(), diagram.links.len());
        for (level, ids) in groups {
            let ids: Vec<_> = ids.iter().map(|id| format!("n{id}")).collect();
            let _ = writeln!(text, "  class {} l{level}", ids.join(","));
        }
        for level in 1..=diagram.depth {
            let _ = classes(&mut text, level);
        }
        let _ = writeln!(
            text,
            "  classDef rest fill:none,stroke:{MUTED},stroke-dasharray:3"
        );
        Self {
            text,
            edges: diagram.edges.len() + diagram.links.len(),
            left_out: picture.left_out.clone(),
        }
    }

    /// Returns whether Mermaid draws it as it is configured by default.
    pub(crate) fn fits(&self) -> bool {
        self.edges <= MOST_EDGES && self.text.chars().count() <= MOST_CHARACTERS
    }
}

fn header(text: &mut String, picture: &Picture<'_>, direction: Direction) -> std::fmt::Result {
    // JSON's strings are YAML's as well.
    let title = serde_json::Value::String(format!(
        "{}: {}",
        escape(&picture.heading.name),
        picture.summary()
    ));
    writeln!(text, "---\ntitle: {title}\n---")?;
    writeln!(text, "flowchart {}", word(direction))?;
    if let Some(description) = &picture.heading.description {
        writeln!(text, "  %% {}", entities(&escape(description)))?;
    }
    for (place, sentence) in picture.left_out.iter().enumerate() {
        writeln!(
            text,
            "  note{place}[\"left out: {}\"]:::rest",
            entities(sentence)
        )?;
    }
    Ok(())
}

fn write_event(text: &mut String, event: &Event<'_>) -> std::fmt::Result {
    match *event {
        Event::Open { id, shape, level } => {
            writeln!(
                text,
                "{}subgraph n{id}[\"{}\"]",
                indent(level),
                entities(&shape.title())
            )
        }
        Event::Init { id, shape, level } => {
            writeln!(
                text,
                "{}  n{id}([\"♛ init<br/>{}\"]):::i{level}",
                indent(level),
                entities(&shape.chain())
            )
        }
        Event::Process { id, shape, level } => {
            let (class, joined) = if shape.is_joined() {
                ('j', "<br/>joined")
            } else {
                ('p', "")
            };
            let (title, chain) = (entities(&shape.title()), entities(&shape.chain()));
            writeln!(
                text,
                "{}  n{id}(\"{title}<br/>{chain}{joined}\"):::{class}{level}",
                indent(level)
            )
        }
        Event::Rest {
            id,
            text: rest,
            level,
        } => {
            writeln!(
                text,
                "{}  n{id}[\"{}\"]:::rest",
                indent(level),
                entities(rest)
            )
        }
        Event::Close { level } => writeln!(text, "{}end", indent(level)),
    }
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Down => "TB",
        Direction::Right => "LR",
    }
}

/// A longer arrow spans more ranks.
fn write_edge(text: &mut String, edge: &Edge) -> std::fmt::Result {
    let &Edge {
        from,
        to,
        bond,
        ranks,
    } = edge;
    let ranks = ranks as usize;
    let arrow = match bond {
        Bond::Forks => format!("{}>", "-".repeat(ranks + 1)),
        Bond::Above => "~".repeat(ranks + 2),
    };
    writeln!(text, "  n{from} {arrow} n{to}")
}

/// A dotted arrow with the condition on it.
fn write_link(text: &mut String, link: &Link<'_>) -> std::fmt::Result {
    let [waiter, target] = [link.waiter, link.target].map(|tip| tip.group.unwrap_or(tip.node));
    let label = entities(&link.arrow.label());
    writeln!(text, "  n{waiter} -. \"{label}\" .-> n{target}")
}

/// The style of dependencies, which stand behind so many edges.
fn link_style(text: &mut String, edges: usize, links: usize) -> std::fmt::Result {
    if links == 0 {
        return Ok(());
    }
    let numbers: Vec<_> = (edges..edges + links).map(|n| n.to_string()).collect();
    writeln!(
        text,
        "  linkStyle {} stroke:{MUTED},stroke-width:1px,color:{MUTED}",
        numbers.join(",")
    )
}

/// Styles of namespaces, PID 1s, processes and joined processes of a level.
fn classes(text: &mut String, level: usize) -> std::fmt::Result {
    let hue = Hue::of(level);
    let (tint, strong, line) = (
        hue.over(15, Hue::WHITE),
        hue.over(45, Hue::WHITE),
        hue.over(85, Hue::BLACK),
    );
    writeln!(
        text,
        "  classDef l{level} fill:{tint},stroke:{line},color:{INK}"
    )?;
    writeln!(
        text,
        "  classDef i{level} fill:{strong},stroke:{line},stroke-width:2px,color:{INK}"
    )?;
    writeln!(
        text,
        "  classDef p{level} fill:#fff,stroke:{line},color:{INK}"
    )?;
    writeln!(
        text,
        "  classDef j{level} fill:#fff,stroke:{line},stroke-dasharray:4,color:{INK}"
    )
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}
