//! Work that makes things is carried to its end, or to its clean-up, also if nobody waits for it any more.

use std::future::Future;

use pgverse_core::{Context, Error, Result};
use tokio::sync::oneshot;

/// Runs `work` on a task of its own. If the caller's future is dropped, the work is cancelled through the
/// context that it was given, and should it have succeeded all the same, `undo` gets its result.
pub async fn shielded<T, W, U>(
    cx: &Context,
    work: impl FnOnce(Context) -> W,
    undo: impl FnOnce(T) -> U + Send + 'static,
) -> Result<T>
where
    T: Clone + Send + 'static,
    W: Future<Output = Result<T>> + Send + 'static,
    U: Future<Output = ()> + Send + 'static,
{
    let inner = cx.child();
    let _cancel_if_dropped = inner.cancellation().clone().drop_guard();
    let work = work(inner);
    let (tell, told) = oneshot::channel();
    let (thank, thanked) = oneshot::channel();
    tokio::spawn(async move {
        let result = work.await;
        let made = result.as_ref().ok().cloned();
        // Delivered means taken, not only put into the channel.
        let delivered = tell.send(result).is_ok() && thanked.await.is_ok();
        if let Some(made) = made.filter(|_| !delivered) {
            undo(made).await;
        }
    });
    let result = told.await.map_err(|_| Error::internal("a task ended without a result"))?;
    let _ = thank.send(());
    result
}

#[cfg(test)]
mod tests {
    use pgverse_core::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn a_result_is_delivered_or_undone() {
        let cx = Context::new();
        let value = shielded(&cx, |_| async { Ok(1) }, |_| async { panic!("delivered") }).await.unwrap();
        assert_eq!(value, 1);

        // The caller goes away while the work is under way; the work succeeds regardless and is undone.
        let (started, is_started) = oneshot::channel();
        let (finish, may_finish) = oneshot::channel::<()>();
        let (undone, is_undone) = oneshot::channel();
        let work = move |inner: Context| async move {
            started.send(()).unwrap();
            inner.cancellation().cancelled().await;
            may_finish.await.unwrap();
            Ok(2)
        };
        let mut call = Box::pin(shielded(&cx, work, |value| async move { undone.send(value).unwrap() }));
        tokio::select! {
            _ = &mut call => panic!("not finished yet"),
            started = is_started => started.unwrap(),
        }
        drop(call);
        finish.send(()).unwrap();
        assert_eq!(is_undone.await.unwrap(), 2);
        assert!(cx.check().is_ok());
    }

    #[tokio::test]
    async fn a_failure_is_passed_on() {
        let cx = Context::new();
        cx.cancellation().cancel();
        let work = |inner: Context| async move { inner.check() };
        let error = shielded(&cx, work, |()| async {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
