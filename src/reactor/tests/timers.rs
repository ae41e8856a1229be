//! Timers: never early, in order, many, and forgotten when dropped.

use proptest::prelude::*;

use super::*;

#[test]
fn a_hundred_thousand_timers_fire_in_order() {
    const TIMERS: u64 = if cfg!(miri) { 500 } else { 100_000 };
    play(async {
        let started = now();
        let last = Rc::new(Cell::new(Duration::ZERO));
        let group = TaskGroup::new();
        for number in 0..TIMERS {
            // Spread without a pattern that an ordered insert would hide.
            let wait = Duration::from_micros(number * 7_919 % TIMERS);
            let last = Rc::clone(&last);
            group.spawn(async move {
                sleep(wait).await;
                assert!(now() - started >= wait);
                assert!(last.get() <= wait);
                last.set(wait);
            });
        }
        group.join().await;
        assert_eq!(last.get(), Duration::from_micros(TIMERS - 1));
        assert!(EventLoop::current().timers.next().is_none());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 100 }))]

    /// With any mix of sleeps, some dropped on the way, the others fire, never
    /// early, and none is left behind.
    #[test]
    fn sleeps_are_never_early(
        waits in prop::collection::vec((0_u64..10_000, prop::option::of(0_u64..10_000)), 1..50),
    ) {
        play(async move {
            let group = TaskGroup::new();
            for (wait, dropped) in waits {
                group.spawn(async move {
                    let (wait, started) = (Duration::from_millis(wait), now());
                    let limit = dropped.map_or(Duration::MAX, Duration::from_millis);
                    match timeout(limit, sleep(wait)).await {
                        Ok(()) => assert!(now() - started >= wait),
                        Err(Elapsed) => assert!(now() - started >= limit),
                    }
                });
            }
            group.join().await;
            assert!(EventLoop::current().timers.next().is_none());
        });
    }
}

#[test]
fn the_test_clock_jumps_over_hours() {
    let really = Instant::now();
    let passed = play(async {
        let started = now();
        sleep(Duration::from_secs(20 * 3600)).await;
        now() - started
    });
    assert!(passed >= Duration::from_secs(20 * 3600));
    assert!(really.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_real_sleep_takes_its_time() {
    let started = Instant::now();
    run(async { sleep(Duration::from_millis(20)).await }).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn timeout_prefers_what_is_ready() {
    play(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let never = timeout(Duration::from_secs(1), std::future::pending::<()>());
        assert_eq!(never.await, Err(Elapsed));
    });
}

#[test]
fn a_sleep_without_end_can_be_armed() {
    play(async {
        let endless = timeout(Duration::from_secs(1), sleep(Duration::MAX));
        assert_eq!(endless.await, Err(Elapsed));
    });
}
