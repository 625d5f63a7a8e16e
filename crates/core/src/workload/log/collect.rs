//! Entries folded into groups. What is kept of a session is bounded, and so is the number of sessions.

use std::collections::HashMap;

use super::entry::Entry;
use super::format::Sink;
use super::group::{Group, Values, key_of};
use super::message::{self, Message};
use super::repeated::{Run, Window, is_lookup};
use super::shape::{Shape, execute_values, value_of, without_prepare};
use super::{Filter, Line, Progress};
use crate::context::Context;
use crate::error::Result;

/// How the names of our own sessions begin.
const OWN: &[u8] = b"pgverse";
/// Shapes that are kept; calls of further ones are counted only.
const MOST_GROUPS: usize = 10_000;
/// Sessions whose open statements are kept.
const MOST_SESSIONS: usize = 20_000;
/// Longest text that is kept.
const LONGEST_TEXT: usize = 256 << 10;
/// Lines that are shown of those that were not understood.
const EXAMPLES: usize = 5;
/// Longest part of such a line that is shown, in bytes.
const LONGEST_EXAMPLE: usize = 120;

/// What is known of a session between its entries.
#[derive(Debug, Default)]
struct Session {
    /// Named without its duration.
    open: Option<Call>,
    /// Time of preparing and binding for the execution that follows.
    phases_ms: f64,
    /// auto_explain, which speaks before the statement itself is logged.
    plan: Option<Planned>,
    window: Window,
}

#[derive(Debug)]
struct Planned {
    key: u64,
    ms: f64,
    sql: String,
    values: Option<Values>,
    plan: String,
}

/// A statement and its values as the log gives them.
#[derive(Debug)]
struct Call {
    sql: String,
    values: Option<Values>,
}

/// The runs of one statement after another.
#[derive(Debug, Default)]
pub(super) struct Runs {
    times: u64,
    calls: u64,
    most: u64,
    total_ms: f64,
}

