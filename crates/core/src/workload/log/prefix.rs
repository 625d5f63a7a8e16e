//! `log_line_prefix`: what stands before the severity in each line of a stderr log.

use memchr::memmem;

use super::entry::{Clock, session_of};
use crate::error::{Error, Result};

/// What a line says before its message.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) time: Option<i64>,
    pub(super) session: u64,
    pub(super) user: &'a [u8],
    pub(super) database: &'a [u8],
    pub(super) application: &'a [u8],
    pub(super) role: Role,
    /// Where the message begins in the line.
    pub(super) message: usize,
}

/// What a line is to its entry.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The first line of an entry with the severity of statements and durations.
    #[default]
    Log,
    /// The first line of another entry.
    Other,
    /// The values of the parameters, among others.
    Detail,
    /// HINT, CONTEXT, STATEMENT and the like.
    Addition,
}

const SEVERITIES: &[(&[u8], Role)] = &[
    (b"LOG", Role::Log),
    (b"DETAIL", Role::Detail),
    (b"STATEMENT", Role::Addition),
    (b"ERROR", Role::Other),
    (b"FATAL", Role::Other),
    (b"PANIC", Role::Other),
    (b"WARNING", Role::Other),
    (b"NOTICE", Role::Other),
    (b"INFO", Role::Other),
    (b"HINT", Role::Addition),
    (b"CONTEXT", Role::Addition),
    (b"QUERY", Role::Addition),
    (b"LOCATION", Role::Addition),
    (b"BACKTRACE", Role::Addition),
    (b"DEBUG", Role::Other),
    (b"DEBUG1", Role::Other),
    (b"DEBUG2", Role::Other),
    (b"DEBUG3", Role::Other),
    (b"DEBUG4", Role::Other),
    (b"DEBUG5", Role::Other),
];

const AFTER_SEVERITY: &[u8] = b":  ";

fn severity_at(line: &[u8], at: usize) -> Option<(Role, usize)> {
    let rest = line.get(at..)?;
    SEVERITIES.iter().find_map(|(word, role)| {
        let message = word.len() + AFTER_SEVERITY.len();
        let fits = rest.starts_with(word) && rest[word.len()..].starts_with(AFTER_SEVERITY);
        fits.then_some((*role, at + message))
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Vec<u8>),
    /// The letter, and whether it is padded with spaces.
    Field(u8, bool),
    /// `%q`: processes that are no sessions end here.
    Stop,
}

/// A prefix that was given or detected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prefix {
    /// By its letters.
    Exact(Vec<Part>),
    /// A time, a number in brackets and a user with a database, wherever they stand.
    Any,
}

/// Prefixes that are usual: PostgreSQL's default, Debian's, pgBadger's advice, those of the cloud providers.
const USUAL: &[&str] = &[
    "%m [%p] %q%u@%d ",
    "%t:%r:%u@%d:[%p]:",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t-%c-",
    "%m [%p] %u@%d ",
    "%m [%p] ",
    "%t [%p] ",
    "%t [%p]: [%l-1] ",
    "%m %u@%d [%p] ",
    "%t %u@%d [%p] ",
    "%m %c ",
    "%m ",
    "%t ",
    "",
];

impl Prefix {
    /// The prefix of a setting such as `%m [%p] %q%u@%d `.
    pub(super) fn parse(setting: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = setting.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let mut padded = false;
            while bytes.peek().is_some_and(|b| b.is_ascii_digit() || *b == b'-') {
                padded = true;
                bytes.next();
            }
            let part = match bytes.next() {
                Some(b'%') => {
                    literal.push(b'%');
                    continue;
                }
                Some(b'q') => Part::Stop,
                Some(letter) if b"abcdehilmnpPQrstuvxL".contains(&letter) => Part::Field(letter, padded),
                other => {
                    let letter = other.map(|b| char::from(b).to_string()).unwrap_or_default();
                    return Err(Error::invalid(format!(
                        "the log prefix holds %{letter}, which PostgreSQL does not know"
                    ))
                    .with("prefix", setting)
                    .hint("give the value of the server's setting: SHOW log_line_prefix"));
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part);
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self::Exact(parts))
    }

