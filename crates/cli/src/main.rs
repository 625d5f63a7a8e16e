//! The `pgverse` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    pgverse_cli::main(std::env::args_os().collect()).into()
}
