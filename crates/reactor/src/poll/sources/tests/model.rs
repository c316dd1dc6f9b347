//! A random walk over sockets that are registered, changed, removed, closed, duplicated and taken
//! over in every order. The model knows the kernel's set of registrations, orphans included, and
//! which of them is whose: no source may ever hear of another socket than its own.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};

use proptest::prelude::*;

use super::*;

/// How many numbers and sockets the walk uses.
const N: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    /// Registers number `0` for what it is now.
    Insert(usize, Interest),
    SetInterest(usize, Interest),
    Remove(usize),
    /// Makes number `0` name socket `1`, behind the book's back.
    TakeOver(usize, usize),
    Turn,
}

fn op() -> impl Strategy<Value = Op> {
    let interest = || {
        prop_oneof![
            Just(Interest::NONE),
            Just(Interest::READABLE),
            Just(Interest::WRITABLE),
            Just(Interest::BOTH)
        ]
    };
    prop_oneof![
        4 => (0..N, interest()).prop_map(|(number, interest)| Op::Insert(number, interest)),
        4 => (0..N, interest()).prop_map(|(number, interest)| Op::SetInterest(number, interest)),
        2 => (0..N).prop_map(Op::Remove),
        2 => (0..N, 0..N).prop_map(|(number, socket)| Op::TakeOver(number, socket)),
        4 => Just(Op::Turn),
    ]
}

/// One number: the socket it names now, and its living source.
struct Number {
    owner: OwnedFd,
    socket: usize,
    source: Option<Source>,
}

struct Source {
    token: Token,
    interest: Interest,
    /// The socket that its registration is for; `None` without interest.
    socket: Option<usize>,
}

struct Walk {
    poller: Poller,
    sources: Sources<usize>,
    /// They stay open all the time, so every registration lives on until it is ended properly.
    sockets: Vec<(UnixStream, UnixStream)>,
    numbers: Vec<Number>,
    tokens: HashMap<Token, usize>,
    /// What epoll knows: (number, socket).
    kernel: HashSet<(usize, usize)>,
}

impl Walk {
    fn new() -> Self {
        let sockets: Vec<_> = (0..N).map(|_| full_pair()).collect();
        let numbers = (0..N).map(|socket| Number {
            owner: rustix::io::dup(&sockets[socket].0).unwrap(),
            socket,
            source: None,
        });
        Self {
            poller: Poller::new().unwrap(),
            sources: Sources::new(),
            numbers: numbers.collect(),
            sockets,
            tokens: HashMap::new(),
            kernel: HashSet::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Insert(index, interest) => self.insert(index, interest),
            Op::SetInterest(index, interest) => self.set_interest(index, interest),
            Op::Remove(index) => {
                if let Some(source) = self.numbers[index].source.take() {
                    if source.socket.is_some() {
                        self.kernel.remove(&(index, self.numbers[index].socket));
                    }
                    assert_eq!(self.sources.remove(&self.poller, source.token), Some(index));
                    assert_eq!(self.sources.remove(&self.poller, source.token), None);
                }
            }
            Op::TakeOver(index, socket) => {
                let number = &mut self.numbers[index];
                let flags = rustix::io::DupFlags::CLOEXEC;
                rustix::io::dup3(&self.sockets[socket].0, &mut number.owner, flags).unwrap();
                number.socket = socket;
            }
            Op::Turn => self.turn(),
        }
        self.check_book();
    }

    fn insert(&mut self, index: usize, interest: Interest) {
        let number = &mut self.numbers[index];
        let fd = Fd::from(&number.owner.as_fd());
        let inserted = self.sources.insert(&self.poller, fd, interest, index);
        if number.source.is_some() {
            assert!(is(&inserted.unwrap_err().0, Errno::EXIST));
            return;
        }
        let token = inserted.unwrap();
        assert_eq!(
            self.tokens.insert(token, index),
            None,
            "a token was given out twice"
        );
        let socket = (!interest.is_empty()).then_some(number.socket);
        self.kernel.extend(socket.map(|socket| (index, socket)));
        number.source = Some(Source {
            token,
            interest,
            socket,
        });
    }