/// The state while the logs are read.
pub(super) struct Collector<'a> {
    cx: &'a Context,
    filter: &'a Filter,
    report: &'a mut dyn FnMut(Progress),
    bytes: &'a dyn Fn() -> u64,
    file: String,
    pub(super) groups: Vec<Group>,
    by_key: HashMap<u64, usize>,
    by_fingerprint: HashMap<String, usize>,
    sessions: HashMap<u64, Session>,
    /// By the repeated group and the one before.
    pub(super) runs: HashMap<(usize, Option<usize>), Runs>,
    ended: Vec<Run>,
    pub(super) span: Option<(i64, i64)>,
    pub(super) entries: u64,
    pub(super) calls: u64,
    pub(super) filtered: u64,
    /// Of those that the filter admits, those that do not tell what it asks for.
    pub(super) unnamed: u64,
    /// Entries of our own sessions.
    pub(super) own: u64,
    pub(super) not_kept: u64,
    pub(super) wrong_encoding: u64,
    pub(super) lines_not_understood: u64,
    pub(super) examples: Vec<Line>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        cx: &'a Context,
        filter: &'a Filter,
        report: &'a mut dyn FnMut(Progress),
        bytes: &'a dyn Fn() -> u64,
    ) -> Self {
        Self {
            cx,
            filter,
            report,
            bytes,
            file: String::new(),
            groups: Vec::new(),
            by_key: HashMap::new(),
            by_fingerprint: HashMap::new(),
            sessions: HashMap::new(),
            runs: HashMap::new(),
            ended: Vec::new(),
            span: None,
            entries: 0,
            calls: 0,
            filtered: 0,
            unnamed: 0,
            own: 0,
            not_kept: 0,
            wrong_encoding: 0,
            lines_not_understood: 0,
            examples: Vec::new(),
        }
    }

    /// From here on the lines are those of this file.
    pub(super) fn begin(&mut self, file: String) {
        self.file = file;
    }

    /// Counts what is still open when the last log ends.
    pub(super) fn finish(&mut self) {
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in sessions.values_mut() {
            self.close(session);
            session.window.end(&mut self.ended);
        }
        self.take_runs();
    }

    /// Counts the open statement and plan of a session.
    fn close(&mut self, session: &mut Session) {
        if let Some(call) = session.open.take() {
            self.count(session, &call.sql, call.values, None, None);
        }
        self.close_plan(session, None);
    }

    /// Counts a plan as a call of its own, unless the statement that is logged now (by its key) is that call.
    fn close_plan(&mut self, session: &mut Session, logged: Option<u64>) {
        let Some(plan) = session.plan.take() else { return };
        if logged == Some(plan.key) {
            if let Some(group) = self.by_key.get(&plan.key).and_then(|&at| self.groups.get_mut(at)) {
                group.planned(plan.ms, &plan.plan);
            }
            return;
        }
        self.count(session, &plan.sql, plan.values, Some(plan.ms), None);
        if let Some(group) = self.by_key.get(&plan.key).and_then(|&at| self.groups.get_mut(at)) {
            group.planned(plan.ms, &plan.plan);
        }
    }

    fn count(
        &mut self,
        session: &mut Session,
        sql: &str,
        values: Option<Values>,
        ms: Option<f64>,
        time: Option<i64>,
    ) {
        self.calls += 1;
        if sql.len() > LONGEST_TEXT {
            self.not_kept += 1;
            return;
        }
        let shape = Shape::of(sql);
        let at = match self.by_key.get(&shape.key) {
            Some(&at) => at,
            None => {
                let fingerprint = super::super::normalize::fingerprint(sql);
                let at = match self.by_fingerprint.get(&fingerprint) {
                    Some(&at) => at,
                    None if self.groups.len() == MOST_GROUPS => {
                        self.not_kept += 1;
                        return;
                    }
                    None => {
                        self.by_fingerprint.insert(fingerprint.clone(), self.groups.len());
                        self.groups.push(Group::new(fingerprint, sql));
                        self.groups.len() - 1
                    }
                };
                if self.by_key.len() >= 8 * MOST_GROUPS {
                    self.by_key.clear();
                }
                self.by_key.insert(shape.key, at);
                at
            }
        };
        let Some(group) = self.groups.get_mut(at) else { return };
        group.call(ms);
        let key = match (&values, shape.prepared) {
            (Some(values), true) => Some(key_of(values.iter())),
            (_, true) => None,
            (_, false) => Some(key_of(shape.constants())),
        };
        match key {
            Some(key) => group.with_values(shape.template, key, ms, || {
                let text = shape.text(sql);
                match values {
                    Some(values) if shape.prepared => (text, values),
                    _ => (text, shape.constants().map(|c| Some(value_of(c))).collect()),
                }
            }),
            None => group.without_values += 1,
        }
        session.window.call(at, key.unwrap_or(self.calls), ms.unwrap_or(0.0), time, &mut self.ended);
        self.take_runs();
    }

    fn take_runs(&mut self) {
        for run in self.ended.drain(..) {
            if self.runs.len() < MOST_GROUPS || self.runs.contains_key(&(run.group, run.before)) {
                let runs = self.runs.entry((run.group, run.before)).or_default();
                runs.times += 1;
                runs.calls += run.calls;
                runs.most = runs.most.max(run.calls);
                runs.total_ms += run.total_ms;
            }
        }
    }

    fn message(&mut self, entry: &Entry, session: &mut Session) {
        let Some(message) = message::read(&entry.message) else { return };
        match message {
            Message::Phase { ms } => session.phases_ms += ms,
            Message::Fetched { .. } => {}
            Message::Ended { ms } => {
                if let Some(call) = session.open.take() {
                    let key = session.plan.is_some().then(|| Shape::of(&call.sql).key);
                    let ms = ms + std::mem::take(&mut session.phases_ms);
                    self.count(session, &call.sql, call.values, Some(ms), entry.time);
                    self.close_plan(session, key);
                } else {
                    // Of parsing or binding, while statements are logged without their durations.
                    session.phases_ms += ms;
                }
            }
            Message::Planned { ms, plan } => {
                let plan = self.text(plan).into_owned();
                if let Some((text, values)) = message::planned(&plan) {
                    self.close_plan(session, None);
                    let sql = without_prepare(&text).to_owned();
                    session.plan = Some(Planned { key: Shape::of(&sql).key, ms, values, sql, plan });
                }
            }
            Message::Ran { text, ms } => {
                if let Some(open) = session.open.take() {
                    self.count(session, &open.sql, open.values, None, entry.time);
                }
                let text = self.text(text);
                let detail = self.text(&entry.detail);
                let (sql, values) = match detail.strip_prefix("prepare: ") {
                    Some(prepared) => (without_prepare(prepared), execute_values(&text)),
                    None => (&*text, message::parameters(&detail)),
                };
                match ms {
                    Some(ms) => {
                        let key = session.plan.is_some().then(|| Shape::of(sql).key);
                        let ms = ms + std::mem::take(&mut session.phases_ms);
                        self.count(session, sql, values, Some(ms), entry.time);
                        self.close_plan(session, key);
                    }
                    None => {
                        session.phases_ms = 0.0;
                        session.open = Some(Call { sql: sql.to_owned(), values });
                    }
                }
            }
        }
    }

    fn text<'b>(&mut self, bytes: &'b [u8]) -> std::borrow::Cow<'b, str> {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            self.wrong_encoding += 1;
        }
        text
    }
}

