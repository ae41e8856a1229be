//! Work that is not given up half-way because the client that asked for it is
//! gone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::reactor::{Task, spawn};

/// Runs `work` to its end, whether or not anybody waits for it any more. Only
/// the end of the loop cuts it.
pub(super) fn to_the_end<T: 'static>(
    work: impl Future<Output = T> + 'static,
) -> impl Future<Output = T> {
    Carried(Some(spawn(work)))
}

struct Carried<T>(Option<Task<T>>);

impl<T> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(context),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::reactor::{run_fast_forward, sleep, timeout};

    #[test]
    fn it_goes_on_when_nobody_waits() {
        let done = Rc::new(Cell::new(false));
        let told = Rc::clone(&done);
        run_fast_forward(async move {
            let work = to_the_end(async move {
                sleep(Duration::from_secs(2)).await;
                told.set(true);
            });
            assert!(timeout(Duration::from_secs(1), work).await.is_err());
            assert!(!done.get());
            sleep(Duration::from_secs(2)).await;
            assert!(done.get());
            assert_eq!(to_the_end(async { 7 }).await, 7);
        })
        .unwrap();
    }
}
