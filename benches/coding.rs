//! How fast files are coded, beside a copy of the same memory: four quarters in,
//! four blocks out, on one thread.
//!
//! `coding QUARTER WINDOW FIRST` measures each for WINDOW milliseconds on quarters
//! of QUARTER bytes, in turn from the FIRST on, and prints a line of JSON for each:
//! `checks/compare/coding.sh` runs it in rounds.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use netkit::protocol::coding::{Block, Pair, decode, encode};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// Turns that each gets in one run, for a part of its window each.
const TURNS: usize = 5;
const TURNS_EACH: u32 = 5;

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
    let mut totals = vec![(0, Duration::ZERO); works.len()];
    // In short turns: what disturbs one disturbs all.
    for turn in 0..works.len() * TURNS {
        let number = (first + turn + turn / works.len()) % works.len();
        let work = works[number];
        let from = work.blocks(&quarters, &parity);
        let (bytes, time) = timed(work, from, &mut out, window / TURNS_EACH)?;
        totals[number].0 += bytes;
        totals[number].1 += time;
        let expected = match work {
            Work::Encode => &parity,
            Work::Copy | Work::Decode(_) => &quarters,
        };
        ensure!(out == *expected, "{} is wrong", work.name());
    }
    for (work, (bytes, time)) in works.iter().zip(totals) {
        let (name, rate) = (work.name(), rate(bytes, time));
        writeln!(
            io::stdout(),
            "{{\"work\":\"{name}\",\"bytes_per_second\":{rate:.0}}}"
        )?;
    }
    Ok(())
}

/// Bytes of file a second.
#[allow(clippy::cast_precision_loss, reason = "a count of bytes fits")]
fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64()
}

/// Works for so long; returns the bytes of file, and the processor time that they
/// took: others who want the processor too do not count.
fn timed(
    work: Work,
    from: [&[u8]; 4],
    out: &mut Four,
    window: Duration,
) -> anyhow::Result<(usize, Duration)> {
    // Into the caches, as far as it goes there.
    work.run(from, slices_mut(out))?;
    // Many small ones between two looks at the clock, which costs as much as one.
    let batch = (4 << 20) / (from[0].len() * 4) + 1;
    let (start, mut bytes) = (processor_time()?, 0);
    loop {
        for _ in 0..batch {
            work.run(black_box(from), slices_mut(out))?;
            black_box(&mut *out);
        }
        bytes += from[0].len() * 4 * batch;
        let spent = processor_time()?.saturating_sub(start);
        if spent >= window {
            return Ok((bytes, spent));
        }
    }
}

/// How long this process has had a processor so far.
fn processor_time() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let of = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs());
    Ok(of(usage.user_time()) + of(usage.system_time()))
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
