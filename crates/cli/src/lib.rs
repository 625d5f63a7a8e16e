//! The `pgverse` command. Thin: reads the command line, wires the library, shows what it returns. A library, so that
//! the packages of other languages carry the same command.

mod args;
mod commands;
mod exit;
mod output;
mod signals;

use std::ffi::OsString;

use clap::Parser;
use pgverse::{Context, Error, ErrorKind, Result};
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};
use crate::exit::Outcome;
use crate::signals::Signals;

/// Runs the command with these arguments, the first of which is the name of the program, to its exit status.
pub fn main(arguments: Vec<OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version come this way too. Where nobody reads them, nothing can be told.
            let _ = told.print();
            return u8::try_from(told.exit_code()).unwrap_or(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|e| Error::new(ErrorKind::Process, "cannot start the worker threads").caused_by(e));
    let mut signal = None;
    let outcome = runtime.and_then(|runtime| runtime.block_on(run(cli, &mut signal)));
    match outcome {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            output::note(&exit::explain(&error));
            exit::code_of(&error, signal)
        }
    }
}

async fn run(cli: Cli, signal: &mut Option<u8>) -> Result<Outcome> {
    log_to_stderr()?;
    let cx = Context::new();
    let token = cx.cancellation().clone();
    let signals = Signals::listen(move || token.cancel())?;
    let outcome = match cli.command {
        Command::Demo(args) => commands::demo::run(&cx, args).await,
        Command::Compete(args) => commands::compete::run(&cx, args).await,
        Command::Same(args) => commands::same::run(&cx, args).await,
        Command::Workload(args) => commands::workload::run(&cx, args).await,
        Command::Load(args) => commands::load::run(&cx, args).await,
        Command::Judge(args) => commands::judge::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Promote(args) => Box::pin(commands::promote::run(&cx, args)).await,
        Command::Rollback(args) => commands::promote::undo(&cx, args).await,
        Command::Promotions(args) => commands::promote::list(&cx, args).await,
        Command::Export(args) => commands::export::run(&args),
        Command::Fork(command) => commands::fork::run(&cx, command).await,
    };
    *signal = signals.seen();
    outcome
}

/// Logs go to standard error; PGVERSE_LOG chooses them (`debug`, `pgverse_core=trace`), warnings by default.
fn log_to_stderr() -> Result<()> {
    let wanted = std::env::var("PGVERSE_LOG").unwrap_or_else(|_| "warn".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|e| {
        Error::invalid("PGVERSE_LOG cannot be read")
            .with("value", wanted)
            .caused_by(e)
            .hint("set it to error, warn, info, debug or trace")
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
