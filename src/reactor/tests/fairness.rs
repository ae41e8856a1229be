//! Nobody can hold the loop.

use super::*;

#[test]
fn a_source_that_is_always_ready_does_not_delay_a_timer() {
    run(async {
        let (one, _other) = socket_pair();
        let late = Rc::new(Cell::new(0_u32));
        let counted = Rc::clone(&late);
        let greedy = spawn(async move {
            let watched = Watched::new(one).unwrap();
            loop {
                let operate = |_: &mio::net::UnixStream| {
                    // Operations while a timer is due and has not fired.
                    let event_loop = EventLoop::current();
                    let due = event_loop
                        .timers
                        .next()
                        .is_some_and(|it| it <= event_loop.now());
                    counted.set(counted.get() + u32::from(due));
                    Ok(())
                };
                watched.operate(Direction::Read, operate).await.unwrap();
            }
        });
        sleep(Duration::from_millis(5)).await;
        drop(greedy);
        assert!(late.get() <= OPERATIONS_PER_POLL, "{} late", late.get());
    })
    .unwrap();
}

#[test]
fn waiting_for_readiness_spends_the_budget_too() {
    play(async {
        let (one, _other) = socket_pair();
        let rounds = Rc::new(Cell::new(0_u32));
        let counted = Rc::clone(&rounds);
        let _greedy = spawn(async move {
            let watched = Watched::new(one).unwrap();
            loop {
                watched.ready(Direction::Write).await;
                counted.set(counted.get() + 1);
            }
        });
        yield_now().await;
        yield_now().await;
        assert!((1..=2 * OPERATIONS_PER_POLL).contains(&rounds.get()));
    });
}

#[test]
fn a_task_that_wakes_itself_lets_the_others_run() {
    play(async {
        let _spinning = spawn(async {
            loop {
                yield_now().await;
            }
        });
        let turns = spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        turns.await;
    });
}

#[test]
fn each_woken_task_runs_once_a_batch() {
    play(async {
        let order: Rc<RefCell<Vec<u32>>> = Rc::default();
        let group = TaskGroup::new();
        for name in [1, 2] {
            let order = Rc::clone(&order);
            group.spawn(async move {
                for _ in 0..3 {
                    order.borrow_mut().push(name);
                    yield_now().await;
                }
            });
        }
        group.join().await;
        assert_eq!(*order.borrow(), [1, 2, 1, 2, 1, 2]);
    });
}
