//! The schema as a reference for people: tables with their keys, and the kinds of values that several of them share.
//!
//! Read out of the finished schema, so that a manual cannot say anything else than an editor does.

use serde_json::{Map, Value};

use crate::keys::{PLACEHOLDER, TableKind};

/// All that the schema says.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The kinds of tables, the whole file first.
    pub tables: Vec<Table>,
    /// The kinds of values that have a name, by that name.
    pub terms: Vec<Term>,
}

/// A kind of table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Title.
    pub title: String,
    /// Description; paragraphs are divided by an empty line.
    pub text: String,
    /// The forms that the value may have besides that of a table.
    pub words: Vec<Word>,
    /// Keys of the table.
    pub keys: Vec<Key>,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub struct Key {
    /// As it is written.
    pub name: String,
    /// The kind of its values; empty where that is open.
    pub kind: String,
    /// The default, as TOML.
    pub default: Option<String>,
    /// Meaning; paragraphs are divided by an empty line.
    pub text: String,
    /// Words that the value may be, each with its meaning.
    pub words: Vec<Word>,
    /// Values that it could have, as TOML.
    pub examples: Vec<String>,
}

/// One of several values.
#[derive(Debug, Clone)]
pub struct Word {
    /// As it is written, with its quotes, or what it is called.
    pub word: String,
    /// Meaning.
    pub text: String,
}

/// A kind of value.
#[derive(Debug, Clone)]
pub struct Term {
    /// Title.
    pub title: String,
    /// Description.
    pub text: String,
    /// Words that the value may be, each with its meaning.
    pub words: Vec<Word>,
    /// Some of them, as TOML.
    pub examples: Vec<String>,
}

/// The tables in the order in which a reader wants them, by the names of their definitions.
const TABLES: [(&str, TableKind); 9] = [
    ("Namespace", TableKind::Namespace),
    ("Process", TableKind::Process),
    ("Ready", TableKind::Ready),
    ("Restart", TableKind::Restart),
    ("Stop", TableKind::Stop),
    ("Defaults", TableKind::Defaults),
    ("Limits", TableKind::Limits),
    ("Expectation", TableKind::Expectation),
    ("Permission", TableKind::Permission),
];

/// Reads the schema.
pub fn reference() -> Reference {
    let schema = super::schema();
    let reader = Reader { schema: &schema };
    let definition = |name: &str| &schema["definitions"][name];
    let tables = TABLES
        .iter()
        .map(|&(name, kind)| reader.table(definition(name), kind));
    let is_table = |name: &str| TABLES.iter().any(|&(table, _)| table == name);
    let terms = entries(&schema["definitions"])
        .filter(|(name, _)| !is_table(name))
        .map(|(_, term)| Term {
            title: text(term, "title"),
            text: text(term, "description"),
            words: reader.words(term),
            examples: examples(term),
        });
    Reference {
        tables: std::iter::once(reader.table(&schema, TableKind::Top))
            .chain(tables)
            .collect(),
        terms: terms.filter(|term| !term.text.is_empty()).collect(),
    }
}

struct Reader<'a> {
    schema: &'a Value,
}

impl<'a> Reader<'a> {
    fn table(&self, schema: &'a Value, kind: TableKind) -> Table {
        let mut keys: Vec<Key> = entries(&schema["properties"])
            .map(|(name, key)| self.key(name, key))
            .collect();
        // JSON has no order, the vocabulary has one: what belongs together stands together.
        let order = kind.keys();
        keys.sort_by_key(|key| {
            order
                .iter()
                .position(|known| *known == key.name)
                .unwrap_or(order.len())
        });
        Table {
            title: text(schema, "title"),
            text: text(schema, "description"),
            words: self.words(schema),
            keys,
        }
    }

    fn key(&self, name: &str, schema: &'a Value) -> Key {
        let target = self.target(schema);
        let default = schema.get("default").or_else(|| target.get("default"));
        Key {
            name: name.to_owned(),
            kind: self.kind(schema),
            default: default.map(toml),
            text: text(schema, "description"),
            words: self.words(schema),
            examples: examples(schema),
        }
    }

    /// The target of a reference, alone or in an `allOf`; anything else is itself.
    fn target(&self, schema: &'a Value) -> &'a Value {
        let reference = schema
            .get("$ref")
            .or_else(|| schema.get("allOf")?.get(0)?.get("$ref"));
        let name = reference
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix("#/definitions/"));
        name.map_or(schema, |name| &self.schema["definitions"][name])
    }

    fn kind(&self, schema: &'a Value) -> String {
        let target = self.target(schema);
        // A table of several forms is told by its forms.
        if let Some(choice) = target.get("anyOf").and_then(Value::as_array)
            && (target.get("properties").is_some() || target.get("title").is_none())
        {
            let members = choice.iter().filter(|member| !is_placeholder(member));
            return members
                .map(|member| self.kind(member))
                .collect::<Vec<_>>()
                .join(" | ");
        }
        if let Some(title) = target.get("title").and_then(Value::as_str) {
            return title.to_owned();
        }
        if let Some(value) = target.get("const") {
            return toml(value);
        }
        let kind = target["type"]
            .as_str()
            .or_else(|| target["type"][0].as_str())
            .unwrap_or_default();
        match kind {
            "integer" => match (target["minimum"].as_u64(), target["maximum"].as_u64()) {
                (Some(lowest), Some(highest)) if highest != u64::from(u32::MAX) => {
                    format!("number from {lowest} to {highest}")
                }
                (Some(lowest), _) => format!("number from {lowest}"),
                _ => "number".to_owned(),
            },
            "array" => {
                let items = self.kind(&target["items"]);
                let plural = if items.contains('"') { "" } else { "s" };
                format!("array of {items}{plural}")
            }
            kind => kind.to_owned(),
        }
    }

    /// The meaning of each member of a choice, be it the value, an element of it or an entry of it.
    fn words(&self, schema: &'a Value) -> Vec<Word> {
        let entry = entries(&schema["patternProperties"]).map(|(_, entry)| entry);
        let places = [schema, &schema["items"]].into_iter().chain(entry);
        let members = places
            .filter_map(|place| place.get("anyOf")?.as_array())
            .flatten();
        let described = members.filter(|member| member.get("description").is_some());
        described
            .map(|member| Word {
                word: self.kind(member),
                text: text(member, "description"),
            })
            .collect()
    }
}

fn is_placeholder(schema: &Value) -> bool {
    schema["pattern"] == PLACEHOLDER && schema["type"] == "string"
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.as_str(), value))
}

fn text(schema: &Value, key: &str) -> String {
    schema[key].as_str().unwrap_or_default().to_owned()
}

fn examples(schema: &Value) -> Vec<String> {
    schema["examples"]
        .as_array()
        .into_iter()
        .flatten()
        .map(toml)
        .collect()
}

/// A value as a file writes it. The schema has none that TOML has not.
fn toml(value: &Value) -> String {
    toml::Value::try_from(value)
        .map(|value| value.to_string())
        .unwrap_or_default()
}
