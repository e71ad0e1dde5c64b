//! What a document bears of writers whom it cannot trust: what somebody may write who may only comment (judged before
//! it is applied, by hand-made attacks, by seeded random clients and by what npm yjs makes), and what an editor's updates
//! must never do to the process, however they are built.

mod attacks;
mod crafted;
mod editors;
mod edits;
mod hostile;
mod npm;
mod seeded;
mod trip;
