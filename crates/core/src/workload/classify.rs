//! Whether a statement reads or writes, or cannot be measured at all.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SourceFile, SyntaxKind};

use super::directive::is_one_slip_away;
use super::position::Position;
use super::scan::{Kind, Token, code};
use crate::error::{Error, Result};
use crate::types::StatementKind;

/// What a statement is, and what its author should know.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) kind: StatementKind,
    pub(super) notes: Vec<String>,
}

/// The first words of the statements that can be measured. Nothing else is.
const MEASURED: &[&str] = &["delete", "insert", "merge", "select", "table", "update", "values", "with"];

/// The first words of all other statements, for a message that says more than "syntax error".
const OTHERS: &[&str] = &[
    "abort",
    "alter",
    "analyse",
    "analyze",
    "begin",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "discard",
    "do",
    "drop",
    "end",
    "execute",
    "explain",
    "fetch",
    "grant",
    "import",
    "listen",
    "load",
    "lock",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "repack",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "set",
    "show",
    "start",
    "truncate",
    "unlisten",
    "vacuum",
    "wait",
];

/// What a statement does.
///
/// # Errors
/// For a statement that no workload may hold.
pub(crate) fn kind_of(sql: &str) -> Result<StatementKind> {
    classify(sql, Position::START).map(|class| class.kind)
}

/// Reads a statement that begins at `at`.
pub(super) fn classify(sql: &str, at: Position) -> Result<Class> {
    let tokens: Vec<Token<'_>> = code(sql).collect();
    let place = |token: &Token<'_>| at.after(&sql[..token.start]);
    let Some(first) = tokens.iter().find(|t| !t.is_mark("(")) else {
        return Err(at.error("the statement is empty"));
    };
    let head = first.text.to_ascii_lowercase();
    if !MEASURED.contains(&head.as_str()) {
        return Err(match OTHERS.contains(&head.as_str()) {
            true => refused(&name_of(sql, &head), &head, place(first)),
            false => unknown(first, &head, place(first)),
        });
    }
    if let Some(semicolon) = tokens.iter().find(|t| t.is_mark(";")) {
        // Within parentheses, where psql does not cut.
        return Err(place(semicolon)
            .error("syntax error at or near \";\"")
            .hint("is a parenthesis before it closed?"));
    }
    match parsed(sql, &tokens) {
        Parsed::Tree(kinds) => by_tree(&kinds, place(first)),
        Parsed::Not { message, offset } => {
            let kind = by_words(&tokens, &head, place)?;
            let Position { line, column } = at.after(&sql[..offset]);
            let note =
                format!("{message} (line {line}, column {column}): not understood, left to the server");
            Ok(Class { kind, notes: vec![note] })
        }
    }
}

enum Parsed {
    /// The kinds of the nodes of the one statement, itself first.
    Tree(Vec<SyntaxKind>),
    Not {
        message: String,
        offset: usize,
    },
}

