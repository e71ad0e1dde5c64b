//! Why the server closes a socket: one enum with its code, its text and whether the client should come back.
//! Codes follow what the npm clients do with them: y-websocket 3.1 stops for good on 4400 to 4499 and comes back
//! on everything else, with its back-off, so a code in that range means "do not try this again", and one from 4500 on "not now".

/// Why a socket is closed by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client closed, or answered a close.
    Normal,
    /// The server is going away; another one, or this one after its restart, serves the room.
    Restart,
    /// Not now: too many rooms, or the store cannot be read.
    TryAgain,
    /// A fault of the server.
    ServerError,
    /// A text frame where the protocol has binary frames, or the other way round.
    UnsupportedData,
    /// The peer broke the WebSocket protocol.
    ProtocolError,
    /// A frame or message above the limit.
    FrameTooBig,
    /// More was said than may wait until a document is open.
    TooMuchWaiting,
    /// Bytes that are no message of the protocol, or an update that would harm the room.
    Malformed,
    /// The room's name is empty, too long or holds a NUL.
    BadRoomName,
    /// The document, or this socket's presence, would pass its limit.
    TooLarge,
    /// The client does not read what it is sent.
    SlowClient,
    /// Nothing was heard from the peer for too long.
    Silent,
    /// The client did not say who it is, or what it said is not true.
    Unauthorized,
    /// What proved who the client is has expired.
    TokenExpired,
    /// The client may not do this.
    Forbidden,
    /// There is no such room, or none that the client may know of.
    RoomNotFound,
    /// Nobody said within the time for it who the client is.
    ConnectionTimeout,
    /// Too many failed attempts to say who somebody is came from this address.
    RateLimited,
}

/// What a reason ends where one socket carries several documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The socket with all that it carries.
    Socket,
    /// The one document.
    Document,
}

impl CloseReason {
    /// Every reason, for metrics and documents.
    pub const ALL: [Self; 19] = [
        Self::Normal,
        Self::Restart,
        Self::TryAgain,
        Self::ServerError,
        Self::UnsupportedData,
        Self::ProtocolError,
        Self::FrameTooBig,
        Self::TooMuchWaiting,
        Self::Malformed,
        Self::BadRoomName,
        Self::TooLarge,
        Self::SlowClient,
        Self::Silent,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::Forbidden,
        Self::RoomNotFound,
        Self::ConnectionTimeout,
        Self::RateLimited,
    ];

    /// The close code on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::UnsupportedData => 1003,
            Self::FrameTooBig => 1009,
            // Version 2 of Hocuspocus' provider stays away after 1009. This one is that server's own for "come again".
            Self::TooMuchWaiting => 4205,
            Self::ServerError => 1011,
            Self::Restart => 1012,
            Self::TryAgain => 1013,
            Self::Malformed => 4400,
            Self::Unauthorized | Self::TokenExpired => 4401,
            Self::Forbidden => 4403,
            Self::BadRoomName | Self::RoomNotFound => 4404,
            Self::ConnectionTimeout => 4408,
            Self::TooLarge => 4413,
            Self::Silent => 4508,
            Self::SlowClient => 4509,
            Self::RateLimited => 4529,
        }
    }

    /// The text beside the code: at most 123 bytes, for people who read a log.
    pub fn text(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Restart => "the server restarts, come back",
            Self::TryAgain => "the room cannot be served now, try again",
            Self::ServerError => "internal error",
            Self::UnsupportedData => "frames of this kind are not understood here",
            Self::ProtocolError => "WebSocket protocol error",
            Self::FrameTooBig => "message too big",
            Self::TooMuchWaiting => "too much was said before a document was open",
            Self::Malformed => "malformed message",
            Self::BadRoomName => "the room's name is empty, too long or holds a NUL",
            Self::TooLarge => "over the limit of the document or of presence",
            Self::SlowClient => "the connection does not take what it is sent",
            Self::Silent => "nothing was heard from the client",
            Self::Unauthorized => "Unauthorized",
            Self::TokenExpired => "the token has expired",
            Self::Forbidden => "Forbidden",
            Self::RoomNotFound => "there is no such room",
            Self::ConnectionTimeout => "Connection Timeout",
            Self::RateLimited => "too many failed attempts, try again later",
        }
    }

    /// The name in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Restart => "restart",
            Self::TryAgain => "try_again",
            Self::ServerError => "server_error",
            Self::UnsupportedData => "unsupported_data",
            Self::ProtocolError => "protocol_error",
            Self::FrameTooBig => "frame_too_big",
            Self::TooMuchWaiting => "too_much_waiting",
            Self::Malformed => "malformed",
            Self::BadRoomName => "bad_room_name",
            Self::TooLarge => "too_large",
            Self::SlowClient => "slow_client",
            Self::Silent => "silent",
            Self::Unauthorized => "auth_failed",
            Self::TokenExpired => "token_expired",
            Self::Forbidden => "permission_denied",
            Self::RoomNotFound => "room_not_found",
            Self::ConnectionTimeout => "connection_timeout",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Whether a well-behaved client should connect again.
    pub fn come_back(self) -> bool {
        !(4400..4500).contains(&self.code()) && self != Self::Normal
    }

    /// What it ends.
    pub fn scope(self) -> Scope {
        match self {
            Self::Malformed
            | Self::BadRoomName
            | Self::TooLarge
            | Self::Unauthorized
            | Self::TokenExpired
            | Self::Forbidden
            | Self::RoomNotFound
            | Self::RateLimited => Scope::Document,
            _ => Scope::Socket,
        }
    }

    /// The close frame, whole.
    pub fn frame(self) -> super::frame::Frame {
        let text = self.text().as_bytes();
        let length = u8::try_from(2 + text.len()).expect("a close text is short");
        let mut bytes = vec![0x88, length];
        bytes.extend_from_slice(&self.code().to_be_bytes());
        bytes.extend_from_slice(text);
        super::frame::Frame::from_encoded(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn who_is_to_come_back_is_not_sent_away_for_good() {
        let stays = [
            CloseReason::Restart,
            CloseReason::TryAgain,
            CloseReason::RateLimited,
            CloseReason::SlowClient,
            CloseReason::TooMuchWaiting,
        ];
        assert!(stays.iter().all(|reason| reason.come_back()));
    }

    #[test]
    fn every_reason_has_a_name_of_its_own_and_a_text_that_fits() {
        let names: HashSet<&str> = CloseReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(names.len(), CloseReason::ALL.len());
        assert!(CloseReason::ALL.iter().all(|reason| reason.text().len() <= 123 && reason.frame().len() <= 127));
    }
}
