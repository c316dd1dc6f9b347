//! What happens when the process has no descriptor left. Alone in its own process, because the
//! limit is the process's.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use reactor::poll::Resolved;
use reactor::{Accepted, Events, Fd, Interest, Listener, Poller, Remote, SignalPipe, Sources};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes every descriptor that is left.
fn take_all(file: &impl std::os::fd::AsFd) -> Vec<OwnedFd> {
    std::iter::from_fn(|| rustix::io::dup(file).ok()).collect()
}

fn orphans(poller: &Poller, sources: &Sources<()>) -> usize {
    let mut events = Events::new();
    poller
        .wait(Some(Duration::ZERO), &mut events)
        .expect("a look without waiting");
    events
        .iter()
        .filter(|&event| sources.resolve(event) == Resolved::Orphan)
        .count()
}

#[test]
fn without_descriptors_everything_says_so_and_recovers() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(64),
            maximum,
        },
    )
    .unwrap();

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = Listener::new(Fd::from(&socket));
    let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();

    // An orphan, as the head of the module `poll` makes one.
    let poller = Poller::new().unwrap();
    let mut sources = Sources::new();
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"x").unwrap();
    let token = sources
        .insert(&poller, Fd::from(&near), Interest::READABLE, ())
        .unwrap();
    let _duplicate = near.try_clone().unwrap();
    drop(near);
    sources.remove(&poller, token);
    sources.recycle();

    let taken = take_all(&socket);
    let emfile = Some(rustix::io::Errno::MFILE.raw_os_error());
    let Accepted::Exhausted(error) = listener.accept() else {
        panic!("accepted without descriptors")
    };
    assert_eq!(error.raw_os_error(), emfile);
    assert_eq!(Poller::new().unwrap_err().raw_os_error(), emfile);
    assert_eq!(Remote::<()>::new().unwrap_err().raw_os_error(), emfile);
    assert_eq!(SignalPipe::new().unwrap_err().raw_os_error(), emfile);
    assert_eq!(orphans(&poller, &sources), 1);
    assert_eq!(sources.rebuild(&poller).unwrap_err().raw_os_error(), emfile);
    assert_eq!(
        orphans(&poller, &sources),
        1,
        "a failed rebuild leaves the poller as it was"
    );

    drop(taken);
    assert!(
        matches!(listener.accept(), Accepted::Connection { .. }),
        "the connection has waited"
    );
    sources.rebuild(&poller).unwrap();
    assert_eq!(orphans(&poller, &sources), 0);
}
