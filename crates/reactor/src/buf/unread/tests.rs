//! `Unread` against one plain `Vec<u8>`.

use proptest::prelude::*;

use super::*;
use crate::testing;

#[test]
fn a_chunk_that_is_read_whole_is_the_one_that_came() {
    let mut unread = Unread::new();
    let chunk = b"chunk".to_vec();
    let address = chunk.as_ptr();
    assert_eq!(unread.keep(chunk), None);
    let taken = unread.take_chunk(5);
    assert_eq!(taken.map(|chunk| chunk.as_ptr()), Some(address));
    assert!(unread.is_empty());
}

#[test]
fn a_chunk_is_not_given_away_in_part() {
    let mut unread = Unread::new();
    assert_eq!(unread.keep(b"chunk".to_vec()), None);
    assert_eq!(unread.take_chunk(4), None);
    assert_eq!(unread.consume(1), None);
    assert_eq!(unread.take_chunk(9), None);
    assert_eq!(unread.as_slice(), b"hunk");
    assert_eq!(unread.consume(4), Some(b"chunk".to_vec()));
}

#[test]
fn a_chunk_is_given_back_when_it_is_copied() {
    let mut unread = Unread::new();
    assert_eq!(unread.keep(b"one".to_vec()), None);
    assert_eq!(unread.keep(b"two".to_vec()), Some(b"two".to_vec()));
    assert_eq!(unread.push(b"two"), Some(b"one".to_vec()));
    assert_eq!(unread.as_slice(), b"onetwo");
}

#[test]
fn an_empty_chunk_is_not_kept() {
    let mut unread = Unread::new();
    assert_eq!(unread.keep(Vec::new()), Some(Vec::new()));
    assert_eq!(unread.take_chunk(9), None);
    assert!(unread.is_empty());
}

#[test]
fn an_emptied_buffer_gives_its_memory_back() {
    let mut unread = Unread::<Vec<u8>>::new();
    assert_eq!(unread.push(&[0; 100_000]), None);
    assert_eq!(unread.consume(100_000), None);
    assert!(matches!(&unread.store, Store::Flat(bytes) if bytes.capacity() == 0));
}

#[test]
fn a_buffer_that_never_empties_does_not_grow() {
    let mut unread = Unread::<Vec<u8>>::new();
    assert_eq!(unread.push(&[0; 100]), None);
    for _ in 0..1000 {
        assert_eq!(unread.push(&[0; 100]), None);
        assert_eq!(unread.consume(100), None);
    }
    assert!(matches!(&unread.store, Store::Flat(bytes) if bytes.capacity() < 1000));
}

#[derive(Clone, Debug)]
enum Step {
    Keep(Vec<u8>),
    Push(Vec<u8>),
    TakeChunk(usize),
    Consume(prop::sample::Index),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let data = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => data().prop_map(Step::Keep),
        4 => data().prop_map(Step::Push),
        2 => (0_usize..60).prop_map(Step::TakeChunk),
        6 => any::<prop::sample::Index>().prop_map(Step::Consume),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #![proptest_config(testing::cases())]

    #[test]
    fn agrees_with_a_plain_vector(steps in testing::history(step(), 60)) {
        let mut unread = Unread::new();
        let mut model = Vec::new();
        for step in steps {
            match step {
                Step::Keep(data) => {
                    let before = model.len();
                    if unread.keep(data.clone()).is_none() {
                        prop_assert_eq!(before, 0);
                        model = data;
                    }
                }
                Step::Push(data) => {
                    model.extend_from_slice(&data);
                    drop(unread.push(&data));
                }
                Step::TakeChunk(most) => {
                    if let Some(chunk) = unread.take_chunk(most) {
                        prop_assert!(!chunk.is_empty() && chunk.len() <= most);
                        prop_assert_eq!(chunk, std::mem::take(&mut model));
                    }
                }
                Step::Consume(index) => {
                    let count = index.index(model.len() + 1);
                    model.drain(..count);
                    drop(unread.consume(count));
                }
                Step::Clear => {
                    model.clear();
                    drop(unread.clear());
                }
            }
            prop_assert_eq!(unread.as_slice(), &model[..]);
            prop_assert_eq!(unread.len_bytes(), model.len());
            prop_assert_eq!(unread.is_empty(), model.is_empty());
        }
    }
}
