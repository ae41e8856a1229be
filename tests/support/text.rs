//! Text that another process writes, kept as it arrives.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All that came out of one pipe so far; a thread of its own reads it, so the writer never blocks.
#[derive(Clone)]
pub(crate) struct Text {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Text {
    /// Starts reading `source` until it ends.
    pub(crate) fn read_from(mut source: impl Read + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            grown: Condvar::new(),
        });
        let text = Self {
            shared: Arc::clone(&shared),
        };
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            loop {
                let count = source.read(&mut chunk).unwrap_or(0);
                let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.bytes.extend_from_slice(&chunk[..count]);
                state.ended = count == 0;
                shared.grown.notify_all();
                if state.ended {
                    break;
                }
            }
        });
        text
    }

    /// Everything so far.
    pub(crate) fn so_far(&self) -> String {
        let state = self.lock();
        String::from_utf8_lossy(&state.bytes).into_owned()
    }

    /// The complete lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        complete_lines(&self.so_far())
    }

    /// How many complete lines so far contain `words`.
    pub(crate) fn count_lines_with(&self, words: &str) -> usize {
        self.lines()
            .iter()
            .filter(|line| line.contains(words))
            .count()
    }

    /// The first complete line that contains `words`, waiting for it.
    pub(crate) fn wait_for_line(&self, words: &str, within: Duration) -> String {
        self.wait_for(&format!("a line with `{words}`"), within, |lines| {
            lines.iter().find(|line| line.contains(words)).cloned()
        })
    }

    /// Waits until `words` have come, in a line that may go on.
    pub(crate) fn wait_for_text(&self, words: &str, within: Duration) {
        let found = |text: &str| text.contains(words).then_some(());
        self.wait_until(&format!("`{words}`"), within, found);
    }

    /// The first `count` complete lines that contain `words`, waiting for them.
    pub(crate) fn wait_for_lines(
        &self,
        words: &str,
        count: usize,
        within: Duration,
    ) -> Vec<String> {
        self.wait_for(&format!("{count} lines with `{words}`"), within, |lines| {
            let found: Vec<String> = lines
                .iter()
                .filter(|line| line.contains(words))
                .take(count)
                .cloned()
                .collect();
            (found.len() == count).then_some(found)
        })
    }

    /// Waits until `find` finds something among the complete lines; panics with all that came
    /// instead when the text ends or `within` is over.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&[String]) -> Option<T>,
    ) -> T {
        self.wait_until(what, within, |text| find(&complete_lines(text)))
    }

    /// As [`Text::wait_for`], among all that came.
    fn wait_until<T>(
        &self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        loop {
            let text = String::from_utf8_lossy(&state.bytes).into_owned();
            if let Some(found) = find(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!state.ended, "ended before {what}; it said:\n{text}");
            assert!(!left.is_zero(), "no {what} within {within:?}; got:\n{text}");
            state = self.grown(state, left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until more has come, at most `left`.
    fn grown<'a>(&self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        let waited = self.shared.grown.wait_timeout(state, left);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// All bytes as soon as there are `count`, or the end of them, or `within` is over.
    pub(crate) fn wait_for_bytes(&self, count: usize, within: Duration) -> Vec<u8> {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        while state.bytes.len() < count && !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.grown(state, left);
        }
        state.bytes.clone()
    }

    /// Waits for the end of the text and returns all of it; false in the second place when it did
    /// not end within `within`.
    pub(crate) fn wait_for_end(&self, within: Duration) -> (String, bool) {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.grown(state, left);
        }
        let text = String::from_utf8_lossy(&state.bytes).into_owned();
        (text, state.ended)
    }
}

fn complete_lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(str::to_owned)
        .collect()
}
