//! The wire over Redis pub/sub, or anything that speaks its protocol (RESP3): one connection that publishes and hears; on
//! a cluster, sharded channels. While one batch is under way the next gathers, so load makes batches bigger.
//! A connection that breaks, or delivers nothing, is replaced for as long as the process lives. Nothing that could not be
//! sent is kept: whoever was parted compares documents afterwards.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use redis::aio::{MultiplexedConnection, SendError};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisError, TlsCertificates, Value,
};
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::{Channel, Shared};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};

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
        connect(self, |_| Ok::<(), SendError>(())).await.map(RedisConnection)
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
    changed: Vec<(Channel, Option<oneshot::Sender<()>>)>,
    /// Something did not fit into the queue.
    lost: bool,
    renew: bool,
}

/// A connection.
#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that does commands, to a server or a cluster. Clones share it.
#[derive(Clone)]
pub struct RedisConnection(Connection);

impl RedisConnection {
    /// Does a command.
    pub async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, RedisError> {
        match &self.0 {
            Connection::Server(server) => command.query_async(&mut server.clone()).await,
            Connection::Cluster(cluster) => command.query_async(&mut cluster.clone()).await,
        }
    }
}

/// One batch of what is to be done.
struct Batch {
    publish: Vec<(Channel, Bytes)>,
    subscribe: Vec<Channel>,
    unsubscribe: Vec<Channel>,
    waiting: Vec<oneshot::Sender<()>>,
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

    pub async fn subscribe(&self, channel: &Channel) {
        let (done, waiting) = oneshot::channel();
        {
            let mut state = self.shared.state();
            state.subscribed.insert(channel.clone());
            if state.connected.is_none() {
                return;
            }
            state.changed.push((channel.clone(), Some(done)));
        }
        self.shared.work.notify_one();
        // An error means that the connection broke: everything is subscribed to anew.
        let _ = waiting.await;
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
            batch.waiting.extend(done);
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
    let mut pause = PAUSES.0;
    let mut was_connected = false;
    loop {
        let broken = Arc::new(Broken::default());
        let hear = {
            let (options, bus, broken) = (link.options.clone(), bus.clone(), Arc::clone(&broken));
            move |push: PushInfo| hear(&options, &bus, &broken, push)
        };
        match connect(&link.options, hear).await {
            Ok(connection) => {
                let error = serve(&link, &bus, connection, &broken, &mut pause).await;
                let mut state = link.state();
                let queue = (std::mem::take(&mut state.queue), std::mem::take(&mut state.changed));
                *state = State { subscribed: std::mem::take(&mut state.subscribed), ..State::default() };
                drop(state);
                drop(queue);
                was_connected = true;
                tracing::warn!(error, server = link.options.address(), "the connection to Redis is lost; trying again");
            }
            Err(error) if was_connected || pause > PAUSES.0 => tracing::debug!(%error, "Redis cannot be reached"),
            Err(error) => {
                tracing::error!(%error, server = link.options.address(), "Redis cannot be reached; trying on");
            }
        }
        metrics::counter!("triproom_bus_reconnects_total").increment(1);
        // Not all nodes at once.
        let jitter = 0.5 + f64::from(std::process::id() % 64) / 128.0;
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Whether a connection ended by itself.
#[derive(Default)]
struct Broken {
    is: AtomicBool,
    told: Notify,
}

async fn connect(
    options: &RedisOptions,
    hear: impl Fn(PushInfo) -> Result<(), SendError> + Clone + Send + Sync + 'static,
) -> Result<Connection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.patience))
        .set_response_timeout(Some(options.patience));
    let mut server = options
        .client()?
        .get_multiplexed_async_connection_with_config(&config.clone().set_push_sender(hear.clone()))
        .await?;
    let about: String = redis::cmd("INFO").arg("cluster").query_async(&mut server).await.unwrap_or_default();
    if !about.lines().any(|line| line.trim() == "cluster_enabled:1") {
        return Ok(Connection::Server(server));
    }
    let mut builder = ClusterClientBuilder::new([options.server.clone()])
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(options.patience)
        .response_timeout(options.patience)
        .retries(1)
        .push_sender(hear);
    if let Some(certificates) = options.authority() {
        builder = builder.certs(certificates);
    }
    Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
}

