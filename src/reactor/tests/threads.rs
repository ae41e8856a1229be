//! Other threads and signals.

use std::sync::atomic::AtomicUsize;
use std::sync::{Barrier, LazyLock, Mutex};
use std::thread;

use signal_hook::consts::{SIGUSR1, SIGUSR2};

use super::*;

/// A future that another thread completes.
#[derive(Default)]
struct Mailbox(Mutex<(Option<u32>, Option<Waker>)>);

impl Mailbox {
    fn put(&self, letter: u32) {
        let mut inside = self.0.lock().unwrap();
        inside.0 = Some(letter);
        let waker = inside.1.take();
        drop(inside);
        waker.into_iter().for_each(Waker::wake);
    }

    async fn take(&self) -> u32 {
        std::future::poll_fn(|context| {
            let mut inside = self.0.lock().unwrap();
            inside.1 = Some(context.waker().clone());
            inside.0.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[test]
fn another_thread_wakes_a_task_and_the_main_future() {
    run(async {
        for in_task in [false, true] {
            let mailbox = Arc::new(Mailbox::default());
            let sender = Arc::clone(&mailbox);
            let thread = thread::spawn(move || {
                thread::sleep(Duration::from_millis(2));
                sender.put(5);
            });
            let letter = match in_task {
                true => spawn(async move { mailbox.take().await }).await,
                false => mailbox.take().await,
            };
            assert_eq!(letter, 5);
            thread.join().unwrap();
        }
    })
    .unwrap();
}

#[test]
fn a_waker_may_outlive_its_loop() {
    let mailbox = Arc::new(Mailbox::default());
    let inside = Arc::clone(&mailbox);
    play(async move {
        spawn(async move {
            inside.take().await;
        })
        .detach();
        yield_now().await;
    });
    thread::spawn(move || mailbox.put(1)).join().unwrap();
}

#[test]
fn blocking_work_is_done_elsewhere_and_sixteen_at_once() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    // Nobody comes past it before sixteen are there: three times over.
    static SIXTEEN: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(16));
    let here = thread::current().id();
    run(async move {
        let group = TaskGroup::new();
        for _ in 0..48 {
            group.spawn(async move {
                let there = blocking(|| {
                    let now = NOW.fetch_add(1, Ordering::SeqCst) + 1;
                    MOST.fetch_max(now, Ordering::SeqCst);
                    SIXTEEN.wait();
                    NOW.fetch_sub(1, Ordering::SeqCst);
                    thread::current().id()
                })
                .await;
                assert_ne!(there, here);
            });
        }
        group.join().await;
    })
    .unwrap();
    assert_eq!(MOST.load(Ordering::SeqCst), 16);
}

#[test]
fn dropping_blocking_does_not_stop_the_work() {
    let done = Arc::new(Mailbox::default());
    let inside = Arc::clone(&done);
    run(async move {
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let work = spawn(blocking(move || {
            may_go_on.recv().unwrap();
            inside.put(9);
        }));
        // It has reached its thread once a second one has come back.
        blocking(|| ()).await;
        drop(work);
        go_on.send(()).unwrap();
        assert_eq!(done.take().await, 9);
    })
    .unwrap();
}

#[test]
fn a_panic_in_blocking_work_is_raised_where_it_is_awaited() {
    assert!(panics(|| drop(run(blocking(|| panic!("there"))))));
}

#[test]
fn the_test_clock_stands_still_while_work_is_out() {
    let passed = play(async {
        let started = now();
        let work = blocking(|| thread::sleep(Duration::from_millis(20)));
        assert!(timeout(Duration::from_secs(3600), work).await.is_ok());
        now() - started
    });
    assert!(passed < Duration::from_secs(3600));
}

#[test]
#[cfg_attr(miri, ignore = "Miri delivers no signals")]
fn signals_are_waited_for() {
    run(async {
        let mut signals = signals(&[SIGUSR1, SIGUSR2]).unwrap();
        signal_hook::low_level::raise(SIGUSR1).unwrap();
        assert_eq!(signals.next().await.unwrap(), SIGUSR1);
        let waiting = spawn(async move { signals.next().await.unwrap() });
        yield_now().await;
        signal_hook::low_level::raise(SIGUSR2).unwrap();
        assert_eq!(waiting.await, SIGUSR2);
    })
    .unwrap();
}
