//! Free words to select by, as a namespace or a process carries them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// Names with values, sorted by name; a document has them as a map.
///
/// There are some on each of a hundred thousand namespaces and nothing is ever added, so they take no more room than they
/// need: a tree map begins with half a kilobyte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "BTreeMap<Box<str>, Box<str>>")]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self
            .0
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        Some(&self.0[place].1)
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of several values of one name the last counts.
impl<N: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        let mut labels: Vec<_> = labels
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        labels.sort_by(|(a, _): &(Box<str>, Box<str>), (b, _)| a.cmp(b));
        labels.dedup_by(|later, earlier| {
            let is_again = later.0 == earlier.0;
            if is_again {
                std::mem::swap(later, earlier);
            }
            is_again
        });
        Self(labels.into())
    }
}

impl From<BTreeMap<Box<str>, Box<str>>> for Labels {
    fn from(labels: BTreeMap<Box<str>, Box<str>>) -> Self {
        Self(labels.into_iter().collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
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
