//! One connected socket from its upgrade to its close. `upgrade` answers the HTTP request, `connection` carries
//! WebSocket messages in and the outbox out, and each protocol has a file that turns messages into a room's mail.
//! A session never touches a document and never says anything to its client but through its outbox.

pub mod connection;
pub mod socket;
pub mod upgrade;
pub mod yjs;
