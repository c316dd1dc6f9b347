//! Interleaving against asyncio's own formulation, and the race step by step.

use proptest::prelude::*;

use super::{Next, Plan, interleave};
use crate::net::Family::{self, V4, V6};

fn addresses(families: &[Family]) -> Vec<(Family, usize)> {
    families.iter().copied().zip(0..).collect()
}

#[test]
fn families_take_turns() {
    assert_eq!(
        interleave(addresses(&[V6, V6, V6, V4, V4]), 1),
        [0, 3, 1, 4, 2]
    );
    assert_eq!(interleave(addresses(&[V4, V6, V6, V6]), 1), [0, 1, 2, 3]);
    assert_eq!(interleave(addresses(&[V4, V4]), 1), [0, 1]);
}

#[test]
fn the_first_family_gets_its_count_ahead() {
    assert_eq!(
        interleave(addresses(&[V6, V6, V6, V4, V4]), 2),
        [0, 1, 3, 2, 4]
    );
    assert_eq!(interleave(addresses(&[V6, V6, V4]), 9), [0, 1, 2]);
    assert_eq!(interleave(addresses(&[V6, V4, V4]), 0), [0, 1, 2]);
    assert!(interleave(addresses(&[]), 5).is_empty());
}

/// `base_events._interleave_addrinfos`, written as there.
fn model(addresses: &[(u8, usize)], first_family_count: usize) -> Vec<usize> {
    let mut lists: Vec<(u8, Vec<usize>)> = Vec::new();
    for &(family, address) in addresses {
        match lists.iter_mut().find(|list| list.0 == family) {
            Some(list) => list.1.push(address),
            None => lists.push((family, vec![address])),
        }
    }
    let mut reordered = Vec::new();
    if first_family_count > 1 && !lists.is_empty() {
        let count = (first_family_count - 1).min(lists[0].1.len());
        reordered.extend(lists[0].1.drain(..count));
    }
    let longest = lists.iter().map(|list| list.1.len()).max().unwrap_or(0);
    for rank in 0..longest {
        reordered.extend(lists.iter().filter_map(|list| list.1.get(rank)));
    }
    reordered
}

proptest! {
    #![proptest_config(crate::testing::cases())]

    #[test]
    fn interleaves_as_asyncio_does(
        families in prop::collection::vec(0..4_u8, 0..12),
        first_family_count in 0..6_usize,
    ) {
        let addresses: Vec<(u8, usize)> = families.into_iter().zip(0..).collect();
        let expected = model(&addresses, first_family_count);
        prop_assert_eq!(interleave(addresses, first_family_count), expected);
    }
}

#[test]
fn the_next_starts_after_the_delay() {
    let mut plan = Plan::new(3, Some(250));
    assert_eq!(plan.next(1000), Next::Start(0));
    assert_eq!(
        plan.next(1000),
        Next::Wait {
            deadline_ns: Some(1250)
        }
    );
    assert_eq!(
        plan.next(1249),
        Next::Wait {
            deadline_ns: Some(1250)
        }
    );
    assert_eq!(plan.next(1300), Next::Start(1));
    // The delay counts from the start of the one before.
    assert_eq!(
        plan.next(1300),
        Next::Wait {
            deadline_ns: Some(1550)
        }
    );
    assert_eq!(plan.next(1550), Next::Start(2));
    assert_eq!(plan.next(1550), Next::Wait { deadline_ns: None });
}

#[test]
fn the_next_starts_when_the_one_before_has_failed() {
    let mut plan = Plan::new(2, Some(250));
    assert_eq!(plan.next(0), Next::Start(0));
    plan.failed(0);
    assert_eq!(plan.next(10), Next::Start(1));
    plan.failed(1);
    assert_eq!(plan.next(10), Next::Lost);
}

#[test]
fn the_failure_of_an_earlier_one_starts_nothing() {
    let mut plan = Plan::new(3, Some(250));
    assert_eq!(plan.next(0), Next::Start(0));
    assert_eq!(plan.next(250), Next::Start(1));
    plan.failed(0);
    assert_eq!(
        plan.next(260),
        Next::Wait {
            deadline_ns: Some(500)
        }
    );
    plan.failed(1);
    assert_eq!(plan.next(260), Next::Start(2));
}

#[test]
fn without_a_delay_they_run_one_after_the_other() {
    let mut plan = Plan::new(2, None);
    assert_eq!(plan.next(0), Next::Start(0));
    assert_eq!(plan.next(u64::MAX), Next::Wait { deadline_ns: None });
    plan.failed(0);
    assert_eq!(plan.next(u64::MAX), Next::Start(1));
    assert!(plan.succeeded(1).is_empty());
    assert_eq!(plan.next(u64::MAX), Next::Won(1));
}

#[test]
fn the_winner_cancels_the_others_and_starts_no_more() {
    let mut plan = Plan::new(4, Some(10));
    for index in 0..3 {
        assert_eq!(plan.next(index as u64 * 10), Next::Start(index));
    }
    plan.failed(1);
    assert_eq!(plan.succeeded(0), [2]);
    assert_eq!(plan.next(1000), Next::Won(0));
    // Too late: it was cancelled.
    assert!(plan.succeeded(2).is_empty());
    plan.failed(2);
    assert_eq!(plan.next(1000), Next::Won(0));
    assert!(plan.cancel().is_empty());
}

#[test]
fn a_cancelled_race_is_lost() {
    let mut plan = Plan::new(3, Some(10));
    assert_eq!(plan.next(0), Next::Start(0));
    assert_eq!(plan.next(10), Next::Start(1));
    assert_eq!(plan.cancel(), [0, 1]);
    assert_eq!(plan.next(20), Next::Lost);
    assert!(plan.succeeded(0).is_empty());
    assert_eq!(plan.next(20), Next::Lost);
}

#[test]
fn a_race_of_nobody_is_lost_and_nonsense_is_ignored() {
    let mut plan = Plan::new(0, Some(1));
    assert_eq!(plan.next(0), Next::Lost);
    plan.failed(7);
    assert!(plan.succeeded(7).is_empty());
    let mut plan = Plan::new(1, Some(u64::MAX));
    plan.failed(0);
    assert_eq!(plan.next(5), Next::Start(0));
    assert_eq!(plan.next(5), Next::Wait { deadline_ns: None });
}
