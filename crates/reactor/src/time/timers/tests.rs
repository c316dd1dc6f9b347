//! `Timers` against a plain list that is searched from end to end.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;

use super::{Deadline, Expiry, Timers};

/// A timer with a name, which several owners can cancel.
#[derive(Clone, Debug)]
struct Timer {
    name: usize,
    cancelled: Rc<Cell<bool>>,
}

impl Timer {
    fn new(name: usize) -> Self {
        Self {
            name,
            cancelled: Rc::default(),
        }
    }
}

impl Expiry for Timer {
    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

fn at(ns: u64) -> Deadline {
    Deadline::at_ns(ns)
}

fn names(timers: &[Timer]) -> Vec<usize> {
    let mut names: Vec<usize> = timers.iter().map(|timer| timer.name).collect();
    names.sort_unstable();
    names
}

#[test]
fn equal_deadlines_come_out_as_they_went_in() {
    let mut timers = Timers::new();
    for name in 0..50 {
        timers.insert(at(7), Timer::new(name));
    }
    timers.insert(at(6), Timer::new(50));
    let order: Vec<usize> = std::iter::from_fn(|| timers.pop(at(7)))
        .map(|timer| timer.name)
        .collect();
    assert_eq!(order[0], 50);
    assert!(order[1..].iter().copied().eq(0..50));
}

#[test]
fn a_timer_is_due_at_its_deadline_and_not_before() {
    let mut timers = Timers::default();
    assert!(timers.is_empty());
    assert!(timers.pop(at(u64::MAX)).is_none());
    timers.insert(at(10), Timer::new(0));
    assert_eq!(timers.next_deadline(), Some(at(10)));
    assert!(timers.pop(at(9)).is_none());
    assert_eq!(timers.len(), 1);
    assert_eq!(timers.pop(at(10)).unwrap().name, 0);
    assert_eq!(timers.next_deadline(), None);
}

#[test]
fn a_cancelled_head_comes_out_early_and_hides_nothing() {
    let mut timers = Timers::new();
    let (first, second) = (Timer::new(0), Timer::new(1));
    timers.insert(at(10), first.clone());
    timers.insert(at(20), second.clone());
    assert!(!timers.head_is_cancelled());
    second.cancelled.set(true);
    timers.note_cancelled();
    assert!(timers.pop(at(0)).is_none(), "only the head leaves early");
    first.cancelled.set(true);
    timers.note_cancelled();
    assert!(timers.head_is_cancelled());
    assert_eq!(timers.pop(at(0)).unwrap().name, 0);
    assert_eq!(timers.pop(at(0)).unwrap().name, 1);
    assert!(timers.is_empty());
}

#[test]
fn compaction_is_due_by_asyncios_rule() {
    let mut timers = Timers::new();
    let all: Vec<Timer> = (0..102).map(Timer::new).collect();
    for timer in &all {
        timers.insert(at(timer.name as u64), timer.clone());
    }
    for timer in &all[..51] {
        timer.cancelled.set(true);
        assert!(!timers.note_cancelled(), "half is not more than half");
    }
    all[101].cancelled.set(true);
    assert!(timers.note_cancelled());
    assert_eq!(
        names(&timers.compact()),
        (0..51).chain([101]).collect::<Vec<_>>()
    );
    assert_eq!(timers.len(), 50);
    assert_eq!(timers.pop(at(u64::MAX)).unwrap().name, 51);
}

#[test]
fn a_hundred_entries_are_never_compacted() {
    let mut timers = Timers::new();
    let all: Vec<Timer> = (0..100).map(Timer::new).collect();
    for timer in &all {
        timers.insert(at(1), timer.clone());
    }
    for timer in &all {
        timer.cancelled.set(true);
        assert!(!timers.note_cancelled());
    }
}

#[test]
fn the_count_survives_notes_that_come_too_late_or_too_often() {
    let mut timers = Timers::new();
    let timer = Timer::new(0);
    timers.insert(at(1), timer.clone());
    timer.cancelled.set(true);
    // Popped between the cancellation and its note: the count has nothing to take back.
    assert!(timers.pop(at(0)).is_some());
    assert_eq!(timers.cancelled, 0);
    // The note then finds an empty heap.
    assert!(!timers.note_cancelled());
    assert_eq!(timers.cancelled, 0);
    timers.insert(at(1), Timer::new(1));
    for _ in 0..1000 {
        timers.note_cancelled();
    }
    assert_eq!(timers.cancelled, 1);
    assert!(timers.compact().is_empty());
    assert_eq!((timers.cancelled, timers.len()), (0, 1));
}

#[test]
fn many_that_are_due_at_once_leave_in_order_and_leave_the_others() {
    let mut timers = Timers::new();
    // Due in three groups of a thousand, inserted crosswise.
    for name in 0..3000 {
        timers.insert(at((name * 7919 % 3000) as u64), Timer::new(name));
    }
    for end in [1000, 2000, 3000] {
        let left: Vec<usize> = std::iter::from_fn(|| timers.pop(at(end - 1)))
            .map(|timer| timer.name * 7919 % 3000)
            .collect();
        assert!(left.into_iter().eq(end as usize - 1000..end as usize));
    }
    assert!(timers.is_empty());
}

#[test]
fn what_is_inserted_into_a_swept_heap_keeps_its_place() {
    let mut timers = Timers::new();
    for name in 0..100 {
        timers.insert(at(10 + name as u64), Timer::new(name));
    }
    for name in 0..20 {
        assert_eq!(timers.pop(at(500)).unwrap().name, name);
    }
    assert!(!timers.swept.is_empty(), "a sweep was due");
    timers.insert(at(0), Timer::new(1000));
    timers.insert(at(400), Timer::new(1001));
    let left: Vec<usize> = std::iter::from_fn(|| timers.pop(at(500)))
        .map(|timer| timer.name)
        .collect();
    assert!(
        left.into_iter()
            .eq([1000].into_iter().chain(20..100).chain([1001]))
    );
}

#[test]
fn drain_returns_everything() {
    let mut timers = Timers::new();
    for name in 0..5 {
        timers.insert(at(9 - name as u64), Timer::new(name));
    }
    assert_eq!(names(&timers.drain()), [0, 1, 2, 3, 4]);
    assert!(timers.is_empty());
}

#[test]
fn no_value_is_dropped_inside() {
    let mut timers = Timers::new();
    let all: Vec<Timer> = (0..20).map(Timer::new).collect();
    for timer in &all {
        timers.insert(at(timer.name as u64), timer.clone());
        timer.cancelled.set(timer.name % 2 == 0);
        if timer.is_cancelled() {
            timers.note_cancelled();
        }
    }
    let owners = |timer: &Timer| Rc::strong_count(&timer.cancelled);
    let mut out = vec![timers.pop(at(0)).unwrap()];
    out.extend(timers.compact());
    out.extend(timers.pop(at(5)));
    out.extend(timers.drain());
    assert_eq!(out.len(), all.len());
    assert!(all.iter().all(|timer| owners(timer) == 2));
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64),
    /// Cancels the n-th timer ever made, whether it is still in the heap or not.
    Cancel(prop::sample::Index),
    Pop(u64),
    Compact,
    Drain,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..20_u64).prop_map(Op::Insert),
        4 => any::<prop::sample::Index>().prop_map(Op::Cancel),
        4 => (0..25_u64).prop_map(Op::Pop),
        1 => Just(Op::Compact),
        1 => Just(Op::Drain),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases())]

    #[test]
    fn behaves_as_a_sorted_list(ops in crate::testing::history(op(), 200)) {
        let mut timers = Timers::new();
        let mut all: Vec<Timer> = Vec::new();
        // What is in the heap: (deadline, name); names are given in order of insertion.
        let mut model: Vec<(u64, usize)> = Vec::new();
        for op in ops {
            match op {
                Op::Insert(deadline_ns) => {
                    let timer = Timer::new(all.len());
                    model.push((deadline_ns, timer.name));
                    model.sort_unstable();
                    timers.insert(at(deadline_ns), timer.clone());
                    all.push(timer);
                }
                Op::Cancel(index) if !all.is_empty() => {
                    let timer = index.get(&all);
                    let is_inside = model.iter().any(|&(_, name)| name == timer.name);
                    if !timer.cancelled.replace(true) && is_inside {
                        timers.note_cancelled();
                    }
                }
                Op::Cancel(_) => {}
                Op::Pop(now_ns) => {
                    let is_out = |&(deadline_ns, name): &(u64, usize)| {
                        deadline_ns <= now_ns || all[name].is_cancelled()
                    };
                    let expected = model.first().copied().filter(is_out).map(|_| model.remove(0).1);
                    prop_assert_eq!(timers.pop(at(now_ns)).map(|timer| timer.name), expected);
                }
                Op::Compact => {
                    let is_cancelled = |entry: &(u64, usize)| all[entry.1].is_cancelled();
                    let (out, left): (Vec<_>, Vec<_>) = model.into_iter().partition(is_cancelled);
                    model = left;
                    let mut expected: Vec<usize> = out.iter().map(|entry| entry.1).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(names(&timers.compact()), expected);
                }
                Op::Drain => {
                    let mut expected: Vec<usize> = model.drain(..).map(|(_, name)| name).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(names(&timers.drain()), expected);
                }
            }
            prop_assert_eq!(timers.len(), model.len());
            prop_assert_eq!(timers.next_deadline(), model.first().map(|entry| at(entry.0)));
            let cancelled = model.iter().filter(|&&(_, name)| all[name].is_cancelled()).count();
            prop_assert_eq!(timers.cancelled, cancelled, "the count has drifted");
        }
    }
}
