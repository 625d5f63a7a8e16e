//! N+1: one statement for each row that another returned, found by their order within a session.

use serde::Serialize;

use super::super::scan::{Kind, Token, code};
use crate::types::StatementId;

/// Fewest repetitions that count.
const FEWEST: u64 = 5;

/// Longest pause between two of them, in milliseconds.
const LONGEST_PAUSE: i64 = 1000;

/// Statements that may take turns after the one that returned the keys.
const CHILDREN: usize = 4;

/// A statement that is repeated for each row of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeated {
    /// The repeated statement, if it is among those of the workload.
    pub statement: Option<StatementId>,
    /// Its text.
    pub sql: String,
    /// The text of the statement before, which returned the keys, if the log shows one.
    pub after: Option<String>,
    /// How often it happened.
    pub times: u64,
    /// Calls in all of these.
    pub calls: u64,
    /// Calls in the longest of these.
    pub most: u64,
    /// What these calls took, without the way to the client and back.
    pub total_ms: f64,
    /// One statement that asks for all keys at once, if it can be told from the text.
    pub replacement: Option<String>,
    /// What to do, in words.
    pub advice: String,
}

#[derive(Debug, Clone, Copy)]
struct Child {
    group: usize,
    before: Option<usize>,
    calls: u64,
    last_values: u64,
    total_ms: f64,
}

/// What one session did last.
#[derive(Debug, Default)]
pub(super) struct Window {
    parent: Option<usize>,
    children: Vec<Child>,
    last: Option<usize>,
    time: i64,
}

/// A run that ended: the repeated group, the one before it, calls and milliseconds.
pub(super) struct Run {
    pub(super) group: usize,
    pub(super) before: Option<usize>,
    pub(super) calls: u64,
    pub(super) total_ms: f64,
}

impl Window {
    /// Takes a call; runs that it ends go to `ended`.
    pub(super) fn call(
        &mut self,
        group: usize,
        values: u64,
        ms: f64,
        time: Option<i64>,
        ended: &mut Vec<Run>,
    ) {
        let time = time.unwrap_or(self.time);
        if time - self.time > LONGEST_PAUSE || self.parent == Some(group) {
            self.end(ended);
        }
        self.time = time;
        if let Some(child) = self.children.iter_mut().find(|child| child.group == group) {
            // The same values again are a poll, not a row of a result.
            if child.last_values != values {
                child.calls += 1;
                child.last_values = values;
            }
            child.total_ms += ms;
        } else {
            if self.children.len() == CHILDREN {
                self.end(ended);
            }
            if self.parent.is_none() && self.last.is_none() {
                self.parent = Some(group);
            } else {
                let child = Child { group, before: self.last, calls: 1, last_values: values, total_ms: ms };
                self.children.push(child);
            }
        }
        self.last = Some(group);
    }

    /// Ends whatever is open.
    pub(super) fn end(&mut self, ended: &mut Vec<Run>) {
        for child in self.children.drain(..).filter(|child| child.calls >= FEWEST) {
            ended.push(Run {
                group: child.group,
                before: child.before,
                calls: child.calls,
                total_ms: child.total_ms,
            });
        }
        self.parent = None;
        self.last = None;
    }
}

/// `SELECT … FROM one_table … WHERE … column = $n …`: the column, where it stands, and the table.
struct Lookup<'a> {
    column: String,
    table: &'a str,
    /// Offset behind SELECT.
    list: usize,
    /// Whether the list has the column or a star.
    listed: bool,
    /// From the parameter's first to its last byte.
    parameter: (usize, usize),
}

