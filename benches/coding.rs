//! How fast files are coded, beside a copy of the same memory: four quarters in,
//! four blocks out, on one thread.
//!
//! `coding QUARTER WINDOW FIRST` measures each for WINDOW milliseconds on quarters
//! of QUARTER bytes, in turn from the FIRST on, and prints a line of JSON for each:
//! `checks/compare/coding.sh` runs it in rounds.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use netkit::protocol::coding::{Block, Pair, decode, encode};

/// Four of one length.
type Four = [Vec<u8>; 4];

/// What is measured.
#[derive(Clone, Copy)]
enum Work {
    Copy,
    Encode,
    Decode(Pair),
}

fn main() -> anyhow::Result<()> {
    // cargo adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = words.iter().filter(|it| !it.starts_with('-')).collect();
    let number = |place: usize, usual: u32| match words.get(place) {
        Some(word) => word
            .parse()
            .with_context(|| format!("`{word}` is no number")),
        None => Ok(usual),
    };
    let (quarter, window, first) = (number(0, 256 << 10)?, number(1, 100)?, number(2, 0)?);
    ensure!(quarter > 0, "a quarter has at least a byte");
    measure(
        quarter as usize,
        Duration::from_millis(window.into()),
        first as usize,
    )
}

fn measure(quarter: usize, window: Duration, first: usize) -> anyhow::Result<()> {
    let content = |seed: usize| -> Vec<u8> {
        let byte =
            |at: usize| ((at.wrapping_add(seed)).wrapping_mul(0x9e37_79b9) >> 13).to_le_bytes()[0];
        (0..quarter).map(byte).collect()
    };
    let quarters: Four = [1, 2, 3, 4].map(content);
    let mut parity: Four = [(); 4].map(|()| vec![0; quarter]);
    encode(slices(&quarters), slices_mut(&mut parity))?;
    // Touched once, so that no page is new when it counts.
    let mut out: Four = [(); 4].map(|()| vec![1; quarter]);
    let works = [Work::Copy, Work::Encode].into_iter();
    let works: Vec<Work> = works.chain(Pair::ALL.map(Work::Decode)).collect();
    for number in 0..works.len() {
        let work = works[(first + number) % works.len()];
        let from = work.blocks(&quarters, &parity);
        // Caches, and the clock of the processor.
        timed(work, from, &mut out, window / 10)?;
        let rate = timed(work, from, &mut out, window)?;
        let expected = match work {
            Work::Encode => &parity,
            Work::Copy | Work::Decode(_) => &quarters,
        };
        ensure!(out == *expected, "{} is wrong", work.name());
        let name = work.name();
        writeln!(
            io::stdout(),
            "{{\"work\":\"{name}\",\"bytes_per_second\":{rate:.0}}}"
        )?;
    }
    Ok(())
}

/// Bytes of file a second.
#[allow(clippy::cast_precision_loss, reason = "a count of bytes fits")]
fn timed(work: Work, from: [&[u8]; 4], out: &mut Four, window: Duration) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut bytes = 0;
    // Many small ones between two looks at the clock, which costs as much as one.
    let batch = (1 << 20) / (from[0].len() * 4) + 1;
    while bytes == 0 || start.elapsed() < window {
        for _ in 0..batch {
            work.run(black_box(from), slices_mut(out))?;
            black_box(&mut *out);
        }
        bytes += from[0].len() * 4 * batch;
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

impl Work {
    fn name(self) -> String {
        match self {
            Self::Copy => "copy".into(),
            Self::Encode => "encode".into(),
            Self::Decode(pair) => {
                let [one, other] = pair.servers();
                format!("decode {one}, {other}")
            }
        }
    }

    fn blocks<'a>(self, quarters: &'a Four, parity: &'a Four) -> [&'a [u8]; 4] {
        match self {
            Self::Copy | Self::Encode => slices(quarters),
            Self::Decode(pair) => pair.blocks().map(|block| {
                let place = Block::ALL.iter().position(|it| *it == block);
                let mut all = quarters.iter().chain(parity);
                all.nth(place.unwrap_or_default())
                    .map_or(&[][..], Vec::as_slice)
            }),
        }
    }

    fn run(self, from: [&[u8]; 4], to: [&mut [u8]; 4]) -> anyhow::Result<()> {
        match self {
            Self::Copy => {
                for (from, to) in from.into_iter().zip(to) {
                    to.copy_from_slice(from);
                }
            }
            Self::Encode => encode(from, to)?,
            Self::Decode(pair) => decode(pair, from, to)?,
        }
        Ok(())
    }
}

fn slices(four: &Four) -> [&[u8]; 4] {
    four.each_ref().map(Vec::as_slice)
}

fn slices_mut(four: &mut Four) -> [&mut [u8]; 4] {
    four.each_mut().map(Vec::as_mut_slice)
}
