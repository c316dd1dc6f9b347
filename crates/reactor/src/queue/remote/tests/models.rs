//! Loom models: every interleaving of a few threads. A lost wake-up shows as a deadlock in the
//! model's wait.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Remote;

/// Waits as the loop does, if it may.
fn wait<T>(remote: &Remote<T>) {
    if remote.park() {
        remote.waker().wait_readable();
        remote.unpark().unwrap();
    }
}

fn run_until<T>(remote: &Remote<T>, count: usize) -> Vec<T> {
    let mut items = Vec::new();
    while items.len() < count {
        wait(remote);
        remote.drain(&mut items);
    }
    items
}

#[test]
fn loom_one_producer_is_heard() {
    loom::model(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let producer = {
            let remote = Arc::clone(&remote);
            thread::spawn(move || {
                remote.push(1).unwrap();
                remote.push(2).unwrap();
            })
        };
        assert_eq!(run_until(&remote, 2), [1, 2]);
        producer.join().unwrap();
    });
}

#[test]
fn loom_two_producers_are_heard() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let producers = [1, 2].map(|item| {
            let remote = Arc::clone(&remote);
            thread::spawn(move || remote.push(item).unwrap())
        });
        let mut items = run_until(&remote, 2);
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// `stop()` from another thread: the flag is written before the wake and must be seen after it.
#[test]
fn loom_a_wake_is_never_lost() {
    loom::model(|| {
        let remote: Arc<Remote<u8>> = Arc::new(Remote::new().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let stopper = {
            let (remote, stop) = (Arc::clone(&remote), Arc::clone(&stop));
            thread::spawn(move || {
                stop.store(true, Ordering::Relaxed);
                remote.wake().unwrap();
            })
        };
        // The drain stands between the look at the flag and the wait: it must not take the wake.
        while !stop.load(Ordering::Relaxed) {
            remote.drain(&mut Vec::new());
            wait(&remote);
        }
        stopper.join().unwrap();
    });
}

/// An item and a wake at once: one write, nothing lost, and no wake-up is left over for ever.
#[test]
fn loom_an_item_and_a_wake() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let producer = {
            let remote = Arc::clone(&remote);
            thread::spawn(move || remote.push(1).unwrap())
        };
        let stopper = {
            let (remote, stop) = (Arc::clone(&remote), Arc::clone(&stop));
            thread::spawn(move || {
                stop.store(true, Ordering::Relaxed);
                remote.wake().unwrap();
            })
        };
        let mut items: Vec<u8> = Vec::new();
        loop {
            remote.drain(&mut items);
            if !items.is_empty() && stop.load(Ordering::Relaxed) {
                break;
            }
            wait(&remote);
        }
        producer.join().unwrap();
        stopper.join().unwrap();
        settle(&remote);
    });
}

/// After any wait that was interrupted for another reason, the eventfd does not stay readable: what
/// the writers still owe is cleared when it has come.
#[test]
fn loom_the_eventfd_does_not_stay_readable() {
    loom::model(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let producer = {
            let remote = Arc::clone(&remote);
            thread::spawn(move || remote.push(1).unwrap())
        };
        // A wait that ends at once, as with a timeout or another event.
        if remote.park() {
            remote.unpark().unwrap();
        }
        producer.join().unwrap();
        remote.drain(&mut Vec::new());
        settle(&remote);
    });
}

/// With every producer gone, the next unpark leaves the counter at zero and owes nothing.
fn settle<T>(remote: &Remote<T>) {
    while !remote.park() {}
    remote.unpark().unwrap();
    assert_eq!(remote.waker().clear().unwrap(), 0);
    assert_eq!(remote.owed_wakes.load(Ordering::Relaxed), 0);
}
