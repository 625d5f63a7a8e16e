//! With what each parameter is compared, by the tree of the statement.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use crate::workload::scan::{Kind, code};

/// Where a parameter stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// Compared with an expression over the rows that a part of the statement reads.
    Compared { scope: usize, other: String, how: How },
    /// Stored in a column: of this table, as it is named in the statement.
    Stored { table: String, column: String },
    /// LIMIT or FETCH.
    Limit,
    /// OFFSET.
    Offset,
    /// An argument that chooses what a function does, or a key of a document: `->> $1`.
    Field { of: Option<(usize, String)>, function: String },
    /// Anywhere else: its type is all that is known.
    Elsewhere,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `=`, `IN`, `<>`; the number is the place in a list.
    Equal(usize),
    /// `<>`, `NOT IN`: equal values find the rest.
    Differs,
    /// `>` and `>=`, and the first bound of BETWEEN.
    From,
    /// `<` and `<=`, and the second bound.
    To,
    /// LIKE, ILIKE, `~~`.
    Like,
    /// `@>`, `?`, `&&`: the value is a part of the expression.
    Part,
    /// `<@`: the expression is a part of the value.
    Whole,
}

/// A part of the statement with a FROM clause of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scope {
    /// What it reads: the text behind FROM.
    pub(super) from: String,
    /// The WITH clauses that it can see; as text, each with its keyword.
    pub(super) with: String,
    /// Its conditions that hold no parameter.
    pub(super) conditions: Vec<String>,
}

/// What the tree says of all parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Compared {
    pub(super) scopes: Vec<Scope>,
    /// By parameter, `$1` first.
    pub(super) roles: Vec<Role>,
}

/// Reads a statement.
pub(super) fn compared(sql: &str, parameters: usize) -> Compared {
    let tree = SourceFile::parse(sql).tree();
    let mut nodes: Vec<SyntaxNode> = Vec::new();
    let mut all = Compared { scopes: Vec::new(), roles: vec![Role::Elsewhere; parameters] };
    for literal in tree.syntax().descendants().filter(|n| n.kind() == SyntaxKind::LITERAL) {
        let Some(number) = parameter(&literal) else { continue };
        let Some(role) = all.roles.get(number - 1).cloned() else { continue };
        if role == Role::Elsewhere
            && let Some(role) = role_of(&literal, &mut nodes, &mut all.scopes)
        {
            all.roles[number - 1] = role;
        }
    }
    all
}

/// A comparison of an expression with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::workload) struct Condition {
    /// The expression.
    pub(in crate::workload) on: String,
    /// Whether rows of one value are looked up: `=`, `IN`, `= ANY`.
    pub(in crate::workload) equal: bool,
}

/// What the parameters of a normalized statement are compared with.
pub(in crate::workload) fn conditions(sql: &str) -> Vec<Condition> {
    let numbers = code(sql).filter(|t| t.kind == Kind::Parameter);
    let most = numbers.filter_map(|t| t.text[1..].parse::<u16>().ok()).max().unwrap_or(0);
    let roles = compared(sql, usize::from(most)).roles.into_iter();
    roles
        .filter_map(|role| match role {
            Role::Compared { other, how, .. } => {
                Some(Condition { on: other, equal: matches!(how, How::Equal(_)) })
            }
            _ => None,
        })
        .collect()
}

fn parameter(node: &SyntaxNode) -> Option<usize> {
    node.text().to_string().strip_prefix('$')?.parse().ok().filter(|n| *n > 0)
}

fn has_parameter(node: &SyntaxNode) -> bool {
    node.descendants().any(|n| n.kind() == SyntaxKind::LITERAL && parameter(&n).is_some())
}

/// The operator of a binary expression: what stands between its operands.
fn operator(node: &SyntaxNode) -> String {
    let operands: Vec<SyntaxNode> = operands(node);
    let (Some(left), Some(right)) = (operands.first(), operands.last()) else { return String::new() };
    let whole = node.text_range().start();
    let text = node.text().to_string();
    let from = usize::from(left.text_range().end() - whole);
    let to = usize::from(right.text_range().start() - whole);
    text.get(from..to)
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_ascii_lowercase()
}

