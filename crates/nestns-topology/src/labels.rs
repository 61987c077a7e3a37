//! Free words to select by, as a namespace or a process carries them.

use std::collections::BTreeMap;
use std::iter;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// Names with values, sorted by name; a document has them as a map.
///
/// There are some on each of a hundred thousand namespaces and nothing is ever added, so they are one allocation: each name
/// and after it its value, each as its length in four bytes and its text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct Labels(Box<[u8]>);

impl Labels {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        iter::from_fn(move || Some((take_word(&mut rest)?, take_word(&mut rest)?)))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a word: its length, and its text.
fn put_word(bytes: &mut Vec<u8>, word: &str) {
    let length = u32::try_from(word.len()).expect("a file is smaller than 4 GiB");
    bytes.extend(length.to_le_bytes());
    bytes.extend(word.as_bytes());
}

/// Takes the word at the start of the bytes.
fn take_word<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, others) = rest.split_first_chunk()?;
    let (word, others) = others.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = others;
    str::from_utf8(word).ok()
}

/// Of several values of one name the last counts.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        let labels = labels.into_iter();
        let labels: BTreeMap<String, String> = labels
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        labels.into()
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        let mut bytes = Vec::new();
        for (name, value) in &labels {
            put_word(&mut bytes, name);
            put_word(&mut bytes, value);
        }
        Self(bytes.into())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Postcard writes the number first.
        let mut map = serializer.serialize_map(Some(self.iter().count()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn they_are_sorted_and_the_last_of_a_name_counts() {
        let labels: Labels = [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")]
            .into_iter()
            .collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "4")]);
        assert_eq!(
            (labels.get("a"), labels.get("b"), labels.get("c")),
            (Some("2"), Some("4"), None)
        );
        assert!(Labels::default().is_empty());
        assert_eq!(Labels::default().iter().next(), None);
    }

    #[test]
    fn any_text_is_kept_as_it_is() {
        let pairs = [("", "ü\0"), ("a\0b", ""), ("ß", "\u{10ffff}")];
        let labels: Labels = pairs.into_iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn a_document_has_them_as_a_map() {
        let labels: Labels = [("b", "1"), ("a", "2")].into_iter().collect();
        let text = serde_json::to_string(&labels).unwrap();
        assert_eq!(text, r#"{"a":"2","b":"1"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&text).unwrap(), labels);
        let bytes = postcard::to_stdvec(&labels).unwrap();
        assert_eq!(postcard::from_bytes::<Labels>(&bytes).unwrap(), labels);
    }
}
