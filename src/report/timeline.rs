//! What became of each target while it was waited for: the states in the order
//! in which they were found.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::finding::{State, Transition};

/// States that are kept of a target: the first, and the latest.
const MOST_STATES: usize = 8;

/// A state, and since when.
pub(super) type Moment = (State, Duration);

/// The states of every target that changed, or that is waited for.
#[derive(Default)]
pub(super) struct Timelines(HashMap<Place, Vec<Moment>>);

/// What a plan calls a check, its target and its address.
type Place = (Option<Rc<str>>, String, Option<SocketAddr>);

impl Timelines {
    /// All that is known of a check of a target, with what has just changed.
    pub(super) fn follow(&mut self, transition: &Transition) -> &[Moment] {
        let place = |address| (transition.name.clone(), transition.target.clone(), address);
        let key = place(transition.address);
        if !self.0.contains_key(&key) {
            // An address had no state while its name had no address.
            let before = self.0.get(&place(None)).cloned().unwrap_or_default();
            self.0.insert(key.clone(), before);
        }
        let moments = self.0.entry(key).or_default();
        if moments.len() == MOST_STATES {
            moments.remove(1);
        }
        moments.push((transition.to, transition.at));
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transition(address: Option<&str>, to: State, millis: u64) -> Transition {
        Transition {
            name: None,
            target: "web:80".into(),
            address: address.map(|it| it.parse().unwrap()),
            from: None,
            to,
            at: Duration::from_millis(millis),
        }
    }

    #[test]
    fn an_address_begins_where_its_name_was() {
        let mut timelines = Timelines::default();
        timelines.follow(&transition(None, State::Unresolved, 0));
        let address = Some("127.0.0.1:80");
        timelines.follow(&transition(address, State::Refused, 5));
        let moments = timelines.follow(&transition(address, State::Open, 9));
        let states: Vec<State> = moments.iter().map(|(state, _)| *state).collect();
        assert_eq!(states, [State::Unresolved, State::Refused, State::Open]);
    }

    #[test]
    fn checks_of_one_target_have_lines_of_their_own() {
        let mut timelines = Timelines::default();
        let named = |name: &str, to| Transition {
            name: Some(name.into()),
            ..transition(None, to, 0)
        };
        timelines.follow(&named("a", State::Open));
        let moments = timelines.follow(&named("b", State::Mismatch));
        assert_eq!(moments.len(), 1);
    }

    #[test]
    fn what_flaps_for_ever_is_cut_after_its_first_state() {
        let mut timelines = Timelines::default();
        timelines.follow(&transition(None, State::Unresolved, 0));
        for round in 0..100 {
            timelines.follow(&transition(None, State::Refused, 2 * round));
            timelines.follow(&transition(None, State::Open, 2 * round + 1));
        }
        let moments = timelines.follow(&transition(None, State::Refused, 1000));
        assert_eq!(moments.len(), MOST_STATES);
        assert_eq!(moments[0].0, State::Unresolved);
    }
}