/// Parses a statement, unless it could exhaust the stack of the parser, which descends recursively and knows
/// no limit: at these it needs less than half of the 2 MiB of a thread.
fn parsed(sql: &str, tokens: &[Token<'_>]) -> Parsed {
    const DEEPEST: usize = 100;
    const LONGEST: usize = 2_000;
    let mut depth = 0usize;
    let mut deepest = 0;
    for token in tokens.iter().filter(|t| t.kind == Kind::Mark) {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let long =
        tokens.iter().filter(|t| matches!(t.kind, Kind::Word | Kind::QuotedName | Kind::Operator)).count();
    if deepest > DEEPEST || long > LONGEST {
        return Parsed::Not { message: "long or deeply nested".to_owned(), offset: 0 };
    }
    let parse = SourceFile::parse(sql);
    if let Some(error) = parse.errors().first() {
        let offset = usize::from(error.range().start());
        return Parsed::Not { message: error.message().to_owned(), offset: offset.min(sql.len()) };
    }
    let mut statements = parse.tree().stmts();
    match (statements.next(), statements.next()) {
        (Some(one), None) => Parsed::Tree(one.syntax().descendants().map(|node| node.kind()).collect()),
        _ => Parsed::Not { message: "not one statement".to_owned(), offset: 0 },
    }
}

fn by_tree(kinds: &[SyntaxKind], at: Position) -> Result<Class> {
    use SyntaxKind::{
        COMPOUND_SELECT, DELETE, INSERT, LOCKING_CLAUSE, MERGE, PAREN_SELECT, SELECT, SELECT_INTO, TABLE,
        UPDATE, VALUES,
    };
    let has = |wanted: &[SyntaxKind]| kinds.iter().any(|kind| wanted.contains(kind));
    if has(&[SELECT_INTO]) {
        return Err(refused("SELECT INTO", "create", at));
    }
    let kind = match kinds.first() {
        Some(&(INSERT | UPDATE | DELETE | MERGE)) => StatementKind::Write,
        Some(&(SELECT | COMPOUND_SELECT | PAREN_SELECT | VALUES | TABLE)) => {
            if has(&[INSERT, UPDATE, DELETE, MERGE]) { StatementKind::Write } else { StatementKind::Read }
        }
        other => {
            let name = other.map(|kind| format!("{kind:?}").replace('_', " ")).unwrap_or_default();
            return Err(refused(&name, "", at));
        }
    };
    let mut notes = Vec::new();
    if kind == StatementKind::Read && has(&[LOCKING_CLAUSE]) {
        notes.push("locks the rows that it reads (FOR UPDATE or FOR SHARE); measured as a read".to_owned());
    }
    Ok(Class { kind, notes })
}

/// For what the parser does not read: a write as soon as a word says so, unless it belongs to a lock.
fn by_words(
    tokens: &[Token<'_>],
    head: &str,
    place: impl Fn(&Token<'_>) -> Position,
) -> Result<StatementKind> {
    let reads = !matches!(head, "insert" | "update" | "delete" | "merge");
    let mut writes = !reads;
    let mut before: Option<&Token<'_>> = None;
    for token in tokens {
        let after = |word: &str| before.is_some_and(|t| t.is_word(word));
        if token.is_word("into") && !after("insert") && !after("merge") {
            return Err(refused("SELECT INTO", "create", place(token)));
        }
        let locks = token.is_word("update") && (after("for") || after("key"));
        writes |= ["insert", "update", "delete", "merge"].iter().any(|w| token.is_word(w)) && !locks;
        before = Some(token);
    }
    Ok(if writes { StatementKind::Write } else { StatementKind::Read })
}

/// What a statement is called: by the parser where it can read it, such as CREATE INDEX, else by its first word.
fn name_of(sql: &str, head: &str) -> String {
    let tokens: Vec<Token<'_>> = code(sql).collect();
    let head = head.to_ascii_uppercase();
    match parsed(sql, &tokens) {
        Parsed::Tree(kinds) => kinds
            .first()
            .map(|kind| format!("{kind:?}").replace('_', " "))
            .filter(|name| name.starts_with(&head))
            .unwrap_or(head),
        Parsed::Not { .. } => head,
    }
}

fn refused(name: &str, head: &str, at: Position) -> Error {
    let hint = match head {
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => {
            "leave it out: each statement runs in a transaction of its own, and writes are rolled back"
        }
        "alter" | "cluster" | "comment" | "create" | "drop" | "grant" | "import" | "reassign" | "refresh"
        | "reindex" | "repack" | "revoke" | "security" | "truncate" => {
            "leave it out: the database is given as it is, and changing its schema is up to the agents"
        }
        "explain" => "give the statement without EXPLAIN",
        "prepare" | "execute" | "deallocate" => {
            "give the prepared statement itself, and its values in a line before it: -- params typical: 42, 'a text'"
        }
        "declare" | "fetch" | "move" | "close" => "give the query of the cursor as a statement",
        "copy" => "give the query inside it, or the INSERT that it stands for, as a statement",
        "call" | "do" => "give the statements inside it one by one",
        "set" | "reset" | "show" | "discard" | "load" => {
            "leave it out; settings of the session go into the URL of the source: ?options=-c%20name%3Dvalue"
        }
        _ => "leave it out",
    };
    at.error(format!(
        "{name} cannot be measured: only what can be repeated and rolled back can, which is SELECT, VALUES, TABLE, \
         INSERT, UPDATE, DELETE and MERGE"
    ))
    .hint(hint)
}

fn unknown(first: &Token<'_>, head: &str, at: Position) -> Error {
    let error = at.error(format!("syntax error at or near {:?}", first.text));
    match MEASURED.iter().chain(OTHERS).find(|known| is_one_slip_away(head, known)) {
        Some(known) => error.hint(format!("is {} meant?", known.to_ascii_uppercase())),
        None => {
            error.hint("a statement begins with SELECT, WITH, INSERT, UPDATE, DELETE, MERGE, VALUES or TABLE")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { line: 3, column: 1 };

    fn kind(sql: &str) -> StatementKind {
        classify(sql, AT).unwrap().kind
    }

    fn refusal(sql: &str) -> String {
        classify(sql, AT).unwrap_err().to_string()
    }

    #[test]
    fn reads() {
        for sql in [
            "SELECT 1",
            "select * from t where a = $1",
            "TABLE t",
            "VALUES (1), (2)",
            "((SELECT 1) UNION (SELECT 2))",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "SELECT 'delete from t', \"update\" FROM t",
            "SELECT id FROM users WHERE attributes @> '{\"plan\": \"x\"}' AND attributes->>'b' = 'c'",
            "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST OFFSET 5 LIMIT 20",
            "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) FROM t CROSS JOIN LATERAL (SELECT 1) x",
        ] {
            let class = classify(sql, AT).unwrap();
            assert_eq!(class.kind, StatementKind::Read, "{sql}");
            assert_eq!(class.notes, Vec::<String>::new(), "{sql}");
        }
    }

    #[test]
    fn writes() {
        for sql in [
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
            "WITH a AS (SELECT 1), b AS (UPDATE t SET a = 1 RETURNING a) TABLE b",
        ] {
            assert_eq!(kind(sql), StatementKind::Write, "{sql}");
        }
    }

    #[test]
    fn locks_are_noted() {
        let class = classify("SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED", AT).unwrap();
        assert_eq!(class.kind, StatementKind::Read);
        assert_eq!(
            class.notes,
            ["locks the rows that it reads (FOR UPDATE or FOR SHARE); measured as a read"]
        );
    }

    #[test]
    fn what_the_parser_does_not_read_is_classified_by_its_words() {
        for (sql, expected) in [
            ("SELECT FROM WHERE", StatementKind::Read),
            ("SELECT a,, b FROM t FOR UPDATE", StatementKind::Read),
            ("WITH x AS (DELETE FROM t RETURNING,) SELECT 1", StatementKind::Write),
            ("UPDATE t SET", StatementKind::Write),
        ] {
            let class = classify(sql, AT).unwrap();
            assert_eq!((class.kind, class.notes.len()), (expected, 1), "{sql}");
        }
        assert_eq!(
            classify("SELECT 1\nFROM t\nWHERE", AT).unwrap().notes,
            ["expected an expression, found EOF (line 5, column 6): not understood, left to the server"]
        );
        assert!(refusal("SELECT a,, b INTO x FROM t").starts_with("SELECT INTO cannot be measured"));
    }

    #[test]
    fn nothing_exhausts_the_stack() {
        let deep =
            |open: &str, close: &str, n: usize| format!("SELECT {}1{}", open.repeat(n), close.repeat(n));
        for n in [90, 100_000] {
            assert_eq!(kind(&deep("(", ")", n)), StatementKind::Read);
            assert_eq!(kind(&deep("(SELECT ", ")", n)), StatementKind::Read);
            assert_eq!(kind(&deep("f(", ")", n)), StatementKind::Read);
        }
        for n in [1_900, 100_000] {
            for prefix in ["NOT ", "- ", "EXISTS ", "a JOIN ", "1 + ", "ARRAY "] {
                assert_eq!(kind(&deep(prefix, "", n)), StatementKind::Read, "{prefix}");
            }
            assert_eq!(kind(&deep("CASE ", " END", n / 2)), StatementKind::Read);
            assert_eq!(kind(&format!("SELECT 1{}", " UNION SELECT 1".repeat(n / 3))), StatementKind::Read);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(
            refusal("CREATE UNIQUE INDEX ON t (a)"),
            "CREATE INDEX cannot be measured: only what can be repeated and rolled back can, which is SELECT, VALUES, \
             TABLE, INSERT, UPDATE, DELETE and MERGE (line: 3, column: 1); leave it out: the database is given as it \
             is, and changing its schema is up to the agents"
        );
        for (sql, name, hint) in [
            ("SELECT a INTO b FROM t", "SELECT INTO", "leave it out: the database"),
            ("WITH x AS (SELECT 1) SELECT * INTO b FROM x", "SELECT INTO", "leave it out: the database"),
            ("begin", "BEGIN", "leave it out: each"),
            ("END", "END", "leave it out: each"),
            ("EXPLAIN ANALYZE DELETE FROM t", "EXPLAIN", "give the statement without EXPLAIN"),
            ("COPY t FROM STDIN", "COPY", "give the query"),
            ("COPY (DELETE FROM t RETURNING *) TO STDOUT", "COPY", "give the query"),
            ("SET work_mem = '1GB'", "SET", "leave it out; settings"),
            ("VACUUM t", "VACUUM", "leave it out"),
            ("CALL p()", "CALL", "give the statements"),
            ("DO $$begin delete from t; end$$", "DO", "give the statements"),
            ("PREPARE a AS SELECT 1", "PREPARE", "give the prepared"),
            ("FETCH 1 FROM c", "FETCH", "give the query of the cursor"),
            ("DROP TABLE t", "DROP TABLE", "leave it out: the database"),
            ("CREATE nonsense", "CREATE", "leave it out: the database"),
            (
                "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
                "CREATE RULE",
                "leave it out: the database",
            ),
        ] {
            let said = refusal(sql);
            assert!(said.starts_with(&format!("{name} cannot be measured: ")), "{said}");
            assert!(said.contains(&format!("(line: 3, column: 1); {hint}")), "{said}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        assert_eq!(
            refusal("SELEC * FROM x"),
            "syntax error at or near \"SELEC\" (line: 3, column: 1); is SELECT meant?"
        );
        assert_eq!(
            refusal("-- x\n 42"),
            "syntax error at or near \"42\" (line: 4, column: 2); a statement begins with SELECT, WITH, INSERT, \
             UPDATE, DELETE, MERGE, VALUES or TABLE"
        );
        assert!(
            refusal("SELECT (1; DELETE FROM t)")
                .starts_with("syntax error at or near \";\" (line: 3, column: 10)")
        );
        assert_eq!(
            refusal("()"),
            "syntax error at or near \")\" (line: 3, column: 2); a statement begins with SELECT, WITH, INSERT, UPDATE, DELETE, MERGE, VALUES or TABLE"
        );
    }
}
