//! Choosing on a made-up workbench: what each text takes, with its indexes and without, is written down here.

use pgverse_core::traits::{Sample, TryOut};
use pgverse_core::types::{
    Catalog, OperationCost, ParameterSet, Plan, Problem, StatementId, StatementKind, Workload,
};

use super::*;
use crate::shared::sql::{IndexWish, testing};

/// Milliseconds: as it is, then of each text alone and with its index.
#[derive(Debug)]
struct MadeUp {
    base: f64,
    texts: &'static [(&'static str, f64, Option<f64>)],
    left: f64,
}

#[async_trait::async_trait]
impl Workbench for MadeUp {
    fn seconds_left(&self) -> f64 {
        self.left
    }

    async fn build(&self, _: &Context, operation: &Operation) -> Result<OperationCost> {
        match operation {
            Operation::CreateIndex { keys, .. } if keys[0].column.as_deref() == Some("bio") => {
                Err(pgverse_core::Error::new(ErrorKind::Sql, "index row size exceeds maximum"))
            }
            _ => Ok(OperationCost { seconds: 0.1, bytes: 1 << 20 }),
        }
    }

    async fn plans(&self, _: &Context, _: &Change, _: &[Question]) -> Result<Vec<Plan>> {
        Ok(Vec::new())
    }

    async fn times(&self, _: &Context, change: &Change, tries: &[TryOut]) -> Result<Vec<Sample>> {
        let sample = |t: &TryOut| {
            let text = change.rewritten(&t.question.statement);
            let known = text.map(|text| self.texts.iter().find(|(sql, ..)| *sql == text).unwrap());
            let ms = known.map_or(self.base, |(_, alone, with)| match change.operations.len() {
                1 => *alone,
                _ => with.unwrap(),
            });
            let timed_out = ms > t.timeout_ms as f64;
            Sample { wall_ms: ms.min(t.timeout_ms as f64), cpu_ms: None, unqueued_ms: None, timed_out }
        };
        Ok(tries.iter().map(sample).collect())
    }
}

/// The titles and what is proposed of a statement whose forms are these texts, each with the index that it wants.
async fn chosen(bench: &MadeUp, wishes: &[Option<&str>]) -> (Vec<String>, usize) {
    let catalog = testing::shop();
    let statement = Statement {
        id: StatementId::from("q"),
        sql: "SELECT 1".to_owned(),
        fingerprint: "q".to_owned(),
        kind: StatementKind::Read,
        parameter_sets: vec![ParameterSet::none()],
        weight: 2.0,
    };
    let users = catalog.table("public", "users").unwrap();
    let forms: Vec<Form<'_>> = bench
        .texts
        .iter()
        .zip(wishes)
        .map(|((sql, ..), wish)| {
            let index = wish.map(|column| IndexWish::on(users, [column], []).unwrap());
            Form::made_up(&statement, sql, index.into_iter().collect())
        })
        .collect();
    let brief = Brief {
        problem: Problem::default(),
        workload: Workload { statements: vec![statement.clone()] },
        catalog: Catalog::default(),
        plans: Vec::new(),
    };
    let choice = choose(&Context::new(), bench, &brief, vec![forms]).await.unwrap();
    let mut proposed = choice.faster;
    proposed.extend(choice.others);
    for Chosen { candidate, .. } in &proposed {
        assert!(candidate.rationale.contains("Tried out, it took"), "{}", candidate.rationale);
    }
    (proposed.into_iter().map(|c| c.candidate.title).collect(), choice.untried.len())
}

#[tokio::test]
async fn the_fastest_form_is_proposed_and_the_fastest_without_an_index() {
    let bench = MadeUp {
        base: 100.0,
        texts: &[("SELECT 2", 90.0, Some(5.0)), ("SELECT 3", 40.0, None), ("SELECT 4", 60.0, None)],
        left: 60.0,
    };
    let (titles, _) = chosen(&bench, &[Some("email"), None, None]).await;
    assert_eq!(titles, ["q: SELECT 2, with an index on users (email)", "q: SELECT 3"]);
}

#[tokio::test]
async fn what_is_not_faster_is_not_proposed() {
    let bench = MadeUp {
        base: 100.0,
        texts: &[("SELECT 2", 900.0, Some(95.0)), ("SELECT 3", 130.0, None)],
        left: 60.0,
    };
    assert_eq!(chosen(&bench, &[Some("email"), None]).await, (vec![], 0));
}

#[tokio::test]
async fn an_index_that_cannot_be_built_costs_its_form_only() {
    let bench = MadeUp {
        base: 100.0,
        texts: &[("SELECT 2", 100.0, Some(1.0)), ("SELECT 3", 50.0, None)],
        left: 60.0,
    };
    assert_eq!(chosen(&bench, &[Some("bio"), None]).await.0, ["q: SELECT 3"]);
}

#[tokio::test]
async fn without_time_nothing_is_tried_and_nothing_is_lost() {
    let bench = MadeUp { base: 100.0, texts: &[("SELECT 2", 1.0, None)], left: 1.0 };
    assert_eq!(chosen(&bench, &[None]).await, (vec![], 1));
}
