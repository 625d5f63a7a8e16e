//! Who tries things out at a workbench. Races wait meanwhile: a choice is made of many short runs, each of which would
//! wait for a whole round of every race.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::context::Context;
use crate::error::{Error, Result};

/// How many do so.
#[derive(Debug, Clone)]
pub(super) struct Choosing(Arc<watch::Sender<usize>>);

impl Choosing {
    /// Nobody yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// One more, until the value is dropped.
    pub(super) fn enter(&self) -> Chooser {
        self.0.send_modify(|number| *number += 1);
        Chooser(self.clone())
    }

    /// Waits until nobody does; how long that was.
    pub(super) async fn nobody(&self, cx: &Context) -> Result<Duration> {
        let begin = Instant::now();
        let mut number = self.0.subscribe();
        let nobody = async {
            let seen = number.wait_for(|number| *number == 0).await;
            seen.map(drop).map_err(|e| Error::internal("nobody counts who chooses").caused_by(e))
        };
        cx.guard(nobody).await?;
        Ok(begin.elapsed())
    }
}

/// Somebody who tries things out.
#[derive(Debug)]
pub(super) struct Chooser(Choosing);

impl Drop for Chooser {
    fn drop(&mut self) {
        self.0.0.send_modify(|number| *number -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn races_wait_for_all_who_choose() {
        let (choosing, cx) = (Choosing::new(), Context::new());
        choosing.nobody(&cx).await.unwrap();
        let (first, second) = (choosing.enter(), choosing.enter());
        let waits = {
            let (choosing, cx) = (choosing.clone(), cx.clone());
            tokio::spawn(async move { choosing.nobody(&cx).await })
        };
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(second);
        waits.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_cancelled_race_does_not_wait() {
        let (choosing, cx) = (Choosing::new(), Context::new());
        let _one = choosing.enter();
        cx.cancellation().cancel();
        assert!(choosing.nobody(&cx).await.is_err());
    }
}
