//! Dependencies in a line of a tree: those on other namespaces, by their paths as seen from the namespace of what waits.

/// Number of dependencies that are listed, if there are more than one in addition.
const LISTED: usize = 3;

/// `../db ready, ../cache started`, by the path and the condition of each; `home` is the namespace of what waits.
pub(super) fn words<T, C: std::fmt::Display>(
    home: &str,
    dependencies: &[T],
    describe: impl Fn(&T) -> (String, C),
) -> String {
    let listed = if dependencies.len() > LISTED + 1 {
        LISTED
    } else {
        dependencies.len()
    };
    let mut words: Vec<_> = dependencies
        .iter()
        .take(listed)
        .map(describe)
        .map(|(path, condition)| format!("{} {condition}", relative(home, &path)))
        .collect();
    if listed < dependencies.len() {
        words.push(format!("{} more", dependencies.len() - listed));
    }
    words.join(", ")
}

/// Target and condition of an entry of `after` in a document, if it is not in the namespace of what waits.
pub(super) fn elsewhere<'a>(home: &str, entry: &'a str) -> Option<(&'a str, &'a str)> {
    let (name, condition) = entry.rsplit_once(": ")?;
    let path = name.strip_prefix('/')?;
    (path != home).then_some((path, condition))
}

/// The path as seen from a namespace; a way up through many of them is no shorter than one from the top.
fn relative(home: &str, path: &str) -> String {
    const MOST: usize = 2;
    let same = home
        .split('/')
        .zip(path.split('/'))
        .take_while(|(one, other)| one == other)
        .count();
    let up = home.split('/').count() - same;
    if same == 0 && up > MOST {
        return format!("/{path}");
    }
    let rest = path.split('/').skip(same);
    let segments: Vec<_> = std::iter::repeat_n("..", up).chain(rest).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::{elsewhere, relative, words};

    #[test]
    fn paths_are_those_that_a_file_has() {
        for (home, path, seen) in [
            ("web", "db", "../db"),
            ("web", "db/init", "../db/init"),
            ("node/web", "node/db/x", "../db/x"),
            ("node/web", "node", ".."),
            ("node", "node/web", "web"),
            ("a/b", "x", "../../x"),
            ("a/b/c", "x/y", "/x/y"),
            ("a/b/c", "a/x", "../../x"),
            ("web", "website", "../website"),
        ] {
            assert_eq!(relative(home, path), seen, "{path} as seen from {home}");
        }
    }

    #[test]
    fn many_are_counted() {
        let list = |count: usize| {
            let numbers: Vec<_> = (0..count).collect();
            words("web", &numbers, |number| (format!("db.{number}"), "ready"))
        };
        assert_eq!(list(0), "");
        assert_eq!(list(1), "../db.0 ready");
        assert_eq!(list(4).matches("ready").count(), 4);
        assert_eq!(
            list(1000),
            "../db.0 ready, ../db.1 ready, ../db.2 ready, 997 more"
        );
    }

    #[test]
    fn an_entry_of_a_document_is_taken_apart() {
        assert_eq!(
            elsewhere("web", "/db/x: y: ready"),
            Some(("db/x: y", "ready"))
        );
        assert_eq!(elsewhere("web", "db: ready"), None);
        assert_eq!(elsewhere("web", "/web: started"), None);
        assert_eq!(elsewhere("web", "?"), None);
    }
}
