//! Dropping a task cancels it, wherever it waits.

use std::io;

use proptest::prelude::*;

use super::*;

/// Every kind of await point there is.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Yield,
    Sleep,
    Timeout,
    Read,
    Write,
    Ready,
    Blocking,
    Task,
    Limit,
    Group,
}

const WAITS: [Wait; 10] = [
    Wait::Yield,
    Wait::Sleep,
    Wait::Timeout,
    Wait::Read,
    Wait::Write,
    Wait::Ready,
    Wait::Blocking,
    Wait::Task,
    Wait::Limit,
    Wait::Group,
];

/// Waits there for longer than any test looks, but for `Yield`.
async fn wait_at(wait: Wait) {
    const LONG: Duration = Duration::from_secs(1_000_000);
    let (one, _other) = socket_pair();
    match wait {
        Wait::Yield => yield_now().await,
        Wait::Sleep => sleep(LONG).await,
        Wait::Timeout => drop(timeout(LONG, std::future::pending::<()>()).await),
        Wait::Read => {
            let watched = Watched::new(one).unwrap();
            let read = |mut it: &mio::net::UnixStream| io::Read::read(&mut it, &mut [0; 8]);
            drop(watched.operate(Direction::Read, read).await);
        }
        Wait::Write => {
            let watched = Watched::new(one).unwrap();
            let write = |mut it: &mio::net::UnixStream| io::Write::write(&mut it, &[0; 4096]);
            while watched.operate(Direction::Write, write).await.is_ok() {}
        }
        Wait::Ready => {
            let watched = Watched::new(one).unwrap();
            watched.drained(Direction::Read);
            watched.ready(Direction::Read).await;
        }
        Wait::Blocking => blocking(|| std::thread::sleep(Duration::from_millis(1))).await,
        Wait::Task => spawn(std::future::pending()).await,
        Wait::Limit => {
            let limit = Limit::new(1);
            let _held = limit.acquire().await;
            drop(limit.acquire().await);
        }
        Wait::Group => {
            let group = TaskGroup::new();
            group.spawn(std::future::pending());
            group.join().await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 200 }))]

    /// A task with any sequence of waits, cancelled after any number of turns,
    /// is gone by the next turn and leaves nothing behind in the loop.
    #[test]
    fn a_dropped_task_is_gone_by_the_next_turn(
        waits in prop::collection::vec(prop::sample::select(&WAITS[..]), 1..5),
        turns in 0_usize..12,
    ) {
        play(async move {
            let flag = Flag::default();
            let kept = flag.on_drop();
            let task = spawn(async move {
                let _kept = kept;
                for wait in waits {
                    wait_at(wait).await;
                }
            });
            for _ in 0..turns {
                yield_now().await;
            }
            drop(task);
            yield_now().await;
            yield_now().await;
            assert!(flag.is_up());
            let event_loop = EventLoop::current();
            assert!(event_loop.sources.borrow().is_empty());
            assert!(event_loop.timers.next().is_none());
        });
    }
}

#[test]
fn a_task_may_cancel_itself() {
    play(async {
        let flag = Flag::default();
        let kept = flag.on_drop();
        let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let handle = Rc::clone(&own);
        let went_on = Rc::new(Cell::new(false));
        let witness = Rc::clone(&went_on);
        *own.borrow_mut() = Some(spawn(async move {
            let _kept = kept;
            drop(handle.take());
            yield_now().await;
            witness.set(true);
        }));
        yield_now().await;
        yield_now().await;
        assert!(flag.is_up() && !went_on.get());
    });
}

/// Spawns a task when it is dropped.
struct SpawnOnDrop(Flag);

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        let raise = self.0.on_drop();
        spawn(async move { drop(raise) }).detach();
    }
}

#[test]
fn a_destructor_may_spawn() {
    play(async {
        let flag = Flag::default();
        let spawner = SpawnOnDrop(flag.clone());
        let task = spawn(async move {
            let _spawner = spawner;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        drop(task);
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert!(flag.is_up());
    });
}

#[test]
fn a_destructor_may_spawn_also_at_the_end_of_the_loop() {
    let flag = Flag::default();
    let spawner = SpawnOnDrop(flag.clone());
    play(async move {
        spawn(async move {
            let _spawner = spawner;
            std::future::pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    assert!(flag.is_up());
}

#[test]
fn a_cancelled_task_is_dropped_outside_of_any_borrow() {
    play(async {
        let group = Rc::new(TaskGroup::new());
        let (one, _other) = socket_pair();
        let inner = Rc::clone(&group);
        group.spawn(async move {
            // Its destructor deregisters, disarms and leaves a group at once.
            let watched = Watched::new(one).unwrap();
            let read = |mut it: &mio::net::UnixStream| io::Read::read(&mut it, &mut [0; 8]);
            let waiting = watched.operate(Direction::Read, read);
            drop(timeout(Duration::from_secs(1_000), waiting).await);
            drop(inner);
        });
        yield_now().await;
        drop(group);
        yield_now().await;
    });
}
