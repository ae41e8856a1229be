//! The code against the sums of `protocols.md`, byte by byte, for every size
//! and every pair of servers.

use proptest::prelude::*;

use super::*;

/// Bytes that differ from place to place, and in all their bits.
fn content(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32 ^ u32::try_from(size).unwrap();
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..size).map(next).collect()
}

/// The file with its padding, as the protocol tells it.
fn padded(file: &[u8]) -> Vec<u8> {
    let count = match file.len() % 4 {
        0 => 4,
        1 => 3,
        2 => 2,
        _ => 1_u8,
    };
    let mut padded = file.to_vec();
    padded.extend(std::iter::repeat_n(count, count.into()));
    padded
}

/// The eight blocks, in order, by the sums written out.
fn eight_blocks(file: &[u8]) -> [Vec<u8>; 8] {
    let padded = padded(file);
    let quarter = padded.len() / 4;
    let at = |number: usize, place: usize| padded[number * quarter + place];
    let block = |sum: &dyn Fn(usize) -> u8| (0..quarter).map(sum).collect::<Vec<u8>>();
    [
        block(&|it| at(0, it)),
        block(&|it| at(1, it)),
        block(&|it| at(2, it)),
        block(&|it| at(3, it)),
        block(&|it| at(0, it) ^ at(2, it)),
        block(&|it| at(1, it) ^ at(3, it)),
        block(&|it| at(1, it) ^ at(2, it)),
        block(&|it| at(0, it) ^ at(1, it) ^ at(3, it)),
    ]
}

/// The same by [`encode`], in pieces of so many bytes.
fn encoded(file: &[u8], piece: usize) -> [Vec<u8>; 8] {
    let mut whole = file.to_vec();
    whole.extend(padding(file.len() as u64));
    assert_eq!(whole.len() as u64, padded_length(file.len() as u64));
    let quarter = usize::try_from(quarter_length(file.len() as u64)).unwrap();
    let [a1, a2, b1, b2] = [0, 1, 2, 3].map(|it| &whole[it * quarter..][..quarter]);
    let mut parity = [(); 4].map(|()| vec![0; quarter]);
    for from in (0..quarter).step_by(piece) {
        let to = quarter.min(from + piece);
        let [o1, o2, o3, o4] = &mut parity;
        let out = [o1, o2, o3, o4].map(|it| &mut it[from..to]);
        encode([a1, a2, b1, b2].map(|it| &it[from..to]), out).unwrap();
    }
    let [o1, o2, o3, o4] = parity;
    let [a1, a2, b1, b2] = [a1, a2, b1, b2].map(<[u8]>::to_vec);
    [a1, a2, b1, b2, o1, o2, o3, o4]
}

/// The file that two servers rebuild from their blocks, in pieces.
fn decoded(pair: Pair, blocks: &[Vec<u8>; 8], piece: usize) -> Vec<u8> {
    let kept = pair.blocks().map(|it| {
        let place = Block::ALL.iter().position(|other| *other == it);
        &blocks[place.unwrap()]
    });
    let quarter = blocks[0].len();
    let mut quarters = [(); 4].map(|()| vec![0; quarter]);
    for from in (0..quarter).step_by(piece) {
        let to = quarter.min(from + piece);
        let [a1, a2, b1, b2] = &mut quarters;
        let out = [a1, a2, b1, b2].map(|it| &mut it[from..to]);
        decode(pair, kept.map(|it| &it[from..to]), out).unwrap();
    }
    let mut whole = quarters.concat();
    let last = whole.last().copied().unwrap();
    let surplus = usize::try_from(padding_told_by(last).unwrap()).unwrap();
    whole.truncate(whole.len() - surplus);
    whole
}

#[test]
fn every_size_up_to_4096_is_coded_as_written_and_rebuilt_by_every_pair() {
    for size in 0..=4096 {
        let file = content(size);
        let blocks = encoded(&file, STRIDE);
        assert!(blocks == eight_blocks(&file), "{size} bytes");
        for pair in Pair::ALL {
            let same = decoded(pair, &blocks, STRIDE) == file;
            assert!(same, "{size} bytes from {pair:?}");
        }
    }
}

#[test]
fn strides_and_pieces_do_not_matter() {
    for size in [
        4 * STRIDE - 1,
        4 * STRIDE,
        9 * STRIDE + 3,
        8 * STRIDE - 4,
        100_001,
    ] {
        let file = content(size);
        let blocks = encoded(&file, usize::MAX >> 1);
        assert!(blocks == eight_blocks(&file), "{size} bytes");
        for piece in [STRIDE - 1, STRIDE + 1, 10_000, 1_000] {
            assert!(encoded(&file, piece) == blocks, "{size} bytes by {piece}");
            for pair in Pair::ALL {
                let same = decoded(pair, &blocks, piece) == file;
                assert!(same, "{size} bytes by {piece} from {pair:?}");
            }
        }
    }
}

