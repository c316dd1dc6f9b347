//! What is sent, and what counts as its whole answer.

/// The kind of requests of one run.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// A stamped line of `size_bytes` bytes, expected back unchanged.
    Echo {
        /// Length of the line, its newline included.
        size_bytes: usize,
    },
    /// `GET path`, expected to be answered with status 200 and a Content-Length.
    Http {
        /// The path asked for.
        path: String,
    },
}

/// How far an answer has come.
#[derive(Debug, Eq, PartialEq)]
pub enum Progress {
    /// More bytes have to come.
    Partial,
    /// All of it is there, and right.
    Whole,
}

impl Traffic {
    /// The first request of a connection.
    pub fn request(&self) -> Vec<u8> {
        match self {
            Traffic::Echo { size_bytes } => {
                let mut line: Vec<u8> = (b'a'..=b'z').cycle().take(*size_bytes).collect();
                if let Some(last) = line.last_mut() {
                    *last = b'\n';
                }
                line
            }
            Traffic::Http { path } => {
                format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
            }
        }
    }

    /// Marks the request with its number, so that a late or doubled answer cannot pass for it.
    pub fn stamp(&self, request: &mut [u8], connection: usize, sequence: usize) {
        if let Traffic::Echo { .. } = self {
            let stamp = format!("{connection:06x}-{sequence:08x}-");
            let room = request.len() - 1;
            let length = stamp.len().min(room);
            request[..length].copy_from_slice(&stamp.as_bytes()[..length]);
        }
    }

    /// Looks at what has come so far in answer to `request`.
    pub fn check(&self, request: &[u8], answer: &[u8]) -> Result<Progress, String> {
        match self {
            Traffic::Echo { .. } => check_echo(request, answer),
            Traffic::Http { .. } => check_http(answer),
        }
    }
}

fn check_echo(request: &[u8], answer: &[u8]) -> Result<Progress, String> {
    if answer.len() < request.len() {
        return Ok(Progress::Partial);
    }
    if answer == request {
        Ok(Progress::Whole)
    } else {
        Err("the echo differs from what was sent".to_owned())
    }
}

fn check_http(answer: &[u8]) -> Result<Progress, String> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(Progress::Partial);
    };
    let head = std::str::from_utf8(&answer[..end]).map_err(|error| error.to_string())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        return Err(format!("answered {status}"));
    }
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or("an answer without Content-Length")?;
    match answer.len().cmp(&(end + 4 + length)) {
        std::cmp::Ordering::Less => Ok(Progress::Partial),
        std::cmp::Ordering::Equal => Ok(Progress::Whole),
        std::cmp::Ordering::Greater => Err("bytes after the answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_request_is_one_stamped_line() {
        let traffic = Traffic::Echo { size_bytes: 32 };
        let mut request = traffic.request();
        traffic.stamp(&mut request, 1, 2);
        assert_eq!(request.len(), 32);
        assert_eq!(&request[..16], b"000001-00000002-");
        assert_eq!(request.iter().filter(|&&byte| byte == b'\n').count(), 1);
    }

    #[test]
    fn one_byte_request_is_its_newline() {
        let traffic = Traffic::Echo { size_bytes: 1 };
        let mut request = traffic.request();
        traffic.stamp(&mut request, 1, 2);
        assert_eq!(request, b"\n");
    }

    #[test]
    fn echo_is_whole_only_when_equal() {
        let traffic = Traffic::Echo { size_bytes: 4 };
        assert_eq!(traffic.check(b"abc\n", b"ab"), Ok(Progress::Partial));
        assert_eq!(traffic.check(b"abc\n", b"abc\n"), Ok(Progress::Whole));
        assert!(traffic.check(b"abc\n", b"abd\n").is_err());
        assert!(traffic.check(b"abc\n", b"abc\nabc\n").is_err());
    }

    #[test]
    fn http_answer_is_whole_by_its_content_length() {
        let traffic = Traffic::Http {
            path: "/".to_owned(),
        };
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        for length in 0..answer.len() {
            assert_eq!(traffic.check(b"", &answer[..length]), Ok(Progress::Partial));
        }
        assert_eq!(traffic.check(b"", answer), Ok(Progress::Whole));
        assert!(traffic.check(b"", b"HTTP/1.1 500 No\r\n\r\n").is_err());
        assert!(traffic.check(b"", b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