    /// The prefix that fits most of the lines of a sample, the one that says more where several do.
    pub(super) fn detect(sample: &[u8]) -> Self {
        let mut clock = Clock::default();
        let lines: Vec<&[u8]> =
            sample.split(|&b| b == b'\n').filter(|l| !l.is_empty() && l[0] != b'\t').take(500).collect();
        let mut count = |prefix: &Self| lines.iter().filter(|l| prefix.head(l, &mut clock).is_some()).count();
        let mut best = (count(&Self::Any), Self::Any);
        for usual in USUAL.iter().rev() {
            if let Ok(prefix) = Self::parse(usual) {
                let fits = count(&prefix);
                if fits > 0 && fits >= best.0 {
                    best = (fits, prefix);
                }
            }
        }
        best.1
    }

    /// What the line says before its message; none if it is not the first line of anything.
    pub(super) fn head<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Head<'a>> {
        match self {
            Self::Exact(parts) => {
                let mut head = Head::default();
                let mut tries = 64;
                fit(parts, line, 0, &mut head, clock, &mut tries).then_some(head)
            }
            Self::Any => any(line, clock),
        }
    }
}

/// Fits the parts from `at` on. A field of free text ends at the first place where the rest fits.
fn fit<'a>(
    parts: &[Part],
    line: &'a [u8],
    at: usize,
    head: &mut Head<'a>,
    clock: &mut Clock,
    tries: &mut u32,
) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return match severity_at(line, at) {
            Some((role, message)) => {
                (head.role, head.message) = (role, message);
                true
            }
            None => false,
        };
    };
    match first {
        Part::Literal(text) => {
            line[at..].starts_with(text) && fit(rest, line, at + text.len(), head, clock, tries)
        }
        Part::Stop => {
            let before = *head;
            if fit(rest, line, at, head, clock, tries) {
                return true;
            }
            // What was tried for the fields behind is not what they hold.
            *head = before;
            fit(&[], line, at, head, clock, tries)
        }
        Part::Field(letter, padded) => {
            let begin = if *padded { at + run(&line[at..], |b| b == b' ') } else { at };
            if let Some(length) = fixed(*letter, &line[begin..]) {
                let end = begin + length;
                take(*letter, &line[begin..end], head, clock);
                let next = if *padded { end + run(&line[end..], |b| b == b' ') } else { end };
                return fit(rest, line, next, head, clock, tries)
                    || (next != end && fit(rest, line, end, head, clock, tries));
            }
            if !is_free(*letter) {
                return false;
            }
            let next = rest.iter().find_map(|part| match part {
                Part::Literal(text) => Some(text.as_slice()),
                Part::Field(..) | Part::Stop => None,
            });
            let mut end = begin;
            loop {
                if *tries == 0 {
                    return false;
                }
                *tries -= 1;
                end += match next {
                    Some(text) => match memmem::find(&line[end..], text) {
                        Some(found) => found,
                        None => return false,
                    },
                    None => 0,
                };
                take(*letter, &line[begin..end], head, clock);
                let spaces = if *padded { run(&line[end..], |b| b == b' ') } else { 0 };
                let own = usize::from(spaces > 0 && next.is_some_and(|text| text.starts_with(b" ")));
                if fit(rest, line, end + spaces - own, head, clock, tries) {
                    return true;
                }
                end += 1;
                if end > line.len() {
                    return false;
                }
            }
        }
    }
}

fn run(bytes: &[u8], test: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&b| !test(b)).unwrap_or(bytes.len())
}

/// Whether the field can hold anything.
fn is_free(letter: u8) -> bool {
    matches!(letter, b'a' | b'b' | b'd' | b'h' | b'i' | b'r' | b'u' | b'L')
}

