//! A channel from a thread to futures: the thread looks for primes and sends them, never more than `ROOM` ahead of those
//! who ask.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{io, thread};

/// How many primes may wait to be asked for.
const ROOM: usize = 16;

/// Gives the primes out. Dropped, it ends the search.
pub struct Receiver(Arc<Channel>);

/// The next prime, or none.
pub struct Next(Arc<Channel>);

#[derive(Default)]
struct Channel {
    state: Mutex<State>,
    /// There is room again, or the receiver has gone.
    room: Condvar,
}

#[derive(Default)]
struct State {
    found: VecDeque<u64>,
    /// Everything has been sent.
    is_complete: bool,
    /// Nobody asks any more.
    is_abandoned: bool,
    /// Those who wait for a prime.
    wakers: Vec<Waker>,
}

/// Starts the thread.
pub fn search(count: usize) -> io::Result<Receiver> {
    let channel = Arc::<Channel>::default();
    let sender = channel.clone();
    thread::Builder::new()
        .name("primes".to_owned())
        .spawn(move || sender.send_primes(count))?;
    Ok(Receiver(channel))
}

impl Receiver {
    pub fn next(&self) -> Next {
        Next(self.0.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.state().is_abandoned = true;
        self.0.room.notify_one();
    }
}

impl Future for Next {
    type Output = Option<u64>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
        let mut state = self.0.state();
        if let Some(prime) = state.found.pop_front() {
            self.0.room.notify_one();
            return Poll::Ready(Some(prime));
        }
        if state.is_complete {
            return Poll::Ready(None);
        }
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Channel {
    fn send_primes(&self, count: usize) {
        let primes = (2_u64..).filter(|number| (2..*number).all(|divisor| number % divisor != 0));
        for prime in primes.take(count) {
            let full = |state: &mut State| state.found.len() >= ROOM && !state.is_abandoned;
            let mut state = self
                .room
                .wait_while(self.state(), full)
                .unwrap_or_else(PoisonError::into_inner);
            if state.is_abandoned {
                return;
            }
            state.found.push_back(prime);
            wake_all(state);
        }
        let mut state = self.state();
        state.is_complete = true;
        wake_all(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes whoever waits. The bridge's wakers may be called under a lock; it is a good habit not to.
fn wake_all(mut state: MutexGuard<'_, State>) {
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}
