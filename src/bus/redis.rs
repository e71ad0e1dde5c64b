//! The wire over Redis pub/sub, or anything that speaks its protocol (RESP3): one connection that publishes and hears; on
//! a cluster, sharded channels. While one batch is under way the next gathers, so load makes batches bigger.
//! A connection that breaks, or delivers nothing, is replaced for as long as the process lives. Nothing that could not be
//! sent is kept: whoever was parted compares documents afterwards.

mod connection;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::aio::SendError;
use redis::{
    Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisError,
    TlsCertificates, Value,
};
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::{Channel, Shared};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use connection::Connection;

/// The most commands of one batch.
const BATCH_MAX: usize = 1_024;
/// Channels of one command when all are subscribed to anew.
const SUBSCRIBE_MAX: usize = 512;
/// The pause after the first connection that failed, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// A connection is given so long to deliver something before it is replaced.
const TRIAL: Duration = Duration::from_secs(3);

/// How the server is reached.
#[derive(Clone)]
pub struct RedisOptions {
    server: ConnectionInfo,
    /// What the names of all channels and keys begin with.
    pub prefix: String,
    /// How long it may take to answer before the connection is replaced.
    pub patience: Duration,
    /// Bytes that may wait to be sent.
    pub queue_bytes: usize,
    /// The certificate, in PEM, of who signed that of the server; nothing: the system's.
    pub authority: Option<Vec<u8>>,
}

impl RedisOptions {
    /// The server that a URL names, `redis://user:password@host:6379/0` or `rediss://…` with TLS. An error shows nothing
    /// of it.
    pub fn new(url: &str) -> Result<Self, BadRedisUrl> {
        let server = url.into_connection_info().map_err(|_| BadRedisUrl)?;
        let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let server = server.set_redis_settings(settings);
        let (patience, queue_bytes) = (Duration::from_secs(2), 16 << 20);
        Ok(Self { server, prefix: "triproom:".to_owned(), patience, queue_bytes, authority: None })
    }

    /// Host and port, as logs name them.
    pub fn address(&self) -> String {
        self.server.addr().to_string()
    }

    /// A connection of its own, for commands.
    pub async fn connect(&self) -> Result<RedisConnection, RedisError> {
        let nobody_listens = |_: PushInfo| Ok::<(), SendError>(());
        Connection::open(self, &mut Vec::new(), nobody_listens).await.map(RedisConnection)
    }

    fn client(&self) -> Result<Client, RedisError> {
        match self.authority() {
            Some(certificates) => Client::build_with_tls(self.server.clone(), certificates),
            None => Client::open(self.server.clone()),
        }
    }

    fn authority(&self) -> Option<TlsCertificates> {
        self.authority.clone().map(|root| TlsCertificates { client_tls: None, root_cert: Some(root) })
    }

    fn name(&self, channel: &Channel) -> Vec<u8> {
        match channel {
            Channel::Room(room) => format!("{}room:{room}", self.prefix).into_bytes(),
            Channel::Nodes => format!("{}nodes", self.prefix).into_bytes(),
        }
    }

    fn channel(&self, name: &[u8]) -> Option<Channel> {
        match name.strip_prefix(self.prefix.as_bytes())? {
            b"nodes" => Some(Channel::Nodes),
            rest => {
                let room = std::str::from_utf8(rest.strip_prefix(b"room:")?).ok()?;
                RoomId::parse(room, ROOM_NAME_CEILING).ok().map(Channel::Room)
            }
        }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.address())
    }
}

/// The URL names no Redis server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write it like redis://user:password@host:6379/0, or rediss:// with TLS")]
pub struct BadRedisUrl;

/// This end of the wire. Its task ends with it.
pub(super) struct Link {
    shared: Arc<LinkShared>,
    task: AbortHandle,
}

struct LinkShared {
    options: RedisOptions,
    state: Mutex<State>,
    work: Notify,
}

#[derive(Default)]
struct State {
    /// What is to be heard, whether there is a connection or not.
    subscribed: HashSet<Channel>,
    /// Since when there is a connection.
    connected: Option<Instant>,
    queue: VecDeque<(Channel, Bytes)>,
    queued: usize,
    /// Channels to subscribe to, or no longer.
    changed: Vec<(Channel, Option<oneshot::Sender<usize>>)>,
    /// Something did not fit into the queue.
    lost: bool,
    renew: bool,
}

/// A connection that does commands, to a server or a cluster. Clones share it.
#[derive(Clone)]
pub struct RedisConnection(Connection);

impl RedisConnection {
    /// Does a command.
    pub async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, RedisError> {
        self.0.run(command).await
    }
}