/// Something came from the server; the connection waits while this runs.
fn hear(options: &RedisOptions, bus: &Weak<Shared>, broken: &Broken, push: PushInfo) -> Result<(), SendError> {
    match push.kind {
        PushKind::Message | PushKind::SMessage => {
            let mut data = push.data.into_iter();
            let (Some(Value::BulkString(name)), Some(Value::BulkString(message))) = (data.next(), data.next()) else {
                return Ok(());
            };
            let Some(bus) = bus.upgrade() else { return Err(SendError) };
            let message = Bytes::from(message);
            match options.channel(&name) {
                Some(Channel::Room(room)) => bus.hear(Some(&room), &message),
                Some(Channel::Nodes) => bus.hear(None, &message),
                None => {}
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

/// Uses a connection until it fails, and says why.
async fn serve(
    link: &LinkShared,
    bus: &Weak<Shared>,
    connection: Connection,
    broken: &Broken,
    pause: &mut Duration,
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
    tracing::info!(server = link.options.address(), channels = all.len(), "connected to Redis");
    if let Some(bus) = bus.upgrade() {
        bus.parted();
    }
    *pause = PAUSES.0;
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
        batch.waiting.into_iter().for_each(|done| _ = done.send(()));
    }
}

impl Connection {
    async fn carry_out(&self, options: &RedisOptions, batch: &Batch) -> Result<(), RedisError> {
        let (subscribed, unsubscribed, published) = tokio::join!(
            self.subscribe(options, &batch.subscribe),
            self.unsubscribe(options, &batch.unsubscribe),
            self.publish(options, &batch.publish),
        );
        subscribed.and(unsubscribed).and(published)
    }

    async fn publish(&self, options: &RedisOptions, messages: &[(Channel, Bytes)]) -> Result<(), RedisError> {
        if messages.is_empty() {
            return Ok(());
        }
        let command = |name: &str, (channel, message): &(Channel, Bytes)| {
            let mut command = redis::cmd(name);
            command.arg(options.name(channel)).arg(&message[..]);
            command
        };
        match self {
            Self::Server(server) => {
                let mut pipeline = redis::Pipeline::with_capacity(messages.len());
                for message in messages {
                    pipeline.add_command(command("PUBLISH", message)).ignore();
                }
                pipeline.query_async(&mut server.clone()).await
            }
            Self::Cluster(cluster) => {
                let commands = messages.iter().map(|message| command("SPUBLISH", message));
                let sent = commands.map(|command| run_on(cluster.clone(), command));
                join_all(sent).await.into_iter().collect()
            }
        }
    }

    async fn subscribe(&self, options: &RedisOptions, channels: &[Channel]) -> Result<(), RedisError> {
        self.listen(options, channels, ["SUBSCRIBE", "SSUBSCRIBE"]).await
    }

    async fn unsubscribe(&self, options: &RedisOptions, channels: &[Channel]) -> Result<(), RedisError> {
        self.listen(options, channels, ["UNSUBSCRIBE", "SUNSUBSCRIBE"]).await
    }

    async fn listen(&self, options: &RedisOptions, channels: &[Channel], names: [&str; 2]) -> Result<(), RedisError> {
        if channels.is_empty() {
            return Ok(());
        }
        match self {
            Self::Server(server) => {
                let mut command = redis::cmd(names[0]);
                for channel in channels {
                    command.arg(options.name(channel));
                }
                command.exec_async(&mut server.clone()).await
            }
            // Channels of one command would have to be of one slot.
            Self::Cluster(cluster) => {
                let commands = channels.iter().map(|channel| {
                    let mut command = redis::cmd(names[1]);
                    command.arg(options.name(channel));
                    run_on(cluster.clone(), command)
                });
                try_join_all(commands).await.map(drop)
            }
        }
    }
}

async fn run_on(mut cluster: ClusterConnection, command: Cmd) -> Result<(), RedisError> {
    command.exec_async(&mut cluster).await
}
