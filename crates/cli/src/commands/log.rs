//! Server logs for the commands that take a workload: read with progress, and told about.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pgverse::pg::{Dsn, Source};
use pgverse::traits::ForkBackend;
use pgverse::types::Workload;
use pgverse::workload::log::{self, LogReading, Options, runnable};
use pgverse::{Context, Error, Result};

use crate::args::Logs;
use crate::output;
use crate::output::units::{count, significant};

/// Reads logs with a bar on a terminal.
pub(super) fn read(cx: &Context, options: &Options) -> Result<LogReading> {
    let bar = std::io::stderr().is_terminal().then(|| bar(log::size(&options.paths).ok().flatten()));
    let reading = tokio::task::block_in_place(|| {
        log::read(cx, options, |progress| {
            if let Some(bar) = &bar {
                bar.set_position(progress.bytes);
            }
        })
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    reading
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// What was read, what was not, and what is noticed, for people.
pub(super) fn words(reading: &LogReading) -> String {
    let mut text = format!(
        "{} of {} in {}, {} s from first to last\n",
        calls(reading.calls),
        count(reading.shapes, "shape"),
        count(reading.files.len(), "file"),
        significant(reading.span_seconds)
    );
    let mut remark = |n: u64, what: &str| {
        if n > 0 {
            text.push_str(&format!("{n} {what}\n"));
        }
    };
    remark(reading.filtered, "entries of other databases or users");
    remark(reading.unnamed, "entries counted that do not name the database or user that is asked for");
    remark(reading.own, "entries of pgverse itself left out");
    remark(
        u64::try_from(reading.twins.len()).unwrap_or(u64::MAX),
        "files left out that are the same logs in another format",
    );
    remark(reading.not_kept, "calls counted without their text: too long, or too many shapes");
    remark(reading.wrong_encoding, "texts with bytes that are not UTF-8, which were replaced");
    remark(reading.lines_not_understood, "lines not understood");
    for line in &reading.examples {
        text.push_str(&format!("  {}:{}: {}\n", line.file, line.line, line.text));
    }
    for left in &reading.left_out {
        text.push_str(&format!(
            "left out: {} ({}, {} ms): {}\n",
            short(&left.sql),
            calls(left.calls),
            significant(left.total_ms),
            left.reason
        ));
    }
    for found in &reading.repeated {
        text.push_str(&format!(
            "\none statement for each row: {} times, {} calls in all, {} in the longest, {} ms without the way to \
             the client\n  {}\n",
            found.times,
            found.calls,
            found.most,
            significant(found.total_ms),
            found.sql
        ));
        if let Some(after) = &found.after {
            text.push_str(&format!("  after: {after}\n"));
        }
        text.push_str(&format!("  {}\n", found.advice));
        if let Some(replacement) = &found.replacement {
            text.push_str(&format!("  instead: {replacement}\n"));
        }
    }
    text
}

fn calls(n: u64) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), "call")
}

/// The durations of the statements, a line each.
pub(super) fn durations(reading: &LogReading) -> String {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "?".to_owned(), significant);
    reading
        .statements
        .iter()
        .map(|seen| {
            format!(
                "{}: {}, mean {} ms, p95 {} ms, slowest {} ms, {} ms in all{}\n",
                seen.id,
                calls(seen.calls),
                ms(seen.mean_ms),
                ms(seen.p95_ms),
                ms(seen.max_ms),
                significant(seen.total_ms),
                if seen.plan.is_some() { ", plan logged" } else { "" }
            )
        })
        .collect()
}

/// Reads logs, keeps the statements that the database runs, and tells on standard error what was read and what is
/// left out.
pub(super) async fn runnable_on(cx: &Context, source: &Dsn, logs: &Logs) -> Result<LogReading> {
    let mut reading = read(cx, &logs.options())?;
    let session = Source::new(source.clone()).session(cx).await?;
    let (workload, refused) = runnable(cx, &session, std::mem::take(&mut reading.workload)).await?;
    reading.workload = workload;
    reading.left_out.extend(refused);
    words(&reading).lines().for_each(output::note);
    require_some(&reading.workload)?;
    Ok(reading)
}

/// Of these, keeps the statements that run once more, and tells which do not.
pub(super) async fn runnable_on_fork(
    cx: &Context,
    backend: &dyn ForkBackend,
    workload: Workload,
    limit: Duration,
) -> Result<Workload> {
    let (workload, refused) = log::runnable_on_fork(cx, backend, workload, limit).await?;
    for left in &refused {
        output::note(&format!("left out: {}: {}", short(&left.sql), left.reason));
    }
    require_some(&workload)?;
    Ok(workload)
}

fn require_some(workload: &Workload) -> Result<()> {
    if workload.statements.is_empty() {
        return Err(Error::invalid("the database runs none of the statements of the log").hint(
            "is it the database that wrote the log? --log-database names the one whose statements count",
        ));
    }
    Ok(())
}

/// The beginning of a statement, on one line.
fn short(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect()
}
