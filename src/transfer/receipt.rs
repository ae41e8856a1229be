//! Whether what came is what should have come.

use anyhow::{bail, ensure};
use sha2::{Digest, Sha256};

use crate::units::hexadecimal;

/// What is expected of all that comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Fail unless so many bytes come
    #[arg(long, value_name = "N")]
    pub expect_bytes: Option<u64>,
    /// Fail unless what comes has this checksum
    #[arg(long, value_name = "HEX", value_parser = parse_checksum)]
    pub sha256: Option<String>,
}

/// All that has come.
pub(super) struct Receipt {
    sum: Option<Sha256>,
}

impl Receipt {
    pub(super) fn new(options: &Options) -> Self {
        let sum = options.sha256.as_ref().map(|_| Sha256::new());
        Self { sum }
    }

    /// Whether it has to see what comes.
    pub(super) fn looks(&self) -> bool {
        self.sum.is_some()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        if let Some(sum) = &mut self.sum {
            sum.update(bytes);
        }
    }

    /// Holds it against what is expected.
    ///
    /// # Errors
    /// What is not as expected.
    pub(super) fn judge(self, options: &Options, came: u64) -> anyhow::Result<()> {
        if let Some(expected) = options.expect_bytes {
            ensure!(
                came == expected,
                "{came} bytes came, expected {expected} (--expect-bytes)"
            );
        }
        if let (Some(sum), Some(expected)) = (self.sum, &options.sha256) {
            let found = hexadecimal(&sum.finalize());
            if !found.eq_ignore_ascii_case(expected) {
                bail!("what came has the checksum {found}, expected {expected} (--sha256)");
            }
        }
        Ok(())
    }
}

fn parse_checksum(text: &str) -> Result<String, String> {
    let is_one = text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    match is_one {
        true => Ok(text.into()),
        false => Err(format!(
            "`{text}` is no checksum: 64 hexadecimal digits, as sha256sum writes them"
        )),
    }
}
