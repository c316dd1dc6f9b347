//! [`TlsEngine`]: what a session asks of the cryptography.

/// How far a step of the protocol came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It is finished.
    Done,
    /// Bytes of the peer are needed first.
    Again,
}

/// What decrypting gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decrypted {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing before more bytes of the peer come.
    Again,
    /// The peer has said that it sends no more (`close_notify`).
    CloseNotify,
}

/// One side of a TLS connection, between two buffers of its own: received records go in by `feed`,
/// records to be sent come out by `take`.
///
/// No method waits. Methods take `&self`, because an engine may call its user back (a server name
/// callback does), and the user may come back to the session.
pub trait TlsEngine {
    /// What goes wrong.
    type Error;
    /// Records.
    type Records;
    /// Plaintext that is to be sent. A clone is a second name for the same bytes.
    type Outgoing: AsRef<[u8]> + Clone;
    /// Where decrypted plaintext goes.
    type Room: ?Sized;

    /// Adds records to what was received.
    ///
    /// # Errors
    /// What the engine says.
    fn feed(&self, records: &Self::Records) -> Result<(), Self::Error>;

    /// Takes all records that are to be sent; none when there are none.
    ///
    /// # Errors
    /// What the engine says.
    fn take(&self) -> Result<Option<Self::Records>, Self::Error>;

    /// How many received bytes nobody has looked at.
    ///
    /// # Errors
    /// What the engine says.
    fn unread_bytes(&self) -> Result<usize, Self::Error>;

    /// How many bytes `take` would give.
    ///
    /// # Errors
    /// What the engine says.
    fn unsent_bytes(&self) -> Result<usize, Self::Error>;

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// The handshake has failed.
    fn handshake(&self) -> Result<Progress, Self::Error>;

    /// Encrypts `plain[start..end]` and says how many bytes of it; none when bytes of the peer are
    /// needed first.
    ///
    /// # Errors
    /// The connection is beyond repair.
    fn encrypt(
        &self,
        plain: &Self::Outgoing,
        start: usize,
        end: usize,
    ) -> Result<Option<usize>, Self::Error>;

    /// Decrypts into `room`, from `start` on.
    ///
    /// # Errors
    /// The connection is beyond repair.
    fn decrypt(&self, room: &Self::Room, start: usize) -> Result<Decrypted, Self::Error>;

    /// Whether `decrypt` can only answer `Again`. No when that is not known.
    ///
    /// # Errors
    /// What the engine says.
    fn is_drained(&self) -> Result<bool, Self::Error>;

    /// Says that this side sends no more, and waits for the other to say so.
    ///
    /// # Errors
    /// The connection is beyond repair.
    fn shut_down(&self) -> Result<Progress, Self::Error>;
}
