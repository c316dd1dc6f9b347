//! A toy engine, and sessions over it: any split, any truncation.

mod toy;

use proptest::prelude::*;

use super::*;
use toy::{Broken, Host, Toy, deliver, settle};

fn pair() -> (Host, Host) {
    (Host::new("client"), Host::new("server"))
}

/// Both begun, nothing delivered.
fn begun() -> (Host, Host) {
    let (client, server) = pair();
    client.begin();
    server.begin();
    (client, server)
}

fn open() -> (Host, Host) {
    let (client, server) = begun();
    settle(&client, &server);
    assert_eq!(client.session.state(), State::Open);
    assert_eq!(server.session.state(), State::Open);
    (client, server)
}

#[test]
fn a_handshake_opens_both_sides_and_tells_each_once() {
    let (client, server) = open();
    assert_eq!(client.calls(), ["made"]);
    assert_eq!(server.calls(), ["made"]);
    assert!(!client.session.tell_made());
}

#[test]
fn a_user_who_knows_of_the_connection_is_not_told_again() {
    let session = Session::new(Toy::new(), true);
    assert!(!session.tell_made());
    assert!(session.tell_eof());
}

#[test]
fn steps_out_of_order_are_refused_and_change_nothing() {
    let session = Session::new(Toy::new(), false);
    let refused = |to| {
        Err(Refused {
            from: State::Idle,
            to,
        })
    };
    assert_eq!(session.opened(), refused(State::Open));
    assert_eq!(session.flushing(), refused(State::Flushing));
    assert_eq!(session.closing(), refused(State::Closing));
    assert_eq!(session.begin(), Ok(()));
    assert_eq!(
        session.begin(),
        Err(Refused {
            from: State::Handshaking,
            to: State::Handshaking,
        })
    );
    session.give_up();
    assert_eq!(session.state(), State::Lost);
    assert!(session.opened().is_err());
}

#[test]
fn what_is_written_before_the_handshake_ends_leaves_after_it() {
    let (client, server) = begun();
    assert!(client.session.may_write() && !client.session.may_encrypt());
    client.write(b"early");
    assert_eq!(client.session.outgoing_bytes().unwrap(), 5);
    settle(&client, &server);
    assert_eq!(server.received(), b"early");
    assert!(!client.session.has_backlog());
}

#[test]
fn closing_says_goodbye_both_ways() {
    let (client, server) = open();
    client.write(b"last words");
    client.close();
    assert_eq!(client.session.state(), State::Closing);
    settle(&client, &server);
    assert_eq!(server.calls(), ["made", "data", "eof", "shut down"]);
    assert_eq!(server.received(), b"last words");
    assert_eq!(client.calls(), ["made", "eof", "shut down"]);
}

#[test]
fn nothing_is_written_while_closing() {
    let (client, _server) = open();
    client.close();
    assert!(!client.session.may_write());
}

#[test]
fn a_paused_reader_gets_nothing_until_it_resumes() {
    let (client, server) = open();
    server.session.pause_reading();
    client.write(b"patience");
    settle(&client, &server);
    assert_eq!(server.received(), b"");
    assert!(server.session.resume_reading());
    assert!(!server.session.resume_reading());
    server.go_on();
    assert_eq!(server.received(), b"patience");
}

#[test]
fn the_end_of_the_input_waits_for_a_paused_reader() {
    let (client, server) = open();
    server.session.pause_reading();
    client.write(b"before the end");
    settle(&client, &server);
    assert_eq!(server.session.end_input(), Eof::Wait);
    assert_eq!(server.session.state(), State::Flushing);
    assert!(server.session.resume_reading());
    server.go_on();
    assert_eq!(server.received(), b"before the end");
    assert_eq!(server.calls(), ["made", "data", "eof", "shut down"]);
}

#[test]
fn the_end_of_the_input_during_the_handshake_fails_it() {
    let (client, _server) = begun();
    assert_eq!(client.session.end_input(), Eof::FailHandshake);
}

#[test]
fn a_peer_that_left_is_neither_waited_for_nor_told() {
    let (client, server) = open();
    assert_eq!(client.session.end_input(), Eof::Flush);
    client.session.closing().unwrap();
    assert_eq!(client.session.shut_down().unwrap(), Progress::Done);
    drop(server);
    assert_eq!(client.session.engine().take().unwrap(), None);
}

#[test]
fn a_transport_below_that_is_paused_gets_plaintext_later() {
    let (client, server) = open();
    assert!(client.session.pause_below());
    assert!(!client.session.pause_below());
    client.write(b"stuck");
    settle(&client, &server);
    assert_eq!(server.received(), b"");
    assert_eq!(client.session.outgoing_bytes().unwrap(), 5);
    assert!(client.session.resume_below());
    assert!(!client.session.resume_below());
    client.flush();
    settle(&client, &server);
    assert_eq!(server.received(), b"stuck");
}

#[test]
fn goodbye_comes_after_what_was_written_while_the_transport_was_paused() {
    let (client, server) = open();
    assert!(client.session.pause_below());
    client.write(b"written");
    client.close();
    assert!(client.session.resume_below());
    client.flush();
    settle(&client, &server);
    assert_eq!(server.received(), b"written");
    assert_eq!(server.calls().last(), Some(&"shut down"));
}

