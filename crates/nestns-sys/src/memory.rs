//! Memory that is cheap to fork: pages that are mapped and dirty when the forking starts are copied into every page
//! table.
//!
//! Memory that many processes share must not be writable by one of them: a program may trace the PID 1 of its own
//! namespace, and have it call mprotect(2). Sealed memory (`F_SEAL_FUTURE_WRITE` of `fcntl(2)`, since Linux 5.1) keeps
//! a read-only mapping read-only (R47).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::call::{Call, CallError, Named as _};

/// Copies bytes into a shared, from then on read-only mapping that lives as long as the process, and that no process can make
/// writable again.
///
/// fork(2) copies no page tables of a shared mapping, its children fault in what they read: a plan of megabytes costs a
/// fork nothing.
///
/// # Errors
///
/// `ENOMEM` when memory is short, `EMFILE` without a free descriptor.
pub fn publish(bytes: &[u8]) -> nix::Result<&'static [u8]> {
    if bytes.is_empty() {
        return Ok(&[]);
    }
    let file = anonymous_file(bytes.len())?;
    let writable = map(&file, bytes.len(), libc::PROT_READ | libc::PROT_WRITE)?;
    // SAFETY: the mapping is as long as the copy, overlaps nothing, and is removed here, before its address is passed
    // on.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), writable, bytes.len());
        Errno::result(libc::munmap(writable.cast(), bytes.len()))?;
    }
    seal(&file)?;
    let readable = map(&file, bytes.len(), libc::PROT_READ)?;
    // SAFETY: the mapping is that long, is writable by no process, and is never removed.
    Ok(unsafe { std::slice::from_raw_parts(readable, bytes.len()) })
}

/// Two mappings of one page of zeros: a writable one, which forked children do not have, and one that no process can
/// write through.
///
/// # Errors
///
/// Those of [`publish`].
pub(super) fn share_page(length: usize) -> Result<(*mut u8, *mut u8), CallError> {
    let file = anonymous_file(length)?;
    let writable = map(&file, length, libc::PROT_READ | libc::PROT_WRITE)?;
    // SAFETY: the range is the mapping made above.
    Errno::result(unsafe { libc::madvise(writable.cast(), length, libc::MADV_DONTFORK) })
        .by(Call::Madvise)?;
    seal(&file)?;
    Ok((writable, map(&file, length, libc::PROT_READ)?))
}

fn anonymous_file(length: usize) -> Result<OwnedFd, CallError> {
    let create = |flags| {
        // SAFETY: the name is a terminated string; a result that is not an error is a new descriptor without another
        // owner.
        unsafe {
            let fd = libc::memfd_create(
                c"nestns".as_ptr(),
                libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | flags,
            );
            Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd))
        }
    };
    // `vm.memfd_noexec` may ask for the flag, which is unknown before Linux 6.3.
    let file = match create(libc::MFD_NOEXEC_SEAL) {
        Err(Errno::EINVAL) => create(0),
        file => file,
    };
    let file = file.by(Call::MemfdCreate)?;
    let length = libc::off_t::try_from(length).map_err(|_| Errno::EFBIG)?;
    // SAFETY: a descriptor that is open and a number.
    Errno::result(unsafe { libc::ftruncate(file.as_raw_fd(), length) }).by(Call::Ftruncate)?;
    Ok(file)
}

fn seal(file: &OwnedFd) -> Result<(), CallError> {
    let seals =
        libc::F_SEAL_FUTURE_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: a descriptor that is open and a number.
    Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })
        .map(drop)
        .by(Call::Fcntl)
}

fn map(file: &OwnedFd, length: usize, protection: libc::c_int) -> Result<*mut u8, CallError> {
    // SAFETY: a mapping at an address of the kernel's choice overlaps nothing.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            protection,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED {
        Err(Errno::last()).by(Call::Mmap)
    } else {
        Ok(address.cast())
    }
}

/// Gives freed memory back to the kernel, so that the page tables which a fork copies are small: `malloc_trim(3)`.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call works on the allocator's own free lists.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::libc;

    use super::{publish, share_page};

    #[test]
    fn what_is_published_cannot_be_made_writable() {
        let bytes = publish(&[7; 5000]).unwrap();
        assert_eq!(bytes, [7; 5000]);
        let address = bytes.as_ptr().cast_mut().cast();
        // SAFETY: the range is a mapping made here; the call is expected to change nothing.
        let result = unsafe { libc::mprotect(address, 5000, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(Errno::result(result), Err(Errno::EACCES));
    }

    #[test]
    fn a_shared_page_is_written_through_one_mapping_only() {
        let (writable, readable) = share_page(4096).unwrap();
        // SAFETY: both are mappings of one page, and live on.
        unsafe {
            writable.write_volatile(9);
            assert_eq!(readable.read_volatile(), 9);
            let result = libc::mprotect(readable.cast(), 4096, libc::PROT_READ | libc::PROT_WRITE);
            assert_eq!(Errno::result(result), Err(Errno::EACCES));
        }
    }
}
