//! Figure 6: a competition on a live copy of the demo shop, its winner promoted there, and the same tool on a fork of
//! what is there now, against the promised interval. The comparison is turned round: the change is there, so the
//! candidate is to take it away, and the realized ratio is one over its ratio.

use std::sync::Arc;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::competition::Competition;
use pgverse::demo::Demo;
use pgverse::promote::{Approval, Policy, promote, promotion_of};
use pgverse::types::{Candidate, Change, LockLevel, Operation, Report};
use pgverse::{Error, ErrorKind, Result};
use pgverse_testkit::FixedAgent;

use crate::ground::Ground;

pub(crate) async fn run(scale: f64, seed: u64) -> Result<()> {
    let demo = Demo::new(scale)?;
    let ground = Ground::new("SELECT 1").await?;
    let session = ground.session().await?;
    for script in demo.scripts() {
        session.batch(&ground.cx, &script).await?;
    }
    session.batch(&ground.cx, "VACUUM (ANALYZE)").await?;
    drop(session);
    let agents = pgverse::agents::all().into_iter().filter(|agent| agent.name() == "index").collect();
    let report = compete(&ground, &demo, agents, seed).await?;
    let Some(promised) = report.verdict.ratio.filter(|_| report.verdict.winner.is_some()) else {
        println!("realized: the demo at scale {scale} has no winner: {}", report.verdict.reason);
        return Ok(());
    };
    let plan = promotion_of(&report)?;
    let approval = Approval::of(&plan, &plan.hash)?;
    promote(&ground.cx, &ground.source(), &plan, &report.workload, &approval, &Policy::default()).await?;

    let mut operations = Vec::new();
    for step in &plan.steps {
        operations.push(taken_away(&ground, &step.operation).await?);
    }
    let inverse = Candidate::new("without the promotion", Change { operations });
    let agent = FixedAgent::new("inverse", vec![inverse]);
    let again = compete(&ground, &demo, vec![Arc::new(agent)], seed + 1).await?;
    let measured = again.universes.iter().flat_map(|u| &u.candidates).find_map(|c| c.ratio);
    let Some(measured) = measured else {
        let why = again.universes.iter().flat_map(|u| &u.candidates).map(|c| c.reason.clone()).next();
        return Err(Error::new(ErrorKind::Internal, "the promoted state could not be measured")
            .with("reason", why.unwrap_or_default()));
    };
    let realized = 1.0 / measured.estimate;
    let inside = (promised.low..=promised.high).contains(&realized);
    println!(
        "realized: promised {:.4} ({:.4} to {:.4}); after promotion {realized:.4} ({:.4} to {:.4}): {}",
        promised.estimate,
        promised.low,
        promised.high,
        1.0 / measured.high,
        1.0 / measured.low,
        if inside { "inside" } else { "OUTSIDE" }
    );
    println!("    demo at scale {scale}, agent index, {} steps", plan.steps.len());
    Ok(())
}

async fn compete(
    ground: &Ground,
    demo: &Demo,
    agents: Vec<Arc<dyn pgverse::traits::Agent>>,
    seed: u64,
) -> Result<Report> {
    let competition = Competition::builder()
        .problem(demo.problem())
        .workload(demo.workload()?)
        .backend(backend("template", &Origin::Live(ground.dsn()), Tenure::Run)?)
        .agents(agents)
        .seed(seed)
        .build()?;
    competition.run().await
}

/// The operation that takes another one away again.
async fn taken_away(ground: &Ground, operation: &Operation) -> Result<Operation> {
    if let Operation::CreateIndex { schema, name, .. } = operation {
        let relation = pgverse::pg::quote::literal(&pgverse::pg::quote::qualified(schema, name));
        let definition = ground.text(&format!("SELECT pg_get_indexdef({relation}::regclass)")).await?;
        let (schema, name) = (schema.clone(), name.clone());
        return Ok(Operation::DropIndex { schema, name, definition, partitions: None });
    }
    Ok(Operation::Sql {
        apply: operation.undo(),
        undo: operation.apply(),
        online: Vec::new(),
        lock: LockLevel::AccessExclusive,
    })
}
