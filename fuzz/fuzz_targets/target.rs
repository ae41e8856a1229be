//! Targets: whatever is read is shown as it reads back, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::check::Target;

fuzz_target!(|text: &str| {
    match Target::parse(text) {
        Ok(target) => {
            let host = target.hosts.iter().next();
            let shown = target.all_of(&host.expect("a target has a host"));
            let again = Target::parse(&shown);
            let again = again.unwrap_or_else(|error| panic!("{text} was shown wrongly: {error}"));
            assert_eq!(again.ports, target.ports, "{text} was shown as {shown}");
        }
        Err(error) => {
            assert!(text.get(error.culprit()).is_some(), "{text}");
            assert!(!error.to_string().is_empty());
        }
    }
});
