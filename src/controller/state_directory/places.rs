//! Where state directories may be, and whether a directory can be trusted: the caller's own, writable by nobody else, and
//! never reached through a link.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access, geteuid};

use super::error::StateError;

/// The variable that names the directory above all state. What it names is the only place that is looked at.
pub const STATE_ROOT: &str = "NESTNS_STATE_ROOT";
/// The variable in which programs are told where the truth of their topology lies.
pub const TRUTH_VARIABLE: &str = "NESTNS_TRUTH";

/// Where root has them.
const SYSTEM: &str = "/run/nestns";

/// The directory above all of the caller's topologies, made where it is missing.
pub(super) fn base() -> Result<PathBuf, StateError> {
    let place = chosen();
    make_private(&place)?;
    Ok(place)
}

/// The same, without making anything: whether it can be trusted, or be made.
///
/// # Errors
///
/// Those that whoever starts a topology meets.
pub fn usable_base() -> Result<PathBuf, StateError> {
    let place = chosen();
    match trust(&place) {
        Ok(_) => Ok(place),
        Err(StateError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let above = place.parent().unwrap_or(&place);
            match access(above, AccessFlags::W_OK | AccessFlags::X_OK) {
                Ok(()) => Ok(place),
                Err(errno) => Err(StateError::System {
                    action: "make a directory in",
                    path: above.to_owned(),
                    source: errno.into(),
                }),
            }
        }
        Err(error) => Err(error),
    }
}

fn chosen() -> PathBuf {
    if let Some(place) = state_root().or_else(|| Some(runtime_directory()?.join("nestns"))) {
        return place;
    }
    let system = Path::new(SYSTEM);
    let writable = |path: &Path| access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    if (!system.exists() && writable(Path::new("/run"))) || (system.is_dir() && writable(system)) {
        return system.to_owned();
    }
    temporary()
}

/// Every directory in which the caller may have topologies: those that exist, and are the caller's own. One may have been
/// started where the environment was another: from a login session, and by cron(8). A place that was named on purpose is the
/// only one.
pub fn places() -> Vec<PathBuf> {
    let mut places = candidates();
    places.retain(|place| trust(place).is_ok());
    places
}

/// What is in the place of one of them and cannot be trusted. That `/run/nestns` is root's is as it should be.
pub fn strange_places() -> Vec<StateError> {
    let not_ours = |place: &PathBuf| match trust(place) {
        Err(StateError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        Err(StateError::Foreign { owner: 0, .. }) if place.as_path() == Path::new(SYSTEM) => None,
        result => result.err(),
    };
    candidates().iter().filter_map(not_ours).collect()
}

/// The state root of the environment, as it is found from everywhere.
pub fn state_root() -> Option<PathBuf> {
    let root = std::env::var_os(STATE_ROOT).filter(|root| !root.is_empty())?;
    Some(std::path::absolute(&root).unwrap_or_else(|_| PathBuf::from(root)))
}

/// The place that the environment keeps apart from all others: a state root, or a runtime directory that is not the one
/// that the caller's login sessions have.
fn apart() -> Option<PathBuf> {
    let uid = geteuid().as_raw();
    let is_sessions = |runtime: &Path| {
        [uid, outer_uid(uid)].iter().any(|uid| runtime == Path::new("/run/user").join(uid.to_string()))
    };
    let runtime = || runtime_directory().filter(|runtime| !is_sessions(runtime));
    state_root().or_else(|| Some(runtime()?.join("nestns")))
}

/// The state directory of the topology that the caller is a program of, as the environment says. Nothing is believed of it
/// but where to ask; one outside of a place that is kept apart is somebody else's.
pub fn of_environment() -> Option<PathBuf> {
    let truth = PathBuf::from(std::env::var_os(TRUTH_VARIABLE)?);
    let directory = truth.parent().filter(|_| truth.is_absolute() && truth.ends_with(super::entries::TRUTH))?;
    let above = directory.parent()?;
    let is_ours = apart().is_none_or(|place| place == above) && trust(above).is_ok() && trust(directory).is_ok();
    is_ours.then(|| directory.to_owned())
}

fn candidates() -> Vec<PathBuf> {
    if let Some(place) = apart() {
        return vec![place];
    }
    let mut places: Vec<PathBuf> = runtime_directory().map(|runtime| runtime.join("nestns")).into_iter().collect();
    for place in [PathBuf::from(SYSTEM), temporary()] {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The directory of the caller's session, if it is the caller's own.
fn runtime_directory() -> Option<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)?;
    let uid = geteuid().as_raw();
    let is_own = std::fs::metadata(&runtime).is_ok_and(|found| found.is_dir() && found.uid() == uid);
    (runtime.is_absolute() && is_own).then_some(runtime)
}

fn temporary() -> PathBuf {
    // The guardian, which has left the caller's directory, must find it as well.
    let temporary = std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| PathBuf::from("/tmp"));
    temporary.join(format!("nestns-{}", outer_uid(geteuid().as_raw())))
}