/// The operands of an expression: its children but for operators of more than one character.
fn operands(node: &SyntaxNode) -> Vec<SyntaxNode> {
    let first = node.first_child();
    let last = node.last_child();
    match (first, last) {
        (Some(first), Some(last)) if first != last => vec![first, last],
        _ => Vec::new(),
    }
}

fn role_of(literal: &SyntaxNode, nodes: &mut Vec<SyntaxNode>, scopes: &mut Vec<Scope>) -> Option<Role> {
    let mut below = literal.clone();
    let mut place = 0;
    for node in literal.ancestors().skip(1) {
        match node.kind() {
            SyntaxKind::LIMIT_CLAUSE | SyntaxKind::FETCH_CLAUSE => return Some(Role::Limit),
            SyntaxKind::OFFSET_CLAUSE => return Some(Role::Offset),
            SyntaxKind::SET_SINGLE_COLUMN => return stored(&node, 0),
            SyntaxKind::ROW => {
                let at = node.children().take_while(|n| *n != below).count();
                let owner = node.ancestors().find(|n| n.kind() == SyntaxKind::INSERT)?;
                return stored(&owner, at);
            }
            SyntaxKind::TARGET if below.kind() != SyntaxKind::SELECT => {
                let list = node.parent()?;
                let at = list.children().take_while(|n| *n != node).count();
                let select = list.parent()?.parent()?;
                return stored(&select.parent().filter(|n| n.kind() == SyntaxKind::INSERT)?, at);
            }
            SyntaxKind::TUPLE_EXPR => place = node.children().take_while(|n| *n != below).count(),
            SyntaxKind::ARG_LIST => {
                let call = node.parent()?;
                let function = call.first_child()?.text().to_string().to_ascii_lowercase();
                if ["date_trunc", "date_part", "to_char", "extract"].contains(&function.as_str()) {
                    return Some(Role::Field { of: None, function });
                }
            }
            SyntaxKind::BETWEEN_EXPR => {
                let parts: Vec<SyntaxNode> = node.children().collect();
                let how = if parts.last() == Some(&below) { How::To } else { How::From };
                let other = parts.first().filter(|first| **first != below)?;
                return compare(other, &below, literal, how, nodes, scopes);
            }
            SyntaxKind::BIN_EXPR => {
                let [left, right] = <[SyntaxNode; 2]>::try_from(operands(&node)).ok()?;
                let on_left = left == below;
                let other = if on_left { &right } else { &left };
                let operator = operator(&node);
                if matches!(operator.as_str(), "->" | "->>" | "#>" | "#>>") && !on_left {
                    let scope = scope_of(&node, nodes, scopes)?;
                    return Some(Role::Field {
                        of: Some((scope, left.text().to_string())),
                        function: operator,
                    });
                }
                if let Some(how) = how(&operator, on_left, place) {
                    if other.kind() == SyntaxKind::TUPLE_EXPR {
                        let other = other.children().nth(place)?;
                        return compare(&other, literal, literal, How::Equal(0), nodes, scopes);
                    }
                    return compare(other, &below, literal, how, nodes, scopes);
                }
                if matches!(operator.as_str(), "and" | "or") {
                    return None;
                }
            }
            SyntaxKind::SELECT => return None,
            _ => {}
        }
        below = node;
    }
    None
}

fn how(operator: &str, on_left: bool, place: usize) -> Option<How> {
    Some(match operator {
        "=" | "in" | "is not distinct from" => How::Equal(place),
        "<>" | "!=" | "not in" | "is distinct from" => How::Differs,
        ">" | ">=" if on_left => How::To,
        "<" | "<=" if on_left => How::From,
        ">" | ">=" => How::From,
        "<" | "<=" => How::To,
        "like" | "ilike" | "not like" | "not ilike" | "~~" | "~~*" | "~" | "~*" | "similar to" => How::Like,
        "@>" if on_left => How::Whole,
        "<@" if !on_left => How::Whole,
        "@>" | "?" | "?|" | "?&" | "&&" | "<@" | "@@" => How::Part,
        _ => return None,
    })
}

