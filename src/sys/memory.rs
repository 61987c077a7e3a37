//! Memory that is cheap to fork: what is mapped and dirty when the forking starts is copied into every page table.

use nix::errno::Errno;
use nix::libc;

/// Copies bytes into a shared, from then on read-only mapping that lives as long as the process.
///
/// fork(2) copies no page tables of a shared mapping, its children fault in what they read: a plan of megabytes costs a
/// fork nothing.
///
/// # Errors
///
/// `ENOMEM` when memory is short.
pub fn publish(bytes: &[u8]) -> nix::Result<&'static [u8]> {
    if bytes.is_empty() {
        return Ok(&[]);
    }
    // SAFETY: an anonymous mapping at an address of the kernel's choice overlaps nothing. It is as long as the copy, is
    // written before the slice exists and never after (mprotect), and is never unmapped.
    unsafe {
        let length = bytes.len();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let address = libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0);
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), address.cast::<u8>(), length);
        Errno::result(libc::mprotect(address, length, libc::PROT_READ))?;
        Ok(std::slice::from_raw_parts(address.cast::<u8>(), length))
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
