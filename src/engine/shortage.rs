//! A message for which the kernel has no memory at the moment: `ENOBUFS` of send(2), seen where a machine under load builds
//! a wide tree. Unlike a full channel it cannot be waited for with poll(2).

use std::time::Duration;

use nix::errno::Errno;

/// How long one attempt waits for the next, and how many there are: two seconds in all.
const PAUSE: Duration = Duration::from_millis(1);
const ATTEMPTS: usize = 2000;

/// Sends again as long as that is what is the matter.
///
/// # Errors
///
/// Those of `send`, and the shortage itself when it lasts.
pub(super) fn outlast<T>(mut send: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let mut last = Errno::ENOBUFS;
    for _ in 0..ATTEMPTS {
        match send() {
            Err(errno) if is_passing(errno) => last = errno,
            result => return result,
        }
        std::thread::sleep(PAUSE);
    }
    Err(last)
}

/// True of what others have used up for a moment: memory for messages, or the descriptors that one user may have on their way
/// through sockets, in whatever topologies (`ETOOMANYREFS`, unix(7)).
fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOBUFS | Errno::ETOOMANYREFS)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::outlast;

    #[test]
    fn a_shortage_is_outlasted_and_nothing_else_is() {
        let mut answers = [Err(Errno::ENOBUFS), Err(Errno::ETOOMANYREFS), Ok(7)].into_iter();
        assert_eq!(outlast(|| answers.next().expect("no more is asked")), Ok(7));
        let mut answers = [Err::<(), _>(Errno::EPIPE)].into_iter();
        assert_eq!(outlast(|| answers.next().expect("no more is asked")), Err(Errno::EPIPE));
    }
}
