//! Normalized texts that the server would not read: pg_stat_statements puts `$n` also where no parameter may stand.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use crate::workload::scan::{Kind, Scanner, Token};

/// Types that may stand before a string as `DATE '2025-01-01'`.
const TYPED: &[&str] =
    &["date", "inet", "interval", "json", "jsonb", "time", "timestamp", "timestamptz", "uuid"];

/// Types with modifiers in parentheses.
const MODIFIED: &[&str] = &[
    "bit",
    "bpchar",
    "char",
    "character",
    "decimal",
    "numeric",
    "time",
    "timestamp",
    "timestamptz",
    "varchar",
];

/// Functions over many rows, which no GROUP BY names.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "json_agg",
    "jsonb_agg",
    "max",
    "min",
    "percentile_cont",
    "percentile_disc",
    "stddev",
    "string_agg",
    "sum",
];

/// How many elements a list has of which pg_stat_statements kept only the first (PostgreSQL 18).
const SQUASHED: usize = 5;

/// A text that can be prepared, with its parameters counted from `$1` without gaps, and what was changed.
pub(super) fn repair(sql: &str) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let sql = ordinals(sql, &mut notes);
    let tokens: Vec<Token<'_>> = Scanner::new(&sql).map_while(Result::ok).collect();
    let mut next = tokens.iter().filter_map(number).max().unwrap_or(0);
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let ahead = |n: usize| tokens[at + 1..].iter().enumerate().filter(|(_, t)| t.is_code()).nth(n);
        let word = token.text.to_ascii_lowercase();
        let is = |list: &[&str]| token.kind == Kind::Word && list.contains(&word.as_str());
        // DATE $1
        if is(TYPED)
            && let Some((skip, parameter)) = ahead(0).filter(|(_, t)| t.kind == Kind::Parameter)
        {
            text.push_str(&format!("{}::{word}", parameter.text));
            at += skip + 2;
            continue;
        }
        // extract($1 FROM x)
        if is(&["extract"])
            && ahead(0).is_some_and(|(_, t)| t.is_mark("("))
            && let Some((skip, _)) = ahead(1).filter(|(_, t)| t.kind == Kind::Parameter)
            && ahead(2).is_some_and(|(_, t)| t.is_word("from"))
        {
            text.push_str("extract(month");
            notes.push("the field of extract() is not recorded: month is assumed".to_owned());
            at += skip + 2;
            continue;
        }
        // x::numeric($1, $2)
        let cast = code_before(&tokens, at).is_some_and(|t| t.text.ends_with(':') || t.is_word("as"));
        if cast
            && is(MODIFIED)
            && let Some(end) = modifiers(&tokens, at)
        {
            text.push_str(token.text);
            notes.push(format!("the modifier of {word} is not recorded: it is left out"));
            at = end;
            continue;
        }
        text.push_str(token.text);
        at += 1;
        // IN ($1 /*, ... */)
        if token.kind == Kind::Parameter
            && let Some(comment) =
                tokens.get(at..).and_then(|rest| rest.iter().find(|t| t.kind != Kind::Space))
            && comment.kind == Kind::BlockComment
            && comment.text.contains("...")
        {
            for _ in 1..SQUASHED {
                next += 1;
                text.push_str(&format!(", ${next}"));
            }
            notes.push(format!("the length of a list is not recorded: {SQUASHED} elements are assumed"));
        }
    }
    (renumber(&text), notes)
}

fn number(token: &Token<'_>) -> Option<usize> {
    (token.kind == Kind::Parameter).then(|| token.text[1..].parse().ok()).flatten()
}

fn code_before<'a, 'b>(tokens: &'b [Token<'a>], at: usize) -> Option<&'b Token<'a>> {
    tokens[..at].iter().rev().find(|t| t.is_code())
}

/// The index behind `($1, $2)`, if that follows the type at `at`.
fn modifiers(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut behind = tokens.iter().enumerate().skip(at + 1).filter(|(_, t)| t.is_code());
    behind.next().filter(|(_, t)| t.is_mark("("))?;
    let mut seen = false;
    for (index, token) in behind {
        match token.kind {
            Kind::Parameter => seen = true,
            _ if token.is_mark(",") => {}
            _ if token.is_mark(")") && seen => return Some(index + 1),
            _ => return None,
        }
    }
    None
}