#[test]
fn much_plaintext_is_encrypted_in_pieces() {
    let (client, _server) = open();
    let piece = Session::<Toy>::PIECE_BYTES;
    client.session.queue(toy::plain(&vec![7; 3 * piece + 1]), 0);
    let mut pieces = 1;
    while client.session.encrypt().unwrap() {
        let records = client.session.engine().take().unwrap().unwrap();
        assert!(records.len() <= 2 * piece);
        pieces += 1;
    }
    assert_eq!(pieces, 4);
}

#[test]
fn losing_the_transport_tells_a_user_who_knows_and_hands_the_queue_back() {
    let (client, _server) = open();
    client.session.queue(toy::plain(b"never sent"), 0);
    let (lost, queued) = client.session.lose();
    assert_eq!(lost, Lost::Tell);
    assert_eq!(queued.len(), 1);
    assert_eq!(client.session.lose().0, Lost::Hide);
    assert_eq!(client.session.input(), Input::Ignore);

    let (client, _server) = begun();
    assert_eq!(client.session.lose().0, Lost::Hide);
}

#[test]
fn bytes_before_a_broken_record_are_not_lost() {
    let (client, server) = open();
    client.write(b"good");
    let mut records = client.take();
    records.extend([255, 255, 255]);
    server.session.engine().feed(&records).unwrap();
    let room = toy::room();
    let plain = server.session.decrypt(&room, toy::ROOM_BYTES);
    assert_eq!(plain.bytes, 4);
    assert!(matches!(plain.end, Err(Broken)));
}

#[test]
fn a_full_room_is_no_end() {
    let (client, server) = open();
    client.write(&[1; 100]);
    server.session.engine().feed(&client.take()).unwrap();
    let room = toy::room();
    let plain = server.session.decrypt(&room, 60);
    assert!(plain.bytes >= 60);
    assert!(matches!(plain.end, Ok(End::Full)));
    let rest = server.session.decrypt(&room, 60);
    assert_eq!(plain.bytes + rest.bytes, 100);
    assert!(matches!(rest.end, Ok(End::Again)));
}

/// All that one side sends from the first hello to the goodbye, with the state that each prefix of it leads to.
fn conversation() -> Vec<u8> {
    let (client, server) = begun();
    let mut sent = client.take();
    server.receive(&sent);
    client.receive(&server.take());
    sent.extend(client.take());
    for word in [b"one".as_slice(), b"two", b"three"] {
        client.write(word);
        sent.extend(client.take());
    }
    client.close();
    sent.extend(client.take());
    sent
}

#[test]
fn truncated_at_every_byte_nothing_that_was_whole_is_lost() {
    let sent = conversation();
    let mut lengths = Vec::new();
    for end in 0..=sent.len() {
        let server = Host::new("server");
        server.begin();
        server.receive(&sent[..end]);
        let is_handshaking = server.session.state() == State::Handshaking;
        server.end_input();
        assert!(b"onetwothree".starts_with(&server.received()));
        lengths.push(server.received().len());
        if is_handshaking {
            assert_eq!(server.calls(), ["failed"]);
        } else {
            assert_eq!(
                server.calls().iter().filter(|call| **call == "eof").count(),
                1
            );
        }
    }
    assert!(lengths.is_sorted());
    assert_eq!(lengths.last(), Some(&11));
}

proptest! {
    #![proptest_config(crate::testing::cases())]

    /// However the bytes are cut, the user sees the same.
    #[test]
    fn any_split_is_one_stream(cuts in proptest::collection::vec(1..9_usize, 0..60)) {
        let sent = conversation();
        let server = Host::new("server");
        server.begin();
        let mut rest = sent.as_slice();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            server.receive(head);
            rest = tail;
        }
        server.receive(rest);
        prop_assert_eq!(server.received(), b"onetwothree");
        let calls = server.calls();
        prop_assert_eq!(calls.last(), Some(&"shut down"));
    }

    /// Any order of writes, pauses and deliveries, in both directions: nothing is lost, doubled or out of order.
    #[test]
    fn both_ways_with_pauses(steps in crate::testing::history(step(), 60)) {
        let (client, server) = begun();
        let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Write(true, data) => { client.write(&data); from_client.extend(data); }
                Step::Write(false, data) => { server.write(&data); from_server.extend(data); }
                Step::Deliver(true, count) => deliver(&client, &server, count),
                Step::Deliver(false, count) => deliver(&server, &client, count),
                Step::Reading(true, pause) => client.set_reading(!pause),
                Step::Reading(false, pause) => server.set_reading(!pause),
                Step::Below(true, pause) => client.set_below(!pause),
                Step::Below(false, pause) => server.set_below(!pause),
            }
            prop_assert!(from_client.starts_with(&server.received()));
            prop_assert!(from_server.starts_with(&client.received()));
        }
        for host in [&client, &server] {
            host.set_reading(true);
            host.set_below(true);
        }
        settle(&client, &server);
        prop_assert_eq!(server.received(), from_client);
        prop_assert_eq!(client.received(), from_server);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(bool, Vec<u8>),
    Deliver(bool, usize),
    Reading(bool, bool),
    Below(bool, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), proptest::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(side, data)| Step::Write(side, data)),
        (any::<bool>(), 1..60_usize).prop_map(|(side, count)| Step::Deliver(side, count)),
        (any::<bool>(), any::<bool>()).prop_map(|(side, pause)| Step::Reading(side, pause)),
        (any::<bool>(), any::<bool>()).prop_map(|(side, pause)| Step::Below(side, pause)),
    ]
}
