//! System calls that are refused to a program and to all that it starts, by a filter of seccomp(2).
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;

/// Has the command, and all that comes of it, answered this errno when it makes the call with this number; 0 is for a call
/// that succeeds and does nothing.
pub(crate) fn refuse(command: &mut Command, call: libc::c_long, errno: i32) {
    let errno = u32::try_from(errno).expect("an errno is no negative number");
    install(command, call, libc::SECCOMP_RET_ERRNO | errno);
}

/// Has a process that makes the call killed.
pub(crate) fn kill(command: &mut Command, call: libc::c_long) {
    install(command, call, libc::SECCOMP_RET_KILL_PROCESS);
}

fn install(command: &mut Command, call: libc::c_long, action: u32) {
    let number = u32::try_from(call).expect("calls have small numbers");
    // The first word of `struct seccomp_data` is the number; the tests and the program are of one architecture.
    let filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
            jt: 0,
            jf: 1,
            k: number,
        },
        statement(libc::BPF_RET | libc::BPF_K, action),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog {
            len: 4,
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: prctl(2) takes numbers, and reads the program, which lives until the call returns.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                | libc::prctl(
                    libc::PR_SET_SECCOMP,
                    libc::SECCOMP_MODE_FILTER,
                    &raw const program,
                    0,
                    0,
                )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: what runs between fork and exec is two system calls, and allocates nothing.
    unsafe {
        command.pre_exec(install);
    }
}

fn statement(operation: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code(operation),
        jt: 0,
        jf: 0,
        k,
    }
}

fn code(operation: u32) -> u16 {
    u16::try_from(operation).expect("operations have 16 bits")
}