/// What a parameter must be for its side of a comparison to equal the other side.
fn compare(
    other: &SyntaxNode,
    side: &SyntaxNode,
    literal: &SyntaxNode,
    how: How,
    nodes: &mut Vec<SyntaxNode>,
    scopes: &mut Vec<Scope>,
) -> Option<Role> {
    let scope = scope_of(other, nodes, scopes)?;
    let mut text = other.text().to_string();
    let mut how = how;
    // a > b - $1: then $1 is b - a, and the smaller a is, the larger it is.
    let sum = side.descendants().find(|n| {
        n.kind() == SyntaxKind::BIN_EXPR
            && matches!(operator(n).as_str(), "-" | "+")
            && operands(n).last().is_some_and(|right| right.text_range().contains_range(literal.text_range()))
    });
    if let Some(sum) = sum {
        let base = operands(&sum).first()?.text().to_string();
        if operator(&sum) == "-" {
            text = format!("({base}) - ({text})");
            how = match how {
                How::From => How::To,
                How::To => How::From,
                other => other,
            };
        } else {
            text = format!("({text}) - ({base})");
        }
    }
    Some(Role::Compared { scope, other: text, how })
}

/// The part of the statement that a node belongs to.
fn scope_of(node: &SyntaxNode, nodes: &mut Vec<SyntaxNode>, scopes: &mut Vec<Scope>) -> Option<usize> {
    use SyntaxKind::{
        DELETE, FROM_CLAUSE, ON_CLAUSE, SELECT, UPDATE, USING_CLAUSE, WHERE_CLAUSE, WITH_CLAUSE,
    };
    let owner = node.ancestors().find(|n| matches!(n.kind(), SELECT | UPDATE | DELETE))?;
    if let Some(known) = nodes.iter().position(|n| *n == owner) {
        return Some(known);
    }
    let child = |kind: SyntaxKind| owner.children().find(|n| n.kind() == kind);
    let behind = |clause: &SyntaxNode| {
        let text = clause.text().to_string();
        text.split_once(char::is_whitespace).map(|(_, rest)| rest.trim().to_owned())
    };
    let mut from: Vec<String> = Vec::new();
    if owner.kind() != SELECT {
        // UPDATE t AS x SET, DELETE FROM t AS x WHERE: the target up to the next clause.
        let target = owner
            .children()
            .find(|n| matches!(n.kind(), SyntaxKind::RELATION_NAME | SyntaxKind::RELATION_NAME_REF))?;
        let alias = owner.children().find(|n| {
            matches!(
                n.kind(),
                SyntaxKind::OPTIONAL_AS_ALIAS | SyntaxKind::REQUIRED_AS_ALIAS | SyntaxKind::FROM_ALIAS
            )
        });
        from.push(format!("{} {}", target.text(), alias.map(|a| a.text().to_string()).unwrap_or_default()));
    }
    from.extend(
        [FROM_CLAUSE, USING_CLAUSE].into_iter().filter_map(child).filter_map(|clause| behind(&clause)),
    );
    if from.is_empty() {
        return None;
    }
    let mut conditions = Vec::new();
    if let Some(clause) = child(WHERE_CLAUSE) {
        for expression in clause.children() {
            conjuncts(&expression, &mut conditions);
        }
    }
    let text = from.join(", ");
    // A join condition with a parameter would be cut out of the middle: the first table alone then.
    let joined = child(FROM_CLAUSE).filter(has_parameter);
    let from = match joined
        .and_then(|clause| clause.descendants().find(|n| n.kind() == ON_CLAUSE && has_parameter(n)))
    {
        Some(on) => cut(&on, &text),
        None => text,
    };
    let with = owner.ancestors().find_map(|n| n.children().find(|n| n.kind() == WITH_CLAUSE));
    // Inside of the clause itself nothing of it can be told apart.
    let with = with.filter(|clause| !clause.text_range().contains_range(owner.text_range()));
    let with = with.map(|clause| clause.text().to_string()).unwrap_or_default();
    nodes.push(owner);
    scopes.push(Scope { from, with, conditions });
    Some(nodes.len() - 1)
}

/// FROM with each conjunct of ON that holds parameters as TRUE.
fn cut(on: &SyntaxNode, from: &str) -> String {
    let mut text = from.to_owned();
    let mut all = Vec::new();
    for expression in on.children() {
        parts(&expression, &mut all);
    }
    for part in all.iter().filter(|part| has_parameter(part)) {
        text = text.replacen(&part.text().to_string(), "TRUE", 1);
    }
    text
}

