//! That something has changed, for the one task that waits for it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// News for one task; news that nobody waited for are kept, as one.
#[derive(Default)]
pub(super) struct News {
    is_new: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl News {
    /// There are some.
    pub(super) fn tell(&self) {
        self.is_new.set(true);
        let waker = self.waiting.borrow_mut().take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for some.
    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            if self.is_new.replace(false) {
                return Poll::Ready(());
            }
            let before = self.waiting.borrow_mut().replace(context.waker().clone());
            drop(before);
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::reactor::{run_fast_forward, spawn, yield_now};

    #[test]
    fn news_are_kept_as_one_and_wake_who_waits() {
        run_fast_forward(async {
            let news = Rc::new(News::default());
            news.tell();
            news.tell();
            news.wait().await;
            let waiting = Rc::clone(&news);
            let task = spawn(async move { waiting.wait().await });
            yield_now().await;
            assert!(!task.is_finished());
            news.tell();
            task.await;
        })
        .unwrap();
    }
}
