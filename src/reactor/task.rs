//! Tasks: futures that the loop polls beside the main one.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::EventLoop;

/// A running task: a future of its output.
///
/// Dropping it cancels the task: its future is gone by the next turn at the
/// latest, dropped outside of any borrow. Awaiting it re-raises its panic.
#[must_use = "a task is cancelled when its handle is dropped: await it or call detach()"]
pub struct Task<T>(async_task::Task<Result<T, Panicked>>);

/// Starts a task on this thread's loop; it is first polled in the next batch.
///
/// # Panics
/// No loop runs on this thread.
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    let event_loop = EventLoop::current();
    let remote = Arc::clone(&event_loop.remote);
    let mut tasks = event_loop.tasks.borrow_mut();
    let entry = tasks.vacant_entry();
    let listed = Listed {
        event_loop: Rc::clone(&event_loop),
        key: entry.key(),
    };
    let (runnable, task) = async_task::spawn_local(
        Guarded { future, listed },
        move |runnable: async_task::Runnable| remote.schedule(runnable),
    );
    entry.insert(runnable.waker());
    drop(tasks);
    runnable.schedule();
    Task(task)
}

/// Lets every other woken task run once.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<T> Task<T> {
    /// Lets the task run to its end unobserved. A panic in it is logged.
    pub fn detach(self) {
        self.0.detach();
    }

    /// Whether the task has ended or was cancelled.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(output) => Poll::Ready(output),
            Err(mut panicked) => match panicked.payload.take() {
                Some(payload) => resume_unwind(payload),
                None => unreachable!("a payload is only taken here, by the one awaiter"),
            },
        }
    }
}

pin_project! {
    /// A future whose panic ends it and nothing else.
    struct Guarded<F> {
        #[pin]
        future: F,
        listed: Listed,
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        // The future is dropped after a panic and never polled again, so what
        // the panic left broken inside it is not seen by anybody.
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panicked {
                payload: Some(payload),
            })),
        }
    }
}

/// A task's entry in the loop's list, removed when its future is dropped.
struct Listed {
    event_loop: Rc<EventLoop>,
    key: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let waker = self.event_loop.tasks.borrow_mut().try_remove(self.key);
        drop(waker);
    }
}

/// What a task panicked with. Unless somebody awaits it, its drop logs it.
struct Panicked {
    payload: Option<Box<dyn Any + Send>>,
}

impl Drop for Panicked {
    fn drop(&mut self) {
        if let Some(payload) = &self.payload {
            log::error!("a task panicked: {}", message(payload.as_ref()));
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
