//! Carries out one action at a time, with its entry in the journal, and leaves nothing half-made.

use super::Policy;
use super::action::{Action, IndexName, Manner};
use super::journal::{Journal, StepState};
use super::lock::{Attempts, assert_held};
use super::own::{find_index, is_ours, is_present};
use super::refresh::{Schedule, cron};
use super::target::Target;
use super::watchdog::watched;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Operation, SettingScope};

/// Runs the actions of one promotion or rollback.
pub(super) struct Runner<'a> {
    pub(super) cx: &'a Context,
    pub(super) target: &'a Target,
    pub(super) policy: &'a Policy,
    pub(super) journal: Journal,
}

/// Where an action stands in its step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// From 1.
    pub(super) step: usize,
    pub(super) operation: &'a Operation,
    /// State of the step once the action is done.
    pub(super) after: StepState,
    /// Actions of the step that are done then.
    pub(super) actions_done: usize,
    /// Whether it is the way back.
    pub(super) back: bool,
}

impl Runner<'_> {
    /// Carries out an action; when this returns, the journal says so.
    pub(super) async fn run(&self, action: &Action, place: Place<'_>) -> Result<()> {
        assert_held(self.cx, self.target).await?;
        for sql in &action.sql {
            self.policy.notice.say(format!("  {sql}"));
        }
        match &action.manner {
            Manner::Build(name) => {
                for sql in &action.sql {
                    self.build(name, sql).await?;
                }
                self.note(place).await
            }
            Manner::Drop(name) => {
                self.drop_index(name, place).await?;
                self.note(place).await
            }
            Manner::TogetherIf(object) => {
                let there = is_present(self.cx, &self.target.work, object).await?;
                self.together(if there { &action.sql } else { &[] }, place).await
            }
            Manner::Together => self.together(&action.sql, place).await,
            Manner::Schedule => self.schedule(place).await,
        }
    }

    async fn note(&self, place: Place<'_>) -> Result<()> {
        self.journal.step(self.cx, &self.target.work, place.step, place.after, place.actions_done).await
    }

    /// Statements and journal entry in one transaction, in which no lock is waited for longer than `lock_timeout`.
    async fn together(&self, statements: &[String], place: Place<'_>) -> Result<()> {
        let mut attempts = Attempts::new(self.policy);
        loop {
            let result =
                watched(self.cx, self.target, self.policy, Box::pin(self.transaction(statements, place)))
                    .await;
            let Err(error) = result else { return Ok(()) };
            if error.kind() == ErrorKind::Connection {
                return Err(error);
            }
            self.target.work.batch(&self.cx.for_cleanup(), "ROLLBACK").await?;
            if !self.worth_another(&error, place.back) {
                return Err(error);
            }
            attempts.again(self.cx, error).await?;
        }
    }

    async fn transaction(&self, statements: &[String], place: Place<'_>) -> Result<()> {
        let (cx, session) = (self.cx, &self.target.work);
        let limit = self.policy.lock_timeout.as_millis();
        session.batch(cx, &format!("BEGIN; SET LOCAL lock_timeout = {limit}")).await?;
        // The journal first: the locks of the statements are then held for as short as can be.
        self.note(place).await?;
        if let (Operation::Setting { name, scope, .. }, false) = (place.operation, place.back) {
            let earlier = stored_setting(cx, self.target, name, scope).await?;
            let earlier = serde_json::json!({ "value": earlier });
            self.journal.earlier(cx, session, place.step, &earlier).await?;
        }
        for sql in statements {
            session.batch(cx, sql).await?;
        }
        session.batch(cx, "COMMIT").await
    }

    /// Builds an index concurrently until it is there and valid. Leftovers of ours are dropped before each attempt;
    /// an index of the name that is not ours is left alone and ends it.
    async fn build(&self, name: &IndexName, sql: &str) -> Result<()> {
        let (cx, work) = (self.cx, &self.target.work);
        let mut attempts = Attempts::new(self.policy);
        loop {
            if let Some(found) = find_index(cx, work, name).await? {
                if !is_ours(cx, work, &found, sql).await? {
                    return Err(Error::new(ErrorKind::InvalidInput, "another index has this name")
                        .with("name", name.sql())
                        .with("its definition", found.definition)
                        .hint("rename or drop it, or run the competition again"));
                }
                if found.valid {
                    return Ok(());
                }
                self.policy.notice.say(format!("  {} is left over and not valid; dropped first", name.sql()));
                self.drop_concurrently(name).await?;
            }
            let result = async {
                self.probe(&name.table).await?;
                // No lock_timeout: it would also end the waits for older transactions, and leave an invalid index.
                watched(cx, self.target, self.policy, work.batch(cx, sql)).await
            }
            .await;
            match result {
                // The next look decides: success is a valid index, not a statement without an error.
                Ok(()) => match find_index(cx, work, name).await? {
                    Some(found) if found.valid => return Ok(()),
                    _ => {
                        let error = Error::new(ErrorKind::Busy, "the index was built and is not valid")
                            .with("name", name.sql());
                        attempts.again(cx, error).await?;
                    }
                },
                Err(error) if self.worth_another(&error, false) => attempts.again(cx, error).await?,
                // The leftover goes with the rollback, which knows it by the journal.
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the lock that a build needs and gives it back at once.
    async fn probe(&self, table: &str) -> Result<()> {
        let limit = self.policy.lock_timeout.as_millis();
        let sql = format!(
            "BEGIN; SET LOCAL lock_timeout = {limit}; LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE; ROLLBACK"
        );
        let probed = self.target.work.batch(self.cx, &sql).await;
        if let Err(error) = &probed
            && error.kind() != ErrorKind::Connection
        {
            self.target.work.batch(&self.cx.for_cleanup(), "ROLLBACK").await?;
        }
        probed.map_err(|error| error.with("table", table))
    }

    /// Drops an index that the operation made or is about. On the way back of a build, only if it is what we built.
    async fn drop_index(&self, name: &IndexName, place: Place<'_>) -> Result<()> {
        let (cx, work) = (self.cx, &self.target.work);
        let Some(found) = find_index(cx, work, name).await? else { return Ok(()) };
        let wanted = match (place.operation, place.back) {
            (Operation::CreateIndex { .. }, true) => super::action::up(place.operation)?
                .into_iter()
                .find(|action| matches!(&action.manner, Manner::Build(built) if built.name == name.name && built.schema == name.schema))
                .and_then(|action| action.sql.into_iter().next()),
            (Operation::DropIndex { definition, .. }, false) => Some(definition.clone()),
            _ => None,
        };
        if let Some(sql) = wanted
            && !is_ours(cx, work, &found, &sql).await?
        {
            if !place.back {
                return Err(Error::invalid("the index to drop is another one now")
                    .with("name", name.sql())
                    .with("its definition", found.definition)
                    .hint("run the competition again"));
            }
            self.policy.notice.say(format!("  {} is not ours and stays", name.sql()));
            return Ok(());
        }
        self.drop_concurrently(name).await
    }

    /// DROP INDEX CONCURRENTLY until it is gone. Interrupted, it leaves an invalid index, which it then drops.
    async fn drop_concurrently(&self, name: &IndexName) -> Result<()> {
        let (cx, work) = (self.cx, &self.target.work);
        let sql = format!("DROP INDEX CONCURRENTLY {}", name.sql());
        let mut attempts = Attempts::new(self.policy);
        loop {
            let Some(found) = find_index(cx, work, name).await? else { return Ok(()) };
            let result = async {
                self.probe(&found.table).await?;
                watched(cx, self.target, self.policy, work.batch(cx, &sql)).await
            }
            .await;
            match result {
                Ok(()) => {}
                Err(error) if self.worth_another(&error, true) => {
                    let open = format!("the index is not gone yet; `{sql}` is what is left to do");
                    attempts.again(cx, error.with("open", open)).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A lock that could not be had, a deadlock, a watchdog that barked. What someone else cancelled is begun again
    /// only on the way back.
    fn worth_another(&self, error: &Error, back: bool) -> bool {
        self.cx.check().is_ok()
            && (error.kind() == ErrorKind::Busy || (back && error.kind() == ErrorKind::Timeout))
    }

    async fn schedule(&self, place: Place<'_>) -> Result<()> {
        let Operation::CreateMaterializedView { schema, name, refresh, .. } = place.operation else {
            return self.note(place).await;
        };
        let cron = cron(self.cx, &self.target.work).await?;
        let schedule = Schedule::of(schema, name, refresh, cron.unwrap_or(false));
        let Some(statements) = statements(&schedule, cron, place.back) else {
            if !place.back {
                self.policy.notice.say(format!(
                    "  refresh it at least every {} s, for example from cron: {}",
                    refresh.every_seconds, schedule.command
                ));
            }
            return self.note(place).await;
        };
        for sql in &statements {
            self.policy.notice.say(format!("  {sql}"));
        }
        self.together(&statements, place).await
    }
}

/// The statements that make or remove a job of pg_cron; none without pg_cron, or if it cannot run as often.
pub(super) fn statements(schedule: &Schedule, cron: Option<bool>, back: bool) -> Option<Vec<String>> {
    use crate::pg::quote::literal;
    cron?;
    let when = schedule.when.as_ref()?;
    let job = literal(&schedule.job);
    Some(vec![if back {
        format!("SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = {job}")
    } else {
        format!("SELECT cron.schedule({job}, {}, {})", literal(when), literal(&schedule.command))
    }])
}

/// The value that is stored for a database or a role.
pub(super) async fn stored_setting(
    cx: &Context,
    target: &Target,
    name: &str,
    scope: &SettingScope,
) -> Result<Option<String>> {
    let (whose, who) = match scope {
        SettingScope::Database(database) => {
            ("s.setrole = 0 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = $2)", database)
        }
        SettingScope::Role(role) => {
            ("s.setdatabase = 0 AND s.setrole = (SELECT oid FROM pg_roles WHERE rolname = $2)", role)
        }
    };
    let sql = format!(
        "SELECT substr(c.setting, strpos(c.setting, '=') + 1) FROM pg_db_role_setting s, unnest(s.setconfig) c(setting) \
         WHERE split_part(c.setting, '=', 1) = $1 AND {whose}"
    );
    let rows = target.work.rows(cx, &sql, &[Some(name.to_owned()), Some(who.clone())]).await?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()))
}
