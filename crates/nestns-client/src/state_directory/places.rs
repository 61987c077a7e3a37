//! Places of state directories.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

use super::error::StateError;
use super::handle::Directory;
use nestns_sys::call::Call;

/// The variable that names the directory above all state. What it names is the only place that is
/// looked at.
pub const STATE_ROOT: &str = "NESTNS_STATE_ROOT";
/// The variable in which programs are told where the truth of their topology lies.
pub const TRUTH_VARIABLE: &str = "NESTNS_TRUTH";

/// Root's place.
const SYSTEM: &str = "/run/nestns";

/// The directory above all of the caller's topologies, if it can be trusted, or be made; nothing is
/// made.
///
/// # Errors
///
/// Those that the start of a topology meets.
pub fn usable_base() -> Result<PathBuf, StateError> {
    let place = chosen();
    match Directory::open(&place) {
        Ok(_) => Ok(place),
        Err(error) if error.is_not_found() => {
            let above = place.parent().unwrap_or(&place);
            match access(above, AccessFlags::W_OK | AccessFlags::X_OK) {
                Ok(()) => Ok(place),
                Err(errno) => Err(StateError::System {
                    action: "create a directory in",
                    call: Call::Access,
                    path: above.to_owned(),
                    source: errno.into(),
                }),
            }
        }
        Err(error) => Err(error),
    }
}

/// The directory above all of the caller's topologies, whether it is there or not.
pub fn chosen() -> PathBuf {
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

/// Every directory in which the caller may have topologies: those that exist, and are the caller's
/// own. One may have been started where the environment was another: from a login session, and by
/// cron(8). A place that was named on purpose is the only one.
pub fn places() -> Vec<Directory> {
    candidates()
        .iter()
        .filter_map(|place| Directory::open(place).ok())
        .collect()
}

/// Untrusted entries in one of these places. That `/run/nestns` is root's is as it should be.
pub fn strange_places() -> Vec<StateError> {
    let not_ours = |place: &PathBuf| match Directory::open(place).err()? {
        StateError::Foreign { owner: 0, .. } if place.as_path() == Path::new(SYSTEM) => None,
        // Nothing of the caller's could be there.
        error if error.is_not_found() || std::fs::symlink_metadata(place).is_err() => None,
        error => Some(error),
    };
    candidates().iter().filter_map(not_ours).collect()
}

/// Makes a place that was kept apart again, with what is above it: a caller that has chosen it
/// looks nowhere else. That of a login session is the session's to make.
pub fn remake(place: &Path) {
    if apart().is_some_and(|apart| apart == place) {
        // What is in the way is told by the attempt that follows.
        let _ = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(place);
    }
}

/// The state root of the environment, as it is found from everywhere.
pub fn state_root() -> Option<PathBuf> {
    let root = std::env::var_os(STATE_ROOT).filter(|root| !root.is_empty())?;
    Some(std::path::absolute(&root).unwrap_or_else(|_| PathBuf::from(root)))
}

/// The place that the environment keeps apart from all others: a state root, or a runtime directory
/// that is not the one that the caller's login sessions have.
fn apart() -> Option<PathBuf> {
    let uid = geteuid().as_raw();
    let is_sessions = |runtime: &Path| {
        [uid, outer_uid(uid)]
            .iter()
            .any(|uid| runtime == Path::new("/run/user").join(uid.to_string()))
    };
    let runtime = || runtime_directory().filter(|runtime| !is_sessions(runtime));
    state_root().or_else(|| Some(runtime()?.join("nestns")))
}

/// The state directory of the topology that the caller is a program of, as the environment says.
/// Nothing is believed of it but where to ask; one outside of a place that is kept apart is not
/// nestns's.
pub fn of_environment() -> Option<PathBuf> {
    let truth = PathBuf::from(std::env::var_os(TRUTH_VARIABLE)?);
    let directory = truth
        .parent()
        .filter(|_| truth.is_absolute() && truth.ends_with(super::entries::TRUTH))?;
    let above = directory.parent()?;
    let is_ours = apart().is_none_or(|place| place == above) && Directory::open(directory).is_ok();
    is_ours.then(|| directory.to_owned())
}

/// Every directory in which the caller may have topologies, whether it is there or not.
pub fn candidates() -> Vec<PathBuf> {
    if let Some(place) = apart() {
        return vec![place];
    }
    let mut places: Vec<PathBuf> = runtime_directory()
        .map(|runtime| runtime.join("nestns"))
        .into_iter()
        .collect();
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
    let is_own =
        std::fs::metadata(&runtime).is_ok_and(|found| found.is_dir() && found.uid() == uid);
    (runtime.is_absolute() && is_own).then_some(runtime)
}

/// The place in the temporary directory, where no other can be written to.
pub fn temporary() -> PathBuf {
    // The guardian, which has left the caller's directory, must find it as well.
    let temporary =
        std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| PathBuf::from("/tmp"));
    temporary.join(format!("nestns-{}", outer_uid(geteuid().as_raw())))
}

/// The caller's user ID outside its user namespace: a tree of an ordinary user calls every user 0,
/// and each user's directory must be their own.
fn outer_uid(uid: u32) -> u32 {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let outside = map.lines().find_map(|line| {
        let numbers: Vec<u32> = line
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let &[inside, outside, count] = numbers.as_slice() else {
            return None;
        };
        uid.checked_sub(inside)
            .filter(|&offset| offset < count)
            .map(|offset| outside + offset)
    });
    outside.unwrap_or(uid)
}
