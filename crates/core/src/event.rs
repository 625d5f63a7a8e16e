//! Live progress: a closed enum of events with history, so that a late subscriber misses nothing.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::types::{AgentName, CandidateId, Interval, UniverseId};

/// What happened in a competition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The competition began.
    Started {
        /// Report id.
        id: String,
        /// Agents that take part.
        agents: Vec<AgentName>,
        /// Statements of the workload.
        statements: usize,
    },
    /// Something slow that is not a fork is under way (building the golden image, reading a catalog).
    Preparing {
        /// What is being done.
        what: String,
    },
    /// A universe exists and answers.
    UniverseSpawned {
        /// Universe.
        universe: UniverseId,
        /// Agent that lives in it.
        agent: AgentName,
        /// How it was made, such as `reflink`.
        mechanism: String,
        /// Seconds from the request to the first answered query.
        seconds: f64,
    },
    /// An agent proposed a candidate.
    Proposed {
        /// Agent.
        agent: AgentName,
        /// Candidate.
        candidate: CandidateId,
        /// One line.
        title: String,
    },
    /// A candidate's change was built on its universe.
    Applied {
        /// Candidate.
        candidate: CandidateId,
        /// Seconds to build.
        seconds: f64,
        /// Bytes it takes.
        bytes: u64,
    },
    /// A round of paired measurements ended.
    Measured {
        /// Agent whose universe was measured.
        agent: AgentName,
        /// Rounds done in this phase.
        round: u32,
        /// Rounds at the most.
        rounds: u32,
        /// Candidates still in the race.
        live: usize,
    },
    /// A candidate is out.
    Eliminated {
        /// Candidate.
        candidate: CandidateId,
        /// Why.
        reason: String,
    },
    /// An agent or a universe failed; the competition goes on without it.
    Failed {
        /// Agent.
        agent: AgentName,
        /// What went wrong.
        error: String,
    },
    /// A universe was destroyed.
    UniverseDestroyed {
        /// Universe.
        universe: UniverseId,
    },
    /// A winner was named.
    Crowned {
        /// Candidate.
        candidate: CandidateId,
        /// Candidate time over baseline time.
        ratio: Interval,
    },
    /// Nothing earned the crown.
    NoWinner {
        /// Why.
        reason: String,
    },
    /// The last event of a run, also of one that failed.
    Finished {
        /// Wall time of the run, seconds.
        seconds: f64,
    },
}

/// An append-only log of events with any number of readers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    events: Mutex<Vec<Event>>,
    length: watch::Sender<usize>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { events: Mutex::default(), length: watch::Sender::new(0) }) }
    }
}

impl EventLog {
    /// Appends an event; never blocks.
    pub fn push(&self, event: Event) {
        tracing::debug!(?event);
        let length = {
            let mut events = self.shared.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
            events.len()
        };
        self.shared.length.send_replace(length);
    }

    /// Everything so far.
    pub fn history(&self) -> Vec<Event> {
        self.shared.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All events from the first one on; the stream ends after [`Event::Finished`].
    pub fn subscribe(&self) -> impl Stream<Item = Event> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        let length = shared.length.subscribe();
        futures_util::stream::unfold(
            (shared, length, 0_usize, false),
            |(shared, mut length, next, over)| async move {
                if over {
                    return None;
                }
                // The sender lives in `shared`, which this stream holds, so the wait cannot fail.
                length.wait_for(|n| *n > next).await.ok()?;
                let event =
                    shared.events.lock().unwrap_or_else(PoisonError::into_inner).get(next).cloned()?;
                let over = matches!(event, Event::Finished { .. });
                Some((event, (shared, length, next + 1, over)))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_late_subscriber_gets_the_history_and_the_end() {
        let log = EventLog::default();
        log.push(Event::Preparing { what: "a".into() });
        let late = log.subscribe();
        let writer = log.clone();
        tokio::spawn(async move {
            writer.push(Event::Preparing { what: "b".into() });
            writer.push(Event::Finished { seconds: 1.0 });
        });
        let seen: Vec<Event> = late.collect().await;
        assert_eq!(seen.len(), 3);
        assert_eq!(seen, log.history());
    }
}
