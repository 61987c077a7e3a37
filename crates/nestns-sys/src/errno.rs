//! The one spelling of an errno: the system's own text and the name, which is what to search for.

use std::io;

use nix::errno::Errno;

/// `Operation not permitted (EPERM)`.
pub fn spelled(errno: Errno) -> String {
    match errno {
        Errno::UnknownErrno => "unknown error".to_owned(),
        errno => format!("{} ({errno:?})", errno.desc()),
    }
}

/// Spelling of an error of the standard library; one that is no system call's has a text of its own.
pub fn of_io(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => spelled(Errno::from_raw(number)),
        None => error.to_string(),
    }
}

/// The errno of an error of the standard library; `EIO` for one that is no system call's.
pub fn number_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// True of the errors of files in /proc whose process has ended.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || number_of(error) == Errno::ESRCH
}

#[cfg(test)]
mod tests {
    use std::io;

    use nix::errno::Errno;

    use super::{is_gone, number_of, of_io, spelled};

    #[test]
    fn an_error_of_no_call_has_a_number_as_well() {
        assert_eq!(number_of(&Errno::ENOTEMPTY.into()), Errno::ENOTEMPTY);
        assert_eq!(
            number_of(&io::Error::other("the end is missing")),
            Errno::EIO
        );
    }

    #[test]
    fn a_process_that_has_ended_is_gone() {
        assert!(is_gone(&Errno::ESRCH.into()) && is_gone(&Errno::ENOENT.into()));
        assert!(!is_gone(&Errno::EACCES.into()) && !is_gone(&io::ErrorKind::InvalidData.into()));
    }

    #[test]
    fn text_and_name() {
        assert_eq!(spelled(Errno::EPERM), "Operation not permitted (EPERM)");
        assert_eq!(of_io(&Errno::EMFILE.into()), "Too many open files (EMFILE)");
        assert_eq!(
            of_io(&io::Error::other("the end is missing")),
            "the end is missing"
        );
        assert_eq!(spelled(Errno::UnknownErrno), "unknown error");
    }
}