/// One batch of what is to be done.
struct Batch {
    publish: Vec<(Channel, Bytes)>,
    subscribe: Vec<Channel>,
    unsubscribe: Vec<Channel>,
    /// Who waits for a subscription, and is told how many hear the channel.
    waiting: Vec<(Channel, oneshot::Sender<usize>)>,
}

impl Link {
    pub fn start(options: RedisOptions, bus: Weak<Shared>) -> Self {
        let shared = Arc::new(LinkShared { options, state: Mutex::default(), work: Notify::new() });
        let task = tokio::spawn(run(Arc::clone(&shared), bus)).abort_handle();
        Self { shared, task }
    }

    pub fn publish(&self, channel: &Channel, message: Bytes) {
        let mut state = self.shared.state();
        if state.connected.is_none() {
            return;
        }
        if state.queued > 0 && state.queued + message.len() > self.shared.options.queue_bytes {
            state.lost = true;
            drop(state);
            metrics::counter!("triproom_bus_overflows_total").increment(1);
            return;
        }
        state.queued += message.len();
        state.queue.push_back((channel.clone(), message));
        drop(state);
        self.shared.work.notify_one();
    }

    /// Returns when messages come from the channel, or there is no connection: how many others hear it.
    pub async fn subscribe(&self, channel: &Channel) -> usize {
        let (done, waiting) = oneshot::channel();
        {
            let mut state = self.shared.state();
            state.subscribed.insert(channel.clone());
            if state.connected.is_none() {
                return 0;
            }
            state.changed.push((channel.clone(), Some(done)));
        }
        self.shared.work.notify_one();
        // An error means that the connection broke: everything is subscribed to anew.
        waiting.await.unwrap_or_default().saturating_sub(1)
    }

    /// Returns when everything was sent.
    pub async fn flush(&self) {
        while self.shared.state().queued > 0 {
            // What is asked for later is done later.
            self.subscribe(&Channel::Nodes).await;
        }
        self.subscribe(&Channel::Nodes).await;
    }

    pub fn unsubscribe(&self, channel: &Channel) {
        let mut state = self.shared.state();
        state.subscribed.remove(channel);
        if state.connected.is_some() {
            state.changed.push((channel.clone(), None));
        }
        drop(state);
        self.shared.work.notify_one();
    }

    /// Replaces the connection, unless it is too young to be judged.
    pub fn renew(&self) {
        let mut state = self.shared.state();
        state.renew = state.connected.is_some_and(|since| since.elapsed() >= TRIAL);
        drop(state);
        self.shared.work.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LinkShared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }

    /// Something came from the server; the connection waits while this runs.
    fn hear(&self, bus: &Weak<Shared>, broken: &Broken, push: PushInfo) -> Result<(), SendError> {
        let mut data = push.data.into_iter();
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                let (Some(Value::BulkString(name)), Some(Value::BulkString(message))) = (data.next(), data.next())
                else {
                    return Ok(());
                };
                let Some(bus) = bus.upgrade() else { return Err(SendError) };
                let message = Bytes::from(message);
                match self.options.channel(&name) {
                    Some(Channel::Room(room)) => bus.hear(Some(&room), &message),
                    Some(Channel::Nodes) => bus.hear(None, &message),
                    None => {}
                }
            }
            PushKind::SUnsubscribe => {
                if let Some(Value::BulkString(name)) = data.next()
                    && let Some(channel) = self.options.channel(&name)
                {
                    self.unsubscribed(channel);
                }
            }
            PushKind::Disconnection => {
                broken.is.store(true, Ordering::Release);
                broken.told.notify_one();
            }
            _ => {}
        }
        Ok(())
    }

    /// A cluster ends subscriptions by itself when it moves a slot to another server.
    fn unsubscribed(&self, channel: Channel) {
        let mut state = self.state();
        if state.connected.is_some() && state.subscribed.contains(&channel) {
            state.changed.push((channel, None));
            state.lost = true;
            drop(state);
            self.work.notify_one();
        }
    }

    fn take_batch(&self) -> Option<Batch> {
        let mut state = self.state();
        if state.queue.is_empty() && state.changed.is_empty() {
            return None;
        }
        let count = state.queue.len().min(BATCH_MAX);
        let publish: Vec<_> = state.queue.drain(..count).collect();
        state.queued -= publish.iter().map(|(_, message)| message.len()).sum::<usize>();
        let mut batch = Batch { publish, subscribe: Vec::new(), unsubscribe: Vec::new(), waiting: Vec::new() };
        let mut seen = HashSet::new();
        for (channel, done) in std::mem::take(&mut state.changed) {
            batch.waiting.extend(done.map(|done| (channel.clone(), done)));
            // What counts is what is wanted now, however often it changed.
            if seen.insert(channel.clone()) {
                let wanted = state.subscribed.contains(&channel);
                if wanted { batch.subscribe.push(channel) } else { batch.unsubscribe.push(channel) }
            }
        }
        Some(batch)
    }
}

