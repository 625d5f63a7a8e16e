//! An agent of the host's.

use std::sync::Arc;

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate, Plan};
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Foreign, argument};

/// An agent whose `propose(probe, brief)` returns a list of candidates.
#[derive(Debug)]
pub struct ForeignAgent {
    name: String,
    object: Arc<dyn Foreign>,
}

impl ForeignAgent {
    /// An agent of this name.
    ///
    /// # Errors
    /// `InvalidInput` if the name is not lowercase letters, digits and underscores, or there is no `propose`.
    pub fn new(name: impl Into<String>, object: Arc<dyn Foreign>) -> Result<Self> {
        let name = name.into();
        let right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || !name.bytes().all(right) {
            return Err(Error::invalid("this is no name for an agent")
                .with("name", name)
                .hint("take lowercase letters, digits and underscores"));
        }
        if !object.has("propose") {
            return Err(Error::invalid("an agent needs a method `propose`").with("agent", name));
        }
        Ok(Self { name, object })
    }
}

#[async_trait]
impl Agent for ForeignAgent {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let (questions, mut asked) = mpsc::channel(16);
        let call = self.object.call(cx, "propose", vec![argument(brief)?], Some(ProbeCalls { questions }));
        tokio::pin!(call);
        let value = loop {
            tokio::select! {
                value = &mut call => break value?,
                Some((question, reply)) = asked.recv() => {
                    let answer = match question {
                        Question::Query(sql) => probe.query(cx, &sql).await.map(Value::Array),
                        Question::Explain(sql, values) => {
                            probe.explain(cx, &sql, &values).await.and_then(|plan: Plan| argument(&plan))
                        }
                    };
                    // Whoever asked may have been cancelled meanwhile.
                    let _: std::result::Result<(), _> = reply.send(answer);
                }
            }
        };
        let Value::Array(items) = value else {
            return Err(unfit("`propose` must return a list of candidates"));
        };
        let candidate = |(number, item)| {
            serde_json::from_value(item)
                .map_err(|e| unfit("this is no candidate").with("position", number).caused_by(e))
        };
        (1_usize..).zip(items).map(candidate).collect()
    }
}

fn unfit(message: &str) -> Error {
    Error::new(ErrorKind::Agent, message)
}

#[derive(Debug)]
enum Question {
    Query(String),
    Explain(String, Vec<Option<String>>),
}

/// The probe of an agent's universe, to be asked from the host while `propose` runs.
#[derive(Debug, Clone)]
pub struct ProbeCalls {
    questions: mpsc::Sender<(Question, oneshot::Sender<Result<Value>>)>,
}

impl ProbeCalls {
    /// As [`Probe::query`].
    pub async fn query(&self, sql: String) -> Result<Value> {
        self.ask(Question::Query(sql)).await
    }

    /// As [`Probe::explain`].
    pub async fn explain(&self, sql: String, values: Vec<Option<String>>) -> Result<Value> {
        self.ask(Question::Explain(sql, values)).await
    }

    async fn ask(&self, question: Question) -> Result<Value> {
        let over = || Error::invalid("a probe answers only while `propose` runs");
        let (reply, answer) = oneshot::channel();
        self.questions.send((question, reply)).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }
}
