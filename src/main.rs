//! `nestns`, the program: verbs, presentation and the terminal. What it builds on lives in `crates/`.

#![cfg_attr(not(test), no_main)]

#[cfg_attr(
    test,
    expect(
        dead_code,
        reason = "the main of a test build is that of the test runner"
    )
)]
mod cli;
mod expect;
mod experiment;
mod present;

/// Entry point called by the C library: [`nestns_sys::start`] stands for what Rust would put before
/// it.
#[cfg(not(test))]
#[expect(
    unsafe_code,
    reason = "the C library knows it by its name, and nothing else is called so"
)]
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    nestns_sys::start::begin();
    // Which writes out what is left in standard output.
    std::process::exit(cli::main().into())
}
