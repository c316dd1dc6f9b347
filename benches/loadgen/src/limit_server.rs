//! The physical limit of the network rows: epoll, read, write, and nothing else.
//!
//! Token 0 is the listener, token 1 is standard input, connections come after them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::time::{ClockId, clock_gettime};

use crate::poller::{Interest, Poller};

const LISTENER: usize = 0;
const CONTROL: usize = 1;
const FIRST_CONNECTION: usize = 2;

/// Serves until standard input ends.
pub fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let control = io::stdin();
    let mut server = Server {
        poller: Poller::new(256)?,
        connections: Vec::new(),
        scratch: vec![0; 256 * 1024],
    };
    server.poller.add(&listener, LISTENER, Interest::Read)?;
    server.poller.add(&control, CONTROL, Interest::Read)?;
    println!("{{\"port\": {}}}", listener.local_addr()?.port());
    io::stdout().flush()?;
    loop {
        for index in 0..server.poller.wait()? {
            match server.poller.token(index) {
                LISTENER => server.accept(&listener)?,
                CONTROL => {
                    if control.lock().read(&mut server.scratch)? == 0 {
                        return Ok(());
                    }
                    report()?;
                }
                token => server.echo(token)?,
            }
        }
    }
}

/// Prints what the process has used so far.
fn report() -> io::Result<()> {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    println!(
        "{{\"cpu_seconds\": {}.{:09}, \"peak_rss_bytes\": {}}}",
        cpu.tv_sec,
        cpu.tv_nsec,
        peak_kib * 1024
    );
    io::stdout().flush()
}

struct Server {
    poller: Poller,
    connections: Vec<Option<Connection>>,
    scratch: Vec<u8>,
}

/// A peer, and what it has not taken yet of its own echo.
struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let token = FIRST_CONNECTION + self.connections.len();
            self.poller.add(&stream, token, Interest::Read)?;
            let unsent = Vec::new();
            self.connections.push(Some(Connection { stream, unsent }));
        }
    }

    fn echo(&mut self, token: usize) -> io::Result<()> {
        let slot = &mut self.connections[token - FIRST_CONNECTION];
        let Some(connection) = slot else {
            return Ok(());
        };
        let had_unsent = !connection.unsent.is_empty();
        if connection.turn(&mut self.scratch).is_err() {
            self.poller.delete(&connection.stream)?;
            *slot = None;
            return Ok(());
        }
        let has_unsent = !connection.unsent.is_empty();
        if had_unsent != has_unsent {
            let interest = if has_unsent {
                Interest::ReadWrite
            } else {
                Interest::Read
            };
            self.poller.modify(&connection.stream, token, interest)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Sends what was left over, else reads once and sends that. The end of the peer is an error.
    fn turn(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let count = write_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..count);
            return Ok(());
        }
        let count = match self.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let sent = write_some(&mut self.stream, &scratch[..count])?;
        self.unsent.extend_from_slice(&scratch[sent..count]);
        Ok(())
    }
}

fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}
