//! The topologies that `nestns new` can write: the files of `examples/`.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Template {
    #[default]
    Hello,
    Dind,
    Pod,
    Kind,
    Chain,
    Fan,
    Matrix,
    Scale,
}

impl Template {
    /// Name, as an argument of `nestns new` and as the name of the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Dind => "dind",
            Self::Pod => "pod",
            Self::Kind => "kind",
            Self::Chain => "chain",
            Self::Fan => "fan",
            Self::Matrix => "matrix",
            Self::Scale => "scale",
        }
    }

    /// The whole file.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Hello => include_str!("../../../examples/hello.toml"),
            Self::Dind => include_str!("../../../examples/dind.toml"),
            Self::Pod => include_str!("../../../examples/pod.toml"),
            Self::Kind => include_str!("../../../examples/kind.toml"),
            Self::Chain => include_str!("../../../examples/chain.toml"),
            Self::Fan => include_str!("../../../examples/fan.toml"),
            Self::Matrix => include_str!("../../../examples/matrix.toml"),
            Self::Scale => include_str!("../../../examples/scale.toml"),
        }
    }

    /// Description of the file, for its `description`.
    pub(super) fn description(self) -> String {
        let table: Option<toml::Table> = self.text().parse().ok();
        let description = table.and_then(|mut table| table.remove("description"));
        description
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// By hand, so that the help and the completions say of a template what its file says.
impl ValueEnum for Template {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Hello,
            Self::Dind,
            Self::Pod,
            Self::Kind,
            Self::Chain,
            Self::Fan,
            Self::Matrix,
            Self::Scale,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.description()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_describes_itself_in_one_line() {
        for template in Template::value_variants() {
            let description = template.description();
            assert!(
                !description.is_empty() && description.len() <= 90,
                "{}: {description:?}",
                template.name()
            );
            assert!(
                !description.contains('\n') && !description.ends_with('.'),
                "{}",
                template.name()
            );
        }
    }
}