impl Sink for Collector<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        self.entries += 1;
        if self.entries.is_multiple_of(4096) {
            self.cx.check()?;
            (self.report)(Progress { bytes: (self.bytes)(), entries: self.entries });
        }
        if let Some(time) = entry.time {
            let (first, last) = self.span.get_or_insert((time, time));
            (*first, *last) = ((*first).min(time), (*last).max(time));
        }
        if !entry.is_log {
            return Ok(());
        }
        if entry.application.starts_with(OWN) {
            self.own += 1;
            return Ok(());
        }
        if !self.filter.admits(entry) {
            self.filtered += 1;
            return Ok(());
        }
        self.unnamed += u64::from(!self.filter.is_told(entry));
        if self.sessions.len() >= MOST_SESSIONS && !self.sessions.contains_key(&entry.session) {
            self.finish();
        }
        let mut session = self.sessions.remove(&entry.session).unwrap_or_default();
        self.message(entry, &mut session);
        self.sessions.insert(entry.session, session);
        Ok(())
    }

    fn not_understood(&mut self, line: u64, text: &[u8]) {
        self.lines_not_understood += 1;
        if self.examples.len() < EXAMPLES {
            let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST_EXAMPLE)]).into_owned();
            self.examples.push(Line { file: self.file.clone(), line, text });
        }
    }
}

/// The runs that are worth a finding, most calls first.
pub(super) fn findings(collector: &Collector<'_>) -> Vec<(usize, super::Repeated)> {
    let mut found: Vec<(usize, super::Repeated)> = Vec::new();
    for (&(group, before), &Runs { times, calls, most, total_ms }) in &collector.runs {
        let Some(repeated) = collector.groups.get(group) else { continue };
        let text = |group: &Group| {
            group
                .slowest
                .as_ref()
                .map_or_else(|| Shape::of(&group.example).text(&group.example), |c| c.text.clone())
        };
        let sql = text(repeated);
        if !is_lookup(&sql) {
            continue;
        }
        let after = before.and_then(|at| collector.groups.get(at)).map(text);
        let after = after.filter(|sql| Shape::of(sql).head().eq_ignore_ascii_case("select"));
        let (replacement, advice) = super::repeated::folded(&sql, after.as_deref());
        found.push((
            group,
            super::Repeated {
                statement: None,
                sql,
                after,
                times,
                calls,
                most,
                total_ms,
                replacement,
                advice,
            },
        ));
    }
    found.sort_by(|(_, a), (_, b)| {
        b.calls.cmp(&a.calls).then_with(|| a.sql.cmp(&b.sql)).then_with(|| a.after.cmp(&b.after))
    });
    found
}
