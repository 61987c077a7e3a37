//! The thin binary: everything lives in the library, whose `cli` module reads the command line.

#![cfg_attr(not(test), no_main)]

/// What the C library calls: [`nestns::sys::start`] stands for what Rust would put before it.
#[cfg(not(test))]
#[expect(unsafe_code, reason = "the C library knows it by its name, and nothing else is called so")]
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    nestns::sys::start::begin();
    // Which writes out what is left in standard output.
    std::process::exit(nestns::cli::main().into())
}
