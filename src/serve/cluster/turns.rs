//! Turns at asking other members for a name by `REQ:`.
//!
//! Servers of the lab send such a request on as they like, also back to who
//! asks it. So of all requests for a name one at a time waits for an answer to
//! begin, and those that come meanwhile wait for it: one that has come back waits
//! for itself, and is given up before it is. Whatever begins to answer and asks
//! back all the same finds an end in how many may be at it, at once and in a row.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::reactor::{Limit, Permit, timeout};

/// Requests for one name that wait or are being answered.
const MOST_AT_ONCE: usize = 64;

/// Turns in a row of which each was waited for while the one before it was taken.
const MOST_IN_A_ROW: u32 = 64;

/// What is said to who is given up.
const BUSY: &str = "it is being asked for by REQ already";

type Names = Rc<RefCell<BTreeMap<String, Rc<Name>>>>;

/// The names that are being asked for.
#[derive(Default)]
pub(super) struct Turns(Names);

/// A name that is being asked for.
struct Name {
    /// Whose answer has not begun.
    first: Limit,
    all: Limit,
    /// How many turns of it were over.
    over: Cell<u64>,
    /// How many were waited for before the present one, in a row.
    row: Cell<u32>,
}

/// The right to ask for a name, until the last byte of the answer.
pub(super) struct Turn {
    names: Names,
    key: String,
    name: Rc<Name>,
    first: Option<Permit>,
    place: Option<Permit>,
}

impl Turns {
    /// Waits for a turn; in `patience` at least one that is before it has to
    /// come to its end.
    ///
    /// # Errors
    /// None does, or there are too many: in words.
    pub(super) async fn take(&self, key: &str, patience: Duration) -> Result<Turn, String> {
        let mut turn = self.enter(key);
        let name = Rc::clone(&turn.name);
        let place = timeout(patience, name.all.acquire()).await;
        turn.place = Some(place.map_err(|_| BUSY.to_owned())?);
        if let Some(first) = name.first.try_acquire() {
            name.row.set(0);
            turn.first = Some(first);
            return Ok(turn);
        }
        let row = name.row.get() + 1;
        if row > MOST_IN_A_ROW {
            return Err(BUSY.into());
        }
        let mut waiting = pin!(name.first.acquire());
        loop {
            let over = name.over.get();
            match timeout(patience, waiting.as_mut()).await {
                Ok(first) => {
                    name.row.set(row);
                    turn.first = Some(first);
                    return Ok(turn);
                }
                Err(_) if name.over.get() != over => {}
                Err(_) => return Err(BUSY.into()),
            }
        }
    }

    fn enter(&self, key: &str) -> Turn {
        let mut names = self.0.borrow_mut();
        let name = names.entry(key.to_owned()).or_insert_with(|| {
            Rc::new(Name {
                first: Limit::new(1),
                all: Limit::new(MOST_AT_ONCE),
                over: Cell::new(0),
                row: Cell::new(0),
            })
        });
        Turn {
            names: Rc::clone(&self.0),
            key: key.to_owned(),
            name: Rc::clone(name),
            first: None,
            place: None,
        }
    }
}

impl Turn {
    /// The answer has begun: it is the next one's turn, while the rest of it comes.
    pub(super) fn begun(&mut self) {
        if self.first.take().is_some() {
            self.name.over.set(self.name.over.get() + 1);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.begun();
        // The map's, and our own.
        if Rc::strong_count(&self.name) == 2 {
            self.names.borrow_mut().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::{TaskGroup, now, run_fast_forward, sleep};

    const PATIENCE: Duration = Duration::from_secs(2);

    #[test]
    fn who_waits_has_its_turn_once_the_answer_before_it_begins() {
        run_fast_forward(async {
            let turns = Rc::new(Turns::default());
            let tasks = TaskGroup::new();
            let done = Rc::new(Cell::new(0));
            // The last of them waits for far longer than anybody's patience.
            for _ in 0..10 {
                let (turns, done) = (Rc::clone(&turns), Rc::clone(&done));
                tasks.spawn(async move {
                    let mut turn = turns.take("a", PATIENCE).await.unwrap();
                    sleep(Duration::from_secs(1)).await;
                    turn.begun();
                    // Its client is slow.
                    sleep(Duration::from_secs(100)).await;
                    done.set(done.get() + 1);
                });
            }
            let started = now();
            tasks.join().await;
            assert_eq!(done.get(), 10);
            assert!(now() - started < Duration::from_secs(120));
            assert!(turns.0.borrow().is_empty(), "a name was left");
        })
        .unwrap();
    }

    #[test]
    fn a_request_that_comes_back_is_given_up_and_another_name_is_not() {
        run_fast_forward(async {
            let turns = Turns::default();
            let turn = turns.take("a", PATIENCE).await.unwrap();
            assert_eq!(turns.take("a", PATIENCE).await.err().unwrap(), BUSY);
            assert!(turns.take("b", PATIENCE).await.is_ok());
            drop(turn);
            assert!(turns.take("a", PATIENCE).await.is_ok());
            assert!(turns.0.borrow().is_empty(), "a name was left");
        })
        .unwrap();
    }

    #[test]
    fn requests_that_come_back_once_their_answers_have_begun_end() {
        run_fast_forward(async {
            let turns = Turns::default();
            let mut all = Vec::new();
            for _ in 0..MOST_AT_ONCE {
                let mut turn = turns.take("a", PATIENCE).await.unwrap();
                turn.begun();
                all.push(turn);
            }
            assert_eq!(turns.take("a", PATIENCE).await.err().unwrap(), BUSY);
            all.pop();
            assert!(turns.take("a", PATIENCE).await.is_ok());
        })
        .unwrap();
    }

    #[test]
    fn requests_that_come_back_and_are_left_alone_end() {
        run_fast_forward(async {
            let turns = Rc::new(Turns::default());
            let mut turn = turns.take("a", PATIENCE).await.unwrap();
            for _ in 0..MOST_IN_A_ROW {
                // One comes back, and whoever sent it gives up the one before.
                let waiting = Rc::clone(&turns);
                let next = crate::reactor::spawn(async move { waiting.take("a", PATIENCE).await });
                sleep(Duration::from_secs(1)).await;
                drop(turn);
                turn = next.await.unwrap();
            }
            assert_eq!(turns.take("a", PATIENCE).await.err().unwrap(), BUSY);
            drop(turn);
            assert!(turns.take("a", PATIENCE).await.is_ok());
        })
        .unwrap();
    }
}