/// Whether a statement reads rows of one table by a key that is a parameter, and nothing else.
fn lookup(sql: &str) -> Option<Lookup<'_>> {
    let tokens: Vec<Token<'_>> = code(sql).collect();
    const OTHER: &[&str] = &[
        "join",
        "group",
        "having",
        "union",
        "intersect",
        "except",
        "limit",
        "offset",
        "fetch",
        "distinct",
        "for",
        "or",
        "with",
        "into",
        "window",
        "over",
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "exists",
    ];
    if !tokens.first()?.is_word("select") || tokens.iter().any(|t| OTHER.iter().any(|word| t.is_word(word))) {
        return None;
    }
    if tokens.iter().skip(1).any(|t| t.is_word("select")) {
        return None;
    }
    let from = tokens.iter().position(|t| t.is_word("from"))?;
    let filter = tokens.iter().position(|t| t.is_word("where"))?;
    if filter < from || tokens.get(from..filter)?.iter().any(|t| t.is_mark(",") || t.is_mark("(")) {
        return None;
    }
    let table = tokens.get(from + 1..filter)?;
    let table = &sql[table.first()?.start..table.last()?.start + table.last()?.text.len()];
    let at = (filter + 2..tokens.len()).find(|&at| {
        let is_equal = tokens[at].kind == Kind::Operator && tokens[at].text == "=";
        is_equal && tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Parameter) && is_name(&tokens[at - 1])
    })?;
    let (name, parameter) = (&tokens[at - 1], &tokens[at + 1]);
    let begin = if tokens[at - 2].is_mark(".") { tokens[at - 3].start } else { name.start };
    let list = &tokens[1..from];
    let listed = list
        .iter()
        .any(|t| t.text.eq_ignore_ascii_case(name.text) || (t.kind == Kind::Operator && t.text == "*"));
    Some(Lookup {
        column: sql[begin..name.start + name.text.len()].to_owned(),
        table,
        list: tokens[0].start + tokens[0].text.len(),
        listed,
        parameter: (parameter.start, parameter.start + parameter.text.len()),
    })
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Word | Kind::QuotedName)
}

/// Whether a repetition of this statement is worth a finding.
pub(super) fn is_lookup(sql: &str) -> bool {
    lookup(sql).is_some()
}

/// One statement for all keys, and the advice.
pub(super) fn folded(sql: &str, after: Option<&str>) -> (Option<String>, String) {
    let Some(Lookup { column, table, list, listed, parameter: (begin, end) }) = lookup(sql) else {
        return (None, "ask for all rows with one statement instead of one for each".to_owned());
    };
    let key = if listed { String::new() } else { format!(" {column},") };
    let replacement =
        format!("{}{key}{}ANY({}){}", &sql[..list], &sql[list..begin], &sql[begin..end], &sql[end..]);
    let join = match after {
        Some(_) => format!(", or join {table} to the statement before, which returned the keys"),
        None => String::new(),
    };
    (Some(replacement), format!("pass all values of {column} as one array{join}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_folded_and_other_statements_are_not() {
        let fold = |sql| folded(sql, Some("SELECT 1")).0;
        assert_eq!(
            fold("SELECT name FROM users u WHERE u.id = $1").as_deref(),
            Some("SELECT u.id, name FROM users u WHERE u.id = ANY($1)")
        );
        assert_eq!(
            fold("SELECT * FROM users WHERE id = $1 AND NOT deleted").as_deref(),
            Some("SELECT * FROM users WHERE id = ANY($1) AND NOT deleted")
        );
        for other in [
            "SELECT count(*) FROM t WHERE a = $1",
            "SELECT a FROM t WHERE a = $1 ORDER BY b LIMIT 1",
            "SELECT a FROM t, s WHERE a = $1",
            "UPDATE t SET a = 1 WHERE b = $1",
            "SELECT a FROM t WHERE a > $1",
            "SELECT a FROM t WHERE = $1",
        ] {
            assert_eq!(fold(other), None, "{other}");
        }
    }

    #[test]
    fn runs_are_found_also_where_two_children_take_turns() {
        let mut window = Window::default();
        let mut ended = Vec::new();
        window.call(0, 0, 1.0, Some(0), &mut ended);
        for n in 0..6 {
            window.call(1, n, 1.0, Some(10), &mut ended);
            window.call(2, n, 1.0, Some(20), &mut ended);
        }
        window.call(0, 0, 1.0, Some(30), &mut ended);
        let seen: Vec<_> = ended.iter().map(|r| (r.group, r.before, r.calls)).collect();
        assert_eq!(seen, [(1, Some(0), 6), (2, Some(1), 6)]);
    }

    #[test]
    fn polls_and_pauses_are_no_runs() {
        let mut ended = Vec::new();
        let mut window = Window::default();
        window.call(0, 0, 1.0, Some(0), &mut ended);
        (0..9).for_each(|n| window.call(1, 7, 1.0, Some(n), &mut ended));
        (0..9).for_each(|n| window.call(2, u64::try_from(n).unwrap(), 1.0, Some(5000 * n), &mut ended));
        window.end(&mut ended);
        assert!(ended.is_empty());
    }
}
