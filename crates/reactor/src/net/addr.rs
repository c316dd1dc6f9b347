//! Literal addresses, which need no resolver. Follows `base_events._ipaddr_info`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// AF_INET.
    V4,
    /// AF_INET6.
    V6,
}

/// The socket address of `host` when it is a literal of `family` (`None`: of either, IPv4 tried
/// first), otherwise `None`: then it is `getaddrinfo`'s to answer. A scope id (`fe80::1%eth0`) is
/// left to it too, as asyncio does, because inet_pton(3) refuses it.
///
/// What is accepted here inet_pton accepts with the same meaning: dotted decimal without leading
/// zeros, and RFC 4291.
#[must_use]
pub fn literal(host: &str, port: u16, family: Option<Family>) -> Option<SocketAddr> {
    let v4 = || host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    let v6 = || host.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let ip = match family {
        None => v4().or_else(v6),
        Some(Family::V4) => v4(),
        Some(Family::V6) => v6(),
    };
    ip.map(|ip| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(host: &str, family: Option<Family>) -> Option<String> {
        literal(host, 80, family).map(|addr| addr.to_string())
    }

    #[test]
    fn literals_of_both_families() {
        assert_eq!(text("127.0.0.1", None).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(
            text("127.0.0.1", Some(Family::V4)).as_deref(),
            Some("127.0.0.1:80")
        );
        assert_eq!(text("::1", None).as_deref(), Some("[::1]:80"));
        assert_eq!(
            text("::ffff:1.2.3.4", Some(Family::V6)).as_deref(),
            Some("[::ffff:1.2.3.4]:80")
        );
    }

    #[test]
    fn the_family_must_fit() {
        assert_eq!(text("127.0.0.1", Some(Family::V6)), None);
        assert_eq!(text("::1", Some(Family::V4)), None);
    }

    #[test]
    fn everything_else_is_for_the_resolver() {
        for host in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "256.1.1.1",
            "0x7f.1",
            " 127.0.0.1",
            "127.0.0.1\0",
        ] {
            assert_eq!(text(host, None), None, "{host:?}");
        }
        for host in [
            "::1%lo",
            "fe80::1%2",
            "[::1]",
            "::1 ",
            "1::2::3",
            ":::",
            "12345::",
        ] {
            assert_eq!(text(host, None), None, "{host:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        #[test]
        fn every_address_is_read_back(v4: u32, v6: u128, port: u16) {
            for ip in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())] {
                let expected = Some(SocketAddr::new(ip, port));
                prop_assert_eq!(literal(&ip.to_string(), port, None), expected);
            }
        }
    }
}
