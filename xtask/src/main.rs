//! Repository tasks: `cargo xtask schema` and `cargo xtask tidy`.

mod schema;
mod tidy;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["schema"] => schema::write(root()),
        ["schema", "--check"] => schema::check(root()),
        ["tidy"] => tidy::check(root()).and_then(|warnings| {
            warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
            schema::check(root())
        }),
        _ => {
            note("usage: cargo xtask schema [--check] | tidy");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            problems.iter().for_each(|problem| note(&format!("error: {problem}")));
            ExitCode::FAILURE
        }
    }
}

/// What is wrong, a line each.
type Problems = Vec<String>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
