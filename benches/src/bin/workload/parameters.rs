//! How many normalized statements of pg_stat_statements get values that run on a fork and find what they promise.

use std::time::Duration;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::demo::Demo;
use pgverse::pg::Source;
use pgverse::workload::intake::{Observed, Request, intake};
use pgverse::workload::stats::{Filter, choose, read};
use pgverse::{Context, Result};
use pgverse_testkit::mixed;

pub(crate) async fn run(scale: f64) -> Result<()> {
    let cx = Context::new();
    let server = mixed::server(&Demo::new(scale)?.scripts()).await;
    mixed::run(&server, 3).await;
    let session = Source::new(server.dsn("shop")).session(&cx).await?;
    let snapshot = read(&cx, &session).await?;
    let shapes = choose(&snapshot, &Filter::default()).0.len();
    let backend = backend("local", &Origin::Live(server.dsn("shop")), Tenure::Run)?;
    let request = Request {
        snapshot,
        observed: Observed::default(),
        filter: Filter::default(),
        problem: None,
        limit: Duration::from_secs(30),
        explain: false,
    };
    let begin = std::time::Instant::now();
    let made = intake(&cx, &session, backend.as_ref(), &request).await?;
    let (runnable, sets) = (shapes - made.unrunnable, made.kept + made.missed);
    println!(
        "parameters: {runnable} of {shapes} shapes run on a fork ({:.1} %); {} of {sets} sets find what their class promises \
         ({:.1} %); {:.1} s with the fork",
        share(runnable, shapes),
        made.kept,
        share(made.kept, sets),
        begin.elapsed().as_secs_f64(),
    );
    for note in made
        .parsed
        .notes
        .iter()
        .filter(|note| note.message.contains("dropped") || note.message.contains("left out"))
    {
        println!("  {}: {}", note.statement, note.message);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // Counts of statements.
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
