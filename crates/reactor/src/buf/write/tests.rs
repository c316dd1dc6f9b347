//! `WriteQueue` against one plain `Vec<u8>`.

use std::io::IoSlice;
use std::rc::Rc;

use proptest::prelude::*;

use super::WriteQueue;

#[test]
fn an_empty_queue_offers_nothing() {
    let mut queue: WriteQueue<Vec<u8>> = WriteQueue::default();
    assert!(queue.is_empty());
    let mut slices = Vec::new();
    queue.io_slices(&mut slices);
    assert!(slices.is_empty());
    queue.advance(0, &mut Vec::new());
    assert!(queue.clear().is_empty());
}

#[test]
fn partial_sends_keep_the_tail_in_place() {
    let mut queue = WriteQueue::new();
    let mut spent = Vec::new();
    queue.push_from(b"xxhello".as_slice(), 2);
    queue.push(b" world".as_slice());
    assert_eq!(queue.len_bytes(), 11);
    queue.advance(3, &mut spent);
    assert!(spent.is_empty());
    assert!(queue.rests().eq([b"lo".as_slice(), b" world"]));
    queue.advance(2, &mut spent);
    assert_eq!(spent, [b"xxhello"]);
    queue.advance(6, &mut spent);
    assert_eq!(spent.len(), 2);
    assert!(queue.is_empty());
}

#[test]
fn empty_segments_are_not_offered_and_leave_with_their_neighbours() {
    let mut queue = WriteQueue::new();
    queue.push(b"".as_slice());
    assert!(queue.is_empty());
    queue.push(b"a".as_slice());
    queue.push_from(b"done".as_slice(), 4);
    assert_eq!(queue.rests().count(), 1);
    let mut spent = Vec::new();
    queue.advance(1, &mut spent);
    assert_eq!(spent, [b"".as_slice(), b"a", b"done"]);
}

#[test]
fn no_more_slices_than_the_kernel_takes() {
    let mut queue = WriteQueue::new();
    for _ in 0..1100 {
        queue.push(b"ab".as_slice());
    }
    let mut slices = Vec::new();
    queue.io_slices(&mut slices);
    assert_eq!(slices.len(), 1024);
    queue.io_slices(&mut slices);
    assert_eq!(slices.len(), 1024);
    let mut few = [IoSlice::new(&[]); 16];
    assert_eq!(queue.fill_slices(&mut few), 16);
    assert!(few.iter().all(|slice| &**slice == b"ab"));
    let mut spent = Vec::new();
    queue.advance(2 * 1095, &mut spent);
    assert_eq!(queue.fill_slices(&mut [IoSlice::new(&[]); 16]), 5);
}

#[test]
fn nothing_is_dropped_inside() {
    let owner: Rc<[u8]> = Rc::from(b"abc".as_slice());
    let mut queue = WriteQueue::new();
    for _ in 0..10 {
        queue.push(Rc::clone(&owner));
    }
    let mut spent = Vec::new();
    queue.advance(14, &mut spent);
    assert_eq!(spent.len(), 4);
    let rest = queue.clear();
    assert_eq!(rest.len(), 6);
    assert_eq!(queue.len_bytes(), 0);
    assert_eq!(Rc::strong_count(&owner), 11);
}

#[derive(Clone, Debug)]
enum Op {
    Push(Vec<u8>, prop::sample::Index),
    Advance(prop::sample::Index),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (bytes(), index()).prop_map(|(bytes, offset)| Op::Push(bytes, offset)),
        4 => index().prop_map(Op::Advance),
        1 => Just(Op::Clear),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases())]

    #[test]
    fn behaves_as_one_vector(ops in crate::testing::history(op(), 60)) {
        let mut queue = WriteQueue::new();
        let mut model: Vec<u8> = Vec::new();
        // Segments that went in and came out again, in order.
        let (mut pushed, mut spent) = (Vec::new(), Vec::new());
        for op in ops {
            match op {
                Op::Push(bytes, offset) => {
                    let offset = offset.index(bytes.len() + 1);
                    model.extend_from_slice(&bytes[offset..]);
                    pushed.push(bytes.clone());
                    queue.push_from(bytes, offset);
                }
                Op::Advance(n) => {
                    let n = n.index(model.len() + 1);
                    model.drain(..n);
                    queue.advance(n, &mut spent);
                }
                Op::Clear => {
                    model.clear();
                    spent.extend(queue.clear());
                }
            }
            prop_assert_eq!(queue.len_bytes(), model.len());
            prop_assert_eq!(queue.is_empty(), model.is_empty());
            let mut slices = Vec::new();
            queue.io_slices(&mut slices);
            prop_assert!(slices.iter().all(|slice| !slice.is_empty()));
            let offered: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            prop_assert_eq!(&offered, &model);
        }
        spent.extend(queue.clear());
        prop_assert_eq!(spent, pushed);
    }
}
