//! `Join`: two futures at once. Crates such as `futures` have this as `try_join`; here is what it does.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Ends with both values, or with the first error.
pub struct Join<F: Future, G: Future> {
    first: Half<F>,
    second: Half<G>,
}

/// A future, and its value from the poll that ended it until both are there.
struct Half<F: Future> {
    future: Pin<Box<F>>,
    value: Option<F::Output>,
}

impl<F: Future> Half<F> {
    fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            value: None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        if self.value.is_none()
            && let Poll::Ready(value) = self.future.as_mut().poll(context)
        {
            self.value = Some(value);
        }
    }
}

impl<F: Future, G: Future> Join<F, G> {
    /// Nothing happens before the first poll.
    pub fn new(first: F, second: G) -> Self {
        Self {
            first: Half::new(first),
            second: Half::new(second),
        }
    }
}

impl<A, B, E, F, G> Future for Join<F, G>
where
    A: Unpin,
    B: Unpin,
    E: Unpin,
    F: Future<Output = Result<A, E>>,
    G: Future<Output = Result<B, E>>,
{
    type Output = Result<(A, B), E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.first.poll(context);
        self.second.poll(context);
        match (self.first.value.take(), self.second.value.take()) {
            (Some(Err(error)), _) | (_, Some(Err(error))) => Poll::Ready(Err(error)),
            (Some(Ok(first)), Some(Ok(second))) => Poll::Ready(Ok((first, second))),
            (first, second) => {
                self.first.value = first;
                self.second.value = second;
                Poll::Pending
            }
        }
    }
}
