//! What the kernel cannot do without blocking, on a small pool of threads.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::EventLoop;
use super::task::{Task, spawn};

/// Jobs at once; more wait in order. Name servers and disks gain nothing from
/// more, and each may hold a thread for as long as its time-out.
pub(super) const HELPERS: usize = 16;

/// Runs `work` on another thread, at most 16 at once, and waits for it.
///
/// Dropping the future does not stop the work, only its result is lost. A
/// panic in `work` is re-raised here.
///
/// # Panics
/// No loop runs on this thread.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let permit = EventLoop::current().helpers.acquire().await;
    let task = spawn(async move {
        let output = ::blocking::unblock(work).await;
        drop(permit);
        output
    });
    Unstoppable(Some(task)).await
}

/// A task that runs on when its handle is dropped, so that its permit stays
/// out for as long as its thread is taken.
struct Unstoppable<T>(Option<Task<T>>);

impl<T> Future for Unstoppable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(context),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Unstoppable<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}
