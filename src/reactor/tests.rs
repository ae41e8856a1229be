//! Each promise of the loop, kept.
//!
//! The clock is the test clock wherever time matters, the sockets are real.

mod cancel;
mod fairness;
mod groups;
mod sources;
mod threads;
mod timers;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::*;

/// Runs on the test clock; a loop that cannot be made fails the test.
fn play<T>(main: impl Future<Output = T>) -> T {
    run_fast_forward(main).unwrap()
}

/// Raises its flag when it is dropped.
#[derive(Clone, Default)]
struct Flag(Rc<Cell<bool>>);

struct Raise(Flag);

impl Flag {
    fn on_drop(&self) -> Raise {
        Raise(self.clone())
    }

    fn is_up(&self) -> bool {
        self.0.get()
    }
}

impl Drop for Raise {
    fn drop(&mut self) {
        self.0.0.set(true);
    }
}

/// Two connected stream sockets, not yet watched.
fn socket_pair() -> (mio::net::UnixStream, mio::net::UnixStream) {
    mio::net::UnixStream::pair().unwrap()
}

thread_local! {
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What this test has logged as an error so far. Each test has its thread.
fn logged_errors() -> Vec<String> {
    LOGGED.with(|logged| logged.borrow().clone())
}

fn listen_to_log() {
    struct Listener;
    impl log::Log for Listener {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.level() == log::Level::Error
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                LOGGED.with(|logged| logged.borrow_mut().push(record.args().to_string()));
            }
        }

        fn flush(&self) {}
    }
    // Another test may have been first: it is the same listener.
    let _ = log::set_logger(&Listener);
    log::set_max_level(log::LevelFilter::Error);
}

fn panics(act: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

#[test]
fn run_returns_what_main_returns() {
    assert_eq!(run(async { 7 }).unwrap(), 7);
    assert_eq!(run(async { yield_now().await }).unwrap(), ());
}

#[test]
fn a_task_is_awaited_for_its_output() {
    let output = play(async { spawn(async { "output" }).await });
    assert_eq!(output, "output");
}

#[test]
fn a_second_loop_on_the_thread_is_refused_and_the_first_goes_on() {
    let outcome = play(async {
        let nested = panics(|| drop(run(async {})));
        yield_now().await;
        nested
    });
    assert!(outcome);
    assert_eq!(play(async { 1 }), 1);
}

#[test]
fn without_a_loop_spawn_says_what_to_do() {
    assert!(panics(|| drop(spawn(async {}))));
}

#[test]
fn what_is_left_at_the_end_is_dropped() {
    let flag = Flag::default();
    let kept = flag.on_drop();
    play(async move {
        spawn(async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        })
        .detach();
    });
    assert!(flag.is_up());
}

#[test]
fn a_panic_is_raised_where_the_task_is_awaited() {
    listen_to_log();
    let raised = play(async {
        let task = spawn(async { panic!("at home") });
        let waiting = async {
            let mut task = std::pin::pin!(task);
            std::future::poll_fn(move |context| {
                let poll = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context)));
                poll.map_or(Poll::Ready(true), |poll| poll.map(|()| false))
            })
            .await
        };
        waiting.await
    });
    assert!(raised);
    assert!(logged_errors().is_empty());
}

#[test]
fn a_panic_in_a_detached_task_is_logged_and_hurts_nobody() {
    listen_to_log();
    let output = play(async {
        spawn(async { panic!("all {}", "alone") }).detach();
        let other = spawn(async {
            sleep(Duration::from_secs(1)).await;
            "unhurt"
        });
        other.await
    });
    assert_eq!(output, "unhurt");
    assert_eq!(logged_errors(), ["a task panicked: all alone"]);
}

#[test]
fn a_panic_in_main_drops_the_tasks_and_leaves_the_thread_usable() {
    let flag = Flag::default();
    let kept = flag.on_drop();
    let panicked = panics(|| {
        play(async move {
            spawn(async move {
                let _kept = kept;
                std::future::pending::<()>().await;
            })
            .detach();
            yield_now().await;
            panic!("main");
        });
    });
    assert!(panicked && flag.is_up());
    assert_eq!(play(async { 2 }), 2);
}
