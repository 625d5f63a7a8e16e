//! The tests.

use pgverse_core::answers::falsify::Falsification;
use pgverse_core::types::{Answers, Change};

use crate::corpus::{SCHEMA, pairs};
use crate::lab::{Bed, statement};

#[tokio::test(flavor = "multi_thread")]
async fn no_pair_is_called_the_same_or_different_wrongly() {
    let bed = Bed::of(SCHEMA).await;
    let mut wrong = Vec::new();
    for pair in pairs() {
        let statement = statement(&pair.original, &pair.values);
        let checked = bed.check(&statement, &pair.rewritten).await;
        let tried = bed.falsify(&statement, &pair.rewritten, &Change::default(), (1000, 7)).await;
        let right = match (&tried, pair.same) {
            (Falsification::NotRefuted { databases, .. }, true) => {
                *databases >= 500 && checked.answers == Answers::Same
            }
            (Falsification::Refuted { .. }, false) => true,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {:?} {}; {}", pair.name, checked.answers, checked.reason, tell(&tried)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn tell(tried: &Falsification) -> String {
    match tried {
        Falsification::Refuted { counterexample, databases } => {
            format!("refuted by database {databases}\n{counterexample}")
        }
        other => other.summary(),
    }
}
