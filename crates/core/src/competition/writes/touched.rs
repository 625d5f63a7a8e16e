//! The tables whose writes a candidate makes dearer or cheaper: whatever it did, something that a write must
//! maintain is other than without it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::{Error, Result};

/// A table by schema and name.
pub(super) type Place = (String, String);

/// A table as an arm has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct State {
    schema: String,
    table: String,
    /// Object id of the partitioned table that it is a part of, or its own.
    root: String,
    bytes: i64,
    /// Indexes, triggers, constraints, columns, storage.
    state: String,
}

/// The tables of a fork under an arm.
pub(super) async fn tables(cx: &Context, lab: &Lab, arm: &Arm) -> Result<BTreeMap<Place, State>> {
    lab.enter(cx, arm).await?;
    let rows = lab.session().json(cx, include_str!("touched.sql"), &[]).await;
    lab.leave(cx).await?;
    rows?
        .into_iter()
        .map(|row| {
            let state: State = serde_json::from_value(row)
                .map_err(|e| Error::internal("the state of a table cannot be read").caused_by(e))?;
            Ok(((state.schema.clone(), state.table.clone()), state))
        })
        .collect()
}

/// Tables that both have and that differ, the largest first; of the partitions of one table only the largest.
pub(super) fn differing(before: &BTreeMap<Place, State>, after: &BTreeMap<Place, State>) -> Vec<Place> {
    let mut largest: BTreeMap<&str, &State> = BTreeMap::new();
    for (place, state) in before {
        if after.get(place).is_some_and(|other| other.state != state.state) {
            let known = largest.entry(&state.root).or_insert(state);
            if state.bytes > known.bytes {
                *known = state;
            }
        }
    }
    let mut states: Vec<&State> = largest.into_values().collect();
    states.sort_by(|a, b| {
        b.bytes.cmp(&a.bytes).then_with(|| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)))
    });
    states.into_iter().map(|s| (s.schema.clone(), s.table.clone())).collect()
}
