//! `loadgen`: the load for the network rows of `benches/`, and the server they are held against.
//!
//! `loadgen load` is a closed-loop client: every connection has one request under way, and sends
//! the next when the whole answer has come and has been checked. `loadgen --limit-server` is an
//! echo server that does nothing but epoll, read and write: what the kernel alone costs.
//! `harness/loadgen.py` starts both and talks to them in lines over their standard streams.

mod limit_server;
mod load;
mod poller;
mod request;

use std::process::ExitCode;

use load::Plan;
use request::Traffic;

const USAGE: &str = "\
usage: loadgen load --port PORT [--connections N] [--requests N] [--warmup N]
                    [--size BYTES | --http PATH]
       loadgen --limit-server

load: open the connections to 127.0.0.1:PORT, send the warm-up requests, print
{\"ready\": true}, wait for a line on standard input, send the requests, print the result as JSON.
Counts are per connection. The default is to send BYTES (1024) ending with a newline and to expect
them back; with --http it is to GET PATH and to expect a whole answer with status 200.

--limit-server: print {\"port\": PORT}, echo on it whatever comes, print the CPU seconds used so
far and the highest resident size for each line of standard input, end when standard input ends.
";

/// What the command line asks for.
enum Command {
    Load(Plan),
    LimitServer,
    Help,
}

fn main() -> ExitCode {
    let outcome = match parse(std::env::args().skip(1)) {
        Ok(Command::Load(plan)) => load::run(&plan),
        Ok(Command::LimitServer) => limit_server::run(),
        Ok(Command::Help) => {
            print!("{USAGE}");
            Ok(())
        }
        Err(message) => {
            eprint!("loadgen: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    match arguments.next().as_deref() {
        Some("load") => parse_load(arguments).map(Command::Load),
        Some("--limit-server") => match arguments.next() {
            None => Ok(Command::LimitServer),
            Some(extra) => Err(format!("unexpected argument {extra}")),
        },
        Some("--help" | "-h") => Ok(Command::Help),
        Some(other) => Err(format!("unknown command {other}")),
        None => Err("no command".to_owned()),
    }
}

fn parse_load(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan {
        port: 0,
        connections: 1,
        requests: 1000,
        warmup: 100,
        traffic: Traffic::Echo { size_bytes: 1024 },
    };
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--port" => plan.port = number(&option, &value)?,
            "--connections" => plan.connections = number(&option, &value)?,
            "--requests" => plan.requests = number(&option, &value)?,
            "--warmup" => plan.warmup = number(&option, &value)?,
            "--size" => {
                plan.traffic = Traffic::Echo {
                    size_bytes: number(&option, &value)?,
                }
            }
            "--http" => plan.traffic = Traffic::Http { path: value },
            _ => return Err(format!("unknown option {option}")),
        }
    }
    if plan.port == 0 {
        return Err("--port is missing".to_owned());
    }
    if plan.connections == 0 || matches!(plan.traffic, Traffic::Echo { size_bytes: 0 }) {
        return Err("--connections and --size start at 1".to_owned());
    }
    Ok(plan)
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{option} takes a number, not {value}"))
}
