//! A load beside the measurements, in processes of its own: bursts of real queries on another fork, and bursts of
//! a server process that only computes. Bursts and pauses have random lengths, so that the machine's speed drifts
//! while trials run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pgverse::pg::Session;
use pgverse::traits::ForkBackend;
use pgverse::types::Universe;
use pgverse::{Context, Error, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinHandle;

const QUERIES: [&str; 3] = [
    "SELECT count(*) FROM things a JOIN things b ON a.owner = b.owner WHERE a.amount < 5",
    "SELECT label, sum(amount) FROM things GROUP BY label ORDER BY 2 DESC, 1 LIMIT 10",
    "SELECT count(*) FROM things WHERE md5(label) LIKE '%abc%'",
];
const SPINNING: [&str; 1] = ["SELECT sum(sqrt(i)) FROM generate_series(1, 200000) AS i"];
const BURST_SECONDS: (f64, f64) = (0.1, 2.0);
const PAUSE_SECONDS: (f64, f64) = (0.1, 3.0);

/// Runs until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    queries: Arc<AtomicU64>,
    begun: Instant,
    sessions: Vec<JoinHandle<Result<()>>>,
    backend: Arc<dyn ForkBackend>,
    universe: Universe,
}

impl Load {
    pub(crate) async fn start(cx: &Context, backend: Arc<dyn ForkBackend>, seed: u64) -> Result<Self> {
        let universe = backend.fork(cx).await?;
        let (stop, queries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut sessions = Vec::new();
        for (number, what) in [&QUERIES[..], &QUERIES[..], &SPINNING[..]].into_iter().enumerate() {
            let dsn = backend.dsn(cx, &universe.id).await?;
            let session = Session::connect(cx, &dsn, "load").await?;
            let rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(31) + number as u64);
            let (cx, stop, queries) = (cx.clone(), Arc::clone(&stop), Arc::clone(&queries));
            sessions.push(tokio::spawn(ask(cx, session, what, rng, stop, queries)));
        }
        Ok(Self { stop, queries, begun: Instant::now(), sessions, backend, universe })
    }

    /// What the load has done so far, in words.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} load queries in {:.0} s beside it",
            self.queries.load(Ordering::Relaxed),
            self.begun.elapsed().as_secs_f64()
        )
    }

    pub(crate) async fn stop(self, cx: &Context) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for session in self.sessions {
            session.await.map_err(|e| Error::internal("the load panicked").caused_by(e))??;
        }
        self.backend.destroy(cx, &self.universe.id).await
    }
}

fn seconds(rng: &mut ChaCha8Rng, (least, most): (f64, f64)) -> Duration {
    Duration::from_secs_f64(rng.random_range(least..most))
}

async fn ask(
    cx: Context,
    session: Session,
    what: &[&str],
    mut rng: ChaCha8Rng,
    stop: Arc<AtomicBool>,
    queries: Arc<AtomicU64>,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let end = Instant::now() + seconds(&mut rng, BURST_SECONDS);
        while Instant::now() < end {
            session.batch(&cx, what[rng.random_range(0..what.len())]).await?;
            queries.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(seconds(&mut rng, PAUSE_SECONDS)).await;
    }
    Ok(())
}
