//! The search against looking at every place.

use proptest::prelude::*;

use super::*;
use crate::testing;

/// Looks at every place where a separator could end.
fn naive(data: &[u8], from: usize, separators: &[Vec<u8>]) -> Option<Found> {
    for end in 0..=data.len() {
        for separator in separators.iter().filter(|separator| !separator.is_empty()) {
            if end < separator.len() {
                continue;
            }
            let start = end - separator.len();
            if start >= from && data[start..end] == separator[..] {
                return Some(Found { start, end });
            }
        }
    }
    None
}

#[test]
fn the_separator_that_ends_first_wins() {
    let separators = [b"\r\n".as_slice(), b"AB\r"];
    let found = find_first(b"xAB\r\n", 0, &separators);
    assert_eq!(found, Some(Found { start: 1, end: 4 }));
}

#[test]
fn of_two_that_end_together_the_earlier_one_in_the_list_wins() {
    let found = find_first(b"x\r\n", 0, &[b"\n".as_slice(), b"\r\n"]);
    assert_eq!(found, Some(Found { start: 2, end: 3 }));
}

#[test]
fn what_begins_before_the_start_is_not_found() {
    assert_eq!(find_first(b"ab", 1, &[b"ab"]), None);
    assert_eq!(find_first(b"ab", 3, &[b"ab"]), None);
    assert_eq!(find_first(b"ab", 0, &[b""]), None);
}

proptest! {
    #![proptest_config(testing::cases())]

    #[test]
    fn agrees_with_looking_everywhere(
        data in prop::collection::vec(0_u8..3, 0..24),
        separators in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
        from in 0_usize..26,
    ) {
        prop_assert_eq!(find_first(&data, from, &separators), naive(&data, from, &separators));
    }
}
