//! Title of a forked copy in ps(1): its name and command line, and nothing of the caller's environment.

use std::ffi::CString;

use nix::errno::Errno;
use nix::libc;

const PR_SET_MM: libc::c_int = 35;
const PR_SET_MM_MAP: libc::c_ulong = 14;

/// `struct prctl_mm_map` of `<linux/prctl.h>`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct MemoryMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: *const u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// The memory in which the kernel laid out the arguments and the environment of this process: what `/proc/PID/cmdline` and
/// `/proc/PID/environ` read. Each forked copy overwrites its own.
#[derive(Debug, Clone, Copy)]
pub struct TitleArea(MemoryMap);

impl TitleArea {
    /// Reads the layout from `/proc/self/stat` (fields 26 to 28 and 45 to 51 of `proc_pid_stat(5)`); `None` where the visible
    /// /proc does not know this process.
    pub fn locate() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the name in parentheses and may contain anything; the third begins behind the last one.
        let fields: Vec<u64> = stat
            .get(stat.rfind(')')? + 2..)?
            .split(' ')
            .map(|field| field.trim().parse().unwrap_or(0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self(MemoryMap {
            start_code: field(26)?,
            end_code: field(27)?,
            start_stack: field(28)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            // The heap grows from here on; the kernel is told the current end when the map is set.
            brk: 0,
            arg_start: field(48)?,
            arg_end: field(49)?,
            env_start: field(50)?,
            env_end: field(51)?,
            auxv: std::ptr::null(),
            auxv_size: 0,
            exe_fd: u32::MAX,
        }))
    }

    /// Writes `command_line` over the arguments and the environment, and tells the kernel that there is no environment.
    ///
    /// `PR_SET_MM_MAP` and not `PR_SET_MM_ARG_START`: only the former is open to a process without `CAP_SYS_RESOURCE`.
    /// A longer text than the area is cut. Afterwards the environment must not be read any more.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the kernel was built without checkpoint/restore; the environment is overwritten all the same.
    pub fn write(&self, command_line: &str) -> nix::Result<()> {
        let mut map = self.0;
        let (start, end) = (map.arg_start, map.env_end.max(map.arg_end));
        let Some(length) = end
            .checked_sub(start)
            .and_then(|length| usize::try_from(length).ok())
        else {
            return Err(Errno::EINVAL);
        };
        let text = command_line.as_bytes();
        let used = text.len().min(length.saturating_sub(1));
        // SAFETY: the range is what the kernel itself reported as this process's argument and environment strings; it is
        // mapped writable on the stack, no Rust object lives in it, and nothing reads `environ` after this call.
        unsafe {
            let area = start as *mut u8;
            std::ptr::copy_nonoverlapping(text.as_ptr(), area, used);
            std::ptr::write_bytes(area.add(used), 0, length - used);
        }
        map.arg_end = start + used as u64 + 1;
        map.env_start = map.arg_end;
        map.env_end = map.arg_end;
        // SAFETY: sbrk(0) reports, and changes nothing.
        map.brk = unsafe { libc::sbrk(0) } as u64;
        // SAFETY: the kernel reads one structure of the size given and checks every address in it.
        let result = unsafe {
            libc::prctl(
                PR_SET_MM,
                PR_SET_MM_MAP,
                &raw const map,
                std::mem::size_of::<MemoryMap>() as libc::c_ulong,
                0,
            )
        };
        Errno::result(result).map(drop)
    }
}

/// `prctl(PR_SET_NAME, name)`: the name of the process, cut at 15 bytes by the kernel.
pub fn set_name(name: &str) {
    if let Ok(name) = CString::new(name) {
        // A name cannot be refused.
        let _ = nix::sys::prctl::set_name(&name);
    }
}
