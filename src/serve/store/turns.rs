//! One after the other, whoever works on the same file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::catalogue::Id;
use crate::reactor::{Limit, Permit};

/// So many may wait for one file.
const MOST_WAITING: usize = 16;

/// Whose turn it is, file by file. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Turns(Rc<RefCell<HashMap<Id, Queue>>>);

struct Queue {
    limit: Limit,
    /// Who has the turn, and who waits for it.
    members: usize,
}

/// The turn, given up by a drop.
pub(super) struct Turn {
    /// Given back before the place.
    permit: Option<Permit>,
    _place: Place,
}

/// Too many wait for the same file.
#[derive(Debug)]
pub(super) struct Crowded;

struct Place {
    turns: Turns,
    id: Id,
}

impl Turns {
    /// Waits for the turn at a file. A drop leaves the queue.
    ///
    /// # Errors
    /// [`MOST_WAITING`] wait already.
    pub(super) async fn take(&self, id: &Id) -> Result<Turn, Crowded> {
        let limit = {
            let mut queues = self.0.borrow_mut();
            let queue = queues.entry(id.clone()).or_insert_with(|| Queue {
                limit: Limit::new(1),
                members: 0,
            });
            if queue.members > MOST_WAITING {
                return Err(Crowded);
            }
            queue.members += 1;
            queue.limit.clone()
        };
        let place = Place {
            turns: self.clone(),
            id: id.clone(),
        };
        let permit = limit.acquire().await;
        Ok(Turn {
            permit: Some(permit),
            _place: place,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit.take();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.turns.0.borrow_mut();
        if let Some(queue) = queues.get_mut(&self.id) {
            queue.members -= 1;
            if queue.members == 0 {
                queues.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_lite::future;

    use super::*;
    use crate::reactor::{run_fast_forward, sleep, timeout};

    fn id(name: &str) -> Id {
        Id::for_test(name)
    }

    #[test]
    fn those_at_one_file_wait_for_each_other_and_no_others_do() {
        let turns = Turns::default();
        run_fast_forward(async {
            let first = turns.take(&id("a")).await.unwrap();
            assert!(turns.take(&id("b")).await.is_ok());
            let a = id("a");
            let waiting = timeout(Duration::from_secs(1), turns.take(&a));
            assert!(waiting.await.is_err());
            let later = async {
                sleep(Duration::from_secs(1)).await;
                drop(first);
            };
            let (second, ()) = future::zip(turns.take(&id("a")), later).await;
            assert!(second.is_ok());
        })
        .unwrap();
        assert!(turns.0.borrow().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_queue_has_a_limit() {
        let turns = Turns::default();
        run_fast_forward(async {
            let a = id("a");
            let _first = turns.take(&a).await.unwrap();
            let mut waiting: Vec<_> = (0..MOST_WAITING)
                .map(|_| Box::pin(turns.take(&a)))
                .collect();
            for place in &mut waiting {
                assert!(future::poll_once(place).await.is_none());
            }
            assert!(turns.take(&id("a")).await.is_err());
            drop(waiting);
            let again = timeout(Duration::from_secs(1), turns.take(&id("a"))).await;
            assert!(again.is_err(), "it waits again");
        })
        .unwrap();
    }
}