#[test]
fn a_file_that_ends_like_padding_comes_back_whole() {
    for size in 1..64 {
        for last in 0..=5 {
            let mut file = content(size);
            file.iter_mut().rev().take(4).for_each(|it| *it = last);
            let blocks = encoded(&file, STRIDE);
            for pair in Pair::ALL {
                assert_eq!(decoded(pair, &blocks, STRIDE), file, "{pair:?}");
            }
        }
    }
    assert_eq!(padding_told_by(0), None);
    assert_eq!(padding_told_by(5), None);
}

#[test]
fn lengths_are_those_of_the_original() {
    for (size, fill) in [
        (0, &[4, 4, 4, 4][..]),
        (1, &[3, 3, 3]),
        (2, &[2, 2]),
        (3, &[1]),
        (4, &[4, 4, 4, 4]),
        (1021, &[3, 3, 3]),
    ] {
        assert_eq!(padding(size), fill);
        assert_eq!(padded_length(size), size + fill.len() as u64);
        assert_eq!(quarter_length(size) * 4, padded_length(size));
    }
    let largest = i64::MAX.unsigned_abs();
    assert_eq!(padded_length(largest), largest + 1);
}

#[test]
fn pieces_of_different_lengths_are_refused_and_nothing_is_written() {
    for short in 0..8 {
        let length = |place| if place == short { 7 } else { 8 };
        let from: [Vec<u8>; 4] = [0, 1, 2, 3].map(|it| vec![1; length(it)]);
        let mut to: [Vec<u8>; 4] = [4, 5, 6, 7].map(|it| vec![9; length(it)]);
        let refs = [&from[0][..], &from[1], &from[2], &from[3]];
        let out = to.each_mut().map(Vec::as_mut_slice);
        assert_eq!(encode(refs, out), Err(Uneven));
        for pair in Pair::ALL {
            let out = to.each_mut().map(Vec::as_mut_slice);
            assert_eq!(decode(pair, refs, out), Err(Uneven));
        }
        assert!(to.iter().flatten().all(|it| *it == 9));
    }
}

#[test]
fn blocks_are_named_after_the_file() {
    for (file, name) in [
        ("name.ext", "name_A1.ext"),
        ("archive.tar.gz", "archive_A1.tar.gz"),
        ("plain", "plain_A1"),
        (".profile", "_A1.profile"),
        ("end.", "end_A1."),
    ] {
        assert_eq!(Block::A1.file_name(file), name);
    }
    let names = Block::ALL.map(|it| it.file_name("f"));
    let expected = [
        "f_A1", "f_A2", "f_B1", "f_B2", "f_O1", "f_O2", "f_O3", "f_O4",
    ];
    assert_eq!(names, expected);
}

#[test]
fn every_block_has_one_server_and_every_two_servers_are_a_pair() {
    let kept = Server::ALL.map(Server::blocks).concat();
    assert_eq!(kept, Block::ALL);
    for (one, number) in Server::ALL.into_iter().zip(1..) {
        assert_eq!(Server::numbered(number), Some(one));
        assert_eq!(one.to_string(), number.to_string());
        assert_eq!(Pair::of(one, one), None);
        for other in Server::ALL.into_iter().filter(|it| *it != one) {
            let pair = Pair::of(one, other).unwrap();
            assert_eq!(pair, Pair::of(other, one).unwrap());
            assert!(pair.servers().contains(&one) && pair.servers().contains(&other));
        }
    }
    assert_eq!(Server::numbered(0), None);
    assert_eq!(Server::numbered(5), None);
}

proptest! {
    #[test]
    fn any_file_comes_back(file: Vec<u8>, piece in 1_usize..100) {
        let blocks = encoded(&file, piece);
        for pair in Pair::ALL {
            prop_assert!(decoded(pair, &blocks, piece) == file);
        }
    }

    #[test]
    fn no_two_files_share_a_block(one in "[ab._A1]{1,8}", other in "[ab._A1]{1,8}") {
        prop_assume!(one != other);
        for block in Block::ALL {
            for another in Block::ALL {
                prop_assert_ne!(block.file_name(&one), another.file_name(&other));
            }
        }
    }
}
