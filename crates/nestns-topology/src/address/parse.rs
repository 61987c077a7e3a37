//! Text → address, or what is wrong with it, where, and how it is written.

use std::str::FromStr;

use super::pattern::{Segment, Token};
use super::{Address, AddressError, HOST, Place, Wanted};

/// The largest number that a PID namespace gives: the kernel's `PID_MAX_LIMIT`.
const LARGEST: i32 = 1 << 22;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            // A variable of a shell that is not set: it must not mean everything.
            return Err(
                AddressError::at(1, "an empty address").help("write `.` for the whole topology")
            );
        }
        let (topology, rest) = topology(text)?;
        let start = text.len() - rest.len();
        let (path, number) = number(text, start)?;
        let (place, wanted) = place(text, start, path, topology.is_some())?;
        if number.is_some() && place == Place::Everything {
            return Err(AddressError::at(
                position(text, start + path.len()),
                "a PID without its namespace",
            )
            .help("write `vm/ci#7`, or `host#5304` for a PID of the host"));
        }
        Ok(Self {
            topology,
            place,
            wanted,
            number,
        })
    }
}

/// The character that a byte of the text belongs to, counted from 1.
fn position(text: &str, byte: usize) -> usize {
    text[..byte].chars().count() + 1
}

fn topology(text: &str) -> Result<(Option<String>, &str), AddressError> {
    let Some(colon) = text.find(':') else {
        return Ok((None, text));
    };
    let (name, rest) = (&text[..colon], &text[colon + 1..]);
    let Some(rest) = rest.strip_prefix('/') else {
        return Err(
            AddressError::at(position(text, colon), "a `:` without a `/` after it").help(format!(
                "the topology comes before `:/`, as in `{name}:/{rest}`"
            )),
        );
    };
    if let Some(again) = rest.find(':') {
        return Err(
            AddressError::at(position(text, colon + 2 + again), "a second `:`")
                .help("an address has only one topology"),
        );
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Err(
            AddressError::at(1, "the name of the topology is empty").help(format!(
                "write `{}` for a path in the only running topology",
                if rest.is_empty() { "." } else { rest }
            )),
        );
    }
    if let Some(place) = name.find(|c| !is_plain(c)) {
        return Err(AddressError::at(position(text, place), format!("`{name}` is not the name of a topology")).help(
            "it consists of letters, digits, `.`, `_` and `-`, without wildcards: an address belongs to one topology",
        ));
    }
    Ok((Some(name.to_owned()), rest))
}

/// Splits the number off what begins at `start`.
fn number(text: &str, start: usize) -> Result<(&str, Option<i32>), AddressError> {
    let rest = &text[start..];
    let Some(hash) = rest.find('#') else {
        return Ok((rest, None));
    };
    let (path, digits) = (&rest[..hash], &rest[hash + 1..]);
    let here = position(text, start + hash);
    if path.is_empty() {
        return Err(
            AddressError::at(here, "a PID without its namespace").help(format!(
                "write `vm/ci#{digits}`, or `host#{digits}` for a PID of the host"
            )),
        );
    }
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain {
        return Err(
            AddressError::at(here + 1, format!("`{digits}` is not a number"))
                .help("`#` is followed by a PID in that namespace, as in `vm/ci#7`"),
        );
    }
    match digits.parse() {
        Ok(number @ 1..=LARGEST) => Ok((path, Some(number))),
        _ => Err(
            AddressError::at(here + 1, format!("`{digits}` is not a PID"))
                .help(format!("PIDs range from 1 to {LARGEST}")),
        ),
    }
}

fn place(
    text: &str,
    start: usize,
    path: &str,
    is_named: bool,
) -> Result<(Place, Wanted), AddressError> {
    match path {
        "." => return Ok((Place::Everything, Wanted::Anything)),
        "" if is_named => return Ok((Place::Everything, Wanted::Anything)),
        HOST => return Ok((Place::Host, Wanted::Anything)),
        _ => {}
    }
    let here = |offset: usize| position(text, start + offset);
    let (body, wanted) = path
        .strip_suffix('/')
        .map_or((path, Wanted::Anything), |body| (body, Wanted::Namespace));
    let cleaned = || {
        let names: Vec<&str> = path
            .split('/')
            .filter(|name| !matches!(*name, "" | "." | ".."))
            .collect();
        if names.is_empty() {
            "write `.` for the whole topology".to_owned()
        } else {
            format!("write `{}`", names.join("/"))
        }
    };
    let mut segments = Vec::new();
    let mut offset = 0;
    for name in body.split('/') {
        let problem = match name {
            "" if offset == 0 => Some("an address begins with a name, not with `/`"),
            "" => Some("an empty segment"),
            "." => Some("`.` is the whole topology and cannot be part of a path"),
            ".." => Some("`..` is not supported: a path starts at the top"),
            HOST if offset == 0 => Some("paths do not begin with `host`, but below it"),
            _ => None,
        };
        if let Some(problem) = problem {
            let error = AddressError::at(here(offset), problem);
            return Err(if name == HOST {
                let inside = path.trim_start_matches(HOST).trim_matches('/');
                error.help(if inside.is_empty() {
                    "write `host`".to_owned()
                } else {
                    format!("write `{inside}`")
                })
            } else {
                error.help(cleaned())
            });
        }
        segments.push(segment(name).map_err(|error| AddressError {
            position: here(offset) + error.position - 1,
            ..error
        })?);
        offset += name.len() + 1;
    }
    Ok((Place::Path(segments), wanted))
}

