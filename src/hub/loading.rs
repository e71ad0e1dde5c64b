//! From the store to a document in memory: when a room opens, and when an update broke the document that it had.
//! Large ones are built in the lane.

use bytes::Bytes;

use super::Shared;
use super::lane::HEAVY_BYTES;
use super::saving::Saving;
use crate::room::document::Document;
use crate::room::fold;
use crate::room::kept::EventSeq;
use crate::store::StoredRoom;
use crate::wire::close::CloseReason;

/// Loads a room's document, what is stored and what is on its way there; and says which is its newest event.
///
/// An error says how those who wait for the room are to be sent away.
pub(super) async fn load_document(shared: &Shared, saving: &Saving) -> Result<(Document, EventSeq), CloseReason> {
    let StoredRoom { snapshot, rows, last_event, .. } = saving.load().await.map_err(|error| {
        tracing::error!(%error, "the room cannot be loaded");
        CloseReason::TryAgain
    })?;
    let rows: Vec<Bytes> = rows.into_iter().map(|row| row.data).chain(saving.held().cloned()).collect();
    let bytes = snapshot.as_ref().map_or(0, Bytes::len) + rows.iter().map(Bytes::len).sum::<usize>();
    let limit = shared.options.room.document_bytes;
    let build = move || fold::open(snapshot.as_ref(), &rows, limit);
    let opened =
        if bytes > HEAVY_BYTES { shared.lane.run(build).await.map_err(|_| CloseReason::ServerError)? } else { build() };
    let opened = opened.map_err(|error| {
        tracing::error!(%error, "the room cannot be opened");
        CloseReason::ServerError
    })?;
    if !opened.unusable.is_empty() {
        tracing::error!(
            rows = opened.unusable.len(),
            "rows of the log are no valid updates; they are kept and left out"
        );
    }
    Ok((opened.document, last_event))
}
