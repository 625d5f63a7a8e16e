//! How well wrong rewrites are found out: our own corpus, and the pairs of VeriEQL where a copy is at hand.
//!
//! ```text
//! cargo run -p pgverse-benches --bin equality -- [--databases N] [--seed N] [--verbose] [FILE…]
//! ```
//!
//! Each FILE is a result file of the VeriEQL repository (`experiments/<date>/literature.out` or `calcite.out`):
//! JSON lines with `pair` (two texts), `schema` (types by table and column), `constraint` (`primary`,
//! `foreign`, `not_null` over `TABLE__COLUMN`), `states` (the last is `NEQ` where VeriEQL refuted the pair) and
//! `file`. The files are not part of this repository.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints and may panic")]

#[allow(dead_code, unreachable_pub)]
#[path = "../../../../crates/core/tests/equality/corpus.rs"]
mod corpus;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../../crates/core/tests/equality/lab.rs"]
mod lab;
mod own;
mod verieql;

/// What the command line asks for.
struct Options {
    databases: u32,
    seed: u64,
    verbose: bool,
    files: Vec<String>,
}

#[tokio::main]
async fn main() {
    let mut options = Options { databases: 1000, seed: 0, verbose: false, files: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|n| n.parse().ok()).expect("a number follows the option");
        match argument.as_str() {
            "--databases" => options.databases = u32::try_from(number()).expect("that many databases"),
            "--seed" => options.seed = number(),
            "--verbose" => options.verbose = true,
            _ => options.files.push(argument),
        }
    }
    own::run(&options).await;
    for file in &options.files {
        verieql::run(file, &options).await;
    }
}