/// Reads one segment; positions are counted from its beginning.
fn segment(name: &str) -> Result<Segment, AddressError> {
    if name == "**" {
        return Ok(Segment::AnyDepth);
    }
    let mut reader = Reader { name, offset: 0 };
    let tokens = reader.tokens(Around::Segment)?;
    Ok(Segment::Name(tokens))
}

/// The context of the tokens that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Segment,
    Braces,
}

struct Reader<'a> {
    name: &'a str,
    offset: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.name[self.offset..]
    }

    fn error(&self, message: impl Into<String>) -> AddressError {
        AddressError::at(position(self.name, self.offset), message)
    }

    fn tokens(&mut self, around: Around) -> Result<Vec<Token>, AddressError> {
        let mut tokens = Vec::new();
        while let Some(character) = self.rest().chars().next() {
            match character {
                ',' | '}' if around == Around::Braces => break,
                '*' if self.rest().starts_with("**") => {
                    return Err(self
                        .error("`**` matches whole segments")
                        .help("write `/**/`, or `*` within a name"));
                }
                '*' => self.push(&mut tokens, Token::AnyRun),
                '?' => self.push(&mut tokens, Token::AnyCharacter),
                '{' if around == Around::Segment => {
                    let alternatives = self.alternatives()?;
                    tokens.push(Token::OneOf(alternatives));
                }
                '{' => {
                    return Err(self
                        .error("nested braces")
                        .help("write all alternatives in one pair of braces"));
                }
                '0'..='9' if self.is_number_here(&tokens) && self.range()?.is_some() => {
                    if let Some((range, length)) = self.range()? {
                        tokens.push(Token::Range(range));
                        self.offset += length;
                        let follows_well = |c: char| {
                            c == '.' || (around == Around::Braces && matches!(c, ',' | '}'))
                        };
                        if self.rest().starts_with(|c| !follows_well(c)) {
                            return Err(self
                                .error("unexpected text after a range")
                                .help("a range is a whole index, as in `w.0..99`"));
                        }
                    }
                }
                _ => self.literal(&mut tokens, character)?,
            }
        }
        if self.name[..self.offset].ends_with('.') && around == Around::Segment {
            return Err(self
                .error("a dot without an index")
                .help("write `w.0`, or `w` for all of them"));
        }
        Ok(tokens)
    }

    fn push(&mut self, tokens: &mut Vec<Token>, token: Token) {
        tokens.push(token);
        self.offset += 1;
    }

    /// Returns whether a number that begins here is a whole one, as an index is.
    fn is_number_here(&self, tokens: &[Token]) -> bool {
        tokens.is_empty() || self.name[..self.offset].ends_with('.')
    }

    /// `0..99` at this place, and its length.
    fn range(&self) -> Result<Option<(std::ops::RangeInclusive<u64>, usize)>, AddressError> {
        let number =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let first = number(self.rest());
        let Some(behind) = self.rest()[first..].strip_prefix("..") else {
            return Ok(None);
        };
        let last = number(behind);
        if last == 0 {
            return Err(AddressError::at(
                position(self.name, self.offset + first + 2),
                "a range without an end",
            )
            .help(format!(
                "write `{}..99`, or `*` for all of them",
                &self.rest()[..first]
            )));
        }
        let ends = (
            self.rest()[..first].parse::<u64>(),
            behind[..last].parse::<u64>(),
        );
        let (Ok(from), Ok(to)) = ends else {
            return Err(self.error("the number is too large for an index"));
        };
        if from > to {
            return Err(self
                .error("the range ends before it begins")
                .help(format!("write `{to}..{from}`")));
        }
        Ok(Some((from..=to, first + 2 + last)))
    }

    fn alternatives(&mut self) -> Result<Vec<Vec<Token>>, AddressError> {
        let open = self.error("the brace is not closed").help("write `{a,b}`");
        self.offset += 1;
        let mut alternatives = Vec::new();
        loop {
            let alternative = self.tokens(Around::Braces)?;
            if self.rest().is_empty() {
                return Err(open);
            }
            if alternative.is_empty() {
                return Err(self
                    .error("an empty alternative")
                    .help("write a name on both sides of each comma"));
            }
            alternatives.push(alternative);
            let is_end = self.rest().starts_with('}');
            self.offset += 1;
            if is_end {
                return Ok(alternatives);
            }
        }
    }

    fn literal(&mut self, tokens: &mut Vec<Token>, character: char) -> Result<(), AddressError> {
        match character {
            '.' if self.offset == 0 => {
                return Err(self
                    .error("a name does not begin with a dot")
                    .help("a dot comes before an index: `w.0`"));
            }
            '.' if self.rest().starts_with("..") => {
                return Err(self
                    .error("`..` belongs between two numbers")
                    .help("write a range as in `w.0..99`"));
            }
            'a'..='z' | '0'..='9' | '_' | '-' | '.' => {}
            'A'..='Z' => {
                return Err(self
                    .error("an upper-case letter")
                    .help(format!("write `{}`", self.name.to_ascii_lowercase())));
            }
            ']' | '[' => {
                return Err(self
                    .error(format!("`{character}` is not allowed in addresses"))
                    .help("write alternatives as `{a,b}` and numbers as `0..99`"));
            }
            _ => {
                return Err(self
                    .error(format!(
                        "`{}` is not allowed in names",
                        character.escape_debug()
                    ))
                    .help("names consist of a-z, 0-9, `_` and `-`, with `.` before an index"));
            }
        }
        self.offset += character.len_utf8();
        if let Some(Token::Literal(literal)) = tokens.last_mut() {
            literal.push(character);
        } else {
            tokens.push(Token::Literal(character.to_string()));
        }
        Ok(())
    }
}
