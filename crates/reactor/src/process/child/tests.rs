//! `Child` with real processes.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::poll::{Events, Interest, Poller, Token};

/// Waits in a poller until the child's descriptor is readable.
fn wait(child: &Child) {
    let poller = Poller::new().unwrap();
    let token = Token::new(1, 1);
    poller.add(child.fd(), token, Interest::READABLE).unwrap();
    let mut events = Events::new();
    while events.is_empty() {
        poller
            .wait(Some(Duration::from_secs(30)), &mut events)
            .unwrap();
    }
    assert!(events.event(0).unwrap().readable);
}

fn shell(program: &str) -> (std::process::Child, Child) {
    let process = Command::new("/bin/sh")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let child = Child::open(i32::try_from(process.id()).unwrap()).unwrap();
    (process, child)
}

#[test]
fn tells_the_status_once_it_has_ended() {
    let (mut process, child) = shell("read line; exit 7");
    assert_eq!(child.reap().unwrap(), None);
    drop(process.stdin.take());
    wait(&child);
    assert_eq!(child.reap().unwrap(), Some(Exit::Status(7)));
    assert_eq!(Exit::Status(7).returncode(), 7);
    let error = child.reap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
}

#[test]
fn tells_the_signal_that_killed_it() {
    let (_process, child) = shell("kill -9 $$");
    wait(&child);
    let exit = child.reap().unwrap().unwrap();
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(exit.returncode(), -9);
}

#[test]
fn reaps_by_number_where_the_kernel_cannot_by_descriptor() {
    let (mut process, child) = shell("echo; read line; exit 3");
    let mut line = [0];
    process
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    assert_eq!(reap(WaitId::Pid(child.pid)).unwrap(), None);
    drop(process.stdin.take());
    wait(&child);
    assert_eq!(reap(WaitId::Pid(child.pid)).unwrap(), Some(Exit::Status(3)));
}

#[test]
fn a_process_that_somebody_else_reaped_is_nobodys_child() {
    let (mut process, child) = shell("exit 0");
    process.wait().unwrap();
    let error = child.reap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
    let gone = Child::open(i32::try_from(process.id()).unwrap()).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
    assert!(Child::open(0).is_err());
}

#[test]
fn the_descriptor_is_closed_on_exec() {
    let (mut process, child) = shell("exit 0");
    let flags = rustix::io::fcntl_getfd(&child.fd).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    process.wait().unwrap();
}
