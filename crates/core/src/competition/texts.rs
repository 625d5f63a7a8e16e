//! Several members of a union may give the same statement different texts: the fastest one stays, and the others keep what
//! else they change.

use std::collections::BTreeMap;

use crate::types::{Candidate, Operation, StatementId};

/// A text that reads a view, whose answer may be old, must take less than this share of the time of one that does not.
const FRESHER: f64 = 0.9;

/// Takes the slower texts out of the members, and views that nobody then reads. `ratio` tells what a statement takes with a
/// member over what it takes without.
pub(super) fn settle(members: &mut Vec<Candidate>, ratio: impl Fn(&Candidate, &StatementId) -> Option<f64>) {
    let mut best: BTreeMap<StatementId, (f64, usize)> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        for statement in rewritten(member) {
            let Some(ratio) = ratio(member, statement) else { continue };
            let ratio = if views(member).next().is_some() { ratio / FRESHER } else { ratio };
            let known = best.get(statement).map_or(f64::INFINITY, |(known, _)| *known);
            if ratio < known {
                best.insert(statement.clone(), (ratio, place));
            }
        }
    }
    for (place, member) in members.iter_mut().enumerate() {
        let loses = |o: &Operation| match o {
            Operation::RewriteStatement { statement, .. } => {
                best.get(statement).is_some_and(|(_, winner)| *winner != place)
            }
            _ => false,
        };
        if !member.change.operations.iter().any(loses) {
            continue;
        }
        member.change.operations.retain(|o| !loses(o));
        let texts: Vec<String> = member.change.operations.iter().filter_map(text).collect();
        let unread: Vec<(String, String)> =
            views(member).filter(|(_, name)| !texts.iter().any(|text| text.contains(name))).collect();
        member.change.operations.retain(|o| match o {
            Operation::CreateMaterializedView { schema, name, .. } => {
                !unread.contains(&(schema.clone(), name.clone()))
            }
            Operation::CreateIndex { schema, table, .. } => {
                !unread.contains(&(schema.clone(), table.clone()))
            }
            _ => true,
        });
    }
    members.retain(|member| !member.change.is_empty());
}

fn rewritten(member: &Candidate) -> impl Iterator<Item = &StatementId> {
    member.change.operations.iter().filter_map(|o| match o {
        Operation::RewriteStatement { statement, .. } => Some(statement),
        _ => None,
    })
}

fn text(operation: &Operation) -> Option<String> {
    match operation {
        Operation::RewriteStatement { sql, .. } => Some(sql.clone()),
        _ => None,
    }
}

/// Schemas and names of the views that a member makes.
fn views(member: &Candidate) -> impl Iterator<Item = (String, String)> {
    member.change.operations.iter().filter_map(|o| match o {
        Operation::CreateMaterializedView { schema, name, .. } => Some((schema.clone(), name.clone())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Change, IndexKey, Refresh};

    fn rewrite(statement: &str, sql: &str) -> Operation {
        Operation::RewriteStatement { statement: statement.into(), sql: sql.into(), rule: "r".into() }
    }

    fn index(table: &str) -> Operation {
        Operation::CreateIndex {
            schema: "public".into(),
            table: table.into(),
            name: format!("{table}_a"),
            method: "btree".into(),
            keys: vec![IndexKey::column("a")],
            include: Vec::new(),
            predicate: None,
            partitions: None,
        }
    }

    fn view() -> Operation {
        Operation::CreateMaterializedView {
            schema: "public".into(),
            name: "mv".into(),
            query: "SELECT a FROM t".into(),
            unique_key: Vec::new(),
            refresh: Refresh { every_seconds: 60.0, concurrently: false },
        }
    }

    fn member(id: &str, operations: Vec<Operation>) -> Candidate {
        let mut member = Candidate::new(id, Change { operations });
        member.id = id.into();
        member
    }

    /// The members after it, where the text of the second one takes so much of the time, and that of the first one half.
    fn settled(second: f64) -> Vec<(String, usize)> {
        let mut members = vec![
            member("query-1", vec![index("t"), rewrite("s", "SELECT 1")]),
            member("cache-1", vec![view(), index("mv"), rewrite("s", "SELECT a FROM public.mv")]),
        ];
        settle(&mut members, |m, _| Some(if m.id.as_str() == "query-1" { 0.5 } else { second }));
        members.into_iter().map(|m| (m.id.to_string(), m.change.operations.len())).collect()
    }

    #[test]
    fn the_fastest_text_stays_and_indexes_stay() {
        assert_eq!(settled(0.1), [("query-1".to_owned(), 1), ("cache-1".to_owned(), 3)]);
    }

    #[test]
    fn an_old_answer_must_be_clearly_faster_and_an_unread_view_goes() {
        assert_eq!(settled(0.48), [("query-1".to_owned(), 2)]);
    }

    #[test]
    fn a_view_with_another_reader_stays() {
        let mut members = vec![
            member("query-1", vec![rewrite("s", "SELECT 1")]),
            member(
                "cache-1",
                vec![view(), rewrite("s", "SELECT a FROM mv"), rewrite("t", "SELECT b FROM mv")],
            ),
        ];
        settle(&mut members, |m, _| Some(if m.id.as_str() == "query-1" { 0.1 } else { 0.5 }));
        assert_eq!(members[1].change.operations, [view(), rewrite("t", "SELECT b FROM mv")]);
        // Without a measurement nothing is taken out.
        let before = members.clone();
        settle(&mut members, |_, _| None);
        assert_eq!(members, before);
    }
}