fn parts(node: &SyntaxNode, all: &mut Vec<SyntaxNode>) {
    if node.kind() == SyntaxKind::BIN_EXPR && operator(node) == "and" {
        operands(node).iter().for_each(|operand| parts(operand, all));
    } else {
        all.push(node.clone());
    }
}

fn conjuncts(node: &SyntaxNode, conditions: &mut Vec<String>) {
    let mut all = Vec::new();
    parts(node, &mut all);
    conditions.extend(all.iter().filter(|part| !has_parameter(part)).map(|part| part.text().to_string()));
}

/// The column that the `at`-th value of an INSERT, or a SET, is stored in.
fn stored(node: &SyntaxNode, at: usize) -> Option<Role> {
    let statement = node.ancestors().find(|n| matches!(n.kind(), SyntaxKind::INSERT | SyntaxKind::UPDATE))?;
    let table = statement
        .children()
        .find(|n| matches!(n.kind(), SyntaxKind::RELATION_NAME | SyntaxKind::RELATION_NAME_REF))?;
    let columns: Vec<SyntaxNode> = if node.kind() == SyntaxKind::SET_SINGLE_COLUMN {
        node.children().take(1).collect()
    } else {
        let list = node.children().find(|n| n.kind() == SyntaxKind::COLUMN_TARGET_LIST)?;
        list.children().collect()
    };
    let column = columns.get(at)?.text().to_string();
    Some(Role::Stored { table: table.text().to_string().trim().to_owned(), column: column.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(sql: &str) -> Role {
        compared(sql, 1).roles.remove(0)
    }

    fn against(sql: &str) -> (String, How) {
        match role(sql) {
            Role::Compared { other, how, .. } => (other, how),
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn the_other_side_is_found_through_what_surrounds_it() {
        for (sql, other, how) in [
            ("select 1 from t where a = $1", "a", How::Equal(0)),
            ("select 1 from t where $1 < a", "a", How::From),
            ("select 1 from t where lower(a) = lower($1)", "lower(a)", How::Equal(0)),
            ("select 1 from t where a like $1::text || '%'", "a", How::Like),
            ("select 1 from t where a = any($1)", "a", How::Equal(0)),
            ("select 1 from t where a between 3 and $1", "a", How::To),
            ("select 1 from t where a in (3, $1)", "a", How::Equal(1)),
            ("select 1 from t where a > now() - $1::interval", "(now()) - (a)", How::To),
            ("select 1 from t where j @> $1", "j", How::Part),
            ("select 1 from t where $1 <@ j", "j", How::Part),
            ("select 1 from t where j <@ $1", "j", How::Whole),
            ("select 1 from t where $1 @> j", "j", How::Whole),
            ("select 1 from t where b and (a, c) = (3, $1)", "c", How::Equal(0)),
            ("select 1 from (select * from t where a >= $1) x", "a", How::From),
            ("delete from t where a < $1", "a", How::To),
        ] {
            assert_eq!(against(sql), (other.to_owned(), how), "{sql}");
        }
    }

    #[test]
    fn the_rows_are_those_that_the_statement_reads() {
        let sql = "select 1 from t join u on u.id = t.u and u.k = $1 where t.a = 3 and t.b = $2";
        let scope = compared(sql, 2).scopes.remove(0);
        assert_eq!(scope.from, "t join u on u.id = t.u and TRUE");
        assert_eq!(scope.conditions, ["t.a = 3"]);
        let update = compared("update t as x set a = 1 where x.b = $1 and x.c", 1).scopes.remove(0);
        assert_eq!((update.from.trim(), update.conditions), ("t as x", vec!["x.c".to_owned()]));
    }

    #[test]
    fn other_places() {
        assert_eq!(role("select 1 from t limit $1"), Role::Limit);
        assert_eq!(role("select 1 from t offset $1"), Role::Offset);
        let stored = Role::Stored { table: "t".into(), column: "b".into() };
        assert_eq!(role("insert into t (a, b) values (1, $1)"), stored);
        assert_eq!(role("update t set b = b + $1"), stored);
        assert!(matches!(role("select date_trunc($1, a) from t"), Role::Field { of: None, .. }));
        assert!(matches!(role("select 1 from t where j ->> $1 = 'a'"), Role::Field { of: Some(_), .. }));
        assert_eq!(role("select $1"), Role::Elsewhere);
    }
}
