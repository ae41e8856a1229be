//! What a serving process may touch of the file system once it serves: its root
//! and its spool, so that no mistake of ours opens anything else (Landlock).

use std::os::fd::BorrowedFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
};

/// The rights that are taken away, as far as the kernel knows them.
const RIGHTS: ABI = ABI::V5;

/// The files that a service needs.
#[derive(Default)]
pub struct Confinement<'a> {
    /// Whatever is beneath these is read.
    pub read: Vec<BorrowedFd<'a>>,
    /// Files and directories beneath these are read, made, changed, moved and
    /// removed.
    pub write: Vec<BorrowedFd<'a>>,
    /// Temporary files are made in these.
    pub spool: Vec<&'a Path>,
}

impl Confinement<'_> {
    /// Takes everything else away from this thread and those that it starts
    /// from now on, for ever; what is open stays open. Says under `target` what
    /// came of it: an old kernel cannot, which is no reason not to serve.
    pub fn enter(&self, target: &'static str) {
        match self.restrict() {
            Ok(RulesetStatus::NotEnforced) => {
                log::info!(target: target, "not confined: this kernel has no Landlock, or too old a one");
            }
            Ok(RulesetStatus::PartiallyEnforced) => {
                log::info!(target: target, "confined to its files as far as this kernel can");
            }
            Ok(RulesetStatus::FullyEnforced) => {
                log::info!(target: target, "confined to its files (Landlock)");
            }
            Err(error) => log::warn!(target: target, "cannot be confined to its files: {error}"),
        }
    }

    fn restrict(&self) -> Result<RulesetStatus, RulesetError> {
        let mut rules = Ruleset::default();
        if !self.write.is_empty() {
            // The first Landlock forbids to move files to other directories, whatever
            // it is asked: then rather none at all.
            rules = rules
                .set_compatibility(CompatLevel::SoftRequirement)
                .handle_access(AccessFs::Refer)?
                .set_compatibility(CompatLevel::BestEffort);
        }
        let mut rules = rules.handle_access(AccessFs::from_all(RIGHTS))?.create()?;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        for directory in &self.read {
            rules = rules.add_rule(PathBeneath::new(directory, read))?;
        }
        let make = AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::Refer;
        let remove = AccessFs::RemoveFile | AccessFs::RemoveDir;
        let change = AccessFs::WriteFile | AccessFs::Truncate;
        for directory in &self.write {
            let all = read | make | remove | change;
            rules = rules.add_rule(PathBeneath::new(directory, all))?;
        }
        let write = AccessFs::MakeReg | AccessFs::ReadFile | AccessFs::WriteFile;
        for directory in &self.spool {
            rules = allow(rules, directory, write | AccessFs::Truncate)?;
        }
        Ok(rules.restrict_self()?.ruleset)
    }
}

/// A directory that is not there needs no right.
fn allow(
    rules: RulesetCreated,
    directory: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(directory) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, rights)),
        Err(_) => Ok(rules),
    }
}
