//! `pgverse load`: readers and writers together on a fork.

use comfy_table::{ContentArrangement, Table};
use pgverse::backends::{Origin, Tenure, backend};
use pgverse::load::{Latency, LoadOptions, LoadReport, load};
use pgverse::pg::Dsn;
use pgverse::{Context, Result};

use crate::args;
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;
use crate::output::table::STYLE;
use crate::output::units::significant;

pub(crate) async fn run(cx: &Context, args: args::Load) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let source = Dsn::parse(&args.source)?;
    let workload = match &args.workload {
        Some(file) => pgverse::workload::load(file)?,
        None => super::log::runnable_on(cx, &source, &args.logs).await?.workload,
    };
    let backend = backend(&args.backend, &Origin::Live(source.clone()), Tenure::Run)?;
    super::sweep(cx, Some(&source)).await?;
    backend.prepare(cx).await?;
    let options = LoadOptions {
        clients: args.clients,
        rate: args.rate,
        seconds: args.time.as_secs_f64(),
        statement_timeout_seconds: args.statement_timeout.as_secs_f64(),
    };
    let cx = cx.child().with_seed(args.seed);
    let report = load(&cx, backend.as_ref(), &workload, options).await?;
    if let Some(target) = json {
        target.write(&report)?;
    }
    if !json.is_some_and(JsonTarget::is_stdout) {
        output::print(&words(&report))?;
    }
    Ok(Outcome::Done)
}

fn words(report: &LoadReport) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(output::width());
    table.set_header(["", "calls", "errors", "p50 ms", "p95 ms", "p99 ms", "slowest ms"]);
    let mut row = |name: &str, latency: &Latency| {
        let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), significant);
        table.add_row([
            name.to_owned(),
            latency.calls.to_string(),
            latency.errors.to_string(),
            ms(latency.p50_ms),
            ms(latency.p95_ms),
            ms(latency.p99_ms),
            ms(latency.max_ms),
        ]);
    };
    row("all", &report.all);
    row("reads", &report.reads);
    row("writes", &report.writes);
    report.statements.iter().for_each(|statement| row(statement.id.as_str(), &statement.latency));
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let mut text = lines.join("\n");
    text.push_str(&format!(
        "\n{} calls per second in {} s\n",
        significant(report.throughput),
        significant(report.seconds)
    ));
    if report.not_sent > 0 {
        text.push_str(&format!(
            "{} calls were due but not sent: the rate is beyond the server\n",
            report.not_sent
        ));
    }
    for statement in &report.statements {
        if let Some(error) = &statement.first_error {
            text.push_str(&format!(
                "{}: {} errors, the first: {error}\n",
                statement.id, statement.latency.errors
            ));
        }
    }
    text
}
