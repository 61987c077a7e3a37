//! How the schema writes what a name may be; the reader's rule is in `syntax::name`.

use super::placeholder::or_placeholder;

/// A name with the numbers of an instance behind it, which only a file written by `nestns config` has: `w.17`, `t.1.0`.
const SEGMENT: &str = "[a-z0-9][a-z0-9_-]{0,63}(\\.[0-9]+)*";

/// Names that addresses need for themselves.
pub(super) const RESERVED: [&str; 2] = ["init", "host"];

/// The pattern of a name.
pub(super) fn name_pattern() -> String {
    format!("^{SEGMENT}$")
}

/// The pattern of a path: names with `/` between.
pub(super) fn path_pattern() -> String {
    format!("^{SEGMENT}(/{SEGMENT})*$")
}

/// The pattern of a path that contains a reserved name.
pub(super) fn reserved_pattern() -> String {
    format!("(^|/)({})(/|$)", RESERVED.join("|"))
}

/// The pattern of a target of `after`: a name, a path, or one that begins with `..`; it may have placeholders.
pub(super) fn target_pattern() -> String {
    let segment = format!("({SEGMENT}|\\.\\.)");
    or_placeholder(&format!("^/?{segment}(/{segment})*$"))
}
