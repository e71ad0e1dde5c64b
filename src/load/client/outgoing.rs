//! The writing side of one WebSocket of a client. Every holder writes whole frames; what the system does not take waits here, and is
//! sent when it does. It must never wait for a server that does not read.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::Shutdown;
use std::rc::Rc;

use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;

use super::frame::{BINARY, CLOSE, TEXT, encode};
use super::socket::Closed;

/// The most that may wait for a server that does not read.
pub(super) const UNSENT_MAX: usize = 64 << 20;
/// A buffer that one big message needed is given back when it is larger than this.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writing side; every holder writes whole frames.
#[derive(Debug)]
pub struct Outgoing {
    half: OwnedWriteHalf,
    /// What the system did not take, or was not given.
    unsent: RefCell<Vec<u8>>,
    is_flushing: Cell<bool>,
    has_given_up: Cell<bool>,
}

impl Outgoing {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self { half, unsent: RefCell::default(), is_flushing: Cell::new(false), has_given_up: Cell::new(false) }
    }

    /// Sends a binary message, at once if the system takes it.
    pub fn send_binary(self: &Rc<Self>, payload: &[u8]) -> Result<(), Closed> {
        self.send_frame(BINARY, payload)
    }

    /// Keeps a binary message for the next `send_kept`; says whether nothing waited before it.
    pub fn keep_binary(&self, payload: &[u8]) -> Result<bool, Closed> {
        let mut unsent = self.unsent.borrow_mut();
        let is_first = unsent.is_empty();
        if !is_first && unsent.len() + payload.len() > UNSENT_MAX {
            return Err(self.give_up());
        }
        encode(BINARY, payload, fastrand::u32(..), &mut unsent);
        Ok(is_first)
    }

    /// Sends what was kept. A socket that is broken is noticed by its reader.
    pub fn send_kept(self: &Rc<Self>) {
        let mut unsent = self.unsent.borrow_mut();
        if self.is_flushing.get() || unsent.is_empty() {
            return;
        }
        match self.half.try_write(&unsent) {
            Ok(taken) => drop(unsent.drain(..taken)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => unsent.clear(),
        }
        if !unsent.is_empty() {
            self.is_flushing.set(true);
            tokio::task::spawn_local(Rc::clone(self).flush());
        }
    }

    /// Sends a text message.
    pub fn send_text(self: &Rc<Self>, payload: &[u8]) -> Result<(), Closed> {
        self.send_frame(TEXT, payload)
    }

    /// Says goodbye, as a client that is done with it.
    pub fn close(self: &Rc<Self>) {
        let _ = self.send_frame(CLOSE, &1000u16.to_be_bytes());
    }

    pub(super) fn send_frame(self: &Rc<Self>, opcode: u8, payload: &[u8]) -> Result<(), Closed> {
        FRAME.with_borrow_mut(|frame| {
            frame.clear();
            encode(opcode, payload, fastrand::u32(..), frame);
            let written = self.write(frame);
            if frame.capacity() > KEPT_BYTES {
                *frame = Vec::new();
            }
            written
        })
    }

    /// Whether too much waited, so that the connection is over.
    pub(super) fn has_given_up(&self) -> bool {
        self.has_given_up.get()
    }

    /// Too much waits. The connection ends, whose reader hears that whoever wrote.
    fn give_up(&self) -> Closed {
        self.has_given_up.set(true);
        let _ = SockRef::from(self.half.as_ref()).shutdown(Shutdown::Both);
        Closed::DoesNotRead
    }

    fn write(self: &Rc<Self>, frame: &[u8]) -> Result<(), Closed> {
        let mut unsent = self.unsent.borrow_mut();
        let mut taken = 0;
        if unsent.is_empty() {
            taken = match self.half.try_write(frame) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error.into()),
            };
        }
        if taken == frame.len() {
            return Ok(());
        }
        // One message alone may be as long as it is.
        if !unsent.is_empty() && unsent.len() + frame.len() > UNSENT_MAX {
            return Err(self.give_up());
        }
        unsent.extend_from_slice(&frame[taken..]);
        if !self.is_flushing.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).flush());
        }
        Ok(())
    }

    /// Writes what waits. A socket that breaks meanwhile is noticed by its reader.
    async fn flush(self: Rc<Self>) {
        while !self.unsent.borrow().is_empty() && self.half.writable().await.is_ok() {
            let mut unsent = self.unsent.borrow_mut();
            match self.half.try_write(&unsent) {
                Ok(taken) => drop(unsent.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.is_flushing.set(false);
    }
}
