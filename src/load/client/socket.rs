//! One WebSocket to a server under load: the upgrade by hyper, then frames straight from the bare TCP socket. Used by the
//! clients of every protocol.
//! A generator shares its machine with what it measures, so a delivery costs one read and no allocation: all sockets of a thread
//! read into one buffer, and messages are handed on as slices of it. It must never wait for a server that does not read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use humantime::format_duration;
use hyper::header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::frame::{BINARY, CLOSE, CONTINUATION, Frame, MESSAGE_MAX, PING, PONG, TEXT};
use super::known::{Known, Same};
use super::outgoing::{Outgoing, UNSENT_MAX};
use super::stream;
use crate::load::target::Address;

/// How much is read from a socket at once.
const READ_BYTES: usize = 64 * 1024;
/// A buffer that one big message needed is given back when it is larger than this.
const KEPT_BYTES: usize = 64 * 1024;

const NO_CLOSE_FRAME: &str = "it ended without a close frame";

/// What a close frame without a code means: 1005.
const NO_CODE: [u8; 2] = [0x03, 0xed];

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address has no answer.
    #[error("cannot connect: {0}")]
    Io(#[from] io::Error),
    /// What answers does not speak HTTP.
    #[error("cannot connect: {0}")]
    Http(#[from] hyper::Error),
    /// A header of the request cannot be sent.
    #[error("this request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// The server refuses, or there is no WebSocket at this path.
    #[error("the server answers {0} instead of opening a WebSocket")]
    Status(StatusCode),
    /// The answer is not for this request.
    #[error("the server's answer is not one to this request")]
    WrongAccept,
    /// It took too long.
    #[error("no WebSocket after {}", format_duration(*.0))]
    TooSlow(Duration),
    /// The server has no such document, or gives no token for it.
    #[error("the server does not say where the document is: {0}")]
    NoDocument(String),
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The server said so.
    #[error("closed by the server with {code} {reason}")]
    ByServer {
        /// 1005 when it gave none.
        code: u16,
        /// Perhaps empty.
        reason: String,
    },
    /// The socket ended, without a word or by an error.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What came is no WebSocket frame that a server may send.
    #[error("the server broke the rules of WebSocket: {0}")]
    Malformed(&'static str),
    /// The server has not read for so long that too much waits.
    #[error("the server does not read: {} MiB wait for it", UNSENT_MAX >> 20)]
    DoesNotRead,
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A message as it stands in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Binary, of the protocols with a document.
    Binary(&'a [u8]),
    /// Text, of JSON sockets.
    Text(&'a [u8]),
}

/// Opens a WebSocket: what comes in, and what goes out. Dropping both ends the connection without a word.
pub async fn connect(address: &Address) -> Result<(Incoming, Rc<Outgoing>), ConnectError> {
    let patience = address.patience;
    tokio::time::timeout(patience, upgrade(address)).await.map_err(|_| ConnectError::TooSlow(patience))?
}

async fn upgrade(address: &Address) -> Result<(Incoming, Rc<Outgoing>), ConnectError> {
    let stream = stream::open(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection.with_upgrades());
    let key = generate_key();
    let mut request = Request::get(&address.path)
        .header(HOST, address.authority())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    for (name, value) in &address.headers {
        request = request.header(name, value);
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ConnectError::Status(response.status()));
    }
    let accept = derive_accept_key(key.as_bytes());
    if response.headers().get(SEC_WEBSOCKET_ACCEPT).is_none_or(|said| said.as_bytes() != accept.as_bytes()) {
        return Err(ConnectError::WrongAccept);
    }
    let upgraded = hyper::upgrade::on(response).await?;
    drop(connection);
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().expect("the connection was made of this type");
    let (read, write) = parts.io.into_inner().into_split();
    let outgoing = Rc::new(Outgoing::new(write));
    let incoming = Incoming {
        half: read,
        partial: parts.read_buf.to_vec(),
        big: None,
        known: None,
        same: None,
        is_ahead: true,
        fragments: None,
        outgoing: Rc::clone(&outgoing),
    };
    Ok((incoming, outgoing))
}

/// The reading side.
#[derive(Debug)]
pub struct Incoming {
    half: OwnedReadHalf,
    /// The start of a frame whose end has not come.
    partial: Vec<u8>,
    /// How long that frame is, if it is a big one: then it is read straight to where it stays.
    big: Option<usize>,
    /// What other sockets have read, if they are to get the same.
    known: Option<Rc<Known>>,
    /// What of a frame that is known has come: of the big one that has begun.
    same: Option<Same>,
    /// Whether whole frames may wait in `partial`: a server may speak in the segment that answers the upgrade.
    is_ahead: bool,
    /// The pieces so far of a message in several frames, and its opcode.
    fragments: Option<(u8, Vec<u8>)>,
    outgoing: Rc<Outgoing>,
}

impl Incoming {
    /// What comes may be what other sockets have got: then it is only compared with that.
    pub fn share(&mut self, known: Rc<Known>) {
        self.known = Some(known);
    }

    /// Waits until something comes, and hands every whole message of it to `each`. How many bytes came.
    /// Nothing is lost when the future is dropped.
    pub async fn read(&mut self, mut each: impl FnMut(Message<'_>)) -> Result<usize, Closed> {
        if std::mem::take(&mut self.is_ahead) && !self.partial.is_empty() {
            let ahead = std::mem::take(&mut self.partial);
            self.frames(&ahead, &mut each)?;
            return Ok(ahead.len());
        }
        if self.same.is_some() {
            return self.read_same(each).await;
        }
        if let Some(length) = self.big {
            return self.read_big(length, each).await;
        }
        std::future::poll_fn(|context| {
            READ_BUFFER.with_borrow_mut(|buffer| {
                let mut target = ReadBuf::new(buffer);
                let filled = ready!(Pin::new(&mut self.half).poll_read(context, &mut target));
                filled.map_err(|error| broken(&self.outgoing, error))?;
                let read = target.filled();
                if read.is_empty() {
                    return Poll::Ready(Err(self.ended()));
                }
                if self.partial.is_empty() {
                    self.frames(read, &mut each)?;
                } else {
                    let mut whole = std::mem::take(&mut self.partial);
                    whole.extend_from_slice(read);
                    self.resume(whole, &mut each)?;
                }
                Poll::Ready(Ok(read.len()))
            })
        })
        .await
    }

    async fn read_big(&mut self, length: usize, mut each: impl FnMut(Message<'_>)) -> Result<usize, Closed> {
        let read = self.half.read_buf(&mut self.partial).await.map_err(|error| broken(&self.outgoing, error))?;
        if read == 0 {
            return Err(self.ended());
        }
        if self.partial.len() >= length {
            self.take_big(length, &mut each)?;
        }
        Ok(read)
    }

    /// Goes on with a frame that is a known one so far, and of which nothing is kept.
    async fn read_same(&mut self, mut each: impl FnMut(Message<'_>)) -> Result<usize, Closed> {
        std::future::poll_fn(|context| {
            READ_BUFFER.with_borrow_mut(|buffer| {
                let Some(same) = &mut self.same else { return Poll::Ready(Ok(0)) };
                // What comes behind it is of the next frame.
                let left = same.left().min(buffer.len());
                let mut target = ReadBuf::new(&mut buffer[..left]);
                let filled = ready!(Pin::new(&mut self.half).poll_read(context, &mut target));
                filled.map_err(|error| broken(&self.outgoing, error))?;
                let read = target.filled();
                if read.is_empty() {
                    return Poll::Ready(Err(self.ended()));
                }
                if !same.goes_on(read) {
                    // It is another one after all.
                    let (begun, length) = (same.begun(), same.length());
                    self.same = None;
                    self.partial.reserve_exact(length);
                    self.partial.extend_from_slice(&begun);
                    self.partial.extend_from_slice(read);
                    if self.partial.len() == length {
                        self.take_big(length, &mut each)?;
                    }
                } else if same.left() == 0 {
                    let whole = same.begun();
                    (self.same, self.big) = (None, None);
                    self.frames(&whole, &mut each)?;
                }
                Poll::Ready(Ok(read.len()))
            })
        })
        .await
    }

    /// Why nothing more comes.
    fn ended(&self) -> Closed {
        broken(&self.outgoing, io::Error::other(NO_CLOSE_FRAME))
    }

    /// A big frame is there.
    fn take_big(&mut self, length: usize, each: &mut impl FnMut(Message<'_>)) -> Result<(), Closed> {
        self.big = None;
        let whole = Bytes::from(std::mem::take(&mut self.partial));
        if let Some(known) = &self.known {
            known.keep(whole.slice(..length));
        }
        self.frames(&whole, each)
    }

    /// Goes on with what was kept.
    fn resume(&mut self, whole: Vec<u8>, each: &mut impl FnMut(Message<'_>)) -> Result<(), Closed> {
        if Frame::read(&whole)?.is_none() {
            self.partial = whole;
            self.expect_big();
            return Ok(());
        }
        self.frames(&whole, each)?;
        if self.partial.is_empty() && whole.capacity() <= KEPT_BYTES {
            self.partial = whole;
            self.partial.clear();
        }
        Ok(())
    }

    fn frames(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Message<'_>)) -> Result<(), Closed> {
        while let Some(frame) = Frame::read(bytes)? {
            bytes = &bytes[frame.end..];
            self.frame(&frame, each)?;
        }
        self.partial.extend_from_slice(bytes);
        self.expect_big();
        Ok(())
    }

    /// Makes room for the frame that has begun, if it is a big one.
    fn expect_big(&mut self) {
        let end = Frame::length(&self.partial).ok().flatten();
        self.big = end.filter(|end| *end > KEPT_BYTES);
        let Some(end) = self.big else { return };
        self.same = self.known.as_ref().and_then(|known| known.begins(end, &self.partial));
        if self.same.is_some() {
            self.partial.clear();
        } else {
            self.partial.reserve_exact(end - self.partial.len());
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, each: &mut impl FnMut(Message<'_>)) -> Result<(), Closed> {
        match (frame.opcode, frame.is_final, &mut self.fragments) {
            (BINARY, true, None) => each(Message::Binary(frame.payload)),
            (TEXT, true, None) => each(Message::Text(frame.payload)),
            (BINARY | TEXT, false, None) => self.fragments = Some((frame.opcode, frame.payload.to_vec())),
            (CONTINUATION, is_final, Some((opcode, pieces))) => {
                if pieces.len() + frame.payload.len() > MESSAGE_MAX {
                    return Err(Closed::Malformed("a message is too long"));
                }
                pieces.extend_from_slice(frame.payload);
                if is_final {
                    each(if *opcode == TEXT { Message::Text(pieces) } else { Message::Binary(pieces) });
                    self.fragments = None;
                }
            }
            (PING, true, _) => self.outgoing.send_frame(PONG, frame.payload)?,
            (PONG, true, _) => {}
            (CLOSE, true, _) => {
                let (code, reason) = frame.payload.split_first_chunk::<2>().unwrap_or((&NO_CODE, &[]));
                let reason = String::from_utf8_lossy(reason).into_owned();
                return Err(Closed::ByServer { code: u16::from_be_bytes(*code), reason });
            }
            _ => return Err(Closed::Malformed("a frame of a kind that does not belong here")),
        }
        Ok(())
    }
}

/// Why a connection broke: by this error, unless it was given up before.
fn broken(outgoing: &Outgoing, error: io::Error) -> Closed {
    if outgoing.has_given_up() { Closed::DoesNotRead } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(port: u16) -> Address {
        let (host, path) = ("127.0.0.1".to_owned(), "/".to_owned());
        Address { host, port, is_tls: false, path, headers: Vec::new(), patience: Duration::from_secs(30) }
    }

    #[tokio::test]
    async fn messages_of_any_size_come_whole_and_in_order() {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::tungstenite::Message as Sent;

        const SIZES: [usize; 10] = [0, 10, 125, 126, 65_535, 65_536, 300_000, 5, 2_000_000, 1];
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut socket = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
            for size in SIZES {
                socket.feed(Sent::binary(vec![size.to_le_bytes()[0]; size])).await.unwrap();
            }
            socket.send(Sent::Ping(vec![7].into())).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Sent::Pong(vec![7].into()));
            socket.close(None).await.unwrap();
        });
        let address = here(port);
        let (mut incoming, outgoing) = connect(&address).await.unwrap();
        let mut sizes = Vec::new();
        let ended = loop {
            let read = incoming.read(|message| {
                let Message::Binary(bytes) = message else { panic!("nothing else was sent") };
                assert!(bytes.iter().all(|byte| *byte == bytes.len().to_le_bytes()[0]));
                sizes.push(bytes.len());
            });
            if let Err(ended) = read.await {
                break ended;
            }
        };
        assert_eq!(ended, Closed::ByServer { code: 1005, reason: String::new() });
        assert_eq!(sizes, SIZES);
        drop((incoming, outgoing));
        server.await.unwrap();
    }

    #[tokio::test]
    async fn what_others_have_heard_is_told_from_what_only_begins_like_it() {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::tungstenite::Message as Sent;

        let document = vec![7; 300_000];
        let (mut other, mut longer) = (document.clone(), document.clone());
        *other.last_mut().unwrap() = 8;
        longer.push(7);
        let said = [vec![1], document.clone(), document.clone(), vec![2], other, longer, document, vec![3]];
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = said.clone();
        let server = tokio::spawn(async move {
            for _ in 0..2 {
                let mut socket = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
                for message in &told {
                    socket.send(Sent::binary(message.clone())).await.unwrap();
                }
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
            }
        });
        let address = here(port);
        let known = Rc::new(Known::default());
        for _ in 0..2 {
            let (mut incoming, outgoing) = connect(&address).await.unwrap();
            incoming.share(Rc::clone(&known));
            let (mut heard, mut all) = (Vec::new(), 0);
            while heard.len() < said.len() {
                let read = incoming.read(|message| {
                    let Message::Binary(bytes) = message else { panic!("nothing else was sent") };
                    let piece = known.part(&bytes[..1]);
                    assert_eq!(piece.as_ptr() == bytes.as_ptr(), bytes.len() > 1, "what is big is not copied");
                    heard.push(bytes.to_vec());
                });
                all += read.await.unwrap();
            }
            assert!(heard == said, "the same messages in the same order");
            assert!(all > said.iter().map(Vec::len).sum(), "all bytes are counted");
            outgoing.close();
        }
        server.await.unwrap();
    }

    #[tokio::test]
    async fn who_does_not_read_is_left_and_its_reader_hears_why() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = here(listener.local_addr().unwrap().port());
        let server =
            tokio::spawn(
                async move { tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap() },
            );
        let talking = async {
            let (mut incoming, outgoing) = connect(&address).await.unwrap();
            let deaf = server.await.unwrap();
            let message = vec![0; 8 << 20];
            let refused = (0..=16).find_map(|_| outgoing.send_binary(&message).err());
            assert_eq!(refused, Some(Closed::DoesNotRead));
            assert_eq!(incoming.read(|_| panic!("nothing was said")).await, Err(Closed::DoesNotRead));
            drop(deaf);
        };
        tokio::task::LocalSet::new().run_until(talking).await;
    }
}
