//! Plans: each has checks that can be said in words, or mistakes that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::check::{Settings, read_plan};

fuzz_target!(|text: &str| {
    match read_plan("plan.toml", text, &Settings::default()) {
        Ok(checks) => {
            for planned in checks {
                assert!(!planned.check.sentence().is_empty());
            }
        }
        Err(errors) => {
            assert!(errors.count() > 0);
            assert!(errors.to_string().contains("plan.toml:"));
        }
    }
});
