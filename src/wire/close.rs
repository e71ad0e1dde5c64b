//! Why the server closes a socket: one enum with its code, its text and whether the client should come back.
//! Codes follow what the npm clients do with them: y-websocket 3.1 stops for good on 4400 to 4499 and comes back
//! on everything else, so a code in that range means "do not try this again".

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
    /// A text frame where the protocol has binary frames only.
    UnsupportedData,
    /// The peer broke the WebSocket protocol.
    ProtocolError,
    /// A frame or message above the limit.
    FrameTooBig,
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
}

impl CloseReason {
    /// Every reason, for metrics and documents.
    pub const ALL: [Self; 12] = [
        Self::Normal,
        Self::Restart,
        Self::TryAgain,
        Self::ServerError,
        Self::UnsupportedData,
        Self::ProtocolError,
        Self::FrameTooBig,
        Self::Malformed,
        Self::BadRoomName,
        Self::TooLarge,
        Self::SlowClient,
        Self::Silent,
    ];

    /// The close code on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::UnsupportedData => 1003,
            Self::FrameTooBig => 1009,
            Self::ServerError => 1011,
            Self::Restart => 1012,
            Self::TryAgain => 1013,
            Self::Malformed => 4400,
            Self::BadRoomName => 4404,
            Self::TooLarge => 4413,
            Self::Silent => 4508,
            Self::SlowClient => 4509,
        }
    }

    /// The text beside the code: at most 123 bytes, for people who read a log.
    pub fn text(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Restart => "the server restarts, come back",
            Self::TryAgain => "the room cannot be served now, try again",
            Self::ServerError => "internal error",
            Self::UnsupportedData => "only binary frames are understood here",
            Self::ProtocolError => "WebSocket protocol error",
            Self::FrameTooBig => "message too big",
            Self::Malformed => "malformed message",
            Self::BadRoomName => "the room's name is empty, too long or holds a NUL",
            Self::TooLarge => "over the limit of the document or of presence",
            Self::SlowClient => "the connection does not take what it is sent",
            Self::Silent => "nothing was heard from the client",
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
            Self::Malformed => "malformed",
            Self::BadRoomName => "bad_room_name",
            Self::TooLarge => "too_large",
            Self::SlowClient => "slow_client",
            Self::Silent => "silent",
        }
    }

    /// Whether a well-behaved client should connect again.
    pub fn come_back(self) -> bool {
        !(4400..4500).contains(&self.code()) && self != Self::Normal
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
    fn every_reason_has_a_code_of_its_own_and_a_text_that_fits() {
        let codes: HashSet<u16> = CloseReason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), CloseReason::ALL.len());
        assert!(CloseReason::ALL.iter().all(|reason| reason.text().len() <= 123 && reason.frame().len() <= 127));
    }
}