/// `GROUP BY $1` and `ORDER BY $2` were ordinals: as parameters they would mean constants.
fn ordinals(sql: &str, notes: &mut Vec<String>) -> String {
    let tree = SourceFile::parse(sql).tree();
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    for literal in tree.syntax().descendants().filter(|n| n.kind() == SyntaxKind::LITERAL) {
        let text = literal.text().to_string();
        let Some(item) = literal.parent().filter(|_| text.starts_with('$')) else { continue };
        let grouped = match item.kind() {
            SyntaxKind::GROUPING_EXPR => true,
            SyntaxKind::SORT_BY => false,
            _ => continue,
        };
        let place = item.parent().map_or(0, |list| list.children().take_while(|n| *n != item).count());
        let select = item.ancestors().find(|n| n.kind() == SyntaxKind::SELECT);
        let targets = select.iter().flat_map(targets).collect::<Vec<_>>();
        let plain = targets.iter().enumerate().filter(|(_, t)| !aggregates(t)).map(|(at, _)| at + 1);
        let ordinal = if grouped { plain.clone().nth(place) } else { Some(place + 1) };
        if let Some(ordinal) = ordinal {
            let range = literal.text_range();
            edits.push((range.start().into(), range.end().into(), ordinal.to_string()));
            let clause = if grouped { "GROUP BY" } else { "ORDER BY" };
            notes.push(format!("the number of the column in {clause} is not recorded: {ordinal} is assumed"));
        }
    }
    let mut text = sql.to_owned();
    edits.sort();
    for (start, end, ordinal) in edits.into_iter().rev() {
        text.replace_range(start..end, &ordinal);
    }
    text
}

fn targets(select: &SyntaxNode) -> Vec<SyntaxNode> {
    let clause = select.children().find(|n| n.kind() == SyntaxKind::SELECT_CLAUSE);
    let list = clause.and_then(|clause| clause.children().find(|n| n.kind() == SyntaxKind::TARGET_LIST));
    list.map(|list| list.children().collect()).unwrap_or_default()
}

fn aggregates(target: &SyntaxNode) -> bool {
    target.descendants().filter(|n| n.kind() == SyntaxKind::CALL_EXPR).any(|call| {
        let name = call.first_child().map(|n| n.text().to_string().to_ascii_lowercase()).unwrap_or_default();
        AGGREGATES.contains(&name.as_str())
    })
}

/// Counts the parameters anew in the order in which they first appear.
fn renumber(sql: &str) -> String {
    let mut order: Vec<usize> = Vec::new();
    let mut text = String::with_capacity(sql.len());
    for token in Scanner::new(sql).map_while(Result::ok) {
        match number(&token) {
            Some(n) => {
                let place = order.iter().position(|seen| *seen == n).unwrap_or_else(|| {
                    order.push(n);
                    order.len() - 1
                });
                text.push_str(&format!("${}", place + 1));
            }
            None => text.push_str(token.text),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_parameter_may_replace_is_mended() {
        for (normalized, mended) in [
            (
                "select * from t where a > now() - interval $1",
                "select * from t where a > now() - $1::interval",
            ),
            ("select * from t where a > date $2 and b = $5", "select * from t where a > $1::date and b = $2"),
            (
                "select extract($1 from a), b from t where c = $2",
                "select extract(month from a), b from t where c = $1",
            ),
            ("select a::numeric($1, $2) from t where c = $3", "select a::numeric from t where c = $1"),
            (
                "select 1 from t where a in ($1 /*, ... */) and b = $2",
                "select 1 from t where a in ($1, $2, $3, $4, $5 /*, ... */) and b = $6",
            ),
            (
                "select a, count(*), b from t group by $1, $2 order by $3 desc",
                "select a, count(*), b from t group by 1, 3 order by 1 desc",
            ),
            ("select a from t where b = $1 limit $2", "select a from t where b = $1 limit $2"),
        ] {
            assert_eq!(repair(normalized).0, mended);
        }
    }
}
