//! Users and groups by name: `/etc/passwd` and `/etc/group`, read as text.
//!
//! Not getpwnam(3): in a statically linked program the C library loads whatever module
//! nsswitch.conf(5) names into a process that was not made for it, and crashes (measured with
//! `libnss_systemd`). The two files are what container runtimes read as well; a user from another
//! source is given by number.

use std::fs;

/// A line of passwd(5), as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user with this name or number.
pub(super) fn user(word: &str) -> Option<User> {
    find_user(&text("/etc/passwd"), word)
}

/// The number of the group with this name.
pub(super) fn group(name: &str) -> Option<u32> {
    find_group(&text("/etc/group"), name)
}

/// The groups of a user: the user's own first, then those that list the user as a member.
pub(super) fn groups_of(user: &User) -> Vec<u32> {
    memberships(&text("/etc/group"), user)
}

/// Contents of a file; a comment in it, such as a full name, may be in any encoding.
fn text(path: &str) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn find_user(text: &str, word: &str) -> Option<User> {
    text.lines().find_map(|line| {
        // name:password:uid:gid:comment:home:shell
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let user = User {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        };
        (name == word || uid == word).then_some(user)
    })
}

/// name:password:gid:member,member
fn entries(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, gid) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name, gid.parse().ok()?, fields.next().unwrap_or_default()))
    })
}

fn find_group(text: &str, name: &str) -> Option<u32> {
    entries(text)
        .find(|(found, ..)| *found == name)
        .map(|(_, gid, _)| gid)
}

fn memberships(text: &str, user: &User) -> Vec<u32> {
    let lists_him = |members: &str| members.split(',').any(|member| member == user.name);
    let others = entries(text).filter(|(_, gid, members)| *gid != user.gid && lists_him(members));
    std::iter::once(user.gid)
        .chain(others.map(|(_, gid, _)| gid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{User, find_group, find_user, memberships};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nbroken\nanna:x:1000:100:Anna,,,:/home/anna:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:anna\nadm:x:4:syslog,anna\nwheel:x:10:annabel\n";

    #[test]
    fn users_are_found_by_name_and_number() {
        let anna = User {
            name: "anna".to_owned(),
            uid: 1000,
            gid: 100,
        };
        assert_eq!(find_user(PASSWD, "anna"), Some(anna.clone()));
        assert_eq!(find_user(PASSWD, "1000"), Some(anna));
        assert_eq!(find_user(PASSWD, "ann"), None);
    }

    #[test]
    fn groups_are_the_own_one_and_those_that_list_the_user() {
        let anna = User {
            name: "anna".to_owned(),
            uid: 1000,
            gid: 100,
        };
        assert_eq!(memberships(GROUP, &anna), [100, 4]);
        assert_eq!(find_group(GROUP, "adm"), Some(4));
        assert_eq!(find_group(GROUP, "nobody"), None);
    }
    #[test]
    fn a_line_that_is_broken_hides_no_other() {
        let passwd = "x:x\nnumber:x:many:0::/:\nanna:x:1000:100:A:/:\n";
        assert_eq!(find_user(passwd, "anna").map(|user| user.uid), Some(1000));
        assert_eq!(find_user(passwd, "number"), None);
        let group = "short:x\nusers:x:none:anna\nlast:x:7\n";
        assert_eq!(find_group(group, "last"), Some(7));
        let anna = User {
            name: "anna".to_owned(),
            uid: 1000,
            gid: 100,
        };
        assert_eq!(memberships(group, &anna), [100]);
    }
}
