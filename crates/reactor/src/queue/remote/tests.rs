//! `Remote` with real threads, and its loom models.

use super::Remote;

#[cfg(loom)]
mod models;

#[cfg(not(loom))]
mod with_threads {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn items_come_in_order_and_once() {
        let remote = Remote::new().unwrap();
        assert!(!remote.has_pending());
        remote.push(1).unwrap();
        remote.push(2).unwrap();
        assert!(remote.has_pending());
        let mut items = vec![0];
        remote.drain(&mut items);
        assert_eq!(items, [0, 1, 2]);
        assert!(!remote.has_pending());
        items.clear();
        remote.drain(&mut items);
        assert!(items.is_empty());
    }

    #[test]
    fn an_awake_loop_costs_no_write() {
        let remote = Remote::new().unwrap();
        remote.push(1).unwrap();
        remote.wake().unwrap();
        assert_eq!(remote.waker().clear().unwrap(), 0);
    }

    #[test]
    fn one_write_for_each_park() {
        let remote = Remote::new().unwrap();
        assert!(remote.park());
        remote.push(1).unwrap();
        remote.push(2).unwrap();
        remote.wake().unwrap();
        assert_eq!(remote.waker().clear().unwrap(), 1);
    }

    #[test]
    fn unpark_clears_the_eventfd() {
        let remote = Remote::new().unwrap();
        assert!(remote.park());
        remote.push(1).unwrap();
        remote.unpark().unwrap();
        assert_eq!(remote.waker().clear().unwrap(), 0);
    }

    #[test]
    fn unpark_clears_the_eventfd_for_items_that_were_drained_in_the_wait() {
        let remote = Remote::new().unwrap();
        assert!(remote.park());
        remote.push(1).unwrap();
        remote.drain(&mut Vec::new());
        assert!(!remote.has_pending());
        remote.push(2).unwrap();
        remote.drain(&mut Vec::new());
        remote.unpark().unwrap();
        assert_eq!(remote.waker().clear().unwrap(), 0);
        assert!(remote.park());
        remote.unpark().unwrap();
    }

    #[test]
    fn parking_is_refused_while_something_is_pending() {
        let remote = Remote::new().unwrap();
        remote.push(1).unwrap();
        assert!(!remote.park());
        assert!(!remote.park(), "an item refuses until it is drained");
        remote.drain(&mut Vec::new());
        assert!(remote.park());
        remote.unpark().unwrap();
    }

    #[test]
    fn a_wake_without_an_item_refuses_one_park() {
        let remote: Remote<u8> = Remote::new().unwrap();
        remote.wake().unwrap();
        assert!(!remote.has_pending());
        remote.drain(&mut Vec::new());
        assert!(!remote.park(), "draining does not take a wake away");
        assert!(remote.park());
        remote.unpark().unwrap();
    }

    #[test]
    fn a_wake_in_the_wait_is_spent_by_it() {
        let remote: Remote<u8> = Remote::new().unwrap();
        assert!(remote.park());
        remote.wake().unwrap();
        remote.unpark().unwrap();
        assert!(remote.park());
        remote.unpark().unwrap();
    }

    #[test]
    fn a_late_write_is_cleared_by_the_next_unpark() {
        let remote: Remote<u8> = Remote::new().unwrap();
        assert!(remote.park());
        // A producer that has set its bit and not written yet.
        remote
            .state
            .fetch_or(super::super::WOKEN, std::sync::atomic::Ordering::AcqRel);
        remote.unpark().unwrap();
        remote.waker().wake().unwrap();
        assert!(remote.park());
        remote.unpark().unwrap();
        assert_eq!(remote.waker().clear().unwrap(), 0);
    }

    #[test]
    fn many_producers_lose_nothing() {
        let remote = Arc::new(Remote::new().unwrap());
        let per_thread = if cfg!(miri) { 20 } else { 10_000 };
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let remote = Arc::clone(&remote);
                std::thread::spawn(move || {
                    for item in 0..per_thread {
                        remote.push((thread, item)).unwrap();
                    }
                })
            })
            .collect();
        let mut items = Vec::new();
        while items.len() < 4 * per_thread {
            remote.drain(&mut items);
            std::thread::yield_now();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        for thread in 0..4 {
            let mine = items
                .iter()
                .filter(|item| item.0 == thread)
                .map(|item| item.1);
            assert!(mine.eq(0..per_thread));
        }
    }

    /// The wait is a real one: a lost wake-up hangs the test.
    #[test]
    #[cfg(not(miri))]
    fn a_waiting_loop_hears_every_item() {
        let remote = Arc::new(Remote::new().unwrap());
        let poller = crate::poll::Poller::new().unwrap();
        poller.add_waker(remote.waker()).unwrap();
        let (count, mut received) = (20_000, Vec::new());
        let producer = {
            let remote = Arc::clone(&remote);
            std::thread::spawn(move || (0..count).for_each(|item| remote.push(item).unwrap()))
        };
        let mut events = crate::poll::Events::new();
        while received.len() < count {
            if remote.park() {
                poller.wait(None, &mut events).unwrap();
                remote.unpark().unwrap();
            }
            remote.drain(&mut received);
        }
        producer.join().unwrap();
        assert!(received.into_iter().eq(0..count));
    }
}