/// The length of a field whose form is known; none if the field is free or does not stand there.
fn fixed(letter: u8, text: &[u8]) -> Option<usize> {
    let some = |length: usize| (length > 0).then_some(length);
    match letter {
        b'p' | b'l' | b'x' => some(run(text, |b| b.is_ascii_digit())),
        b'P' => Some(run(text, |b| b.is_ascii_digit())),
        b'n' => some(run(text, |b| b.is_ascii_digit() || b == b'.')),
        b'Q' => some(run(text, |b| b.is_ascii_digit() || b == b'-')),
        b'c' => some(run(text, |b| b.is_ascii_hexdigit() || b == b'.')),
        b'e' => (text.len() >= 5).then_some(5),
        b'v' => Some(run(text, |b| b.is_ascii_digit() || b == b'/')),
        b'm' | b't' | b's' => timestamp(text),
        _ => None,
    }
}

/// The length of `2026-11-25 16:50:41.910 UTC`.
fn timestamp(text: &[u8]) -> Option<usize> {
    let digits =
        |range: std::ops::Range<usize>| text.get(range).is_some_and(|t| t.iter().all(u8::is_ascii_digit));
    if !(digits(0..4) && digits(5..7) && digits(8..10) && digits(11..13) && digits(14..16) && digits(17..19))
    {
        return None;
    }
    let mut end = 19;
    if text.get(19) == Some(&b'.') {
        end = 20 + run(&text[20..], |b| b.is_ascii_digit());
    }
    if text.get(end) == Some(&b' ') {
        let zone = run(&text[end + 1..], |b| b.is_ascii_alphabetic());
        let offset = run(&text[end + 1..], |b| b.is_ascii_digit() || b == b'+' || b == b'-');
        end += 1 + if zone > 0 { zone } else { offset };
    }
    Some(end)
}

