//! `--diff FILE`: what a run found earlier, to tell what changed since.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::Value;

use crate::finding::{CheckResult, SCHEMA, State};

/// The results of an earlier run, as `--save` has written them.
pub(super) struct Saved {
    name: String,
    /// What no result of this run has been compared with yet.
    states: RefCell<BTreeMap<Place, Vec<State>>>,
}

/// What a plan called it, its target, and the address it had. A target may be
/// checked in several ways.
type Place = (Option<String>, String, Option<String>);

impl Saved {
    /// Reads a document of `--save`, `--report-json` or `-o json`.
    ///
    /// # Errors
    /// It cannot be read, or is no such document.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let read = || -> anyhow::Result<BTreeMap<Place, Vec<State>>> {
            let text = std::fs::read(path)?;
            let document: Value = serde_json::from_slice(&text)?;
            let schema = document["schema"].as_str().unwrap_or_default();
            ensure!(
                schema == SCHEMA,
                "it is no document of `netkit check --save`"
            );
            let results = document["results"].as_array();
            let results = results.ok_or_else(|| anyhow!("it has no `results`"))?;
            let mut states: BTreeMap<Place, Vec<State>> = BTreeMap::new();
            for result in results {
                if let Some((place, state)) = place(result)? {
                    states.entry(place).or_default().push(state);
                }
            }
            Ok(states)
        };
        Ok(Self {
            states: RefCell::new(read().with_context(|| format!("cannot read `{name}`"))?),
            name,
        })
    }

    /// Makes `result` a verdict on the change: good is what it was before.
    pub(super) fn compare(&self, result: &mut CheckResult) {
        let address = result.address.map(|it| it.to_string());
        let name = result.name.as_deref().map(String::from);
        let place = (name, result.target.clone(), address);
        let mut states = self.states.borrow_mut();
        let left = states.get_mut(&place).filter(|it| !it.is_empty());
        // Of several the same one, if there is one: their order says nothing.
        let before = left.map(|left| {
            let same = left.iter().position(|it| *it == result.finding.state);
            left.remove(same.unwrap_or(0))
        });
        result.ok = before == Some(result.finding.state);
        result.was = before;
        if before.is_none() {
            let hint = format!("it is new: `{}` does not hold it", self.name);
            result.finding.evidence.hint = Some(hint.into());
        }
    }

    /// What was there before and was not found again, in words.
    pub(super) fn gone(&self) -> Vec<String> {
        let states = self.states.borrow();
        let gone = states.iter().flat_map(|((_, target, address), states)| {
            let address = address.as_ref().map(|it| format!(" at {it}"));
            let place = format!("{target}{}", address.unwrap_or_default());
            states
                .iter()
                .map(move |state| format!("{place} was {state} and is not there any more"))
        });
        gone.collect()
    }
}

/// Where a result was, and its state; other records have none.
fn place(result: &Value) -> anyhow::Result<Option<(Place, State)>> {
    match result["type"].as_str() {
        Some("result") => {}
        Some(_) => return Ok(None),
        None => bail!("one of its results has no `type`"),
    }
    let text = |key: &str| result[key].as_str().map(str::to_owned);
    let target = text("target").ok_or_else(|| anyhow!("a result has no `target`"))?;
    let word = text("state").unwrap_or_default();
    let state = State::from_word(&word);
    let state = state.ok_or_else(|| anyhow!("`{target}` has the unknown state `{word}`"))?;
    Ok(Some(((text("name"), target, text("address")), state)))
}
