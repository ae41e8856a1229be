//! A simulated network of members: loss, delay, partitions, ways that work in
//! one direction, deaths, restarts, processes that are stopped; then quiet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;

const HEARTBEAT: Duration = Duration::from_secs(1);

/// Members of a simulated cluster, with gaps between their numbers.
const IDS: [u32; 5] = [1, 2, 3, 5, 8];

/// A generator of random numbers: splitmix64 of Steele, Lea and Flood.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn member(&mut self) -> usize {
        self.below(IDS.len() as u64) as usize
    }
}

#[derive(Clone, Copy)]
enum Event {
    /// An announcement that was begun then is there.
    Arrives {
        from: usize,
        to: usize,
        begun: Instant,
    },
    /// A member learns something.
    Learns { member: usize, input: Input },
    /// The deadline of a member.
    Wakes { member: usize },
}

struct World {
    random: Random,
    now: Instant,
    events: BTreeMap<(Instant, u64), (u64, Event)>,
    count: u64,
    /// The election of each member that lives, and which of its lives it is.
    members: Vec<Option<Election>>,
    lives: Vec<u64>,
    /// When each is woken next.
    wakes: Vec<Option<Instant>>,
    /// Until when a process is stopped.
    stopped: Vec<Instant>,
    /// Whether connections from one to another are dropped.
    dropped: [[bool; IDS.len()]; IDS.len()],
    loss: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let mut world = Self {
            random: Random(seed),
            now,
            events: BTreeMap::new(),
            count: 0,
            members: IDS.iter().map(|_| None).collect(),
            lives: vec![0; IDS.len()],
            wakes: vec![None; IDS.len()],
            stopped: vec![now; IDS.len()],
            dropped: [[false; IDS.len()]; IDS.len()],
            loss: 0,
        };
        (0..IDS.len()).for_each(|it| world.start(it));
        world
    }

    fn start(&mut self, member: usize) {
        self.lives[member] += 1;
        self.stopped[member] = self.now;
        self.wakes[member] = None;
        self.members[member] = Some(Election::new(IDS[member], IDS, HEARTBEAT, self.now));
        self.learn(member, Input::Time);
    }

    fn kill(&mut self, member: usize) {
        self.lives[member] += 1;
        self.members[member] = None;
    }

    fn schedule(&mut self, at: Instant, life: u64, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), (life, event));
    }

    /// There and back takes at most half of a heartbeat.
    fn delay(&mut self) -> Duration {
        HEARTBEAT / 4 * self.random.below(1000) as u32 / 1000
    }

    /// Tells a member something and carries out what it wants.
    fn learn(&mut self, member: usize, input: Input) {
        let now = self.now;
        let Some(mut election) = self.members[member].take() else {
            return;
        };
        election.handle(input, now);
        while let Some(output) = election.next_output() {
            self.act(member, output);
        }
        let leader = election.leader();
        assert!(leader.is_none_or(|it| it <= IDS[member] && IDS.contains(&it)));
        let life = self.lives[member];
        if let Some(at) = election.deadline()
            && self.wakes[member].is_none_or(|it| at < it || it <= now)
        {
            self.wakes[member] = Some(at);
            self.schedule(at, life, Event::Wakes { member });
        }
        self.members[member] = Some(election);
    }

    fn act(&mut self, from: usize, output: Output) {
        let place = |id: u32| IDS.iter().position(|it| *it == id).expect("a member");
        let begun = self.now;
        match output {
            Output::Announce(id) => {
                let to = place(id);
                match self.is_lost(from, to) {
                    true => self.fail(from, to, begun + HEARTBEAT, false),
                    false => {
                        let at = begun + self.delay();
                        self.schedule(at, 0, Event::Arrives { from, to, begun });
                    }
                }
            }
            Output::Tell(id) => {
                let to = place(id);
                if !self.is_lost(from, to) {
                    self.say(to, Input::Word(IDS[from]));
                }
            }
            Output::Turned { .. } | Output::Leads(_) | Output::Stranger { .. } => {}
        }
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        let loss = self.loss;
        self.dropped[from][to] || self.random.chance(loss)
    }

    /// A member will have heard something.
    fn say(&mut self, to: usize, input: Input) {
        let at = self.now + self.delay();
        let life = self.lives[to];
        self.schedule(at, life, Event::Learns { member: to, input });
    }

    fn fail(&mut self, from: usize, to: usize, at: Instant, is_refused: bool) {
        let member = IDS[to];
        let input = Input::Failed { member, is_refused };
        let life = self.lives[from];
        self.schedule(
            at,
            life,
            Event::Learns {
                member: from,
                input,
            },
        );
    }

    fn run(&mut self, until: Instant) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), (life, event)) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Arrives { from, to, begun } => self.arrive(from, to, begun),
                Event::Learns { member, .. } | Event::Wakes { member }
                    if life != self.lives[member] => {}
                Event::Learns { member, .. } | Event::Wakes { member }
                    if self.stopped[member] > at =>
                {
                    self.schedule(self.stopped[member], life, event);
                }
                Event::Learns { member, input } => self.learn(member, input),
                Event::Wakes { member } if self.wakes[member].is_some_and(|it| it <= at) => {
                    self.learn(member, Input::Time);
                }
                // It was woken earlier.
                Event::Wakes { .. } => {}
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, from: usize, to: usize, begun: Instant) {
        if self.members[to].is_none() {
            let at = self.now + self.delay();
            return self.fail(from, to, at, true);
        }
        if self.stopped[to] > self.now {
            return self.fail(from, to, begun + HEARTBEAT, false);
        }
        self.learn(to, Input::Heard(IDS[from]));
        let loss = self.loss;
        if self.random.chance(loss) {
            return self.fail(from, to, begun + HEARTBEAT, false);
        }
        let member = IDS[to];
        let at = self.now + self.delay();
        let life = self.lives[from];
        let input = Input::Answered {
            member,
            says: member,
        };
        self.schedule(
            at,
            life,
            Event::Learns {
                member: from,
                input,
            },
        );
    }

    /// One thing that goes wrong, or right again.
    fn upset(&mut self) {
        let member = self.random.member();
        match self.random.below(7) {
            0 => self.kill(member),
            1 | 2 if self.members[member].is_none() => self.start(member),
            1 | 2 => self.split(),
            3 => self.dropped = Default::default(),
            4 => {
                let other = self.random.member();
                self.dropped[member][other] ^= true;
            }
            5 => {
                let pause = HEARTBEAT * self.random.below(6) as u32;
                self.stopped[member] = self.now + pause;
            }
            _ => self.loss = 15 * self.random.below(4),
        }
    }

    /// Groups that do not reach each other.
    fn split(&mut self) {
        let groups: Vec<u64> = IDS.iter().map(|_| self.random.below(3)).collect();
        for from in 0..IDS.len() {
            for to in 0..IDS.len() {
                self.dropped[from][to] = groups[from] != groups[to];
            }
        }
    }

    /// Whether either of two can reach the other.
    fn sees(&self, from: usize, to: usize) -> bool {
        let both = self.members[from].is_some() && self.members[to].is_some();
        from == to || both && !(self.dropped[from][to] && self.dropped[to][from])
    }

    /// Who is the leader of a member that lives, by what it can reach.
    fn rightful(&self, member: usize) -> u32 {
        let seen = (0..IDS.len()).filter(|other| self.sees(member, *other));
        seen.map(|it| IDS[it]).min().expect("oneself")
    }

    /// Words that are old or false: that anybody leads, and that somebody is
    /// there whose host says that nobody is.
    fn gossip(&mut self) {
        let (to, about) = (self.random.member(), self.random.member());
        let is_dead = self.members[about].is_none() && !self.dropped[to][about];
        match is_dead && self.random.chance(50) {
            true => self.say(to, Input::Heard(IDS[about])),
            false => self.say(to, Input::Word(IDS[about])),
        }
    }

    /// From chaos to quiet, in which only words go on; `settle` makes the last
    /// network.
    fn live(&mut self, settle: impl FnOnce(&mut Self)) {
        for _ in 0..8 {
            self.upset();
            let pause = HEARTBEAT * self.random.below(4) as u32;
            self.run(self.now + pause);
        }
        self.loss = 0;
        let awake = self.stopped.iter().copied().max();
        self.run(awake.unwrap_or(self.now).max(self.now));
        settle(self);
        for _ in 0..6 {
            self.gossip();
            self.run(self.now + HEARTBEAT);
        }
    }

    #[track_caller]
    fn expect_rightful_leaders(&self, seed: u64) {
        for (place, member) in self.members.iter().enumerate() {
            if let Some(election) = member {
                let (id, leader) = (IDS[place], election.leader());
                assert_eq!(leader, Some(self.rightful(place)), "{id} of seed {seed}");
            }
        }
    }
}

#[test]
fn once_it_is_quiet_each_component_has_one_leader_and_all_in_it_agree() {
    for seed in 0..2000 {
        let mut world = World::new(seed);
        world.live(World::split);
        for _ in 0..2 {
            world.expect_rightful_leaders(seed);
            world.gossip();
            world.run(world.now + HEARTBEAT);
        }
        // In these networks all that see each other are one component: its
        // lowest is the only one that leads.
        for (place, member) in world.members.iter().enumerate() {
            let leads = member.as_ref().is_some_and(Election::leads);
            let seen = (0..IDS.len()).filter(|it| world.sees(place, *it));
            let lowest = seen.min() == Some(place) && member.is_some();
            assert_eq!(leads, lowest, "{} of seed {seed}", IDS[place]);
        }
    }
}

#[test]
fn a_way_that_works_in_one_direction_is_a_way_for_both() {
    for seed in 10_000..11_000 {
        let mut world = World::new(seed);
        world.live(|world| {
            for (from, to) in (0..IDS.len()).flat_map(|a| (0..IDS.len()).map(move |b| (a, b))) {
                world.dropped[from][to] = world.random.chance(30);
            }
        });
        world.expect_rightful_leaders(seed);
    }
}

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
