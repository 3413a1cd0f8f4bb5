//! Why a socket is closed. Clients know by the code whether to come back (docs/websocket.md).

/// How a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The client closed.
    Normal,
    /// The server goes away.
    GoingAway,
    /// The framing is broken (RFC 6455).
    BadFraming,
    /// A text is not UTF-8 (RFC 6455).
    BadText,
    /// A frame is too large.
    TooLarge,
    /// Too many frames that nobody understands.
    BrokenProtocol,
    /// The login is missing, wrong, expired or revoked.
    Unauthenticated,
    /// No longer, or not, allowed here.
    Forbidden,
    /// No such room.
    NoSuchRoom,
    /// Nothing was heard for too long.
    Silent,
    /// Newer connections took its place.
    Replaced,
    /// The version of the protocol is not supported.
    UnsupportedProtocol,
    /// Too many refusals.
    TooManyRequests,
    /// The client reads too slowly, or the server is busy.
    TooSlow,
}

impl Close {
    /// All of them, for the document.
    pub const ALL: [Self; 14] = [
        Self::Normal,
        Self::GoingAway,
        Self::BadFraming,
        Self::BadText,
        Self::TooLarge,
        Self::BrokenProtocol,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NoSuchRoom,
        Self::Silent,
        Self::Replaced,
        Self::UnsupportedProtocol,
        Self::TooManyRequests,
        Self::TooSlow,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::BadFraming => 1002,
            Self::BadText => 1007,
            Self::TooLarge => 1009,
            Self::BrokenProtocol => 4400,
            Self::Unauthenticated => 4401,
            Self::Forbidden => 4403,
            Self::NoSuchRoom => 4404,
            Self::Silent => 4408,
            Self::Replaced => 4409,
            Self::UnsupportedProtocol => 4426,
            Self::TooManyRequests => 4429,
            Self::TooSlow => 4503,
        }
    }

    /// The reason in words, for people who debug a client.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "closed",
            Self::GoingAway => "the server goes away",
            Self::BadFraming => "framing broken",
            Self::BadText => "a text is not UTF-8",
            Self::TooLarge => "frame too large",
            Self::BrokenProtocol => "protocol broken",
            Self::Unauthenticated => "login missing, wrong, expired or revoked",
            Self::Forbidden => "not allowed here",
            Self::NoSuchRoom => "no such room",
            Self::Silent => "nothing heard",
            Self::Replaced => "replaced by newer connections",
            Self::UnsupportedProtocol => "version not supported",
            Self::TooManyRequests => "too many requests",
            Self::TooSlow => "too slow, or the server is busy",
        }
    }

    /// When a client should come back.
    #[must_use]
    pub const fn reconnect(self) -> &'static str {
        match self {
            Self::GoingAway => "yes, after the advised time",
            Self::Unauthenticated => "once, with a new token",
            Self::Silent | Self::TooSlow => "yes",
            Self::TooManyRequests => "yes, after 60 s",
            Self::Normal
            | Self::BadFraming
            | Self::BadText
            | Self::TooLarge
            | Self::BrokenProtocol
            | Self::Forbidden
            | Self::NoSuchRoom
            | Self::Replaced
            | Self::UnsupportedProtocol => "no",
        }
    }
}
