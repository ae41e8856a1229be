//! The checks that one table means: each of its targets at each of its hosts.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::rc::Rc;

use super::Planned;
use super::blame::{Blame, blame};
use super::grammar::Given;
use super::reader::{Common, Reader, find_state};
use super::template::{HOST, bracketed, origin};
use super::tree::Node;
use crate::check::{Check, Target};

/// The templates of a plan make no more checks than this.
const MOST_FROM_TEMPLATES: usize = 65_536;

/// No host of a template is longer, in bytes; a name of the DNS has 253 at most
/// (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 255;

/// A template with its host is no longer than this, in bytes: many hosts make
/// many copies.
const LONGEST_FILLED: usize = 1024;

impl Reader<'_> {
    /// Every host of `hosts`, none twice.
    pub(super) fn hosts(&mut self, node: &Node<'_>) -> Vec<String> {
        let (mut hosts, mut known) = (Vec::new(), HashSet::new());
        for element in self.texts(node, "a host") {
            let pattern = element.text().unwrap_or_default();
            let pattern = match pattern.parse::<Ipv6Addr>() {
                Ok(_) => bracketed(pattern),
                Err(_) => pattern.into(),
            };
            let room = MOST_FROM_TEMPLATES.saturating_sub(self.from_templates + hosts.len());
            match Target::parse(&format!("tcp://{pattern}:1")) {
                _ if pattern.len() > LONGEST_HOST => {
                    self.expect(&format!("at most {LONGEST_HOST} bytes"), element);
                }
                Ok(target) if target.hosts.count() <= room => {
                    let new = target.hosts.iter().filter(|it| known.insert(it.clone()));
                    hosts.extend(new);
                }
                Ok(_) => self.expect(&fewer_hosts(), element),
                Err(_) => self.expect(
                    "a host such as `web1`, `web[1-8]` or `10.0.0.0/28`, without a port",
                    element,
                ),
            }
        }
        hosts
    }

    /// Reads the targets of a table, and plans a check of each.
    pub(super) fn expand(&mut self, common: &Common<'_, '_>) {
        let mut targets = self.texts(common.target, "a target such as `web:443`");
        if let Some(hosts) = &common.hosts {
            self.from_templates += hosts.len().saturating_mul(targets.len());
            if self.from_templates > MOST_FROM_TEMPLATES {
                return self.expect(&fewer_hosts(), common.target);
            }
        }
        targets.retain(|target| self.has_host(target, common.hosts.is_some()));
        let names = common.name.map(|name| self.names(name, common));
        let mut names = names.into_iter().flatten();
        let without = [String::new()];
        for host in common.hosts.as_deref().unwrap_or(&without) {
            let name = names.next();
            for target in &targets {
                self.plan_one(common, target, host, name.clone());
            }
        }
    }

    /// Whether a target has its `{host}` exactly where there are hosts.
    fn has_host(&mut self, target: &Node<'_>, is_template: bool) -> bool {
        let text = target.text().unwrap_or_default();
        match (text.find(HOST), is_template) {
            (Some(at), false) => self.expect_hosts(at, target),
            (None, true) => self.expect("`{host}` in each target, as there are `hosts`", target),
            _ => return true,
        }
        false
    }

    /// Says that nothing stands for the `{host}` at this place of a text.
    fn expect_hosts(&mut self, at: usize, node: &Node<'_>) {
        let place = node.within(at..at + HOST.len(), self.text);
        let expected = "expected `hosts` beside it: each of them stands for `{host}` once";
        self.mistakes.add(place, expected);
    }

    /// The name for each host.
    fn names(&mut self, node: &Node<'_>, common: &Common<'_, '_>) -> Vec<Rc<str>> {
        let fits = |it: &&str| !it.is_empty() && !it.contains(char::is_control);
        let Some(text) = node.text().filter(fits) else {
            self.expect("a name in one line", node);
            return Vec::new();
        };
        match (text.find(HOST), &common.hosts) {
            (Some(_), Some(hosts)) => {
                let names = hosts.iter().filter_map(|host| self.fill(node, host));
                let names: Vec<Rc<str>> = names.map(Rc::from).collect();
                for name in &names {
                    self.expect_new(name, node);
                }
                names
            }
            (Some(at), None) => {
                self.expect_hosts(at, node);
                Vec::new()
            }
            (None, hosts) => {
                let name = Rc::from(text);
                self.expect_new(&name, node);
                vec![name; hosts.as_ref().map_or(1, Vec::len)]
            }
        }
    }

    fn expect_new(&mut self, name: &Rc<str>, node: &Node<'_>) {
        if !self.names.insert(Rc::clone(name)) {
            let what = format!("a name of its own: `{name}` is an earlier check");
            self.expect(&what, node);
        }
    }

    /// A template with its host.
    fn fill(&mut self, node: &Node<'_>, host: &str) -> Option<String> {
        let text = node.text().unwrap_or_default();
        let added = text.matches(HOST).count().saturating_mul(host.len());
        if added > 0 && text.len().saturating_add(added) > LONGEST_FILLED {
            let what = format!("at most {LONGEST_FILLED} bytes with the host");
            self.expect(&what, node);
            return None;
        }
        Some(text.replace(HOST, host))
    }

    fn plan_one(
        &mut self,
        common: &Common<'_, '_>,
        node: &Node<'_>,
        host: &str,
        name: Option<Rc<str>>,
    ) {
        let template = node.text().unwrap_or_default();
        let host = bracketed(host);
        let Some(text) = self.fill(node, &host) else {
            return;
        };
        let mut target = match Target::parse(&text) {
            Ok(target) => target,
            Err(error) => {
                let part = origin(template, host.len(), &error.culprit());
                let place = node.within(part, self.text);
                let expected = format!("expected {}", error.expected());
                return self.mistakes.add(place, expected);
            }
        };
        if let Some((state, entry)) = common.state {
            let word = text.rsplit_once('=').map(|(_, word)| word);
            if target.path.is_none() && word.and_then(find_state).is_some() {
                let expected = "expected the state here or in the target, not in both";
                return self.mistakes.add(entry.place.clone(), expected);
            }
            target.expected = state;
        }
        self.expect_use(common, &target);
        match Check::new(name, target.clone(), &common.settings) {
            Ok(check) => self.checks.push(Planned {
                check,
                tags: Rc::clone(&common.tags),
            }),
            Err(complaint) => self.complain(common, &target, node, complaint),
        }
    }

    /// Says which keys of the check itself its protocol has no use for.
    fn expect_use(&mut self, common: &Common<'_, '_>, target: &Target) {
        let ask = &common.settings.ask;
        for own in common.own() {
            if !ask.reach(&own.option, target.scheme) {
                let said = format!(
                    "{}, not for {}",
                    ask.misplaced(&own.option),
                    target.scheme.name
                );
                self.mistakes.add(own.place.clone(), said);
            }
        }
    }

    /// Says which keys make no sense with this target, or that the target
    /// itself makes none.
    fn complain(
        &mut self,
        common: &Common<'_, '_>,
        target: &Target,
        node: &Node<'_>,
        complaint: String,
    ) {
        let given = match self.mistakes.are_enough() {
            true => &[],
            false => common.given.as_slice(),
        };
        let blames = blame(given.len(), complaint, |left| {
            let left: Vec<&Given> = left.iter().filter_map(|it| given.get(*it)).collect();
            let settings = self.grammar.settings(self.base, &left).ok()?;
            Check::new(None, target.clone(), &Rc::new(settings)).err()
        });
        for Blame { culprit, complaint } in blames {
            let given = culprit.and_then(|it| given.get(it));
            let place = given.map_or(&node.place, |it| &it.place);
            self.mistakes
                .add(place.clone(), format!("cannot check this: {complaint}"));
        }
    }
}

fn fewer_hosts() -> String {
    format!("fewer hosts: the templates of a plan make at most {MOST_FROM_TEMPLATES} checks")
}
