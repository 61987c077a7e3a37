//! Files with templates, includes, variables and generators, as nobody would combine them.

#![no_main]

use std::fmt::Write as _;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nestns_fuzz::examine;
use nestns_fuzz::text::quoted;
use nestns_fuzz::world::World;
use nestns_topology::diagnostic::Source;
use nestns_topology::{Request, Setting, parse};

/// What a file says about limits is taken modulo this.
const MOST: u16 = 3000;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    main: File<'a>,
    others: Vec<File<'a>>,
    settings: Vec<(Name, &'a str)>,
    environment: Vec<(Name, &'a str)>,
}

#[derive(Debug, Arbitrary)]
struct File<'a> {
    includes: Vec<u8>,
    expanded: Option<bool>,
    limits: Option<(u16, u16, u8)>,
    variables: Vec<(Name, Value<'a>)>,
    namespace_defaults: Option<Body<'a>>,
    process_defaults: Option<Process<'a>>,
    templates: Vec<(Path, Body<'a>)>,
    namespaces: Vec<(Path, Body<'a>)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Name {
    A,
    B,
    C,
    D,
    Odd,
}

#[derive(Debug, Arbitrary)]
enum Path {
    One(Name),
    Two(Name, Name),
    Three(Name, Name, Name),
    Instance(Name, u8),
}

#[derive(Debug, Arbitrary)]
enum Value<'a> {
    Small(u8),
    Large(i64),
    Flag(bool),
    Text(&'a str),
    Variable(Name),
    Magic(Magic),
    /// Both in one placeholder.
    Sum(Name, Magic, u8),
    Environment(Name, u8),
    List(Vec<u8>),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Magic {
    Index,
    Level,
    Path,
    Name,
    Topology,
}

#[derive(Debug, Arbitrary)]
struct Body<'a> {
    uses: Vec<Path>,
    include: Option<u8>,
    count: Option<Value<'a>>,
    depth: Option<Value<'a>>,
    fanout: Option<Value<'a>>,
    names: Option<Value<'a>>,
    init: Option<Init<'a>>,
    label: Option<(Name, Value<'a>)>,
    hostname: Option<Value<'a>>,
    grace: Option<u8>,
    processes: Vec<(Name, Process<'a>)>,
}

#[derive(Debug, Arbitrary)]
enum Init<'a> {
    Builtin,
    Pause,
    Words(&'a str),
}

#[derive(Debug, Arbitrary)]
struct Process<'a> {
    program: Option<(Program, Value<'a>)>,
    count: Option<Value<'a>>,
    at: Option<At<'a>>,
    after: Vec<Name>,
    env: Option<(Name, Value<'a>)>,
    grace: Option<u8>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Program {
    Command,
    Script,
    Actor,
}

#[derive(Debug, Arbitrary)]
enum At<'a> {
    Root,
    Leaf,
    Levels(u8, u8),
    Other(Value<'a>),
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::Odd => "X y",
        }
    }
}

impl Path {
    fn text(&self) -> String {
        match self {
            Self::One(name) => name.text().to_owned(),
            Self::Two(a, b) => format!("{}/{}", a.text(), b.text()),
            Self::Three(a, b, c) => format!("{}/{}/{}", a.text(), b.text(), c.text()),
            Self::Instance(name, number) => format!("{}.{number}", name.text()),
        }
    }
}

impl Magic {
    fn text(self) -> &'static str {
        match self {
            Self::Index => "i",
            Self::Level => "level",
            Self::Path => "path",
            Self::Name => "name",
            Self::Topology => "topology",
        }
    }
}

impl Value<'_> {
    fn text(&self) -> String {
        match self {
            Self::Small(number) => number.to_string(),
            Self::Large(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => quoted(text),
            Self::Variable(name) => format!("\"{{{{{}}}}}\"", name.text()),
            Self::Magic(magic) => format!("\"x{{{{{}}}}}\"", magic.text()),
            Self::Sum(name, magic, number) => {
                format!("\"{{{{{} * {} % {number}}}}}\"", name.text(), magic.text())
            }
            Self::Environment(name, number) => {
                format!("\"{{{{env.{} ?? {number}}}}}\"", name.text())
            }
            Self::List(numbers) => format!("{numbers:?}"),
        }
    }
}

impl File<'_> {
    fn text(&self, files: usize) -> String {
        let mut text = String::new();
        let _ = self.write(files, &mut text);
        text
    }

    fn write(&self, files: usize, out: &mut String) -> std::fmt::Result {
        let file = |number: u8| format!("\"{}.toml\"", usize::from(number) % (files + 1));
        if !self.includes.is_empty() {
            let list: Vec<_> = self.includes.iter().map(|&number| file(number)).collect();
            writeln!(out, "include = [{}]", list.join(", "))?;
        }
        if let Some(expanded) = self.expanded {
            writeln!(out, "expanded = {expanded}")?;
        }
        if let Some((namespaces, processes, depth)) = self.limits {
            let (namespaces, processes) = (namespaces % MOST, processes % MOST);
            writeln!(
                out,
                "[limits]\nnamespaces = {namespaces}\nprocesses = {processes}\ndepth = {depth}"
            )?;
        }
        writeln!(out, "[vars]")?;
        for (name, value) in &self.variables {
            writeln!(out, "{} = {}", quoted(name.text()), value.text())?;
        }
        if let Some(body) = &self.namespace_defaults {
            writeln!(out, "[defaults.ns]")?;
            body.write(&file, out)?;
        }
        if let Some(process) = &self.process_defaults {
            writeln!(out, "[defaults]\nproc = {}", process.text())?;
        }
        for (path, body) in &self.templates {
            writeln!(out, "[template.{}]", quoted(&path.text()))?;
            body.write(&file, out)?;
        }
        for (path, body) in &self.namespaces {
            writeln!(out, "[ns.{}]", quoted(&path.text()))?;
            body.write(&file, out)?;
        }
        Ok(())
    }
}

impl Body<'_> {
    fn write(&self, file: &dyn Fn(u8) -> String, out: &mut String) -> std::fmt::Result {
        if !self.uses.is_empty() {
            let list: Vec<_> = self.uses.iter().map(|path| quoted(&path.text())).collect();
            writeln!(out, "use = [{}]", list.join(", "))?;
        }
        if let Some(include) = self.include {
            writeln!(out, "include = {}", file(include))?;
        }
        let values = [
            ("count", &self.count),
            ("depth", &self.depth),
            ("fanout", &self.fanout),
            ("as", &self.names),
            ("hostname", &self.hostname),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                writeln!(out, "{key} = {}", value.text())?;
            }
        }
        match &self.init {
            None => {}
            Some(Init::Builtin) => writeln!(out, "init = \"builtin\"")?,
            Some(Init::Pause) => writeln!(out, "init = \"pause\"")?,
            Some(Init::Words(word)) => writeln!(out, "init = [{}]", quoted(word))?,
        }
        if let Some((name, value)) = &self.label {
            writeln!(out, "labels.{} = {}", quoted(name.text()), value.text())?;
        }
        if let Some(grace) = self.grace {
            writeln!(out, "stop.grace = \"{grace}s\"")?;
        }
        for (name, process) in &self.processes {
            writeln!(out, "proc.{} = {}", quoted(name.text()), process.text())?;
        }
        Ok(())
    }
}

impl Process<'_> {
    fn text(&self) -> String {
        let mut pairs = Vec::new();
        match &self.program {
            None => pairs.push("actor = \"idle\"".to_owned()),
            Some((Program::Command, value)) => pairs.push(format!("cmd = {}", value.text())),
            Some((Program::Script, value)) => pairs.push(format!("sh = {}", value.text())),
            Some((Program::Actor, value)) => pairs.push(format!("actor = {}", value.text())),
        }
        if let Some(count) = &self.count {
            pairs.push(format!("count = {}", count.text()));
        }
        match &self.at {
            None => {}
            Some(At::Root) => pairs.push("at = \"root\"".to_owned()),
            Some(At::Leaf) => pairs.push("at = \"leaf\"".to_owned()),
            Some(At::Levels(first, last)) => pairs.push(format!("at = \"{first}..{last}\"")),
            Some(At::Other(value)) => pairs.push(format!("at = {}", value.text())),
        }
        if let Some(after) = self.after.first() {
            pairs.push(format!(
                "after = {{ {} = \"started\" }}",
                quoted(after.text())
            ));
        }
        if let Some((name, value)) = &self.env {
            pairs.push(format!(
                "env = {{ {} = {} }}",
                quoted(name.text()),
                value.text()
            ));
        }
        if let Some(grace) = self.grace {
            pairs.push(format!("stop = {{ grace = \"{grace}s\" }}"));
        }
        format!("{{ {} }}", pairs.join(", "))
    }
}

fuzz_target!(|input: Input<'_>| {
    let others = &input.others[..input.others.len().min(3)];
    let files = others
        .iter()
        .enumerate()
        .map(|(number, file)| (format!("{number}.toml"), file.text(others.len())));
    let environment = input
        .environment
        .iter()
        .map(|(name, value)| (name.text().to_owned(), (*value).to_owned()));
    let world = World {
        files: files.collect(),
        environment: environment.collect(),
    };
    let settings = input
        .settings
        .iter()
        .take(4)
        .map(|(name, value)| Setting::Word {
            name: name.text().to_owned(),
            value: (*value).to_owned(),
        });
    let parsed = parse(Request {
        surroundings: &world,
        settings: settings.collect(),
        ..Request::new(
            Source::new("main.toml", input.main.text(others.len())),
            "main",
        )
    });
    examine(&parsed);
    if let Some(topology) = &parsed.topology {
        // Nothing is raised above this.
        let processes: usize = topology
            .pre_order()
            .iter()
            .map(|&id| topology.namespace(id).processes.len())
            .sum();
        assert!(
            topology.len() <= usize::from(MOST) && processes <= 4096,
            "{} {processes}",
            topology.len()
        );
    }
});
