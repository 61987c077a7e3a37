//! A latch in shared memory: closed when it is made, opened once by its maker, waited for by the processes that its
//! maker has forked.
//!
//! Only the maker can open it, and no process can take an opening away from another, as bytes can be read out of a pipe
//! by each process that holds it. The maker writes through a mapping that fork(2) leaves out (`MADV_DONTFORK`); its
//! children have one that can never be made writable (R47). Relies on `futex(2)`: a wake-up for any other reason does
//! no harm, because the word is looked at again.

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use nix::errno::Errno;
use nix::libc;

use super::call::CallError;
use super::memory;

/// The size of a page that holds one word.
const LENGTH: usize = 4096;

/// Address of the word for processes that wait; null in a process whose ancestors have made no latch.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// The right to open the latch: of no use in a forked child, which must not have it.
#[derive(Debug)]
pub struct Latch(&'static AtomicU32);

impl Latch {
    /// Makes the latch of this process and of everything that it forks afterwards.
    ///
    /// # Errors
    ///
    /// Those of `memfd_create(2)`, ftruncate(2), mmap(2), madvise(2) and fcntl(2), by their names.
    pub fn make() -> Result<Self, CallError> {
        let (writable, readable) = memory::share_page(LENGTH)?;
        #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins with a page")]
        let (writable, readable) = (writable.cast::<AtomicU32>(), readable.cast::<AtomicU32>());
        WORD.store(readable, Ordering::Release);
        // SAFETY: the mapping is a page of zeros, and is never unmapped in this process.
        Ok(Self(unsafe { &*writable }))
    }

    /// Opens the latch for good, and wakes all that wait.
    pub fn open(&self) {
        self.0.store(1, Ordering::Release);
        // SAFETY: the call takes an address of a live, aligned word, and numbers. It can fail for a bad address only.
        unsafe {
            libc::syscall(libc::SYS_futex, self.0.as_ptr(), libc::FUTEX_WAKE, i32::MAX);
        }
    }
}

/// `futex(word, FUTEX_WAKE)` on a word that no process waits for, to find out if the call is available.
///
/// # Errors
///
/// `ENOSYS` or `EPERM` where it is refused.
pub fn attempt() -> nix::Result<()> {
    let word = AtomicU32::new(0);
    // SAFETY: the address is that of a live, aligned word; nothing is written to it.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 0) };
    Errno::result(result).map(drop)
}

/// Waits until the latch is open. A process that has none does not wait: `EINVAL`.
///
/// # Errors
///
/// `EINVAL` as said, `ENOSYS` where there is no futex.
pub fn wait() -> nix::Result<()> {
    let word = WORD.load(Ordering::Acquire);
    if word.is_null() {
        return Err(Errno::EINVAL);
    }
    // SAFETY: a word that is not null is that of a mapping which is never removed.
    let word = unsafe { &*word };
    while word.load(Ordering::Acquire) == 0 {
        // SAFETY: the address is that of a live, aligned word; the time-out is NULL.
        let result = unsafe {
            let no_timeout = std::ptr::null::<libc::timespec>();
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT,
                0,
                no_timeout,
            )
        };
        match Errno::result(result) {
            // Changed before the kernel looked, interrupted, or woken: the word shows which.
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
