//! A y-websocket client of few words: it speaks the bytes of the npm client over a real socket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use triproom::wire::lib0::{Reader, put_byte_string, put_number};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, Doc, GetString, ID, Map, Out, ReadTxn, StateVector, Text, Transact, Update, WriteTxn};

use super::house::DEADLINE;

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    doc: Doc,
    /// Every message that came, but for sync messages, which are applied.
    pub others: Vec<Vec<u8>>,
    /// Updates that came, as they came.
    pub updates: Vec<Vec<u8>>,
    synced: bool,
    asked: bool,
}

impl Client {
    pub async fn connect(address: SocketAddr, room: &str, id: u64) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{address}/yjs/{room}");
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let doc = Doc::with_client_id(id);
        Self { socket, doc, others: Vec::new(), updates: Vec::new(), synced: false, asked: false }
    }

    pub async fn join(address: SocketAddr, room: &str, id: u64) -> Self {
        let mut client = Self::connect(address, room, id).await;
        client.send_step1().await;
        client.until("the sync", |client| client.synced && client.asked).await;
        client
    }

    pub async fn send_step1(&mut self) {
        let vector = self.doc.transact().state_vector().encode_v1();
        self.send(&sync(0, &vector)).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.socket.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
    }

    /// Types at the end of the notes.
    pub async fn write(&mut self, text: &str) -> Vec<u8> {
        let update = {
            let mut txn = self.doc.transact_mut();
            let notes = txn.get_or_insert_text("notes");
            let end = notes.len(&txn);
            notes.insert(&mut txn, end, text);
            txn.encode_update_v1()
        };
        self.send(&sync(2, &update)).await;
        update
    }

    /// Sets a field of an item, as this client has it.
    pub async fn set(&mut self, item: &str, field: &str, value: &str) {
        let update = {
            let mut txn = self.doc.transact_mut();
            let items = txn.get_or_insert_map("items");
            let Some(Out::YMap(item)) = items.get(&txn, item) else { panic!("the client has the item") };
            item.insert(&mut txn, field, value);
            txn.encode_update_v1()
        };
        self.send(&sync(2, &update)).await;
    }

    /// Writes `chunks` times `bytes` letters, and reads what it is sent meanwhile, or it would be slow itself.
    pub async fn write_much(&mut self, chunks: usize, bytes: usize) {
        let text = "x".repeat(bytes);
        for number in 0..chunks {
            self.write(&text).await;
            if number % 20 == 19 {
                self.settle(1).await;
                self.others.clear();
            }
        }
    }

    pub async fn probe(&mut self, number: u8) {
        self.send(&[102, 1, number]).await;
    }

    pub fn was_answered(&self, number: u8) -> bool {
        self.others.contains(&vec![102, 1, number])
    }

    pub fn notes(&self) -> String {
        let txn = self.doc.transact();
        txn.get_text("notes").map(|text| text.get_string(&txn)).unwrap_or_default()
    }

    /// How many letters of a client it was sent without a hole.
    pub fn letters_heard_of(&self, id: u64) -> usize {
        let insertions = |update: &Vec<u8>| Update::decode_v1(update).unwrap().insertions(true);
        let heard: Vec<_> = self.updates.iter().map(insertions).collect();
        let was_heard = |clock: &u32| heard.iter().any(|ids| ids.contains(&ID::new(ClientID::new(id), *clock)));
        (0..u32::MAX).take_while(was_heard).count()
    }

    /// Reads until `condition` holds.
    pub async fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let waiting = async {
            while !condition(self) {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => self.take(&bytes).await,
                    Some(Ok(_)) => {}
                    other => panic!("the socket ended while waiting for {what}: {other:?}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
    }

    /// Whether a root of this name came.
    pub fn has_root(&self, name: &str) -> bool {
        self.doc.transact().root_refs().any(|(root, _)| root == name)
    }

    /// Reads until the server closes, and says with which code.
    pub async fn closed(&mut self) -> u16 {
        let waiting = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map_or(1005, |frame| CloseCode::into(frame.code)),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return 1006,
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("the server closes")
    }

    /// Reads what has come until now and no further.
    pub async fn settle(&mut self, marker: u8) {
        self.probe(marker).await;
        self.until("the answer to a probe", |client| client.was_answered(marker)).await;
    }

    async fn take(&mut self, bytes: &[u8]) {
        let mut reader = Reader::new(bytes);
        if reader.number() != Ok(0) {
            self.others.push(bytes.to_vec());
            return;
        }
        let kind = reader.number().unwrap();
        let body = reader.byte_string().unwrap();
        if kind == 0 {
            self.asked = true;
            let vector = StateVector::decode_v1(body).unwrap();
            let update = self.doc.transact().encode_state_as_update_v1(&vector);
            self.send(&sync(1, &update)).await;
            return;
        }
        self.synced |= kind == 1;
        if kind == 2 {
            self.updates.push(body.to_vec());
        }
        self.doc.transact_mut().apply_update(Update::decode_v1(body).unwrap()).unwrap();
    }
}

/// A sync message: 0 is Step1, 1 Step2, 2 an update.
pub fn sync(kind: u64, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    put_number(&mut message, 0);
    put_number(&mut message, kind);
    put_byte_string(&mut message, body);
    message
}

/// An awareness message of one client.
pub fn presence(client: u64, clock: u64, state: &str) -> Vec<u8> {
    let mut update = Vec::new();
    for number in [1, client, clock] {
        put_number(&mut update, number);
    }
    put_byte_string(&mut update, state.as_bytes());
    let mut message = vec![1];
    put_byte_string(&mut message, &update);
    message
}