/// Keeps a connection, for ever.
async fn run(link: Arc<LinkShared>, bus: Weak<Shared>) {
    let mut known = Vec::new();
    let mut trouble = Trouble { pause: PAUSES.0, told: None };
    loop {
        let broken = Arc::new(Broken::default());
        let hear = {
            let (link, bus, broken) = (Arc::clone(&link), bus.clone(), Arc::clone(&broken));
            move |push: PushInfo| link.hear(&bus, &broken, push)
        };
        let error = match Connection::open(&link.options, &mut known, hear).await {
            Ok(connection) => {
                let error = serve(&link, &bus, connection, &broken, &mut trouble).await;
                let mut state = link.state();
                let queue = (std::mem::take(&mut state.queue), std::mem::take(&mut state.changed));
                *state = State { subscribed: std::mem::take(&mut state.subscribed), ..State::default() };
                drop(state);
                drop(queue);
                error
            }
            Err(error) => error.to_string(),
        };
        trouble.tell(error, &link.options);
        metrics::counter!("triproom_bus_reconnects_total").increment(1);
        // Not all nodes at once.
        let jitter = 0.5 + f64::from(std::process::id() % 64) / 128.0;
        tokio::time::sleep(trouble.pause.mul_f64(jitter)).await;
        trouble.pause = (trouble.pause * 2).min(PAUSES.1);
    }
}

/// What has gone wrong since a connection last did what it is for.
struct Trouble {
    /// Before the next connection.
    pause: Duration,
    /// The last error in the log, which is there once however often it comes.
    told: Option<String>,
}

impl Trouble {
    fn tell(&mut self, error: String, options: &RedisOptions) {
        if self.told.as_ref() != Some(&error) {
            tracing::error!(error, server = options.address(), "there is no connection to Redis; trying on");
            self.told = Some(error);
        }
    }
}

/// Whether a connection ended by itself.
#[derive(Default)]
struct Broken {
    is: AtomicBool,
    told: Notify,
}

/// Uses a connection until it fails, and says why.
async fn serve(
    link: &LinkShared,
    bus: &Weak<Shared>,
    connection: Connection,
    broken: &Broken,
    trouble: &mut Trouble,
) -> String {
    let all: Vec<Channel> = {
        let mut state = link.state();
        state.connected = Some(Instant::now());
        state.subscribed.iter().cloned().collect()
    };
    for channels in all.chunks(SUBSCRIBE_MAX) {
        if let Err(error) = connection.subscribe(&link.options, channels).await {
            return error.to_string();
        }
    }
    if let Some(bus) = bus.upgrade() {
        bus.parted();
    }
    let mut is_proved = false;
    loop {
        if broken.is.load(Ordering::Acquire) {
            return "it was closed".to_owned();
        }
        if std::mem::take(&mut link.state().renew) {
            return "it delivers nothing".to_owned();
        }
        let Some(batch) = link.take_batch() else {
            if std::mem::take(&mut link.state().lost)
                && let Some(bus) = bus.upgrade()
            {
                bus.parted();
            }
            tokio::select! {
                () = link.work.notified() => {}
                () = broken.told.notified() => {}
            }
            continue;
        };
        if let Err(error) = connection.carry_out(&link.options, &batch).await {
            return error.to_string();
        }
        if !batch.publish.is_empty() && !std::mem::replace(&mut is_proved, true) {
            tracing::info!(server = link.options.address(), channels = all.len(), "connected to Redis");
            *trouble = Trouble { pause: PAUSES.0, told: None };
        }
        if let Err(error) = answer(&connection, &link.options, batch.waiting).await {
            return error.to_string();
        }
    }
}

/// Tells those who wait for a subscription how many hear the channel. Fails with the connection.
async fn answer(
    connection: &Connection,
    options: &RedisOptions,
    waiting: Vec<(Channel, oneshot::Sender<usize>)>,
) -> Result<(), RedisError> {
    let rooms: Vec<&Channel> = waiting.iter().map(|(channel, _)| channel).collect();
    let counts = match connection.count(options, &rooms).await {
        Ok(counts) => counts,
        Err(error) if error.is_timeout() || error.is_io_error() => return Err(error),
        Err(error) => {
            // A user without the right to ask. Rooms do not wait for each other then.
            tracing::debug!(%error, "Redis does not say who hears a channel");
            Vec::new()
        }
    };
    for (at, (_, done)) in waiting.into_iter().enumerate() {
        // Whoever asked may have lost patience.
        let _ = done.send(counts.get(at).copied().unwrap_or_default());
    }
    Ok(())
}
