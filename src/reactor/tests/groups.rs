//! Groups, limits and buffers.

use proptest::prelude::*;

use super::*;

#[test]
fn dropping_a_group_cancels_all() {
    play(async {
        let flags: Vec<Flag> = std::iter::repeat_with(Flag::default).take(10).collect();
        let group = TaskGroup::new();
        for flag in &flags {
            let kept = flag.on_drop();
            group.spawn(async move {
                let _kept = kept;
                std::future::pending::<()>().await;
            });
        }
        yield_now().await;
        drop(group);
        yield_now().await;
        assert!(flags.iter().all(Flag::is_up));
    });
}

#[test]
fn wait_below_is_a_connection_limit() {
    play(async {
        let group = TaskGroup::new();
        let most = Cell::new(0);
        for number in 0..20 {
            group.wait_below(3).await;
            group.spawn(sleep(Duration::from_secs(number % 4)));
            most.set(most.get().max(group.len()));
        }
        group.join().await;
        assert_eq!((most.get(), group.len()), (3, 0));
    });
}

#[test]
fn a_panic_in_a_group_is_logged_and_leaves_the_others() {
    listen_to_log();
    play(async {
        let group = TaskGroup::new();
        let flag = Flag::default();
        group.spawn(async { panic!("one of them") });
        let raise = flag.on_drop();
        group.spawn(async move {
            sleep(Duration::from_secs(1)).await;
            drop(raise);
        });
        group.join().await;
        assert!(flag.is_up());
    });
    assert_eq!(logged_errors(), ["a task panicked: one of them"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 100 }))]

    /// However long each holds its permit and whoever gives up waiting: never
    /// too many at once, and everybody who waits gets one.
    #[test]
    fn a_limit_is_kept_and_nobody_is_forgotten(
        most in 1_usize..4,
        tasks in prop::collection::vec((0_u64..50, 1_u64..20, any::<bool>()), 1..30),
    ) {
        play(async move {
            let limit = Limit::new(most);
            let (held, served) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let patient = tasks.iter().filter(|it| !it.2).count();
            let group = TaskGroup::new();
            for (start, hold, gives_up) in tasks {
                let (limit, held, served) = (limit.clone(), held.clone(), served.clone());
                group.spawn(async move {
                    sleep(Duration::from_millis(start)).await;
                    let acquire = limit.acquire();
                    let permit = match gives_up {
                        true => timeout(Duration::from_millis(hold), acquire).await.ok(),
                        false => Some(acquire.await),
                    };
                    if let Some(permit) = permit {
                        held.set(held.get() + 1);
                        assert!(held.get() <= most);
                        sleep(Duration::from_millis(hold)).await;
                        held.set(held.get() - 1);
                        served.set(served.get() + usize::from(!gives_up));
                        drop(permit);
                    }
                });
            }
            group.join().await;
            assert_eq!(served.get(), patient);
            assert_eq!(limit.out(), 0);
        });
    }
}

#[test]
fn a_limit_of_none_is_refused() {
    assert!(panics(|| drop(Limit::new(0))));
}

#[test]
fn buffers_are_full_until_too_many_are_kept() {
    play(async {
        let full: Vec<Buffer> = std::iter::repeat_with(Buffer::take).take(64).collect();
        assert!(full.iter().all(|it| it.len() == BUFFER_BYTES));
        let small = Buffer::take();
        assert_eq!(small.len(), 16 * 1024);
        drop(full);
        assert_eq!(Buffer::take().len(), BUFFER_BYTES);
        let pool = &EventLoop::current().buffers;
        assert_eq!(pool.kept(), 4);
    });
}