    fn set_interest(&mut self, index: usize, interest: Interest) {
        let number = &mut self.numbers[index];
        let Some(source) = &mut number.source else {
            return;
        };
        if source.interest != interest {
            if interest.is_empty() {
                self.kernel.remove(&(index, number.socket));
            } else {
                self.kernel.insert((index, number.socket));
            }
            source.interest = interest;
            source.socket = (!interest.is_empty()).then_some(number.socket);
        }
        self.sources
            .set_interest(&self.poller, source.token, interest)
            .unwrap();
    }

    /// Every socket is readable and writable all the time, so each source must hear of all that it
    /// has asked for, once the orphans are shed.
    fn turn(&mut self) {
        let mut heard = self.look();
        if heard.is_none() {
            heard = self.look();
        }
        let mut heard = heard.expect("orphans were left after a rebuild");
        let living = self
            .numbers
            .iter()
            .filter_map(|number| number.source.as_ref());
        let registered = living.filter(|source| source.socket.is_some()).count();
        assert!(self.kernel.len() >= registered);
        for number in &self.numbers {
            let Some(source) = &number.source else {
                continue;
            };
            let expected = source
                .socket
                .map(|_| source.interest)
                .filter(|i| !i.is_empty());
            assert_eq!(heard.remove(&source.token), expected);
        }
        assert!(heard.is_empty(), "somebody heard who is not registered");
    }

    /// One turn. `None` when there were orphans and the poller was rebuilt.
    fn look(&mut self) -> Option<HashMap<Token, Interest>> {
        let mut events = Events::new();
        self.poller.wait(Some(Duration::ZERO), &mut events).unwrap();
        let (mut heard, mut orphans) = (HashMap::new(), 0);
        for event in events.iter() {
            match self.sources.resolve(event) {
                Resolved::Ready(index, event) => {
                    assert_eq!(self.tokens[&event.token], *index);
                    let mut interest = Interest::NONE;
                    if event.readable {
                        interest |= Interest::READABLE;
                    }
                    if event.writable {
                        interest |= Interest::WRITABLE;
                    }
                    assert_eq!(
                        heard.insert(event.token, interest),
                        None,
                        "two events for one source"
                    );
                }
                Resolved::Stale => {}
                Resolved::Orphan => orphans += 1,
            }
        }
        self.sources.recycle();
        if orphans == 0 {
            return Some(heard);
        }
        self.sources.rebuild(&self.poller).unwrap();
        // What epoll knows under the number's present socket was moved; the others have left.
        let before = std::mem::take(&mut self.kernel);
        for (index, number) in self.numbers.iter_mut().enumerate() {
            let Some(source) = &mut number.source else {
                continue;
            };
            if source.socket.is_none() {
                continue;
            }
            if before.contains(&(index, number.socket)) {
                source.socket = Some(number.socket);
                self.kernel.insert((index, number.socket));
            } else {
                (source.socket, source.interest) = (None, Interest::NONE);
            }
        }
        None
    }

    fn check_book(&self) {
        let living: Vec<&Number> = self.numbers.iter().filter(|n| n.source.is_some()).collect();
        assert_eq!(self.sources.len(), living.len());
        for number in living {
            let source = number.source.as_ref().unwrap();
            let fd = Fd::from(&number.owner.as_fd());
            assert_eq!(self.sources.token_of(fd), Some(source.token));
            assert_eq!(self.sources.fd(source.token), Some(fd));
            assert_eq!(self.sources.interest(source.token), Some(source.interest));
            assert_eq!(
                self.sources.get(source.token),
                Some(&self.tokens[&source.token])
            );
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases())]

    #[test]
    fn every_source_hears_of_its_own_socket_only(ops in crate::testing::history(op(), 60)) {
        let mut walk = Walk::new();
        for op in &ops {
            walk.apply(op);
        }
        walk.turn();
    }
}
