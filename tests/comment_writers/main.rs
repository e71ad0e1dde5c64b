//! What somebody may write who may only comment: updates are judged before they are applied, by hand-made attacks, by
//! seeded random clients and by what npm yjs makes. What is called inside must change nothing elsewhere, now or later.

mod attacks;
mod crafted;
mod edits;
mod hostile;
mod npm;
mod seeded;
mod trip;
