//! A simulated network of members: loss, delay, partitions, ways that work in
//! one direction, deaths, restarts, processes that are stopped; then quiet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::{Election, Input, Output};
use super::HEARTBEAT;

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

    fn below(&mut self, most: u32) -> u32 {
        u32::try_from(self.next() % u64::from(most)).expect("less than that")
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
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
    ids: &'static [u32],
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
    loss: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let most = u64::try_from(IDS.len() - 1).expect("a few");
        let ids = &IDS[..2 + usize::try_from(seed % most).expect("a few")];
        let mut world = Self {
            random: Random(seed),
            ids,
            now,
            events: BTreeMap::new(),
            count: 0,
            members: ids.iter().map(|_| None).collect(),
            lives: vec![0; ids.len()],
            wakes: vec![None; ids.len()],
            stopped: vec![now; ids.len()],
            dropped: [[false; IDS.len()]; IDS.len()],
            loss: 0,
        };
        (0..ids.len()).for_each(|it| world.start(it));
        world
    }

    fn any(&mut self) -> usize {
        let count = u32::try_from(self.ids.len()).expect("a few");
        usize::try_from(self.random.below(count)).expect("a few")
    }

    fn start(&mut self, member: usize) {
        self.lives[member] += 1;
        self.stopped[member] = self.now;
        self.wakes[member] = None;
        self.members[member] = Some(Election::new(
            self.ids[member],
            self.ids.iter().copied(),
            HEARTBEAT,
            self.now,
        ));
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
        HEARTBEAT / 4 * self.random.below(1000) / 1000
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
                if self.is_lost(from, to) {
                    return self.fail(from, to, begun + HEARTBEAT, false);
                }
                let at = begun + self.delay();
                self.schedule(at, 0, Event::Arrives { from, to, begun });
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
        let member = self.any();
        match self.random.below(7) {
            0 => self.kill(member),
            1 | 2 if self.members[member].is_none() => self.start(member),
            1 | 2 => self.split(),
            3 => self.dropped = Default::default(),
            4 => {
                let other = self.any();
                self.dropped[member][other] ^= true;
            }
            5 => {
                let pause = HEARTBEAT * self.random.below(6);
                self.stopped[member] = self.now + pause;
            }
            _ => self.loss = 15 * self.random.below(4),
        }
    }

    /// Groups that do not reach each other.
    fn split(&mut self) {
        let groups: Vec<u32> = self.ids.iter().map(|_| self.random.below(3)).collect();
        for from in 0..self.ids.len() {
            for to in 0..self.ids.len() {
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
        let seen = (0..self.ids.len()).filter(|other| self.sees(member, *other));
        seen.map(|it| IDS[it]).min().expect("oneself")
    }

    /// Words that are old or false: that anybody leads, and that somebody is
    /// there whose host says that nobody is.
    fn gossip(&mut self) {
        let (to, about) = (self.any(), self.any());
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
            let pause = HEARTBEAT * self.random.below(4);
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
            let seen = (0..world.ids.len()).filter(|it| world.sees(place, *it));
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
