//! The stable codes of errors over HTTP: each with its status, a title, and a line for the docs. Clients decide by
//! the code; nothing else of a problem is promised. `problem.rs` says which error has which code; `docs/api.md` and
//! the OpenAPI document list them and are tested against this file.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident, $text:literal, $title:literal;)+) => {
        /// What went wrong, as a client's program reads it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The status that it is sent with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The code as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// One line for the docs: when it comes and what to do.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The room's name is empty, too long or holds a NUL.
    BadRoomName = BAD_REQUEST, "bad_room_name", "Not a room's name";
    /// What should be a principal's id is none.
    BadPrincipal = BAD_REQUEST, "bad_principal", "Not a principal's id";
    /// A query parameter is unknown, comes twice, or is not of its form; `field` names it.
    BadQuery = BAD_REQUEST, "bad_query", "Wrong query parameter";
    /// A header is not of its form; `field` names it.
    BadHeader = BAD_REQUEST, "bad_header", "Wrong header";
    /// The cursor is not one that this list gave.
    BadCursor = BAD_REQUEST, "bad_cursor", "Not a cursor of this list";
    /// The body is not what its media type says, or could not be read.
    MalformedBody = BAD_REQUEST, "malformed_body", "The body cannot be read";
    /// The body is no Yjs update, or one that would harm the room.
    MalformedUpdate = BAD_REQUEST, "malformed_update", "Not a Yjs update";
    /// The WebSocket handshake is of another version than 13.
    WebSocketVersion = BAD_REQUEST, "websocket_version", "Unknown version of the WebSocket protocol";
    /// The WebSocket handshake has no key.
    WebSocketKey = BAD_REQUEST, "websocket_key", "Incomplete WebSocket handshake";
    /// The connection cannot become a WebSocket.
    NotUpgradable = BAD_REQUEST, "not_upgradable", "The connection cannot be upgraded";

    /// A credential is needed, and none came.
    AuthRequired = UNAUTHORIZED, "auth_required", "A credential is needed";
    /// The credential is not valid, or was revoked.
    AuthFailed = UNAUTHORIZED, "auth_failed", "The credential is not valid";
    /// The credential was valid once; get a new one.
    TokenExpired = UNAUTHORIZED, "token_expired", "The credential has expired";

    /// The caller's role in the room, or the scope of its credential, does not allow it.
    PermissionDenied = FORBIDDEN, "permission_denied", "Not allowed";
    /// Nobody changes their own role.
    OwnRole = FORBIDDEN, "own_role", "Nobody changes their own role";
    /// Pages of this origin may not use the server, or not by this name of it (`--allow-origin`).
    OriginDenied = FORBIDDEN, "origin_denied", "The page's origin is not allowed";

    /// There is nothing at this address.
    NotFound = NOT_FOUND, "not_found", "Nothing is here";
    /// There is no such room, or it does not exist for the caller; the two cannot be told apart.
    RoomNotFound = NOT_FOUND, "room_not_found", "No such room";
    /// The principal is no member of the room.
    MemberNotFound = NOT_FOUND, "member_not_found", "No such member";

    /// The address knows other methods; `Allow` lists them.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The address does not know this method";

    /// Nothing that `Accept` asks for can be sent from here.
    NotAcceptable = NOT_ACCEPTABLE, "not_acceptable", "No acceptable form of the answer";

    /// The document is too large or nested too deep to be given as JSON; ask for it as a Yjs update.
    NoJson = NOT_ACCEPTABLE, "no_json", "The document cannot be given as JSON";

    /// The body took longer to come than the server waits (`--body-timeout`).
    BodyTimeout = REQUEST_TIMEOUT, "body_timeout", "The body came too slowly";

    /// There is a room of this name already.
    RoomExists = CONFLICT, "room_exists", "The room exists";
    /// The principal is a member already; change its role instead.
    AlreadyMember = CONFLICT, "already_member", "A member already";
    /// A room always keeps an owner: make somebody else owner first.
    LastOwner = CONFLICT, "last_owner", "The room's last owner";
    /// The room has as many members as it may have.
    TooManyMembers = CONFLICT, "too_many_members", "Too many members";
    /// A `test` of the patch did not hold, or an operation found nothing at its place; nothing was changed.
    PatchConflict = CONFLICT, "patch_conflict", "The patch does not fit the document";
    /// The suggestion was accepted or rejected before.
    AlreadyDecided = CONFLICT, "already_decided", "Decided already";
    /// A request with this idempotency key is being worked on; ask again when it is done.
    IdempotencyInFlight = CONFLICT, "idempotency_in_flight", "The same request is under way";

    /// The document has another version than `If-Match` says; read it again.
    VersionMismatch = PRECONDITION_FAILED, "version_mismatch", "The document has another version";

    /// The body is larger than the server takes.
    MessageTooLarge = PAYLOAD_TOO_LARGE, "message_too_large", "The body is too large";
    /// The document would become larger than it may be.
    DocumentTooLarge = PAYLOAD_TOO_LARGE, "document_too_large", "The document is too large";

    /// The body is not of a media type that is taken here.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body's media type is not taken here";

    /// A member of the body has a wrong value, or is missing; `field` points to it.
    InvalidField = UNPROCESSABLE_ENTITY, "invalid_field", "A value is wrong";
    /// The body has a member that nothing here knows; `field` points to it.
    UnknownField = UNPROCESSABLE_ENTITY, "unknown_field", "A member of the body is unknown";
    /// An operation of the patch is not one of RFC 6902, or writes what may not be written; nothing was changed.
    InvalidPatch = UNPROCESSABLE_ENTITY, "invalid_patch", "The patch is not valid";
    /// The idempotency key was used for another request.
    IdempotencyMismatch = UNPROCESSABLE_ENTITY, "idempotency_mismatch", "The idempotency key is taken";

    /// This path speaks WebSocket alone.
    WebSocketOnly = UPGRADE_REQUIRED, "websocket_only", "Connect with a WebSocket client";

    /// Too many credentials from this address were not valid, or the caller says more events than one may; `Retry-After` says
    /// when to come back.
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "Too much at once";

    /// A fault of the server; details are in its log.
    ServerError = INTERNAL_SERVER_ERROR, "server_error", "A fault of the server";

    /// The server has as many connections as it may have.
    ConnectionLimit = SERVICE_UNAVAILABLE, "connection_limit", "Too many connections";
    /// The server has as many rooms open as it may have.
    RoomLimit = SERVICE_UNAVAILABLE, "room_limit", "Too many rooms are open";
    /// The server works on as many changes, or holds as many bytes of bodies, as it takes at once.
    Busy = SERVICE_UNAVAILABLE, "busy", "Too much is under way";
    /// The server is going away; another one, or this one after its restart, answers.
    Draining = SERVICE_UNAVAILABLE, "draining", "The server is going away";
    /// Too much waits to be saved; rooms take no changes until the store is back.
    ReadOnly = SERVICE_UNAVAILABLE, "read_only", "Changes cannot be saved now";
    /// The store cannot be read or written.
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The store does not answer";
    /// Who the caller is cannot be checked now: the key set or the webhook does not answer.
    IssuerUnavailable = SERVICE_UNAVAILABLE, "issuer_unavailable", "Credentials cannot be checked now";
}

impl Code {
    /// Whether the very same request may succeed later.
    pub fn retryable(self) -> bool {
        matches!(self, Self::BodyTimeout | Self::IdempotencyInFlight | Self::RateLimited)
            || self.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_told_apart_and_stand_by_status() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().map(|code| code.status()).is_sorted());
        assert!(Code::ALL.iter().all(|code| code.doc().ends_with('.') && !code.title().ends_with('.')));
    }
}
