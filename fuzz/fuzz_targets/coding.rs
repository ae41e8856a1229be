//! The code of the store: whatever a file holds, any two servers rebuild it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::coding::{
    Block, Pair, decode, encode, padded_length, padding, padding_told_by,
};

fuzz_target!(|file: &[u8]| {
    let mut whole = file.to_vec();
    whole.extend(padding(file.len() as u64));
    assert_eq!(whole.len() as u64, padded_length(file.len() as u64));
    let mut blocks: Vec<Vec<u8>> = whole.chunks(whole.len() / 4).map(<[u8]>::to_vec).collect();
    let mut parity = [(); 4].map(|()| vec![0; whole.len() / 4]);
    let quarters = [&blocks[0][..], &blocks[1], &blocks[2], &blocks[3]];
    encode(quarters, parity.each_mut().map(Vec::as_mut_slice)).expect("they are of one length");
    blocks.extend(parity);
    for pair in Pair::ALL {
        let kept = pair.blocks().map(|block| {
            let place = Block::ALL.iter().position(|it| *it == block);
            &blocks[place.expect("one of all")][..]
        });
        let mut quarters = [(); 4].map(|()| vec![0; whole.len() / 4]);
        decode(pair, kept, quarters.each_mut().map(Vec::as_mut_slice)).expect("of one length");
        let mut rebuilt = quarters.concat();
        let last = rebuilt.last().copied().unwrap_or_default();
        let surplus = padding_told_by(last).expect("padding");
        rebuilt.truncate(rebuilt.len() - usize::try_from(surplus).expect("a few"));
        assert_eq!(rebuilt, file);
    }
});
