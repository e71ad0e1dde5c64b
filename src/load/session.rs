//! What a scenario gets from whoever runs it: who is told how it goes, and what may end it before its time. Handed on to `conductor`
//! by the scenarios with a crowd. It holds nothing of any one run.

use super::interrupt::Interrupt;
use super::progress::Progress;

/// The surroundings of one run.
pub struct Session<'a> {
    /// Who is told how it goes.
    pub progress: &'a mut Progress,
    /// Whether it is to end early.
    pub interrupt: &'a Interrupt,
}
