//! The machine, told one thing after another; [`network`] puts many of them together.

use std::time::{Duration, Instant};

use super::*;

mod network;

const HEARTBEAT: Duration = Duration::from_secs(1);

/// An election of member 3 among three, told at moments in heartbeats.
struct Alone {
    election: Election,
    start: Instant,
}

impl Alone {
    fn new() -> Self {
        let start = Instant::now();
        let election = Election::new(3, [1, 2, 3], HEARTBEAT, start);
        Self { election, start }
    }

    /// What it wants, having learnt this.
    fn learn(&mut self, at: f64, input: Input) -> Vec<Output> {
        let now = self.start + HEARTBEAT.mul_f64(at);
        self.election.handle(input, now);
        std::iter::from_fn(|| self.election.next_output()).collect()
    }

    fn answer(&mut self, at: f64, member: u32) -> Vec<Output> {
        self.learn(
            at,
            Input::Answered {
                member,
                says: member,
            },
        )
    }

    fn fail(&mut self, at: f64, member: u32, is_refused: bool) -> Vec<Output> {
        self.learn(at, Input::Failed { member, is_refused })
    }

    fn turned(member: u32, is_up: bool) -> Output {
        Output::Turned { member, is_up }
    }
}

#[test]
fn nobody_leads_before_everybody_was_asked() {
    let mut alone = Alone::new();
    let asked = alone.learn(0.0, Input::Time);
    assert_eq!(asked, [Output::Announce(1), Output::Announce(2)]);
    assert_eq!(alone.answer(0.1, 2), [Alone::turned(2, true)]);
    assert_eq!(alone.election.leader(), None);
    assert_eq!(alone.fail(0.1, 1, true), [Output::Leads(Some(2))]);
    assert!(!alone.election.leads());
    assert_eq!(alone.election.deadline(), Some(alone.start + HEARTBEAT));
}

#[test]
fn a_member_that_is_missed_three_times_is_down_and_not_before() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.answer(0.0, 1);
    alone.answer(0.0, 2);
    for beat in [1.0, 2.0] {
        assert_eq!(alone.learn(beat, Input::Time).len(), 2);
        assert_eq!(alone.fail(beat + 0.1, 1, true), []);
        assert_eq!(alone.answer(beat + 0.1, 2), []);
    }
    assert_eq!(alone.learn(2.99, Input::Time), []);
    let turned = alone.learn(3.0, Input::Time);
    assert!(turned.contains(&Alone::turned(1, false)), "{turned:?}");
    assert!(turned.contains(&Output::Leads(Some(2))), "{turned:?}");
}

#[test]
fn who_leads_says_so_to_each_that_is_up_once() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.fail(0.1, 1, true);
    assert_eq!(alone.fail(0.1, 2, true), [Output::Leads(Some(3))]);
    let mut election = Election::new(1, [1, 2, 3], HEARTBEAT, alone.start);
    std::mem::swap(&mut alone.election, &mut election);
    alone.learn(0.0, Input::Time);
    assert_eq!(alone.answer(0.1, 2), [Alone::turned(2, true)]);
    let leads = [Output::Leads(Some(1)), Output::Tell(2)];
    assert_eq!(alone.fail(0.1, 3, true), leads);
    alone.learn(1.0, Input::Time);
    assert_eq!(alone.answer(1.1, 2), []);
    let risen = [Alone::turned(3, true), Output::Tell(3)];
    assert_eq!(alone.answer(1.1, 3), risen);
}

#[test]
fn an_old_leader_s_word_has_it_asked_and_no_more() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.fail(0.1, 1, true);
    alone.answer(0.1, 2);
    // A quarter of a heartbeat lies between two questions, whatever is said.
    assert_eq!(alone.learn(0.2, Input::Word(1)), []);
    assert_eq!(alone.learn(0.25, Input::Word(1)), [Output::Announce(1)]);
    assert_eq!(alone.learn(0.3, Input::Heard(1)), []);
    assert_eq!(alone.fail(0.4, 1, true), []);
    assert_eq!(alone.learn(0.45, Input::Heard(1)), []);
    assert_eq!(alone.learn(0.5, Input::Time), [Output::Announce(1)]);
    assert_eq!(alone.fail(0.5, 1, true), []);
    assert_eq!(alone.election.leader(), Some(2));
    // Words about nobody are nothing.
    assert_eq!(alone.learn(0.6, Input::Word(7)), []);
    assert_eq!(alone.learn(0.6, Input::Heard(3)), []);
}

#[test]
fn who_is_not_answering_but_announces_itself_is_up() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.answer(0.1, 2);
    alone.learn(0.2, Input::Heard(1));
    assert_eq!(alone.election.leader(), None, "nothing is known of 1 yet");
    let turned = alone.fail(0.9, 1, false);
    assert!(turned.contains(&Output::Leads(Some(1))), "{turned:?}");
    let gone = alone.start + HEARTBEAT.mul_f64(3.2);
    assert!(alone.election.deadline().is_some_and(|it| it < gone));
}

#[test]
fn somebody_else_in_a_member_s_place_is_told_once_and_does_not_count() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.answer(0.1, 2);
    let wrong = Input::Answered { member: 1, says: 9 };
    let stranger = Output::Stranger { member: 1, says: 9 };
    let told = alone.learn(0.1, wrong);
    assert_eq!(told, [stranger, Output::Leads(Some(2))]);
    alone.learn(1.0, Input::Time);
    assert_eq!(alone.learn(1.1, wrong), []);
}

#[test]
fn a_process_that_was_stopped_knows_nothing() {
    let mut alone = Alone::new();
    alone.learn(0.0, Input::Time);
    alone.answer(0.1, 1);
    alone.answer(0.1, 2);
    assert_eq!(alone.election.leader(), Some(1));
    let woken = alone.learn(10.0, Input::Time);
    assert!(woken.contains(&Output::Leads(None)), "{woken:?}");
    assert!(woken.contains(&Output::Announce(1)), "{woken:?}");
    alone.answer(10.1, 1);
    alone.answer(10.1, 2);
    assert_eq!(alone.election.leader(), Some(1));
}

#[test]
fn who_is_alone_leads() {
    let now = Instant::now();
    let mut election = Election::new(7, [7], HEARTBEAT, now);
    election.handle(Input::Time, now);
    assert_eq!(election.next_output(), Some(Output::Leads(Some(7))));
    assert!(election.leads() && election.deadline().is_none());
}