/// The caller's number outside a user namespace that he is in: a tree of an ordinary user calls everybody 0, and each user's
/// directory must be his own.
fn outer_uid(uid: u32) -> u32 {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let outside = map.lines().find_map(|line| {
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let &[inside, outside, count] = numbers.as_slice() else { return None };
        uid.checked_sub(inside).filter(|&offset| offset < count).map(|offset| outside + offset)
    });
    outside.unwrap_or(uid)
}

/// Makes a directory of mode 0700, or makes sure that an existing one can be trusted.
pub(super) fn make_private(path: &Path) -> Result<(), StateError> {
    let failed = |action| {
        let path = path.to_owned();
        move |source| StateError::System { action, path, source }
    };
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        // The caller's umask may have taken even the owner's rights away.
        Ok(()) => return std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("protect")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("make the directory")(error)),
    }
    match trust(path) {
        Ok(mode) if mode & 0o077 != 0 => {
            std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("protect"))
        }
        Ok(_) => Ok(()),
        // Removed by its owner in this moment: the caller of `claim` tries again.
        Err(StateError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a directory is one, the caller's, and nobody else's to write to; its mode.
///
/// # Errors
///
/// [`StateError`] says what it is instead.
pub fn trust(path: &Path) -> Result<u32, StateError> {
    let found = std::fs::symlink_metadata(path).map_err(|source| StateError::System {
        action: "look at",
        path: path.to_owned(),
        source,
    })?;
    let caller = geteuid().as_raw();
    if !found.is_dir() {
        return Err(StateError::Strange { path: path.to_owned(), found: super::entries::describe(&found) });
    }
    if found.uid() != caller {
        return Err(StateError::Foreign { directory: path.to_owned(), owner: found.uid(), caller });
    }
    if found.mode() & 0o022 != 0 {
        return Err(StateError::Exposed { directory: path.to_owned(), mode: found.mode() & 0o7777 });
    }
    Ok(found.mode() & 0o7777)
}

/// Opens a lock file: never through a link, and never waiting, as a FIFO in its place would make it.
///
/// # Errors
///
/// [`StateError::Strange`] for anything but a regular file of the caller's.
pub(super) fn open_lock(options: &mut OpenOptions, path: &Path) -> Result<File, StateError> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened = options.write(true).truncate(false).mode(0o600).custom_flags(flags.bits()).open(path);
    let strange = |found: &std::fs::Metadata| StateError::Strange {
        path: path.to_owned(),
        found: super::entries::describe(found),
    };
    match opened.and_then(|file| Ok((file.metadata()?, file))) {
        Ok((found, file)) if found.is_file() && found.uid() == geteuid().as_raw() => Ok(file),
        Ok((found, _)) => Err(strange(&found)),
        Err(source) => Err(match std::fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() || found.uid() != geteuid().as_raw() => strange(&found),
            _ => StateError::System { action: "open", path: path.to_owned(), source },
        }),
    }
}
