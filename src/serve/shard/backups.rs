//! Copies of all blocks, beside the users' directories.

use std::sync::Arc;
use std::time::Duration;

use super::TARGET;
use crate::files::Tree;
use crate::protocol::shard::BACKUP;
use crate::reactor::{blocking, sleep};
use crate::units;

/// How soon after the start the first copy is made, if one is due.
const SOON: Duration = Duration::from_secs(1);

/// Makes a copy each `every`, counted from the newest that is there already, and
/// keeps the newest `most`. One that fails is tried again the next time.
pub(super) async fn keep(tree: Arc<Tree>, every: Duration, most: usize) {
    sleep(SOON.min(every)).await;
    let looked = Arc::clone(&tree);
    let newest = blocking(move || looked.newest_snapshot(BACKUP)).await;
    let age = newest.ok().flatten().unwrap_or(Duration::MAX);
    sleep(every.saturating_sub(age)).await;
    let mut was_ahead = false;
    loop {
        let copied = Arc::clone(&tree);
        let made = blocking(move || copied.snapshot(BACKUP, most)).await;
        if let Ok(copy) = &made {
            // Once, not with each copy.
            let is_new = !std::mem::replace(&mut was_ahead, copy.ahead.is_some());
            if let Some(ahead) = copy.ahead.filter(|_| is_new) {
                let ahead = units::limit(Duration::from_secs(ahead.as_secs()));
                log::warn!(target: TARGET, "there is a backup from {ahead} ahead of the clock: new ones are stamped after it (hint: set the clock, or remove what is not the newest)");
            }
        }
        match made {
            Ok(copy) if copy.left_out > 0 => {
                let left_out = copy.left_out;
                log::warn!(target: TARGET, "the backup is without {left_out} names that are neither files nor directories");
            }
            Ok(copy) => {
                log::info!(target: TARGET, "backup made: {} files", copy.files);
            }
            Err(error) => log::warn!(target: TARGET, "cannot make a backup: {error}"),
        }
        sleep(every).await;
    }
}
