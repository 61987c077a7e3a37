//! The thin binary: everything lives in the library, whose `cli` module reads the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    nestns::cli::main()
}
