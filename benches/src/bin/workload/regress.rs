//! SQL files, such as PostgreSQL's regression suite, cut by us and by psql.
//!
//! psql logs what it sends (`--log-file`), to a server of its own that runs nothing of it for long. Its
//! meta-commands, which a workload must not have, are taken out for us: those that send become semicolons.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgverse::workload::{normalize, split};
use pgverse_testkit::{TestServer, require_tool};
use squawk_syntax::SourceFile;

const SENDING: &[&str] = &["g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch"];

pub(crate) async fn run(folder: &Path) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    let server = TestServer::start().await;
    let (mut same, mut ours_all, mut theirs_all, mut parsed, mut shaped, mut panics) = (0, 0, 0, 0, 0, 0);
    for path in &files {
        let bytes = std::fs::read(path).expect("the file can be read");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let ours = std::panic::catch_unwind(|| pieces(&text));
        let theirs = sent(&server, path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match ours {
            Err(_) => panics += 1,
            Ok((ours, remark)) => {
                theirs_all += theirs.len();
                ours_all += ours.len();
                let only = |these: &[String], those: &[String]| {
                    let those: HashSet<Vec<&str>> = those.iter().map(|sql| words(sql)).collect();
                    these.iter().find(|sql| !those.contains(&words(sql))).map(|sql| short(sql))
                };
                if ours.len() == theirs.len() {
                    same += 1;
                } else {
                    println!("{name}: {} ours, {} psql's {remark}", ours.len(), theirs.len());
                    println!(
                        "  only ours: {:?}\n  only psql's: {:?}",
                        only(&ours, &theirs),
                        only(&theirs, &ours)
                    );
                }
                for piece in &ours {
                    let read = std::panic::catch_unwind(|| SourceFile::parse(piece).errors().is_empty());
                    panics += usize::from(read.is_err());
                    parsed += usize::from(read.unwrap_or(false));
                    shaped += usize::from(!normalize(piece).is_empty());
                }
            }
        }
    }
    let share = |n: usize| 100.0 * n as f64 / ours_all.max(1) as f64;
    println!(
        "regress: {} files, {same} with the same number of statements as psql; {ours_all} statements, psql {theirs_all}; \
         {panics} panics; {:.2} % parsed, {:.2} % fingerprinted",
        files.len(),
        share(parsed),
        share(shaped)
    );
}

fn words(sql: &str) -> Vec<&str> {
    sql.trim_end_matches([';', '\n', ' ']).split_whitespace().collect()
}

fn short(sql: &str) -> String {
    sql.chars().take(100).collect()
}

/// Our statements, with meta-commands taken out one by one where the splitter refuses them.
fn pieces(text: &str) -> (Vec<String>, String) {
    let mut text = text.to_owned();
    loop {
        let error = match split(&text) {
            Ok(pieces) => return (pieces.into_iter().map(|p| p.text.to_owned()).collect(), String::new()),
            Err(error) => error,
        };
        let number = |key: &str| {
            let found = error.context().iter().find(|(name, _)| *name == key);
            found.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or(1)
        };
        let at = offset(&text, number("line"), number("column"));
        if !text[at..].starts_with('\\') {
            // Never closed: psql sends what there is at the end of the file as one statement.
            let before = text[..at].rfind(';').map_or(0, |semicolon| semicolon + 1);
            let (mut found, _) = pieces(&text[..before]);
            found.push(text[before..].to_owned());
            return (found, format!("({error})"));
        }
        let line = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let command: String =
            text[at + 1..line].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let end = if command.is_empty() {
            // `\;` joins, `\.` and the like are one character.
            at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8)
        } else {
            text[at..line].find("\\\\").map_or(line, |next| at + next + 2)
        };
        let with = if SENDING.contains(&command.as_str()) { ";" } else { " " };
        text.replace_range(at..end.max(at + 1).min(text.len()), with);
    }
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let begin = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    text[begin..].char_indices().nth(column - 1).map_or(text.len(), |(at, _)| begin + at)
}

/// The statements that psql sends, without those that hold nothing but comments.
fn sent(server: &TestServer, path: &Path) -> Vec<String> {
    let log = tempfile::NamedTempFile::new().expect("a file can be made");
    let status = Command::new(require_tool("psql"))
        .args(["-X", "-q", "-f"])
        .arg(path)
        .arg("-L")
        .arg(log.path())
        .env("PGHOST", server.directory())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres")
        .env("PGPORT", "5432")
        .env("PGCLIENTENCODING", "UTF8")
        .env(
            "PGOPTIONS",
            "-c default_transaction_read_only=on -c statement_timeout=100ms -c log_min_messages=panic",
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.is_ok(), "psql runs");
    let bytes = std::fs::read(log.path()).unwrap_or_default();
    queries(&String::from_utf8_lossy(&bytes))
        .into_iter()
        .filter(|q| split(q).is_ok_and(|p| !p.is_empty()) || split(q).is_err())
        .collect()
}

/// The statements of psql's log, each between two lines of stars.
fn queries(log: &str) -> Vec<String> {
    const END: &str = "\n**************************\n";
    const BEGIN: &str = "********* QUERY **********\n";
    log.match_indices(BEGIN)
        .map(|(at, _)| {
            let rest = &log[at + BEGIN.len()..];
            rest[..rest.find(END).unwrap_or(rest.len())].to_owned()
        })
        .collect()
}