fn take<'a>(letter: u8, text: &'a [u8], head: &mut Head<'a>, clock: &mut Clock) {
    match letter {
        b'm' | b't' => head.time = clock.time(text),
        b'n' => head.time = std::str::from_utf8(text).ok().and_then(epoch),
        // A session tells more than a process, whose number is used again.
        b'c' => head.session = session_of(text),
        b'p' if head.session == 0 => head.session = session_of(text),
        b'u' => head.user = text,
        b'd' => head.database = text,
        b'a' => head.application = text,
        _ => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
fn epoch(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().map(|seconds| (seconds * 1e3) as i64)
}

/// A line whose prefix has an unknown form.
fn any<'a>(line: &'a [u8], clock: &mut Clock) -> Option<Head<'a>> {
    let (role, begin, message) = memmem::find_iter(line, AFTER_SEVERITY).find_map(|colon| {
        let word =
            line[..colon].iter().rev().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
        let begin = colon - word;
        severity_at(line, begin).map(|(role, message)| (role, begin, message))
    })?;
    let prefix = &line[..begin];
    let mut head = Head { role, message, ..Head::default() };
    head.time = (0..prefix.len())
        .find(|&at| timestamp(&prefix[at..]).is_some())
        .and_then(|at| clock.time(&prefix[at..]));
    head.session = memchr::memchr_iter(b'[', prefix)
        .map(|at| &prefix[at + 1..])
        .map(|rest| &rest[..run(rest, |b| b.is_ascii_digit())])
        .find(|pid| !pid.is_empty())
        .map_or(0, session_of);
    let word = |text: &'a [u8]| &text[..run(text, |b| !b" ,;:@[]()".contains(&b))];
    let behind = |key: &[u8]| memmem::find(prefix, key).map(|at| word(&prefix[at + key.len()..]));
    head.user = behind(b"user=").unwrap_or_default();
    head.database = behind(b"db=").or_else(|| behind(b"database=")).unwrap_or_default();
    if let (true, Some(at)) = (head.user.is_empty() && head.database.is_empty(), memchr::memchr(b'@', prefix))
    {
        let user = prefix[..at].iter().rev().take_while(|b| !b" ,;:=[]()".contains(b)).count();
        head.user = &prefix[at - user..at];
        head.database = word(&prefix[at + 1..]);
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(setting: &str, line: &str) -> Option<(bool, String, String, String)> {
        let prefix = Prefix::parse(setting).unwrap();
        let head = prefix.head(line.as_bytes(), &mut Clock::default())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((head.time.is_some(), text(head.user), text(head.database), line[head.message..].to_owned()))
    }

    #[test]
    fn any_setting_reads_its_own_lines() {
        for (setting, line) in [
            ("%m [%p] %q%u@%d ", "2026-11-25 16:50:41.910 UTC [24133] me@shop LOG:  x"),
            ("%t:%r:%u@%d:[%p]:", "2026-11-25 16:50:41 UTC:10.0.0.1(4711):me@shop:[99]:LOG:  x"),
            (
                "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
                "2026-11-25 16:50:41 CEST [9]: [3-1] user=me,db=shop,app=psql, the one,client=[local] LOG:  x",
            ),
            (
                "<%n %-10u %d %c %l %x %v %e %Q> ",
                "<1795625441.910 me         shop 6b07.5e45 3 0 3/72 00000 -77> LOG:  x",
            ),
            ("%s|%m|%u|%d|", "2026-11-25 16:00:00 UTC|2026-11-25 16:50:41.910 +03|me|shop|LOG:  x"),
        ] {
            assert_eq!(
                read(setting, line),
                Some((true, "me".into(), "shop".into(), "x".into())),
                "{setting}"
            );
        }
        // An address in a statement is no user of a database.
        let line = "2026-11-25 16:50:41.910 UTC [7] LOG:  statement: SELECT 'me@shop ' AS x";
        let (_, user, database, message) = read("%m [%p] %q%u@%d ", line).unwrap();
        assert_eq!((user.as_str(), database.as_str()), ("", ""), "{message}");
        // A process that is no session.
        let (_, user, _, message) =
            read("%m [%p] %q%u@%d ", "2026-11-25 16:50:41.910 UTC [1] LOG:  checkpoint").unwrap();
        assert_eq!((user.as_str(), message.as_str()), ("", "checkpoint"));
        assert_eq!(read("%m [%p] ", "gibberish"), None);
        assert_eq!(read("%m [%p] ", "2026-11-25 16:50:41.910 UTC [1] NOISE:  x"), None);
        assert!(Prefix::parse("%m %z").unwrap_err().to_string().contains("%z"));
    }

    #[test]
    fn the_usual_ones_are_detected_and_others_are_read_all_the_same() {
        for (setting, line) in [
            ("%m [%p] %q%u@%d ", "2026-11-25 16:50:41.910 UTC [24133] me@shop LOG:  x"),
            ("%m [%p] ", "2026-11-25 16:50:41.910 UTC [24133] LOG:  x"),
            ("%t:%r:%u@%d:[%p]:", "2026-11-25 16:50:41 UTC:10.0.0.1(4711):me@shop:[99]:LOG:  x"),
        ] {
            let found = Prefix::detect(line.as_bytes());
            let head = found.head(line.as_bytes(), &mut Clock::default()).unwrap();
            let right = Prefix::parse(setting).unwrap();
            assert_eq!(Some(head), right.head(line.as_bytes(), &mut Clock::default()), "{setting}");
        }
        let strange = b"app7 2026-11-25 16:50:41 UTC {x} [77] db=shop;user=me >> LOG:  x";
        let found = Prefix::detect(strange);
        assert_eq!(found, Prefix::Any);
        let head = found.head(strange, &mut Clock::default()).unwrap();
        assert_eq!((head.user, head.database, head.time.is_some()), (&b"me"[..], &b"shop"[..], true));
        assert_eq!(head.session, session_of(b"77"));
    }
}
