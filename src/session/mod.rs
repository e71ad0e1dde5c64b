//! One connected socket from its upgrade to its close. `upgrade` answers the HTTP request, `door` shows the client into
//! a room, `connection` carries WebSocket messages in and the outbox out, `seat` is a client in a room, and each protocol
//! has a file that turns messages into a room's mail.
//! A session never touches a document and never says anything to its client but through its outbox.

mod arriving;
pub mod asking;
pub mod connection;
pub mod consumer;
pub mod credentials;
mod deciding;
pub mod door;
pub mod events;
pub mod hocuspocus;
pub mod plain;
pub mod seat;
pub mod socket;
pub mod upgrade;
pub mod yjs;
