//! The closed-loop client.
//!
//! One thread and one epoll serve all connections, so that the client costs the same whatever it
//! is pointed at. A connection that fails is counted, named once, and costs only itself.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::poller::{Interest, Poller};
use crate::request::{Progress, Traffic};

/// What to send where. Counts are per connection.
pub struct Plan {
    /// Port of the server on 127.0.0.1.
    pub port: u16,
    /// Number of connections, each with one request under way.
    pub connections: usize,
    /// Measured requests.
    pub requests: usize,
    /// Requests before the measured ones.
    pub warmup: usize,
    /// What the requests are.
    pub traffic: Traffic,
}

/// Sends the plan's requests and prints the result.
pub fn run(plan: &Plan) -> io::Result<()> {
    let mut client = Client::connect(plan)?;
    client.exchange(plan.warmup)?;
    say("{\"ready\": true}")?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(io::Error::other("standard input ended before the start"));
    }
    let answered = client.answered;
    let start = Instant::now();
    client.exchange(plan.requests)?;
    let elapsed = start.elapsed();
    say(&client.report(client.answered - answered, elapsed))
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// All connections of one run.
struct Client<'plan> {
    traffic: &'plan Traffic,
    poller: Poller,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    answered: usize,
    errors: usize,
    first_error: String,
}

impl<'plan> Client<'plan> {
    fn connect(plan: &'plan Plan) -> io::Result<Self> {
        let poller = Poller::new(plan.connections)?;
        let mut connections = Vec::with_capacity(plan.connections);
        for token in 0..plan.connections {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, plan.port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            poller.add(&stream, token, Interest::Read)?;
            connections.push(Connection::new(stream, plan.traffic.request()));
        }
        Ok(Self {
            traffic: &plan.traffic,
            poller,
            connections,
            scratch: vec![0; 256 * 1024],
            answered: 0,
            errors: 0,
            first_error: String::new(),
        })
    }

    /// Sends `requests` on every living connection and waits for the last answer.
    fn exchange(&mut self, requests: usize) -> io::Result<()> {
        if requests == 0 {
            return Ok(());
        }
        let mut busy = 0;
        for token in 0..self.connections.len() {
            if self.connections[token].stage == Stage::Dead {
                continue;
            }
            self.connections[token].left = requests;
            let began = self.begin(token);
            busy += usize::from(self.keep(token, began)?);
        }
        while busy > 0 {
            for index in 0..self.poller.wait()? {
                let token = self.poller.token(index);
                // A connection that has finished is no longer counted, and may still be closed.
                let counted = self.connections[token].left > 0;
                let moved = self.advance(token);
                let goes_on = self.keep(token, moved)?;
                busy -= usize::from(counted && !goes_on);
            }
        }
        Ok(())
    }

    /// Sends the next request of a connection.
    fn begin(&mut self, token: usize) -> Result<bool, String> {
        let connection = &mut self.connections[token];
        connection.sequence += 1;
        let sequence = connection.sequence;
        self.traffic.stamp(&mut connection.request, token, sequence);
        connection.sent = 0;
        connection.answer.clear();
        self.flush(token)?;
        Ok(true)
    }

    /// Writes what the socket takes, and watches for room only while something is left over.
    fn flush(&mut self, token: usize) -> Result<(), String> {
        let connection = &mut self.connections[token];
        let stage = connection.send().map_err(|error| error.to_string())?;
        if stage != connection.stage {
            let interest = match stage {
                Stage::Sending => Interest::ReadWrite,
                Stage::Waiting | Stage::Dead => Interest::Read,
            };
            self.poller
                .modify(&connection.stream, token, interest)
                .map_err(|error| error.to_string())?;
            connection.stage = stage;
        }
        Ok(())
    }

    /// Moves a connection that has an event; true while it has more to do.
    fn advance(&mut self, token: usize) -> Result<bool, String> {
        if self.connections[token].stage == Stage::Sending {
            self.flush(token)?;
        }
        let connection = &mut self.connections[token];
        match connection.stream.read(&mut self.scratch) {
            Ok(0) => return Err("the server closed a connection".to_owned()),
            Ok(count) => connection.answer.extend_from_slice(&self.scratch[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error.to_string()),
        }
        if connection.left == 0 {
            return Err("bytes that nobody asked for".to_owned());
        }
        match self
            .traffic
            .check(&connection.request, &connection.answer)?
        {
            Progress::Partial => Ok(true),
            Progress::Whole => {
                self.answered += 1;
                connection.left -= 1;
                if connection.left == 0 {
                    return Ok(false);
                }
                self.begin(token)
            }
        }
    }

    /// Counts a failure and gives up its connection; true while the connection is busy.
    fn keep(&mut self, token: usize, outcome: Result<bool, String>) -> io::Result<bool> {
        let message = match outcome {
            Ok(busy) => return Ok(busy),
            Err(message) => message,
        };
        self.errors += 1;
        if self.first_error.is_empty() {
            self.first_error = message;
        }
        let connection = &mut self.connections[token];
        connection.stage = Stage::Dead;
        connection.left = 0;
        self.poller.delete(&connection.stream)?;
        Ok(false)
    }

    fn report(&self, requests: usize, elapsed: Duration) -> String {
        let first_error = self.first_error.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "{{\"requests\": {requests}, \"seconds\": {:.9}, \"errors\": {}, \"first_error\": \"{first_error}\"}}",
            elapsed.as_secs_f64(),
            self.errors,
        )
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// A part of the request is still to be written.
    Sending,
    /// The request is out; its answer is awaited, or nothing is.
    Waiting,
    /// It failed and is no longer watched.
    Dead,
}

struct Connection {
    stream: TcpStream,
    stage: Stage,
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    sequence: usize,
    left: usize,
}

impl Connection {
    fn new(stream: TcpStream, request: Vec<u8>) -> Self {
        Self {
            stream,
            stage: Stage::Waiting,
            request,
            sent: 0,
            answer: Vec::new(),
            sequence: 0,
            left: 0,
        }
    }

    fn send(&mut self) -> io::Result<Stage> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Stage::Sending),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        Ok(Stage::Waiting)
    }
}
