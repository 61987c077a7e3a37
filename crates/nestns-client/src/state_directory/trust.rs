//! Owner of a directory, and whether another user could put another one in its place.
//!
//! A user that may write to a directory may rename what is in it, except what belongs to others if
//! the sticky bit is set (R61). A directory can therefore be trusted only together with everything
//! above it: each belongs to the caller or to root, and is writable by no other user, unless it is
//! sticky as /tmp is.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{getegid, geteuid};

use super::entry::{failed, kind};
use super::error::StateError;
use nestns_sys::call::Call;

/// Largest number of links that lead to a directory, as for the kernel (`path_resolution(7)`).
const LINKS: u32 = 40;
/// Group and others.
const WRITABLE: u32 = 0o022;
/// The bit of chmod(1) with which only its owner renames what is in a directory.
const STICKY: u32 = 0o1000;

/// Goes to the directory above one, and makes sure on the way that no other user can exchange what
/// it goes through. The result is that directory, and the name of the one that was meant in it.
///
/// # Errors
///
/// [`StateError::Exchangeable`] if another user could.
pub fn walk(path: &Path) -> Result<(OwnedFd, OsString), StateError> {
    let failed = |errno| failed("open", Call::Open, path)(errno);
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let open =
        |above: &OwnedFd, name: &OsStr| openat(above, name, flags, Mode::empty()).map_err(failed);
    let root = nix::fcntl::open("/", flags, Mode::empty()).map_err(failed)?;
    let mut rest = components(path);
    let Some(last) = rest.pop_back() else {
        return Err(failed(Errno::EINVAL));
    };
    // The way that was gone: `..` goes back on it.
    judge_above(path, Path::new("/"), &fstat(&root).map_err(failed)?)?;
    let mut way = vec![(root, PathBuf::from("/"))];
    let mut links = 0;
    while let Some((above, place)) = way.last() {
        let Some(name) = rest.pop_front() else { break };
        if name == ".." {
            if way.len() > 1 {
                way.pop();
            }
            continue;
        }
        let opened = open(above, &name)?;
        let found = fstat(&opened).map_err(failed)?;
        let place = place.join(&name);
        if kind(&found) != SFlag::S_IFLNK {
            judge_above(path, &place, &found)?;
            way.push((opened, place));
            continue;
        }
        // In a sticky directory any user may have put it.
        judge_owner(path, &place, &found)?;
        links += 1;
        if links > LINKS {
            return Err(failed(Errno::ELOOP));
        }
        let target = PathBuf::from(readlinkat(&opened, "").map_err(failed)?);
        if target.is_absolute() {
            way.truncate(1);
        }
        let mut ahead = components(&target);
        ahead.append(&mut rest);
        rest = ahead;
    }
    let (above, _) = way.pop().ok_or_else(|| failed(Errno::EINVAL))?;
    Ok((above, last))
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|component| !matches!(component, Component::RootDir | Component::CurDir))
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

/// Checks that what is in a directory stays what it is.
fn judge_above(meant: &Path, place: &Path, found: &FileStat) -> Result<(), StateError> {
    if kind(found) != SFlag::S_IFDIR {
        return Err(failed("open", Call::Open, meant)(Errno::ENOTDIR));
    }
    judge_owner(meant, place, found)?;
    let is_shared = found.st_mode & WRITABLE != 0 && found.st_mode & STICKY == 0;
    if is_shared && !is_own_group(found) {
        let why = format!(
            "is writable by others (mode {:04o}) and not sticky",
            found.st_mode & 0o7777
        );
        return Err(StateError::Exchangeable {
            directory: meant.to_owned(),
            above: place.to_owned(),
            why,
        });
    }
    Ok(())
}

fn judge_owner(meant: &Path, place: &Path, found: &FileStat) -> Result<(), StateError> {
    let owner = found.st_uid;
    if owner == 0 || owner == geteuid().as_raw() || is_unmapped(owner) {
        return Ok(());
    }
    let why = format!("belongs to user {owner}");
    Err(StateError::Exchangeable {
        directory: meant.to_owned(),
        above: place.to_owned(),
        why,
    })
}

/// True if only the group may write besides the owner, and that is a group without other members:
/// root's, or the one that many systems give each user (`USERGROUPS_ENAB` of login.defs(5)).
fn is_own_group(found: &FileStat) -> bool {
    let is_private = found.st_gid == getegid().as_raw() && found.st_gid == geteuid().as_raw();
    found.st_mode & 0o002 == 0 && (found.st_gid == 0 || is_private)
}

/// True if an owner stands for every user that the caller's user namespace has no number for
/// (`user_namespaces(7)`): root outside is among them, and cannot be told from the others.
fn is_unmapped(owner: u32) -> bool {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let overflow = read("/proc/sys/kernel/overflowuid")
        .trim()
        .parse()
        .unwrap_or(65534);
    let is_whole = |line: &str| line.split_whitespace().eq(["0", "0", "4294967295"]);
    owner == overflow && !read("/proc/self/uid_map").lines().any(is_whole)
}

/// Checks that a directory is one, the caller's, and writable by no other user.
///
/// # Errors
///
/// [`StateError`] says what it is instead.
pub fn judge(path: &Path, found: &FileStat) -> Result<(), StateError> {
    let caller = geteuid().as_raw();
    if kind(found) != SFlag::S_IFDIR {
        return Err(StateError::Strange {
            path: path.to_owned(),
            found: describe(found),
        });
    }
    if found.st_uid != caller {
        return Err(StateError::Foreign {
            directory: path.to_owned(),
            owner: found.st_uid,
            caller,
        });
    }
    if found.st_mode & WRITABLE != 0 {
        return Err(StateError::Exposed {
            directory: path.to_owned(),
            mode: found.st_mode & 0o7777,
        });
    }
    Ok(())
}

/// `is a FIFO of user 1000`
pub fn describe(found: &FileStat) -> String {
    let kind = match kind(found) {
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFREG if found.st_nlink > 1 => "a file with several hard links",
        SFlag::S_IFREG => "a file",
        _ => "a device",
    };
    let owner = found.st_uid;
    if owner == geteuid().as_raw() {
        format!("is {kind}")
    } else {
        format!("is {kind} of user {owner}")
    }
}
